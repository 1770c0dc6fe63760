"""Clock or pizza: the measures of Zhong et al. 2023, and the circles of an embedding one by one.

Both algorithms place the symbols on circles (cos w_k a, sin w_k a). A clock multiplies and so adds
the angles; a pizza adds the vectors, whose sum has length 2|cos(w_k(a-b)/2)|, and so its logits
depend on a-b. No measure here decides alone: on fully accurate networks gradient symmetricity and
distance irrelevance can flatly disagree, an untrained pizza Transformer looks clock-like by both
(and an untrained one of Nanda et al. like a pizza by the first), and circles seen through principal
components fail where two frequencies are equally strong. Hence circles are isolated here by
frequency, and in `circles.py` as they were published. Read them together, and only where the
accuracy is 1.

Axes: pair = one input; operand = a, b; pos = position; d = an embedding's width; symbol; c = an
answer; s = a+b, distance = a-b, each mod p.
"""

import math
import random
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.splits import fourier
from grokscope.canonical import weights_of
from grokscope.errors import NotApplicable
from grokscope.measures.keys import keys_of
from grokscope.measures.measure import measure
from grokscope.measures.weights import symbol_weights
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot, once_per_snapshot

TRIPLES = 100
SHUFFLED_UP_TO = 300_000  # triples: p = 66, a tenth of a second; the published p is 59


@measure(invariant=True)
def gradient_symmetricity(s: Snapshot) -> float:
    """Mean cosine between the gradients of a logit by the embeddings of a and of b, in [-1, 1]
    (Zhong et al. 2023, Def. 4.1): near 1 for a pizza, which sees their sum alone.

    Over 100 triples (a, b, c), c any answer: the first of all, in lexicographic order, after
    random.Random(42).shuffle (their eval-main.ipynb); of more than 300,000 triples, a sample. The
    gradient is by the embedding before the position is added, and counts 0 where it vanishes.
    Theirs: pizzas above .98, clocks about .3. Untrained, p = 59 and 113: `pizza` .42 to .45, at
    attention rate 0 .69 to .71; `linear` 1, which adds embeddings by its form, and its kind D 0;
    Nanda's Transformer above .999, since at first "=" attends to a and b alike.
    """
    by_a, by_b = _gradients(s)
    return float(torch.cosine_similarity(by_a, by_b, eps=1e-30).mean())


def symmetricity_by_symbols(s: Snapshot) -> float:
    """The same of what moving a, or b, towards each symbol's embedding does to the logit: the
    gradients in the directions that embeddings have, as strongly as they vary there. A network that
    reads directions which no embedding has is not called asymmetric for it."""
    x, (a, _) = s.activation("embed").double(), s.task.inputs.T
    E = x.new_zeros(s.task.n_symbols, x.shape[-1])
    E[a] = x[:, 0]
    E = E - E.mean(dim=0)
    by_a, by_b = _gradients(s)
    return float(torch.cosine_similarity(by_a @ E.T, by_b @ E.T, eps=1e-30).mean())


@once_per_snapshot
def _gradients(s: Snapshot) -> tuple[Float[Tensor, "triple d"], Float[Tensor, "triple d"]]:
    """The gradients of a logit by the embeddings of a and of b, for the triples of
    `gradient_symmetricity`."""
    shared_embedding(s)
    if s.task.inputs.shape[1] != 2:
        raise NotApplicable(f"the inputs of `{s.task.name}` are not pairs (a, b).")
    triples = _triples(s.task.n_symbols, s.task.n_answers)
    leaves: list[Tensor] = []

    def tap(name: str, x: Tensor) -> Tensor:
        if name != "embed" or x.ndim != 3:
            return x
        leaves.append(x.detach().requires_grad_())
        return leaves[0]

    with torch.enable_grad():
        logits = s.model.last(triples[:, :2], tap)
        if not leaves:
            raise _not_embedded(s)
        (gradient,) = torch.autograd.grad(logits.gather(1, triples[:, 2:]).sum(), leaves)
    by_a, by_b = gradient[:, :2].double().unbind(dim=1)
    return by_a, by_b


@lru_cache(maxsize=8)
def _triples(n: int, n_answers: int) -> Int[Tensor, "triple 3"]:
    total = n * n * n_answers
    if total > SHUFFLED_UP_TO:
        first = random.Random(42).sample(range(total), TRIPLES)
    else:
        everything = list(range(total))
        random.Random(42).shuffle(everything)
        first = everything[:TRIPLES]
    i = torch.tensor(first)
    return torch.stack([i // (n * n_answers), i // n_answers % n, i % n_answers], dim=1)


@measure(invariant=True)
def distance_irrelevance(s: Snapshot) -> float:
    """How little the correct logit depends on the distance a-b (Zhong et al. 2023, Def. 4.2).

    q = mean over d of std_s(M[s, d]), over std(M): M[a+b, a-b] is the correct logit, a+b and a-b
    are mod p, p odd. 0 where it depends on a-b alone, as in an ideal pizza; 1 where it depends on
    a+b alone. Theirs: pizzas 0 to .4, clocks .4 to 1; but the q in their tables is of the best
    wrong logit. Untrained, every architecture: .99 to 1.
    """
    p = modulus_of(s)
    if p % 2 == 0:
        raise NotApplicable(f"with p={p} even, a+b and a-b do not tell the pairs apart.")
    a, b = s.task.inputs.unbind(dim=1)
    M = torch.empty(p, p, dtype=torch.float64)
    M[(a + b) % p, (a - b) % p] = torch.cat(
        [x.gather(1, answers[:, None])[:, 0].double() for x, answers in s.answered()]
    )
    whole = float(M.std(correction=0))
    if whole <= 1e-12 * float(M.abs().max()):
        raise NotApplicable("all pairs have the same correct logit, so nothing depends on a-b.")
    return float(M.std(dim=0, correction=0).mean()) / whole


@measure
def circularity(s: Snapshot) -> float:
    """How nearly the first four principal components of the embedding are waves, in [0, 1].

    The mean over them of the largest share of one frequency: v being a component's values on the
    symbols, of norm 1, max_k 2|Σ_t v_t exp(2πikt/p)|²/p, at most 1 (Zhong et al. 2023, eval-main).
    Theirs call an embedding circular from .995; two equally strong frequencies mix and score well
    below. Untrained: about .14 at p = 59, .07 at p = 113.
    """
    p = modulus_of(s)
    shared_embedding(s)
    W_E = symbol_weights(s)["ab"]
    if min(W_E.shape) < 4:
        raise NotApplicable(f"an embedding of shape {tuple(W_E.shape)} has under four components.")
    v = torch.linalg.svd(W_E - W_E.mean(dim=0), full_matrices=False)[0][:, :4]
    share = 2 * torch.fft.fft(v, dim=0).abs().square() / p
    return float(share.amax(dim=0).clamp(max=1).mean())


@measure(invariant=True)
def isolated_accuracy(s: Snapshot) -> dict[str, float]:
    """Accuracy over all pairs when the embeddings keep their mean and one frequency, for each key
    frequency (after Zhong et al. 2023, who keep pairs of principal components). Everything after
    the embedding is computed anew. One circle of a clock seldom answers alone. Chance: 1/p."""
    return {key: accuracy(isolated_logits(s, (key,)), s.task.answers) for key in keys_of(s)}


@measure(invariant=True)
def isolated_accuracy_all_keys(s: Snapshot) -> float:
    """The same when the embeddings keep their mean and all key frequencies. Below 1 where others
    matter too, as the doubled frequencies of accompanying pizzas do. Chance: 1/p."""
    return accuracy(isolated_logits(s, keys_of(s)), s.task.answers)


@measure(invariant=True)
def clock_fve(s: Snapshot) -> dict[str, float]:
    """How well cos w_k(a+b-c), the logits of a clock, fit those of the key frequency k alone.

    2ρ - 1, at most 1, ρ being the correlation over all p³ logits: the explained variance of the
    standardised logits by the standardised form (Zhong et al. 2023, Table 1, in %, there with
    principal components). Pizzas have about .75 too, so this says something only beside
    `pizza_fve`. Uncorrelated, and so untrained: -1, give or take .05; opposite: -3.
    """
    return _fve(s, clock_form)


@measure(invariant=True)
def pizza_fve(s: Snapshot) -> dict[str, float]:
    """The same of |cos(w_k(a-b)/2)| (|cos θ| - |sin θ|), θ = w_k(a+b-c)/2, the logits of a pizza
    with a perfect absolute value (Zhong et al. 2023, 4). Untrained: -1, give or take .05."""
    return _fve(s, pizza_form)


def clock_form(k: int, p: int) -> Float[Tensor, "a b c"]:
    """cos w_k(a+b-c)."""
    return _cos(k, p, 1, 1, -1)


def pizza_form(k: int, p: int) -> Float[Tensor, "a b c"]:
    """|cos(w_k(a-b)/2)| (|cos θ| - |sin θ|), θ = w_k(a+b-c)/2."""
    theta = _angle(k, p, 1, 1, -1) / 2
    return (_angle(k, p, 1, -1, 0) / 2).cos().abs() * (theta.cos().abs() - theta.sin().abs())


@measure(invariant=True)
def accompanying_pizza_fve(s: Snapshot) -> dict[str, float]:
    """The same of -cos(w_k(a-b)) cos(w_k(a+b-c)), the logits of an accompanying pizza, for the
    embedding's frequency 2k alone, named by k. It mends where the pizza of k is weak (Zhong et al.
    2023, appendix). Of no meaning where the embedding has nothing at 2k. Untrained: -1, give or
    take .2."""

    def form(k: int, p: int) -> Float[Tensor, "a b c"]:
        return -_cos(k, p, 1, -1, 0) * _cos(k, p, 1, 1, -1)

    return _fve(s, form, at=2)


@once_per_snapshot
def isolated_logits(s: Snapshot, parts: tuple[str, ...]) -> Float[Tensor, "pair c"]:
    """The logits when the embedding of each operand, as a function of its symbol, keeps only these
    parts and its mean."""
    split = fourier(modulus_of(s))
    return logits_with(s, lambda E: split.project(("constant", *parts), E))


def logits_with(
    s: Snapshot, change: Callable[[Float[Tensor, "symbol d"]], Float[Tensor, "symbol d"]]
) -> Float[Tensor, "pair c"]:
    """The logits when the embeddings of the operands, as functions of their symbols, are changed,
    and everything after them is computed anew."""
    inputs = s.task.inputs

    def keep(x: Float[Tensor, "pair d"], symbols: Int[Tensor, " pair"]) -> Float[Tensor, "pair d"]:
        E = x.new_zeros(s.task.n_symbols, x.shape[1])
        E[symbols] = x  # the same for every pair that has the symbol
        return change(E)[symbols]

    replaced = []

    def tap(name: str, x: Tensor) -> Tensor:
        if name != "embed" or x.ndim != 3:
            return x
        replaced.append(name)
        operands = [keep(x[:, i], inputs[:, i]) for i in range(2)]
        return torch.stack([*operands, *x[:, 2:].unbind(dim=1)], dim=1)

    with torch.no_grad():
        logits = s.model.last(inputs, tap)[:, : s.task.n_answers]
    if not replaced:
        raise _not_embedded(s)
    return logits


def _not_embedded(s: Snapshot) -> NotApplicable:
    return NotApplicable(f"{s.model.name} has no activation `embed` by position.")


def shared_embedding(s: Snapshot) -> Float[Tensor, "symbol d"]:
    """The embedding of both operands. Raises `NotApplicable` where each has its own."""
    weights = weights_of(s)
    if "ab" not in weights:
        raise NotApplicable(f"{s.model.name} does not embed a and b alike.")
    return weights["ab"].detach()


def modulus_of(s: Snapshot) -> int:
    """The p of a+b mod p on all pairs. Raises `NotApplicable` for another task."""
    task, p = s.task, s.task.n_symbols
    is_square = task.inputs.shape == (p * p, 2) and task.n_answers == p > 2
    if not is_square or not torch.equal(task.answers, task.inputs.sum(dim=1) % p):
        raise NotApplicable(f"`{task.name}` is not addition mod p on all pairs, with p from 3.")
    return p


def _fve(
    s: Snapshot, form: Callable[[int, int], Float[Tensor, "a b c"]], at: int = 1
) -> dict[str, float]:
    """2ρ - 1 between form(k, p) and the logits of frequency `at` k alone, for each key k."""
    p, a, b = modulus_of(s), *s.task.inputs.unbind(dim=1)
    fve = {}
    for key in keys_of(s):
        k = int(key.removeprefix("frequency "))
        embedded = min(at * k % p, -at * k % p)
        if embedded == 0:
            continue  # p = 2k: the doubled frequency is the constant
        fve[key] = explained(isolated_logits(s, (f"frequency {embedded}",)), form(k, p)[a, b])
    return fve


def explained(x: Float[Tensor, "pair c"], y: Float[Tensor, "pair c"]) -> float:
    """2ρ - 1, ρ being the correlation of the two: the explained variance of either, standardised,
    by the other."""
    x, y = x.double() - x.double().mean(), y - y.mean()
    return 2 * float((x * y).sum() / (x.norm() * y.norm()).clamp(min=1e-30)) - 1


def _angle(k: int, p: int, of_a: int, of_b: int, of_c: int) -> Float[Tensor, "a b c"]:
    """w_k times this combination of a, b and c; the axes that it is not of are of length 1."""
    x = torch.arange(p)
    combined = of_a * x[:, None, None] + of_b * x[:, None]
    combined = combined + of_c * x if of_c else combined
    return (2 * math.pi * k / p) * combined.double()


def _cos(k: int, p: int, of_a: int, of_b: int, of_c: int) -> Float[Tensor, "a b c"]:
    return _angle(k, p, of_a, of_b, of_c).cos()

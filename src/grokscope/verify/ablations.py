"""A network with one thing inside it taken away, each beside as much taken away at random.

Nanda et al. 2023 (4.3, 4.4 and A.1) ask which parts of their Transformer carry it: heads, the skips
past attention and past the MLP, attention made linear, the neurons of one frequency, neurons
replaced by their polynomial of degree 2, the hidden layer along the directions that the output map
reads. An ablation whose random control does as much says nothing: the number to read is how far the
two are apart.

What is removed at random is of the same size:
    a path         the same vectors, turned by a random rotation of their space
    neurons        as many others
    directions     a random subspace of the same dimension
    polynomials    of another part, drawn at random for each neuron
    attention      linear in another part, drawn at random for each head
    key parts      as many other parts of the product

Axes: pair = one input; c = an answer; neuron = a hidden unit; d = any width; draw.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.attention import attention
from grokscope.measures.keys import keys_of
from grokscope.measures.neurons import LOCALISED, neuron_parts
from grokscope.measures.weights import output_map
from grokscope.models.layers import layers_of
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot
from grokscope.tap import Edit, edit
from grokscope.training.loss import cross_entropy
from grokscope.verify.interchange import of_product, others_at_random

DRAWS = 8  # controls of each
ZERO, MEAN = "zero", "mean"


@dataclass(frozen=True)
class Ablated:
    """A network without something: its loss and accuracy over all pairs, and of each control."""

    what: str  # "all heads", "MLP skip", "neurons of frequency 14"
    put: str  # what stands in its place: "zero", "mean", "polynomial", "projection"
    size: str  # how much that is, as in "145 neurons"
    loss: float
    accuracy: float
    control_losses: tuple[float, ...]
    control_accuracies: tuple[float, ...]


@dataclass(frozen=True)
class Ablation:
    """Something that can be taken away: `logits` of no generator without it, of one with as much
    taken away at random."""

    what: str
    put: str
    size: str
    logits: Callable[[Generator | None], Float[Tensor, "pair c"]]


def ablate(s: Snapshot, draws: int = DRAWS) -> list[Ablated]:
    """Every ablation that this network has, beside so many controls; first "nothing". Raises
    `NotApplicable` for a network that has none."""
    found = [_scored(s, ablation, draws) for ablation in ablations(s)]
    if not found:
        raise NotApplicable(f"{s.model.name} has neither heads nor neurons that could be removed.")
    loss, right = _scores(s, s.logits)
    return [Ablated("nothing", "", "", loss, right, (), ()), *found]


def ablations(s: Snapshot) -> Iterator[Ablation]:
    """What can be taken away of this network."""
    for kind in (_of_attention, _of_linear, _of_skips, _of_clusters, _of_directions, _of_parts):
        try:
            yield from list(kind(s))
        except NotApplicable:
            continue


def _scored(s: Snapshot, ablation: Ablation, draws: int) -> Ablated:
    loss, right = _scores(s, ablation.logits(None))
    generators = [torch.Generator().manual_seed(draw) for draw in range(draws)]
    controls = [_scores(s, ablation.logits(generator)) for generator in generators]
    return Ablated(
        ablation.what,
        ablation.put,
        ablation.size,
        loss,
        right,
        tuple(x for x, _ in controls),
        tuple(x for _, x in controls),
    )


def _scores(s: Snapshot, logits: Float[Tensor, "pair c"]) -> tuple[float, float]:
    return float(cross_entropy(logits, s.task.answers)), accuracy(logits, s.task.answers)


def _edited(s: Snapshot, edits: dict[str, Edit]) -> Float[Tensor, "pair c"]:
    with torch.no_grad():
        return edit(s.model.last, s.task.inputs, edits)[:, : s.task.n_answers]


def _less(
    s: Snapshot, name: str, path: Float[Tensor, "*pair d"], random: Generator | None
) -> Float[Tensor, "pair c"]:
    """The logits when the activation `name` is less by this path, or by the path turned."""
    removed = _turned(path, random)
    return _edited(s, {name: lambda x: x - removed})


def _turned(path: Float[Tensor, "*pair d"], random: Generator | None) -> Float[Tensor, "*pair d"]:
    """The path itself, or turned at random."""
    return path if random is None else path @ _rotation(path.shape[-1], random).to(path)


def _rotation(d: int, random: Generator) -> Float[Tensor, "d d"]:
    """An orthogonal matrix, uniformly drawn."""
    Q, R = torch.linalg.qr(torch.randn(d, d, generator=random, dtype=torch.float64))
    return Q * R.diagonal().sign()


def _varying(path: Float[Tensor, "pair ... d"]) -> Float[Tensor, "pair ... d"]:
    return path - path.mean(dim=0)


# ---- attention and the skips ---------------------------------------------------------------------


def _of_attention(s: Snapshot) -> Iterator[Ablation]:
    """All heads, and each of them, at zero and at their means."""
    out = s.activation("attn_out")
    yield from _both(s, "all heads", f"{s.activation('z').shape[2]} heads", "attn_out", out)
    for head in range(s.activation("z").shape[2]):
        part = _of_head(s, head)
        yield from _both(s, f"head {head}", "1 head", "attn_out", part)


def _of_head(s: Snapshot, head: int) -> Float[Tensor, "pair query d"]:
    """What one head adds at the positions that are computed."""
    *_, layer = layers_of(s.model)
    return s.activation("z")[:, :, head] @ layer.W_O[head].detach()


def _of_skips(s: Snapshot) -> Iterator[Ablation]:
    """The path past attention, to the MLP and beyond; that past the MLP, to the logits; and that of
    the heads to the MLP, which still reach the logits past it."""
    after, heads = s.activation("resid_mid"), s.activation("attn_out")
    *_, layer = layers_of(s.model)
    yield from _both(s, "attention skip", "1 path", "resid_mid", after - heads)
    yield from _both(s, "MLP skip", "1 path", "resid_post", after)
    into = partial(_not_read, s, heads, layer.W_in.detach())
    yield Ablation("heads to the MLP", ZERO, "1 path", into)


def _not_read(
    s: Snapshot,
    path: Float[Tensor, "pair query d"],
    W_in: Float[Tensor, "d neuron"],
    random: Generator | None,
) -> Float[Tensor, "pair c"]:
    """The logits when the hidden layer does not read this path, or the path turned."""
    removed = _turned(path, random)
    return _edited(s, {"mlp_pre": lambda x: x - removed @ W_in})


def _both(
    s: Snapshot, what: str, size: str, name: str, path: Float[Tensor, "pair ... d"]
) -> Iterator[Ablation]:
    """A path at zero, and where it varies over the pairs, at its mean."""
    yield Ablation(what, ZERO, size, partial(_less, s, name, path))
    varying = _varying(path)
    if float(varying.abs().max()) > 1e-6 * float(path.abs().max()):
        yield Ablation(what, MEAN, size, partial(_less, s, name, varying))


def _of_linear(s: Snapshot) -> Iterator[Ablation]:
    """The attention of every head of a network that "=" asks, made linear: to a 1/2 + f(a) - f(b),
    f in the part that the head follows, to b the rest, to "=" nothing (Nanda et al. 2023, C.1.3,
    who fit two coefficients to each head)."""
    drawn, names = _drawn(s), s.operand_parts[0].names
    power = s.operand_parts[0].power(drawn[:, :, None])  # head x part
    power[:, names.index("constant")] = 0
    owner = power.argmax(dim=1).tolist()
    yield Ablation("attention", "linear", f"{len(owner)} heads", partial(_linear, s, drawn, owner))


def _drawn(s: Snapshot) -> Float[Tensor, "head symbol"]:
    """The f of each head for which 1/2 + f(a) - f(b) is nearest to its attention to a. Raises
    `NotApplicable` unless the position that asks is the same whatever the pair."""
    asks = s.activation("resid_mid") - s.activation("attn_out")
    if attention(s).shape[2] != 3 or float(_varying(asks).abs().max()) > 1e-5:
        raise NotApplicable(f'no "=" asks in {s.model.name}.')
    n = s.task.n_symbols
    to_a = attention(s)[:, :, 0].double().view(-1, n, n)
    return (to_a.mean(dim=2) - to_a.mean(dim=1)) / 2


def _linear(
    s: Snapshot,
    drawn: Float[Tensor, "head symbol"],
    owner: Sequence[int],
    random: Generator | None,
) -> Float[Tensor, "pair c"]:
    """The logits with attention so made linear, each head in its part or in one at random."""
    split, (a, b) = s.operand_parts[0], s.task.inputs.T
    names = [name for name in split.names if name != "constant"]
    chosen = [split.names[i] for i in owner]
    if random is not None:
        chosen = [names[i] for i in torch.randint(len(names), (len(owner),), generator=random)]
    f = torch.stack(
        [split.project([k], x[:, None])[:, 0] for k, x in zip(chosen, drawn, strict=True)]
    )
    to_a = (0.5 + f[:, a] - f[:, b]).T[:, :, None]  # pair, head, query
    to_all = torch.stack([to_a, 1 - to_a, torch.zeros_like(to_a)], dim=-1)
    return _edited(s, {"pattern": lambda x: to_all.to(x)})


# ---- neurons -------------------------------------------------------------------------------------


def _of_clusters(s: Snapshot) -> Iterator[Ablation]:
    """The neurons that one part explains to 85 %, a part at a time, at their means; and all of
    these neurons replaced by their polynomial of degree 2 in that part."""
    names, shares = neuron_parts(s)
    best, owner = shares.max(dim=0)
    localised = best >= LOCALISED
    for part in owner[localised].unique().tolist():
        cluster = (localised & (owner == part)).nonzero()[:, 0]
        what, size = f"neurons of {names[part]}", f"{len(cluster)} neurons"
        yield Ablation(what, MEAN, size, partial(_without, s, cluster))
    chosen = localised.nonzero()[:, 0]
    if len(chosen):
        size = f"{len(chosen)} neurons"
        yield Ablation(
            "neurons by their part", "polynomial", size, partial(_polynomial, s, chosen, owner)
        )


def _without(s: Snapshot, cluster: Tensor, random: Generator | None) -> Float[Tensor, "pair c"]:
    """The logits with these neurons at their means, or as many at random."""
    hidden = s.mlp_post.clone()
    if random is not None:
        cluster = torch.randperm(hidden.shape[1], generator=random)[: len(cluster)]
    hidden[:, cluster] = hidden[:, cluster].mean(dim=0)
    return s.read_out(hidden)


def _polynomial(
    s: Snapshot, chosen: Tensor, owner: Tensor, random: Generator | None
) -> Float[Tensor, "pair c"]:
    """The logits with these neurons replaced by their projection on the functions of a, of b and of
    both in the part that each follows, or in one at random."""
    n_parts = len(s.operand_parts[0].names) - 1
    if random is not None:
        owner = torch.randint(n_parts, owner.shape, generator=random)
    hidden = s.mlp_post.clone()
    for part in owner[chosen].unique().tolist():
        some = chosen[owner[chosen] == part]
        hidden[:, some] = of_degree_two(s, part, hidden[:, some])
    return s.read_out(hidden)


def of_degree_two(
    s: Snapshot, part: int, x: Float[Tensor, "pair neuron"]
) -> Float[Tensor, "pair neuron"]:
    """The projection of x on 1, the functions of a and of b in this part (counted without the
    constant), and their products: for a frequency cos and sin of w a, of w b, and four products."""
    splits = s.operand_parts
    name = [k for k in splits[0].names if k != "constant"][part]
    A, B = (split.part(["constant", name]).to(x) for split in splits)
    cube = x.view(len(A), len(B), -1)
    there = torch.einsum("ai,bj,abu->iju", A, B, cube)
    return torch.einsum("ai,bj,iju->abu", A, B, there).reshape(x.shape)


def _of_directions(s: Snapshot) -> Iterator[Ablation]:
    """The hidden layer along the directions from which the output map reads the key parts alone,
    and off them."""
    keys, view, W = keys_of(s), s.lens.views["c"], output_map(s).T
    Q = s.lens.split.part(keys)
    read = Q.T @ (W if view.matrix is None else view.matrix @ W)
    along = torch.linalg.qr(read.T)[0]  # neuron x rank
    size = f"{along.shape[1]} directions"
    for what, keeps in (("directions of W_L", True), ("all off W_L", False)):
        yield Ablation(
            f"{what} kept alone", "projection", size, partial(_projected, s, along, keeps)
        )


def _projected(
    s: Snapshot, along: Float[Tensor, "neuron rank"], keeps: bool, random: Generator | None
) -> Float[Tensor, "pair c"]:
    """The logits of the hidden layer projected on these directions, or on their complement."""
    if random is not None:
        drawn = torch.randn(along.shape, generator=random, dtype=torch.float64)
        along = torch.linalg.qr(drawn)[0]
    hidden = s.mlp_post
    Q = along.to(hidden)
    projected = (hidden @ Q) @ Q.T
    return s.read_out(projected if keeps else hidden - projected)


def _of_parts(s: Snapshot) -> Iterator[Ablation]:
    """The hidden layer without what it holds of the product in the key parts."""
    size = f"{len(keys_of(s))} parts"
    yield Ablation("key parts of the product", ZERO, size, partial(_without_parts, s))


def _without_parts(s: Snapshot, random: Generator | None) -> Float[Tensor, "pair c"]:
    keys = keys_of(s)
    parts = keys if random is None else others_at_random(s, keys, random)
    return s.read_out(s.mlp_post - of_product(s, parts))

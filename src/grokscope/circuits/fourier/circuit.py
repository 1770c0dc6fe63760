"""The neuron-level Fourier circuit: each neuron follows one wave of a and of b, or a few, and is
read out as the wave of the answer whose phase is the sum of theirs.

Symbols and answers stand on a circle of n places (for multiplication: their discrete logarithms).
With w_k = 2πk/n and x, y, z the places of a, b and c, a neuron is one of

    act(β + Σ_k α_k cos(w_k x + φ_k) + α'_k cos(w_k y + φ'_k))      "waves before the nonlinearity"
    a polynomial of degree 2 in cos and sin of w_k x and w_k y      (Nanda et al. 2023, 4.3)

and its row of the output map is Σ_k B_k cos(w_k z + ψ_k). What makes the answer largest at
z = x + y is the law of phases ψ = φ + φ'. The clock, the pizza (Zhong et al. 2023) and the doubled
rotation of the PAIR explorable (φ = φ' = θ, ψ = 2θ) are all of this form; `reading` says which, by
what is measured. A pizza's accompanying frequency 2k may be in a neuron that is read out at k.

Of the path past the hidden layer (the residual skip of a Transformer) only its mean over pairs is
kept: a number for each answer, with whatever else is the same for every pair.

Axes: pair = one input; c = an answer; neuron; column = a function of the pair or of the answer,
inner of the pair, outer of the answer; point = a product; symbol = an operand's value; wave = a
frequency, or what has no place.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits import printed
from grokscope.circuits.circuit import Algorithm, Circuit, chosen_parts, finder
from grokscope.errors import NotApplicable
from grokscope.measures.keys import KEY_SHARE, key_parts
from grokscope.measures.pizza import (
    gradient_symmetricity,
    isolated_logits,
    symmetricity_by_symbols,
)
from grokscope.measures.weights import symbol_weights
from grokscope.score import accuracy, centred, explained_variance
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Between, Evidence, Tested, Unit, at_least

ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "square": torch.square,
    "identity": lambda x: x,
}
EXPLAINED, OPEN = 0.85, 0.7  # of the neurons' variance: Nanda et al. call a neuron localised at .85
PART = 0.001  # of the logits: a frequency below the keys' 1 % can still decide answers
WORTH = 2  # times as much must be missed before a form of more numbers is taken
MOST_WAVES = 8  # of a neuron, where waves must be taken one by one
SEEN = 1_000  # pairs on which the nonlinearity is told
PHASE_LAW = 0.9  # mean cosine of what ψ misses the sum by: PAIR's neurons are within 10 degrees
PIZZA_SYMMETRY = 0.98  # gradient symmetricity where runs of Zhong et al. part into two populations
SAME = 0.999  # of gradients in the directions that embeddings have: a sum but for noise
IRRELEVANT = 0.6  # distance irrelevance, likewise
ONE_SUM, NO_SUM = 0.9, 0.5  # how far neurons share one sum of vectors, with no shared embedding


@dataclass(frozen=True, eq=False)
class Circle:
    """Where symbols and answers stand: places 0..n-1, and -1 for none (0 in a product)."""

    n: int
    a: Int[Tensor, " symbol"]
    b: Int[Tensor, " symbol"]
    points: Int[Tensor, " point"]  # the place of each point
    answers: Int[Tensor, " point"]  # the answer it stands for, -1 for none
    n_answers: int
    kind: str  # of the names of its frequencies: "frequency" or "character"

    def name(self, k: int) -> str:
        """The lens's name of the part; k = 0 is what has no place."""
        return f"{self.kind} {k}" if k else "{0}"

    def wave(self, k: int, place: Int[Tensor, " x"]) -> Float[Tensor, "x column"]:
        """cos and sin of w_k at these places, 0 where there is none; of k = 0, which have none."""
        if k == 0:
            return (place < 0).double()[:, None]
        angle = 2 * math.pi * (k * place % self.n).double() / self.n
        return torch.stack([angle.cos(), angle.sin()], dim=1) * (place >= 0)[:, None]

    def of_answers(self, k: int) -> Float[Tensor, "c column"]:
        """The wave as a function of the answer: the sum over the points it stands for."""
        here = self.answers >= 0
        wave = self.wave(k, self.points[here])
        return wave.new_zeros(self.n_answers, wave.shape[1]).index_add(0, self.answers[here], wave)

    @property
    def unreached(self) -> Bool[Tensor, " c"]:
        """Which answers no point stands for."""
        found = torch.ones(self.n_answers, dtype=torch.bool)
        found[self.answers[self.answers >= 0]] = False
        return found

    @property
    def has_outsiders(self) -> bool:
        """Whether some answer stands for a point that has no place."""
        return bool(((self.points < 0) & (self.answers >= 0)).any())

    @property
    def is_one_to_one(self) -> bool:
        """Whether every answer stands for one point."""
        known = self.answers[self.answers >= 0]
        return len(known.unique()) == len(known) == self.n_answers

    def places(self, task: Task) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
        """Where the operands of each pair stand."""
        return self.a[task.inputs[:, 0]], self.b[task.inputs[:, 1]]


class OfWaves(Tested):
    """What a Fourier circuit is tested on."""

    NEURONS = "neurons' variance explained by their waves"
    ONE_FREQUENCY = "neurons of one frequency"
    OUTPUT_MAP = "output map explained by waves of the answer"
    PHASE_LAW = "law of phases: mean cos(ψ - φ - φ')"
    REBUILT = "accuracy of the rebuilt network", Unit.SHARE
    SYMMETRICITY = "gradient symmetricity"
    ONE_SUM = "neurons on one sum of vectors"
    IRRELEVANCE = "distance irrelevance"
    DEPTH = "depth of |cos(w(a-b)/2)| in the logits"
    DEPTH_EXPLAINS = "share of the amplitude's variance it explains"
    ISOLATED = "accuracy of {of} of the embedding alone", Unit.SHARE


CLOCK = Algorithm(
    "clock",
    "It turns a and b into angles on a few circles, multiplies their cosines and sines so that the "
    "angles add, and reads off the answer whose angle is the sum (a clock)",
)
PIZZA = Algorithm(
    "pizza",
    "It turns a and b into points on a few circles and takes the middle of the two, whose "
    "direction is half the sum of their angles, and reads off the answer (a pizza)",
)
OF_LOGARITHMS = ": angles of logarithms, for those of a product add"


@dataclass(frozen=True, eq=False)
class ClockOrPizza:
    """Which algorithm a Fourier circuit is, None where that is open, and the evidence."""

    algorithm: Algorithm | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, eq=False)
class Fourier(Circuit):
    """`act` of waves of a and b (with their products where `has_products`) for each neuron, and
    waves of the answer for each neuron's row of the output map."""

    circle: Circle
    act: str
    has_products: bool
    waves: tuple[int, ...]  # the frequencies k of the hidden layer
    inner: Float[Tensor, "inner neuron"]  # of 1, then of each wave its functions of the pair
    keys: tuple[int, ...]  # the frequencies k of the output map
    rows: Float[Tensor, "neuron outer"]
    bias: Float[Tensor, " c"]  # what is the same for every pair
    form: ClassVar[str] = "fourier"
    title: ClassVar[str] = "waves in its neurons"
    how: ClassVar[str] = "Its neurons follow waves of a and of b, and are read out as waves of c"
    algorithms: ClassVar[tuple[str, ...]] = ("clock", "pizza")

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.circle.name(k) for k in self.keys)

    @property
    def size(self) -> int:
        used = (self.rows != 0).any(dim=1)
        numbers = (self.inner[:, used] != 0).sum() + (self.rows != 0).sum()
        return int(numbers) + len(self.bias)

    def hidden(self, task: Task) -> Float[Tensor, "pair neuron"]:
        return ACTS[self.act](self._columns(task) @ self.inner[1:] + self.inner[0])

    def output(self) -> Float[Tensor, "neuron c"]:
        return self.rows @ self._of_answers.T

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        if self.act == "identity":  # the sum over neurons first: the same, and quick
            sums = self._columns(task) @ (self.inner[1:] @ self.rows) + self.inner[0] @ self.rows
        else:
            sums = self.hidden(task) @ self.rows
        return sums @ self._of_answers.T + self.bias

    def keeping(self, parts: Iterable[str]) -> "Fourier":
        names = chosen_parts(self, parts)
        keys = tuple(k for k in self.keys if self.circle.name(k) in names)
        owner = _owner([self.circle.of_answers(k) for k in self.keys])
        kept = torch.isin(owner, torch.tensor([self.keys.index(k) for k in keys]))
        return replace(self, keys=keys, rows=self.rows[:, kept])

    @property
    def equation(self) -> str:
        inside = "α_k cos(w_k a + φ_k) + α'_k cos(w_k b + φ'_k)"
        if self.has_products:
            inside += " + their products"
        act = "" if self.act == "identity" else self.act
        names = ", ".join(self.parts)
        return f"logit(c) = Σ_i h_i B_i cos(w_k c + φ_k + φ'_k), h_i = {act}(β + {inside}); {names}"

    def neurons(self) -> dict[str, Bool[Tensor, " neuron"]]:
        """By the frequency at which each is read out most strongly."""
        power = torch.stack([x.square().sum(dim=1) for x in self._by_key(self.rows)])
        owner, is_read = power.argmax(dim=0), power.sum(dim=0) > 0
        return {name: (owner == i) & is_read for i, name in enumerate(self.parts)}

    def program(self) -> str:
        return _program(self)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return (
            _neurons_explained(snapshot, self),
            _one_frequency(snapshot, self),
            _rows_explained(snapshot, self),
            _phase_law(self),
            _rebuilt(snapshot, self),
            *clock_or_pizza(snapshot, self).evidence,
        )

    def algorithm(self, snapshot: Snapshot) -> Algorithm | None:
        """Clock or pizza; see `clock_or_pizza`."""
        found = clock_or_pizza(snapshot, self).algorithm
        if found is None or snapshot.lens.name != "multiplicative":
            return found
        return replace(found, how=found.how + OF_LOGARITHMS)

    def phases(self, k: int) -> "Phases":
        """Of each neuron at a key frequency k > 0."""
        x = self._by_wave[self.waves.index(k)]
        a, b = _polar(x[:2].T), _polar(x[2:4].T)
        c = _polar(self._by_key(self.rows)[self.keys.index(k)])
        if not self.has_products:
            return Phases(a, b, a * b / (a * b).abs().sqrt().clamp(min=1e-300), c)
        cos_cos, cos_sin, sin_cos, sin_sin = x[4:]
        both = torch.stack([cos_cos - sin_sin, cos_sin + sin_cos], dim=1) / 2
        return Phases(a, b, _polar(both), c)

    def _columns(self, task: Task) -> Float[Tensor, "pair column"]:
        a, b = self.circle.places(task)
        return torch.cat(blocks_of(self.circle, self.waves, a, b, self.has_products), dim=1)

    @cached_property
    def _of_answers(self) -> Float[Tensor, "c column"]:
        return torch.cat([self.circle.of_answers(k) for k in self.keys], dim=1)

    @property
    def _by_wave(self) -> Sequence[Tensor]:
        """The coefficients of each wave's functions of a, of b and of both, neuron by neuron."""
        widths = [_width(k, self.has_products) for k in self.waves]
        return self.inner[1:].split(widths)

    def _by_key(self, rows: Float[Tensor, "neuron outer"]) -> Sequence[Tensor]:
        return rows.split([_waves_of(k) for k in self.keys], dim=1)


@dataclass(frozen=True, eq=False)
class Phases:
    """α cos(w_k x + φ), α' cos(w_k y + φ') and B cos(w_k z + ψ), as complex numbers α exp(iφ); and
    what moves with w_k(x + y): the neuron's own wave of it, or before a nonlinearity the wave that
    this makes, at the phase φ + φ' and about as strong as the weaker of the two."""

    a: Tensor
    b: Tensor
    both: Tensor
    c: Tensor


@finder(Fourier)
@once_per_snapshot
def find(snapshot: Snapshot) -> Fourier:
    """The waves of the hidden layer and of the output map at the frequencies that the logits have,
    and in the hidden layer also at their doubles.

    A neuron has the waves that hold at least 1 % of its variance, by least squares over the pairs
    that exist, before the nonlinearity or as a polynomial: in the form of fewer numbers, unless the
    other misses less than half as much of the logits. A neuron of no such wave is its mean. Raises
    `NotApplicable` if the task is not addition or multiplication in disguise, if the network has no
    hidden layer and map to the answers, or if no frequency is key.
    """
    circle, W_L = circle_of(snapshot), output_map(snapshot)
    keys, rows = _read_out_at(circle, _keys(snapshot, circle), W_L)
    waves = _with_doubles(circle, keys, snapshot.task)
    forms = _fits(snapshot, circle, waves)
    unbiased = [
        Fourier(circle, act, has_products, waves, inner, keys, rows, W_L.new_zeros(W_L.shape[1]))
        for act, has_products, inner in forms
    ]
    fitted = [replace(x, bias=_fit_bias(snapshot, x)) for x in unbiased]
    small, *others = sorted(fitted, key=lambda x: x.size)
    missed = _distance(snapshot, small)
    better = (x for x in others if _distance(snapshot, x) < missed / WORTH)
    return next(better, small)


def _distance(s: Snapshot, circuit: Fourier) -> float:
    """How far its logits are from the network's, each less its mean over the answers."""
    return float(centred(s.logits.double() - circuit.logits(s.task)).square().sum())


def _keys(snapshot: Snapshot, circle: Circle) -> tuple[int, ...]:
    """The frequencies that the logits are made of; and 0, where an answer has no place."""
    found = key_parts(snapshot)
    if not any(circle.name(k) in found.names for k in range(1, circle.n // 2 + 1)):
        raise NotApplicable("no frequency holds 1 % of the logits, so no neuron's is known.")
    known = [k for k in range(1, circle.n // 2 + 1) if found.shares.get(circle.name(k), 0) >= PART]
    return (0, *known) if circle.has_outsiders else tuple(known)


def circle_of(snapshot: Snapshot) -> Circle:
    """Where the symbols and answers of the snapshot's lens stand on a circle. Raises
    `NotApplicable` if its group is not cyclic."""
    lens, task = snapshot.lens, snapshot.task
    log = None if lens.group is None else printed.logarithm(lens.group)
    if lens.group is None or log is None:
        raise NotApplicable(
            f"`{task.name}` has no product in a cyclic group, so its neurons have no frequency. "
            "Its logits may have a kernel: see the form `convolution`."
        )
    point = torch.arange(len(lens.answers))
    element = point if lens.element is None else lens.element
    place = torch.where(element >= 0, log[element.clamp(min=0)], torch.tensor(-1))
    a, b = (place[x] for x in printed.points(lens))
    kind = "frequency" if lens.group.is_addition else "character"
    return Circle(lens.group.order, a, b, place, lens.answers, task.n_answers, kind)


def output_map(snapshot: Snapshot) -> Float[Tensor, "neuron c"]:
    """The map from the hidden layer to the logits. Raises `NotApplicable` if there is none."""
    W = symbol_weights(snapshot).get("c")
    if W is None or W.shape[1] != snapshot.mlp_post.shape[1]:
        raise NotApplicable(
            f"{type(snapshot.model).__name__} has no map from its neurons to the answers."
        )
    return W.T


def _with_doubles(circle: Circle, keys: Sequence[int], task: Task) -> tuple[int, ...]:
    """The key frequencies and their doubles; 0 where an operand may have no place."""
    doubled = {min(2 * k % circle.n, -2 * k % circle.n) for k in keys}
    a, b = circle.places(task)
    waves = {*keys, *doubled} - {0}
    if bool((a < 0).any() or (b < 0).any()):
        waves |= {0}
    return tuple(sorted(waves))


def blocks_of(
    circle: Circle,
    waves: Sequence[int],
    a: Int[Tensor, " pair"],
    b: Int[Tensor, " pair"],
    has_products: bool,
) -> list[Float[Tensor, "pair _"]]:
    """Each wave's functions of a, of b, and if asked their products."""
    found = []
    for k in waves:
        of_a, of_b = circle.wave(k, a), circle.wave(k, b)
        both = [(of_a[:, :, None] * of_b[:, None]).flatten(1)] if has_products else []
        found.append(torch.cat([of_a, of_b, *both], dim=1))
    return found


def _width(k: int, has_products: bool) -> int:
    d = _waves_of(k)
    return 2 * d + d * d * has_products


def _waves_of(k: int) -> int:
    """cos and sin; of what has no place, one function."""
    return 2 if k else 1


def _owner(blocks: Sequence[Tensor]) -> Int[Tensor, " column"]:
    """Of each column, the block it stands in."""
    return torch.repeat_interleave(torch.tensor([x.shape[1] for x in blocks]))


def _fits(
    s: Snapshot, circle: Circle, waves: tuple[int, ...]
) -> list[tuple[str, bool, Float[Tensor, "inner neuron"]]]:
    """The hidden layer fitted before the nonlinearity, if that is known, and as a polynomial."""
    places, act, post, found = circle.places(s.task), _nonlinearity(s), s.mlp_post.double(), []
    if act is not None:
        inner, _ = least_squares(blocks_of(circle, waves, *places, False), s.mlp_pre.double())
        is_constant, mean = (inner[1:] == 0).all(dim=0), post.mean(dim=0)
        inner[0] = torch.where(is_constant, mean.sqrt() if act == "square" else mean, inner[0])
        found.append((act, False, inner))
    inner, _ = least_squares(blocks_of(circle, waves, *places, True), post)
    return [*found, ("identity", True, inner)]


def _nonlinearity(s: Snapshot) -> str | None:
    """What takes the hidden layer before it to the one after it, if it is one of `ACTS`."""
    try:
        pre, post = s.mlp_pre[:SEEN], s.mlp_post[:SEEN]
    except NotApplicable:
        return None
    for name in ("relu", "square"):
        if torch.allclose(ACTS[name](pre), post, rtol=1e-4, atol=1e-6 * float(post.abs().max())):
            return name
    return None


def least_squares(
    blocks: Sequence[Float[Tensor, "row _"]], x: Float[Tensor, "row unit"]
) -> tuple[Float[Tensor, "one_and_column unit"], Float[Tensor, " unit"]]:
    """The coefficients of each unit on 1 and on the blocks that hold at least 1 % of its variance,
    those on others being 0; and the sum of the squares that are left. Where blocks overlap, as
    over the pairs a <= b, they are taken one by one, the best first, up to eight."""
    X, owner = torch.cat(list(blocks), dim=1), _owner(blocks)
    means, mean = X.mean(dim=0), x.mean(dim=0)
    gram = X.T @ X - len(X) * torch.outer(means, means)
    along = X.T @ x - len(X) * torch.outer(means, mean)
    total = (x.square().sum(dim=0) - len(X) * mean.square()).clamp(min=0)
    need = torch.where(total > 1e-12 * total.max(), KEY_SHARE * total, torch.inf)
    units = torch.arange(x.shape[1])
    is_held = torch.zeros(len(blocks), x.shape[1], dtype=torch.bool)
    found = torch.zeros_like(along)
    is_apart = bool((gram * (owner[:, None] != owner)).abs().max() <= 1e-9 * gram.abs().max())
    for _ in range(1 if is_apart else MOST_WAVES):
        gain = _gains(gram, along - gram @ found, owner).masked_fill(is_held, 0)
        adds = gain >= need
        if not is_apart:  # the best, since others may explain the same
            adds &= torch.nn.functional.one_hot(gain.argmax(dim=0), len(blocks)).T.bool()
        if not adds.any():
            break
        is_held |= adds
        for pattern in is_held.unique(dim=1).T:
            these = units[(is_held == pattern[:, None]).all(dim=0)]
            columns = pattern[owner].nonzero()[:, 0]
            inverse = torch.linalg.pinv(gram[columns][:, columns], hermitian=True)
            found[columns[:, None], these] = inverse @ along[columns][:, these]
    missed = total - (found * along).sum(dim=0)
    return torch.cat([(mean - means @ found)[None], found]), missed


def _gains(
    gram: Float[Tensor, "column column"],
    along: Float[Tensor, "column unit"],
    owner: Int[Tensor, " column"],
) -> Float[Tensor, "block unit"]:
    """How much of what is left of each unit each block would explain."""
    found = []
    for i in range(int(owner.max()) + 1):
        here = owner == i
        inverse = torch.linalg.pinv(gram[here][:, here], hermitian=True)
        found.append((along[here] * (inverse @ along[here])).sum(dim=0))
    return torch.stack(found)


def _read_out_at(
    circle: Circle, keys: Sequence[int], W_L: Float[Tensor, "neuron c"]
) -> tuple[tuple[int, ...], Float[Tensor, "neuron outer"]]:
    """The waves of the output map, at those of these frequencies that it has."""
    rows = _fit_rows(circle, keys, W_L).split([_waves_of(k) for k in keys], dim=1)
    kept = {k: x for k, x in zip(keys, rows, strict=True) if bool(x.any())}
    if not any(kept):
        raise NotApplicable("the output map has no wave of a key frequency for 1 % of any row.")
    return tuple(kept), torch.cat(list(kept.values()), dim=1)


def _fit_rows(
    circle: Circle, keys: Sequence[int], W_L: Float[Tensor, "neuron c"]
) -> Float[Tensor, "neuron outer"]:
    """The waves of each neuron's row that hold at least 1 % of it. What is the same for all
    answers is left out, which changes no answer."""
    reached = ~circle.unreached
    waves = [circle.of_answers(k)[reached] for k in keys]
    return least_squares(waves, W_L.T[reached])[0][1:].T


def _fit_bias(s: Snapshot, circuit: Fourier) -> Float[Tensor, " c"]:
    """What is the same for every pair in the network and not in the circuit, less its mean."""
    missing = s.logits.double().mean(dim=0) - circuit.logits(s.task).mean(dim=0)
    return missing - missing.mean()


def _polar(x: Float[Tensor, "neuron 2"]) -> Tensor:
    """α exp(iφ) of α cos(x + φ), given by its coefficients of cos x and sin x."""
    return torch.complex(x[:, 0], -x[:, 1])


def _neurons_explained(s: Snapshot, circuit: Fourier) -> Evidence:
    """Of the hidden layer's variance over pairs, each neuron counted as strongly as it is read
    out, what the circuit's activations explain; for the controls, of the hidden layer as the
    circuit fits it, before or after the nonlinearity."""
    weight, post = _read_out(s), s.mlp_post.double()
    varies, claimed = (x - x.mean(dim=0) for x in (post, circuit.hidden(s.task)))
    value = explained_variance(varies, claimed, weight)
    x = post if circuit.act == "identity" else s.mlp_pre.double()

    def like(circle: Circle, waves: tuple[int, ...]) -> float:
        blocks = blocks_of(circle, waves, *circle.places(s.task), circuit.has_products)
        _, missed = least_squares(blocks, x)
        varies = x.var(dim=0, correction=0) @ weight * len(x)
        return float(1 - missed @ weight / varies.clamp(min=1e-300))

    controls = {
        "other frequencies": like(circuit.circle, _other_waves(circuit)),
        "relabelled elements": like(_relabelled(circuit.circle), circuit.waves),
    }
    return at_least(OfWaves.NEURONS, value, EXPLAINED, OPEN, controls=controls)


def _read_out(s: Snapshot) -> Float[Tensor, " neuron"]:
    """How strongly each neuron is read out: the squared norm of its centred row."""
    return centred(output_map(s)).square().sum(dim=1)


def _other_waves(circuit: Fourier) -> tuple[int, ...]:
    """As many frequencies as the circuit's hidden layer has, at random from the others."""
    everything = range(1, circuit.circle.n // 2 + 1)
    rest = [k for k in everything if k not in circuit.waves] or list(everything)
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(0)).tolist()
    return tuple(sorted(rest[i] for i in order[: len(circuit.waves)]))


def _relabelled(circle: Circle) -> Circle:
    """The same circle with the symbols at each other's places, at random."""
    order = torch.randperm(len(circle.a), generator=torch.Generator().manual_seed(0))
    return replace(circle, a=circle.a[order], b=circle.b[order])


def _one_frequency(s: Snapshot, circuit: Fourier) -> Evidence:
    """Of the neurons that are read out, the share with one wave for at least 85 % of what the
    circuit has them do before they are bent (Nanda et al. 2023)."""
    a, b = circuit.circle.places(s.task)
    power = []
    blocks = blocks_of(circuit.circle, circuit.waves, a, b, circuit.has_products)
    for block, numbers in zip(blocks, circuit._by_wave, strict=True):
        power.append(((block.T.cov() @ numbers) * numbers).sum(dim=0))
    share = torch.stack(power)
    share = share.amax(dim=0) / share.sum(dim=0).clamp(min=1e-300)
    weight = _read_out(s)
    is_read = (circuit.rows != 0).any(dim=1) & (weight > 1e-3 * weight.max())
    value = float((share[is_read] >= EXPLAINED).double().mean()) if is_read.any() else 0.0
    return Evidence(OfWaves.ONE_FREQUENCY, value, why="the others have several")


def _rows_explained(s: Snapshot, circuit: Fourier) -> Evidence:
    """Of the output map's rows, less their means, what the waves of the answer explain."""
    W = output_map(s)
    weight = s.mlp_post.double().var(dim=0)

    def explained(rows: Float[Tensor, "neuron c"]) -> float:
        reached = ~circuit.circle.unreached
        x, y = (centred(w[:, reached]).T for w in (W, rows))
        return explained_variance(x, y, weight)

    order = torch.randperm(W.shape[1], generator=torch.Generator().manual_seed(0))
    moved = output_map(s)[:, order]
    relabelled = replace(circuit, rows=_fit_rows(circuit.circle, circuit.keys, moved)).output()
    back = torch.empty_like(relabelled)
    back[:, order] = relabelled
    return at_least(
        OfWaves.OUTPUT_MAP,
        explained(circuit.output()),
        OPEN,
        controls={"relabelled elements": explained(back)},
    )


def _phase_law(circuit: Fourier) -> Evidence:
    """The mean of cos(ψ - φ - φ') over neurons and key frequencies, each as strong as it acts on
    the logits: 1 where the output's phase is the sum of the inputs', 0 by chance."""
    if not circuit.circle.is_one_to_one:
        why = "an answer stands for several places, so its wave has no phase"
        return Evidence(OfWaves.PHASE_LAW, math.nan).inconclusive(why)
    found = [_phases(circuit, k) for k in circuit.keys if k]
    total = torch.cat(found)
    law = float(total.real.sum() / total.abs().sum().clamp(min=1e-300))
    spread = math.sqrt(-2 * math.log(min(1.0, max(1e-9, abs(float(law))))))
    controls = {"shuffled": _shuffled_law(circuit), "circular spread in radians": spread}
    return at_least(OfWaves.PHASE_LAW, law, PHASE_LAW, OPEN, controls=controls)


def _phases(circuit: Fourier, k: int) -> Tensor:
    """Of each neuron, exp(i(ψ - φ - φ')) times how strongly it acts."""
    x = circuit.phases(k)
    return x.c * x.both.conj()


def _shuffled_law(circuit: Fourier) -> float:
    """The same with the rows of the output map given to other neurons."""
    order = torch.randperm(len(circuit.rows), generator=torch.Generator().manual_seed(0))
    other = replace(circuit, rows=circuit.rows[order])
    total = torch.cat([_phases(other, k) for k in circuit.keys if k])
    return float(total.real.sum() / total.abs().sum().clamp(min=1e-300))


def _rebuilt(s: Snapshot, circuit: Fourier) -> Evidence:
    """How often the rebuilt network is right, and with its rows' phases drawn at random."""
    answers = s.task.answers
    order = torch.randperm(len(circuit.rows), generator=torch.Generator().manual_seed(0))
    return Evidence(
        OfWaves.REBUILT,
        accuracy(circuit.logits(s.task), answers),
        controls={
            "network": accuracy(s.logits, answers),
            "its rows at other neurons": accuracy(
                replace(circuit, rows=circuit.rows[order]).logits(s.task), answers
            ),
        },
    )


@once_per_snapshot
def clock_or_pizza(s: Snapshot, circuit: Fourier) -> ClockOrPizza:
    """Clock or pizza.

    A pizza's neurons see one sum of a's vector and b's, and how large its right logit is hangs on
    the distance of a and b; a clock's see both apart, and its logit depends on their sum alone
    (Zhong et al. 2023). The first is told by the gradient symmetricity where a and b share an
    embedding, and else by the neurons' phases; the second by the distance irrelevance. Where the
    two disagree, or the logits of a would-be clock follow |cos(w_k(x - y)/2)|, it is undetermined.
    """
    together, is_one, is_none = _togetherness(s, circuit)
    irrelevance = _irrelevance(s, circuit)
    modulation = _modulation(s, circuit)
    evidence = (together, irrelevance, *modulation, *_isolation(s))
    depends = irrelevance.value < IRRELEVANT
    if is_one and depends:
        return ClockOrPizza(PIZZA, evidence)
    if is_none and not depends and not _is_modulated(modulation):
        return ClockOrPizza(CLOCK, evidence)
    return ClockOrPizza(None, evidence)


def _togetherness(s: Snapshot, circuit: Fourier) -> tuple[Evidence, bool, bool]:
    """Whether neurons see a sum of vectors: the number, whether it says so, and whether not."""
    views = s.lens.views
    if views["a"] is views["b"]:
        try:
            value, by_symbols = gradient_symmetricity(s), symmetricity_by_symbols(s)
        except NotApplicable:
            pass
        else:
            need = Between("clock", PIZZA_SYMMETRY, "pizza", PIZZA_SYMMETRY)
            controls = {"along the embeddings": by_symbols}
            found = Evidence(OfWaves.SYMMETRICITY, value, need=need, controls=controls)
            is_one = value > PIZZA_SYMMETRY or by_symbols > SAME
            return found, is_one, not is_one
    value = _one_sum(circuit)
    evidence = Evidence(OfWaves.ONE_SUM, value, need=Between("clock", NO_SUM, "pizza", ONE_SUM))
    return evidence, value >= ONE_SUM, value <= NO_SUM


def _one_sum(circuit: Fourier) -> float:
    """|Σ 2αα' exp(i(φ - φ'))| / Σ (α² + α'²) over the neurons of each key frequency: 1 where all
    see the same sum of the two circles, which may be turned against each other."""
    found, size = 0.0, 0.0
    for k in circuit.keys:
        if k == 0:
            continue
        x = circuit.phases(k)
        weight = x.c.abs()
        found += float((2 * x.a * x.b.conj() * weight).sum().abs())
        size += float(((x.a.abs().square() + x.b.abs().square()) * weight).sum())
    return found / max(size, 1e-300)


def _distances(s: Snapshot, circuit: Fourier) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs that have places, which of the distances x - y each is at, and these."""
    x, y = circuit.circle.places(s.task)
    here = ((x >= 0) & (y >= 0)).nonzero()[:, 0]
    d, at = ((x - y)[here] % circuit.circle.n).unique(return_inverse=True)
    return here, at, d


def _irrelevance(s: Snapshot, circuit: Fourier) -> Evidence:
    """Zhong et al.'s distance irrelevance (Def. 4.2) on the circle, over the pairs that exist: the
    deviation of the right logit among pairs of one distance x - y, over that among all."""
    here, at, d = _distances(s, circuit)
    right = s.logits.double().gather(1, s.task.answers[:, None])[here, 0]
    count = torch.bincount(at).double()

    def mean(v: Tensor) -> Tensor:
        return torch.zeros(len(d), dtype=v.dtype).index_add_(0, at, v) / count

    spread = mean((right - mean(right)[at]).square()).sqrt()
    value = float((spread * count).sum() / count.sum() / right.std(correction=0).clamp(min=1e-300))
    need = Between("pizza", IRRELEVANT, "clock", IRRELEVANT)
    return Evidence(OfWaves.IRRELEVANCE, value, need=need)


def _modulation(s: Snapshot, circuit: Fourier) -> tuple[Evidence, Evidence]:
    """How A_k(d), the logits along cos w_k(x + y - z) at distance d = x - y, follows
    u + v |cos(w_k d/2)|: the depth v/(u + v), 1 in an ideal pizza and 0 in a clock, and the share
    of A_k's variance over d that it explains. Each key as strong as its A_k is. Accompanying
    pizzas, at 2k, cancel it: a small depth does not speak against a pizza."""
    here, at, d = _distances(s, circuit)
    x, y = (place[here] for place in circuit.circle.places(s.task))
    logits = centred(s.logits[here])
    count = torch.bincount(at).double()
    depth = explained = total = 0.0
    for k in (k for k in circuit.keys if k):
        wave = circuit.circle.wave(k, (x + y) % circuit.circle.n)
        amplitude = (wave * (logits @ circuit.circle.of_answers(k))).sum(dim=1)
        A = torch.zeros(len(d), dtype=wave.dtype).index_add_(0, at, amplitude) / count
        form = (math.pi * k / circuit.circle.n * d.double()).cos().abs()
        X = torch.stack([torch.ones_like(form), form], dim=1) * count.sqrt()[:, None]
        u, v = (torch.linalg.pinv(X) @ (A * count.sqrt())).tolist()
        mean = (A * count).sum() / count.sum()
        varies = float(((A - mean).square() * count).sum())
        rest = float(((A - u - v * form).square() * count).sum())
        weight = float(mean.square())
        depth += weight * (v / (u + v) if abs(u + v) > 1e-300 else 0.0)
        explained += weight * (1 - rest / max(varies, 1e-300))
        total += weight
    total = max(total, 1e-300)
    return (
        Evidence(OfWaves.DEPTH, depth / total, why="an ideal pizza has 1"),
        Evidence(OfWaves.DEPTH_EXPLAINS, explained / total),
    )


def _is_modulated(modulation: tuple[Evidence, Evidence]) -> bool:
    depth, explained = modulation
    return depth.value >= 0.5 and explained.value >= 0.8


def _isolation(s: Snapshot) -> tuple[Evidence, ...]:
    """The accuracy of the embedding's strongest key circle alone: pizzas have .2 to .4, clocks
    about .1."""
    shares = key_parts(s).shares
    strongest = max(shares, key=lambda name: shares[name])
    try:
        logits = isolated_logits(s, (strongest,))
    except NotApplicable:
        return ()
    value, chance = accuracy(logits, s.task.answers), {"chance": s.task.chance}
    return (Evidence(OfWaves.ISOLATED, value, controls=chance, of=strongest),)


def _program(circuit: Fourier) -> str:
    """The neurons one by one; where no nonlinearity stands between, their sum."""
    circle = circuit.circle
    answers = [
        [int(circle.points[i]) for i in (circle.answers == c).nonzero()[:, 0]]
        for c in range(circle.n_answers)
    ]
    is_plain = answers == [[c] for c in range(circle.n)]
    places = "[[c] for c in range(N)]" if is_plain else str(answers)
    body = _summed(circuit) if circuit.act == "identity" else _by_neuron(circuit)
    return "\n".join(
        [
            "from math import cos, pi, sin",
            "",
            f"N = {circle.n}  # places on a circle; -1 is none",
            *(f"{name} = {_list(place)}" for name, place in (("A", circle.a), ("B", circle.b))),
            f"C = {places}  # the places that each answer stands for",
            f"WAVES = {circuit.waves}  # frequencies of the neurons; 0: has no place",
            f"KEYS = {circuit.keys}  # frequencies of the answer",
            f"BIAS = {_numbers(circuit.bias)}",
            "",
            "",
            "def wave(k, x):",
            "    if k == 0:",
            "        return [float(x < 0)]",
            "    angle = 2 * pi * k * x / N",
            "    return [cos(angle), sin(angle)] if x >= 0 else [0.0, 0.0]",
            "",
            "",
            *body,
            "",
            "",
            "def logits(a, b):",
            "    total, found = sums(a, b), list(BIAS)",
            "    for c, places in enumerate(C):",
            "        for z in places:",
            "            waves = [u for k in KEYS for u in wave(k, z)]",
            "            found[c] += sum(t * u for t, u in zip(total, waves))",
            "    return found",
            "",
            "",
            "def answer(a, b):",
            "    found = logits(a, b)",
            "    return found.index(max(found))",
            "",
        ]
    )


def _summed(circuit: Fourier) -> list[str]:
    """The sums of the neurons: a table from the functions of a and b to the answer's waves."""
    table = circuit.inner @ circuit.rows
    return [
        "# from 1 and, for each wave, cos and sin of a, of b, and their products",
        "TABLE = [",
        *(f"    {_numbers(row)}," for row in table),
        "]",
        "",
        "",
        "def sums(a, b):",
        "    seen = [1.0]",
        "    for k in WAVES:",
        "        x, y = wave(k, A[a]), wave(k, B[b])",
        "        seen += x + y + [u * v for u in x for v in y]",
        "    return [sum(s * w for s, w in zip(seen, column)) for column in zip(*TABLE)]",
    ]


def _by_neuron(circuit: Fourier) -> list[str]:
    """Each neuron that is read out: its constant, its waves of a and of b, and of the answer."""
    used = (circuit.rows != 0).any(dim=1).nonzero()[:, 0].tolist()
    bend = {"relu": "max(0.0, pre)", "square": "pre * pre"}[circuit.act]
    return [
        "# constant; for each wave its numbers of a, then of b; of the answer. cos first, then sin",
        "NEURONS = [",
        *(f"    {_neuron(circuit, i)}," for i in used),
        "]",
        "",
        "",
        "def sums(a, b):",
        f"    total = [0.0] * {circuit.rows.shape[1]}",
        "    x = {k: wave(k, A[a]) + wave(k, B[b]) for k in WAVES}",
        "    for constant, inner, outer in NEURONS:",
        "        pre = constant + sum(u * v for k in inner for u, v in zip(inner[k], x[k]))",
        f"        post = {bend}",
        "        total = [t + post * u for t, u in zip(total, outer)]",
        "    return total",
    ]


def _neuron(circuit: Fourier, i: int) -> str:
    numbers = {k: x[:, i] for k, x in zip(circuit.waves, circuit._by_wave, strict=True)}
    inner = {k: list(map(_digits, x.tolist())) for k, x in numbers.items() if bool(x.any())}
    return f"({_digits(float(circuit.inner[0, i]))}, {inner}, {_numbers(circuit.rows[i])})"


def _list(x: Int[Tensor, " n"]) -> str:
    return "range(N)" if x.tolist() == list(range(len(x))) else str(x.tolist())


def _numbers(x: Float[Tensor, " n"]) -> str:
    return f"[{', '.join(str(_digits(v)) for v in x.tolist())}]"


def _digits(x: float) -> float:
    """To seven digits: the five-neuron network decides by differences of 1e-5."""
    return float(f"{x:.7g}")

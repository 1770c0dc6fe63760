"""Clock or pizza: which algorithm it is that adds by waves, by what is measured.

A pizza's neurons see one sum of a's vector and b's, and how large its right logit is hangs on the
distance of a and b; a clock's see both apart, and its logit depends on their sum alone
(Zhong et al. 2023).

Axes: pair = one input; distance = a difference x - y of places that some pair has.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.circuits.circle import Circle
from grokscope.circuits.circuit import Algorithm
from grokscope.circuits.fourier.waves import Waves
from grokscope.errors import NotApplicable
from grokscope.measures.keys import key_parts
from grokscope.measures.pizza import (
    gradient_symmetricity,
    isolated_logits,
    symmetricity_by_symbols,
)
from grokscope.score import accuracy, centred
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Between, Evidence, Tested, Unit

SYMMETRIC = 0.98  # gradient symmetricity where runs of Zhong et al. part into two populations
SAME = 0.999  # of gradients in the directions that embeddings have: a sum but for noise
IRRELEVANT = 0.6  # distance irrelevance, likewise
ONE_SUM, NO_SUM = 0.9, 0.5  # how far neurons share one sum of vectors, with no shared embedding
DEEP, WELL = 0.5, 0.8  # of a modulation: its depth, and how much of the amplitude it explains

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


class OfAngles(Tested):
    """What clocks and pizzas are told apart by."""

    SYMMETRICITY = "gradient symmetricity"
    ONE_SUM = "neurons on one sum of vectors"
    IRRELEVANCE = "distance irrelevance"
    DEPTH = "depth of |cos(w(a-b)/2)| in the logits"
    DEPTH_EXPLAINS = "share of the amplitude's variance it explains"
    ISOLATED = "accuracy of {of} of the embedding alone", Unit.SHARE


@dataclass(frozen=True, eq=False)
class ClockOrPizza:
    """Which algorithm a Fourier circuit is, None where that is open, and the evidence."""

    algorithm: Algorithm | None
    evidence: tuple[Evidence, ...]


@once_per_snapshot
def clock_or_pizza(s: Snapshot, waves: Waves) -> ClockOrPizza:
    """A pizza is told from a clock by the gradient symmetricity where a and b share an embedding,
    and else by the neurons' phases; and by the distance irrelevance. Where the two disagree, or the
    logits of a would-be clock follow |cos(w_k(x - y)/2)|, it is undetermined."""
    together, is_one, is_none = _togetherness(s, waves)
    irrelevance, depth, explained = _irrelevance(s, waves), *_modulation(s, waves)
    evidence = (together, irrelevance, depth, explained, *_isolation(s))
    depends = irrelevance.value < IRRELEVANT
    is_modulated = depth.value >= DEEP and explained.value >= WELL
    if is_one and depends:
        return ClockOrPizza(PIZZA, evidence)
    if is_none and not depends and not is_modulated:
        return ClockOrPizza(CLOCK, evidence)
    return ClockOrPizza(None, evidence)


def _togetherness(s: Snapshot, waves: Waves) -> tuple[Evidence, bool, bool]:
    """Whether neurons see a sum of vectors: the number, whether it says so, and whether not."""
    views = s.lens.views
    if views["a"] is views["b"]:
        try:
            value, by_symbols = gradient_symmetricity(s), symmetricity_by_symbols(s)
        except NotApplicable:
            pass
        else:
            need = Between("clock", SYMMETRIC, "pizza", SYMMETRIC)
            controls = {"along the embeddings": by_symbols}
            evidence = Evidence(OfAngles.SYMMETRICITY, value, need=need, controls=controls)
            is_one = value > SYMMETRIC or by_symbols > SAME
            return evidence, is_one, not is_one
    value = _one_sum(waves)
    evidence = Evidence(OfAngles.ONE_SUM, value, need=Between("clock", NO_SUM, "pizza", ONE_SUM))
    return evidence, value >= ONE_SUM, value <= NO_SUM


def _one_sum(waves: Waves) -> float:
    """|Σ 2αα' exp(i(φ - φ'))| / Σ (α² + α'²) over the neurons of each key frequency: 1 where all
    see the same sum of the two circles, which may be turned against each other."""
    shared = size = 0.0
    for k in filter(None, waves.keys):
        x = waves.phases(k)
        weight = x.c.abs()
        shared += float((2 * x.a * x.b.conj() * weight).sum().abs())
        size += float(((x.a.abs().square() + x.b.abs().square()) * weight).sum())
    return shared / max(size, 1e-300)


@dataclass(frozen=True, eq=False)
class Distances:
    """The pairs that have places, and how far apart these are."""

    pairs: Int[Tensor, " pair"]  # their numbers
    distance: Int[Tensor, " distance"]
    at: Int[Tensor, " pair"]  # which of the distances each pair is at

    @cached_property
    def count(self) -> Float[Tensor, " distance"]:
        return torch.bincount(self.at).double()

    def mean(self, x: Float[Tensor, " pair"]) -> Float[Tensor, " distance"]:
        """The mean over the pairs of each distance."""
        return torch.zeros(len(self.distance), dtype=x.dtype).index_add_(0, self.at, x) / self.count


@lru_cache(maxsize=8)
def _distances(circle: Circle, task: Task) -> Distances:
    x, y = circle.places(task)
    pairs = ((x >= 0) & (y >= 0)).nonzero()[:, 0]
    distance, at = ((x - y)[pairs] % circle.n).unique(return_inverse=True)
    return Distances(pairs, distance, at)


def _irrelevance(s: Snapshot, waves: Waves) -> Evidence:
    """Zhong et al.'s distance irrelevance (Def. 4.2) on the circle, over the pairs that exist: the
    deviation of the right logit among pairs of one distance x - y, over that among all."""
    d = _distances(waves.circle, s.task)
    right = s.logits.double().gather(1, s.task.answers[:, None])[d.pairs, 0]
    spread = d.mean((right - d.mean(right)[d.at]).square()).sqrt()
    within = (spread * d.count).sum() / d.count.sum()
    value = float(within / right.std(correction=0).clamp(min=1e-300))
    need = Between("pizza", IRRELEVANT, "clock", IRRELEVANT)
    return Evidence(OfAngles.IRRELEVANCE, value, need=need)


def _modulation(s: Snapshot, waves: Waves) -> tuple[Evidence, Evidence]:
    """How A_k(d), the logits along cos w_k(x + y - z) at distance d = x - y, follows
    u + v |cos(w_k d/2)|: the depth v/(u + v), 1 in an ideal pizza and 0 in a clock, and the share
    of A_k's variance over d that it explains. Each key as strong as its A_k is. Accompanying
    pizzas, at 2k, cancel it: a small depth does not speak against a pizza."""
    d, circle = _distances(waves.circle, s.task), waves.circle
    x, y = (place[d.pairs] for place in circle.places(s.task))
    keys, depth, explained, total = [k for k in waves.keys if k], 0.0, 0.0, 0.0
    ofs = [circle.of_answers(k) for k in keys]
    along = centred(s.logits[d.pairs]) @ torch.cat(ofs, dim=1)
    for k, at_answers in zip(keys, along.split([x.shape[1] for x in ofs], dim=1), strict=True):
        wave = circle.wave(k, torch.arange(circle.n))[(x + y) % circle.n]
        A = d.mean((wave * at_answers).sum(dim=1))
        form = (math.pi * k / circle.n * d.distance.double()).cos().abs()
        X = torch.stack([torch.ones_like(form), form], dim=1) * d.count.sqrt()[:, None]
        u, v = (torch.linalg.pinv(X) @ (A * d.count.sqrt())).tolist()
        mean = (A * d.count).sum() / d.count.sum()
        varies = float(((A - mean).square() * d.count).sum())
        rest = float(((A - u - v * form).square() * d.count).sum())
        weight = float(mean.square())
        depth += weight * (v / (u + v) if abs(u + v) > 1e-300 else 0.0)
        explained += weight * (1 - rest / max(varies, 1e-300))
        total += weight
    total = max(total, 1e-300)
    return (
        Evidence(OfAngles.DEPTH, depth / total, why="an ideal pizza has 1"),
        Evidence(OfAngles.DEPTH_EXPLAINS, explained / total),
    )


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
    return (Evidence(OfAngles.ISOLATED, value, controls=chance, of=strongest),)

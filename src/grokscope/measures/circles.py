"""The circles of an embedding by its principal components, as Zhong et al. 2023 isolate them for
their Table 1; `pizza.py` isolates them by frequency, which two equally strong ones do not mix.

A circle is the plane of components 2u - 1 and 2u of the centred embedding. Alone, it leaves the
embeddings their mean and that plane, and everything after them is computed anew. Its frequency is
that of the largest share of the plane.

Axes: pair = one input; c = an answer; symbol; d = an embedding's width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.splits import fourier
from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.measures.pizza import (
    clock_form,
    explained,
    logits_with,
    modulus_of,
    pizza_form,
    shared_embedding,
)
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot, once_per_snapshot

COUNT = 3  # circles that their Table 1 has


@dataclass(frozen=True, eq=False)
class Circle:
    """The u-th pair of principal components: its plane, the frequency that it holds most of, and
    the logits of it alone."""

    name: str
    k: int
    plane: Float[Tensor, "d 2"]
    logits: Float[Tensor, "pair c"]


@once_per_snapshot
def circles(s: Snapshot) -> list[Circle]:
    """The first three. Raises `NotApplicable` unless one embedding of both operands has as many
    components, and the task is addition."""
    p, E = modulus_of(s), _embedding(s)
    if min(E.shape) < 2 * COUNT:
        raise NotApplicable(f"an embedding of shape {tuple(E.shape)} has under {COUNT} circles.")
    V = torch.linalg.svd(E - E.mean(dim=0), full_matrices=False)[2]
    return [_circle(s, p, E, u, V[2 * u : 2 * u + 2].T) for u in range(COUNT)]


def _embedding(s: Snapshot) -> Float[Tensor, "symbol d"]:
    """The embedding as the network passes it on."""
    shared_embedding(s)
    x = s.activation("embed").double()
    if x.ndim != 3:
        raise NotApplicable(f"{s.model.name} has no activation `embed` by position.")
    E = x.new_zeros(s.task.n_symbols, x.shape[-1])
    E[s.task.inputs[:, 0]] = x[:, 0]
    return E


def _circle(s: Snapshot, p: int, E: Tensor, u: int, plane: Float[Tensor, "d 2"]) -> Circle:
    def alone(x: Float[Tensor, "symbol d"]) -> Float[Tensor, "symbol d"]:
        Q, mean = plane.to(x), x.mean(dim=0)
        return mean + (x - mean) @ Q @ Q.T

    power = fourier(p).power(E @ plane)
    k = int(power[1:].argmax()) + 1  # after the constant
    return Circle(f"circle {u + 1}", k, plane, logits_with(s, alone))


@measure(invariant=True)
def circle_frequency(s: Snapshot) -> dict[str, float]:
    """The frequency that each of the first three circles holds most of. Chance: any."""
    return {x.name: float(x.k) for x in circles(s)}


@measure(invariant=True)
def circle_accuracy(s: Snapshot) -> dict[str, float]:
    """Accuracy over all pairs of each circle alone (Zhong et al. 2023; their pizza A .35, .33, .26;
    one circle of a clock answers hardly more than chance). Chance: 1/p."""
    return {x.name: accuracy(x.logits, s.task.answers) for x in circles(s)}


@measure(invariant=True)
def circle_clock_fve(s: Snapshot) -> dict[str, float]:
    """How well cos w_k(a+b-c) fits the logits of each circle alone, as 2ρ - 1 (Zhong et al. 2023,
    Table 1; their A .754, .756, .754). Untrained: -1, give or take .05."""
    return _fve(s, clock_form)


@measure(invariant=True)
def circle_pizza_fve(s: Snapshot) -> dict[str, float]:
    """The same of a pizza's logits (their A .983, .983, .984). Untrained: -1, give or take .05."""
    return _fve(s, pizza_form)


def _fve(s: Snapshot, form: Callable[[int, int], Float[Tensor, "a b c"]]) -> dict[str, float]:
    p, (a, b) = modulus_of(s), s.task.inputs.T
    return {x.name: explained(x.logits, form(x.k, p)[a, b]) for x in circles(s)}

"""The ideal network of a ρ-set proof, and how it and the network look at some pairs.

Axes: pair = one input; g = an element; neuron; z = an answer; bc = a pair of points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import Activation
from grokscope.algebra.groups import Group
from grokscope.circuits.rho_set.claim import Claim
from grokscope.circuits.rho_set.summands import (
    DoubleSum,
    Measured,
    Refused,
    character,
    double_sum,
    sign_sum,
)
from grokscope.verify.network import in_range


@dataclass(frozen=True, eq=False)
class Seen:
    """At some pairs the network's activations h, the ideal's ĥ, and for each double sum how uneven
    it is: H_bc - H, and what multiplies any σ(z)."""

    h: Float[Tensor, "*pair neuron"]
    h_ideal: Float[Tensor, "*pair neuron"]
    uneven: Sequence[Float[Tensor, "*pair _"]]  # bc of each
    lone: Float[Tensor, "*pair"]

    @property
    def mean(self) -> "Seen":
        h, h_ideal, *uneven = (v.mean(dim=0) for v in (self.h, self.h_ideal, *self.uneven))
        return Seen(h, h_ideal, uneven, self.lone.mean(dim=0))


@dataclass(frozen=True, eq=False)
class Ideal:
    """All parts together, neuron by neuron. Of a neuron that no part claims the ideal has the
    activation and no weight."""

    L: Float[Tensor, "g neuron"]
    R: Float[Tensor, "g neuron"]
    W: Float[Tensor, "neuron z"]
    act: Activation
    is_claimed: Bool[Tensor, " neuron"]
    sums: Sequence[DoubleSum]
    at_e: Float[Tensor, " z"]
    size: Float[Tensor, ""]
    loose: Float[Tensor, ""]  # what of the biases and signs is not in it

    @property
    def terms(self) -> int:
        return sum(len(one.M) for one in self.sums)

    def seen(
        self, h: Float[Tensor, "pair neuron"], x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]
    ) -> Seen:
        """The ideal at pairs where the network's activations are h."""
        h_ideal = torch.where(self.is_claimed, self.act(self.L[x] + self.R[y]), h)
        both = [one.uneven(x, y) for one in self.sums]
        lone = sum((lone for _, lone in both), h.new_zeros(len(x)))
        return Seen(h, h_ideal, [uneven for uneven, _ in both], lone)


def ideal(*, group: Group, parts: Sequence[Claim], fitted: Measured) -> Ideal:
    """The ideal nearest to the network, or nearly so."""
    narrow = [part for part in parts if part.rho.shape[1] == 1]
    sigmas = [character(group=group, rho=part.rho) for part in narrow]
    wide = [part for part in parts if part.rho.shape[1] > 1]
    sums = [double_sum(group=group, part=part, fitted=fitted, sigmas=sigmas) for part in wide]
    bias, signs = fitted.bias, []
    for k, (part, sigma) in enumerate(zip(narrow, sigmas, strict=True)):
        lone = bias @ sigma / group.order
        bias = bias - lone * sigma
        lone = lone + sum(one.lone[k] for one in sums)
        signs.append(sign_sum(part=part, sigma=sigma, fitted=fitted, lone=lone))
    L, R, W = (torch.zeros_like(v) for v in (fitted.L, fitted.R, fitted.W))
    is_claimed = torch.zeros(len(W), dtype=torch.bool)
    for one in (*sums, *signs):
        L[:, one.neurons], R[:, one.neurons], W[one.neurons] = one.L, one.R, one.W
        is_claimed[one.neurons] = True
    at_e = sum((one.at_e for one in (*sums, *signs)), torch.zeros_like(bias))
    size = sum((one.size for one in (*sums, *signs)), bias.new_zeros(()))
    if not all(in_range(v) for v in (L, R, W, at_e, size)):
        raise Refused("a weight of the ideal is out of range")
    loose = bias.amax() + sum(one.off for one in signs)
    return Ideal(L, R, W, fitted.act, is_claimed, sums, at_e, size, loose)

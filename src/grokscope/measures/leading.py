"""Whether cosines or sines lead among the frequencies of a weight, apart for each (the claim of
Furuta et al. 2024, first version: "cosine-biased components at all frequencies").

FCR says how unequal the two are, and not which is larger. With μ_k and ν_k the cosine and sine
coefficients of frequency k along the symbols, cosine leads where |μ_k| > |ν_k|, and its share of
the energy is Σ|μ_k|² / Σ(|μ_k|² + |ν_k|²).

The null keeps what each frequency holds and turns it by a random angle, as if it had begun at
another symbol: μ cos θ + ν sin θ in the place of μ. There cosine leads at half of the frequencies,
each by a coin of its own. A few frequencies that hold nearly all, as of addition, have a wide null.

Axes: symbol; d = any width; k = a frequency that has both; draw.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.splits import fourier
from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.measures.weights import symbol_weights
from grokscope.snapshot import Snapshot, once_per_snapshot

DRAWS = 400  # of the null
SPAN = 0.95  # of the null, between `low` and `high`


@dataclass(frozen=True)
class Leading:
    """What cosines and sines hold of one weight."""

    cosine: Float[Tensor, " k"]  # |μ_k|²
    sine: Float[Tensor, " k"]  # |ν_k|²
    null: Float[Tensor, " draw"]  # the cosines' share of the energy at random angles

    @property
    def count(self) -> int:
        """At how many frequencies cosine leads."""
        return int((self.cosine > self.sine).sum())

    @property
    def share(self) -> float:
        """Of the frequencies."""
        return self.count / max(1, len(self.cosine))

    @property
    def energy(self) -> float:
        """The cosines' share of the energy."""
        total = float((self.cosine + self.sine).sum())
        return float(self.cosine.sum()) / total if total > 0 else 0.5

    @property
    def span(self) -> tuple[float, float]:
        """Where 95 % of the null's shares of the energy lie."""
        low, high = self.null.quantile(torch.tensor([(1 - SPAN) / 2, (1 + SPAN) / 2]).double())
        return float(low), float(high)

    @property
    def chance(self) -> float:
        """How often coins lead, or trail, at as many frequencies or more."""
        n, most = len(self.cosine), max(self.count, len(self.cosine) - self.count)
        return min(1.0, 2 * sum(math.comb(n, i) for i in range(most, n + 1)) / 2**n)


def leading(W: Float[Tensor, "symbol d"]) -> Leading:
    """The energy of cosines and sines along the symbols of a weight, frequency by frequency."""
    pairs = [Q.T @ W.double() for Q in fourier(len(W)).parts.values() if Q.shape[1] == 2]
    if not pairs:
        raise NotApplicable(f"{len(W)} symbols have no sine, and nothing to compare.")
    both = torch.stack(pairs)  # k x {cos, sin} x d
    gram = both @ both.mT
    cosine, sine, mixed = gram[:, 0, 0], gram[:, 1, 1], gram[:, 0, 1]
    generator = torch.Generator().manual_seed(0)
    angle = 2 * math.pi * torch.rand(DRAWS, len(both), generator=generator, dtype=torch.float64)
    turned = angle.cos().square() * cosine + angle.sin().square() * sine
    turned = turned + 2 * angle.cos() * angle.sin() * mixed
    total = (cosine + sine).sum().clamp(min=1e-300)
    return Leading(cosine, sine, turned.sum(dim=1) / total)


@once_per_snapshot
def leading_of(s: Snapshot) -> dict[str, Leading]:
    """The same of each folded weight. Raises `NotApplicable` where symbols are not residues."""
    if s.task.modulus is None:
        raise NotApplicable(f"the symbols of `{s.task.name}` are not residues, so no frequencies.")
    return {role: leading(W) for role, W in symbol_weights(s).items()}


@measure
def cosine_leads(s: Snapshot) -> dict[str, float]:
    """At which share of the additive frequencies of each folded weight cosine has more energy than
    sine (Furuta et al. 2024, v1). Chance: .5, by a coin for each frequency."""
    return {role: x.share for role, x in leading_of(s).items()}


@measure
def cosine_energy(s: Snapshot) -> dict[str, float]:
    """The cosines' share of the energy of all additive frequencies of each folded weight. Chance:
    .5; how widely that scatters, `Leading.null` says."""
    return {role: x.energy for role, x in leading_of(s).items()}

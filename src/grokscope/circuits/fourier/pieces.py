"""What each neuron has of each wave: of a and of b, of a+b and of a-b, and of the answer. They are
the pieces that a Fourier circuit is printed and counted by: two numbers each, a size and a phase.

Where a and b have the same embedding, or nearly, a neuron has the same wave of both: so the waves
of a and of b are looked at as what they share, and what they differ by.

Axes: neuron; inner, outer as in `waves`; column = cos, sin of the piece's wave, or where there is
no place what stands for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.circuits.fourier.waves import Waves, n_functions

Columns = Float[Tensor, "column neuron"]
SHARED, APART, PLUS, MINUS = range(4)  # the pieces of a wave, in this order


@dataclass(frozen=True, eq=False)
class Pieces:
    """A Fourier circuit taken apart. Of frequency 0, which has no a+b, the third piece is what is
    added where neither operand has a place."""

    waves: Waves
    inner: dict[int, list[Columns]]  # by frequency; without products the first two of each
    outer: dict[int, Columns]  # by key

    @classmethod
    def of(cls, waves: Waves) -> "Pieces":
        each = zip(waves.frequencies, waves.by_frequency, strict=True)
        keys = zip(waves.keys, waves.by_key, strict=True)
        return cls(waves, {k: _apart(x, k) for k, x in each}, {k: x.T for k, x in keys})

    @cached_property
    def together(self) -> Waves:
        """The circuit that they are."""
        inner = torch.cat([self.waves.inner[:1], *map(_together, self.inner.values())])
        outer = torch.cat([x.T for x in self.outer.values()], dim=1)
        return replace(self.waves, inner=inner, rows=outer)


def _apart(x: Float[Tensor, "inner neuron"], k: int) -> list[Columns]:
    """cos x cos y is the mean of cos(x+y) and cos(x-y), and so on."""
    d = n_functions(k)
    of_a, of_b, both = x[:d], x[d : 2 * d], x[2 * d :]
    first = [(of_a + of_b) / 2, (of_a - of_b) / 2]
    if len(both) < 4:
        return [*first, both] if len(both) else first
    cos_cos, cos_sin, sin_cos, sin_sin = both / 2
    plus = torch.stack([cos_cos - sin_sin, cos_sin + sin_cos])
    return [*first, plus, torch.stack([cos_cos + sin_sin, sin_cos - cos_sin])]


def _together(each: Sequence[Columns]) -> Float[Tensor, "inner neuron"]:
    first = [each[SHARED] + each[APART], each[SHARED] - each[APART]]
    if len(each) < 4:
        return torch.cat([*first, *each[2:]])
    (cos_plus, sin_plus), (cos_minus, sin_minus) = each[PLUS:]
    both = [cos_plus + cos_minus, sin_plus - sin_minus, sin_plus + sin_minus, cos_minus - cos_plus]
    return torch.cat([*first, torch.stack(both)])


def has(piece: Columns) -> Bool[Tensor, " neuron"]:
    """Which neurons have anything of it."""
    return (piece != 0).any(dim=0)


def count(waves: Waves) -> int:
    """How many numbers are printed of it. For each neuron that is read out a constant, if it has
    one, and for each of its waves a frequency and what the pieces take: what a and b share counts
    once, or where they differ for each of them. And what is added whatever the pair."""
    x, is_read = Pieces.of(waves), waves.is_read
    total = int(((waves.inner[0] != 0) & is_read).sum())
    for k, each in x.inner.items():
        there = [has(piece) & is_read for piece in each]
        there[SHARED] |= there[APART]
        total += int(torch.stack(there).any(dim=0).sum())
        total += n_functions(k) * sum(int(mine.sum()) for mine in there)
    for k, piece in x.outer.items():
        total += (1 + n_functions(k)) * int(has(piece).sum())
    return total + (len(waves.bias) if waves.bias.any() else 0)


def owners(waves: Waves) -> dict[int, Bool[Tensor, " neuron"]]:
    """By key the neurons that are read out most strongly there."""
    power = torch.stack([x.square().sum(dim=1) for x in waves.by_key])
    owner, is_read = power.argmax(dim=0), power.sum(dim=0) > 0
    return {k: (owner == i) & is_read for i, k in enumerate(waves.keys)}

"""A network rebuilt of waves: each neuron follows one wave of a and of b, or a few, and is read out
as the wave of the answer whose phase is the sum of theirs.

Symbols and answers stand on a circle of n places (for multiplication: their discrete logarithms).
With w_k = 2πk/n and x, y, z the places of a, b and c, a neuron is one of

    act(β + Σ_k α_k cos(w_k x + φ_k) + α'_k cos(w_k y + φ'_k))      "waves before the nonlinearity"
    a polynomial of degree 2 in cos and sin of w_k x and w_k y      (Nanda et al. 2023, 4.3)
    act of such a polynomial                                        (where attention mixes a and b)

and its row of the output map is Σ_k B_k cos(w_k z + ψ_k). What makes the answer largest at
z = x + y is the law of phases ψ = φ + φ'. The clock, the pizza (Zhong et al. 2023) and the doubled
rotation of the PAIR explorable (φ = φ' = θ, ψ = 2θ) are all of this form. A pizza's accompanying
frequency 2k may be in a neuron that is read out at k.

Of the path past the hidden layer (the residual skip of a Transformer) only its mean over pairs is
kept: a number for each answer, with whatever else is the same for every pair.

Axes: pair = one input; c = an answer; neuron; column = a function of the pair or of the answer,
inner of the pair, outer of the answer; wave = a frequency, or what has no place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import IDENTITY, Activation
from grokscope.circuits.circle import Circle
from grokscope.task import Task


@dataclass(frozen=True, eq=False)
class Waves:
    """`act` of waves of a and b (with their products where `has_products`) for each neuron, and
    waves of the answer for each neuron's row of the output map."""

    circle: Circle
    act: Activation
    has_products: bool
    frequencies: tuple[int, ...]  # k of the hidden layer
    inner: Float[Tensor, "inner neuron"]  # of 1, then of each wave its functions of the pair
    keys: tuple[int, ...]  # the frequencies k of the output map
    rows: Float[Tensor, "neuron outer"]
    bias: Float[Tensor, " c"]  # what is the same for every pair
    summed: list[tuple[Tensor, Tensor]] = field(default_factory=list, init=False)  # see `_sums`

    @property
    def is_read(self) -> Bool[Tensor, " neuron"]:
        """Which neurons have a row in the output map."""
        return (self.rows != 0).any(dim=1)

    def hidden(self, task: Task) -> Float[Tensor, "pair neuron"]:
        """The activations of every neuron."""
        of_a, of_b = self._of_places
        x, y = self.circle.places(task)
        if not self.has_products:
            return self.act(of_a[x] + of_b[y])  # the place -1 of none is the last row
        if not task.is_table:
            return self.act(self._columns(task) @ self.inner[1:] + self.inner[0])
        x, y = self.circle.a, self.circle.b
        products = self.circle.waves(self.frequencies, y) @ self._by_column_of_b[x]
        return self.act((products + of_a[x][:, None] + of_b[y]).flatten(0, 1))

    def output(self) -> Float[Tensor, "neuron c"]:
        """The map from neurons to answers."""
        return self.rows @ self._of_answers.T

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return self._sums(task) @ self._of_answers.T + self.bias

    def _sums(self, task: Task) -> Float[Tensor, "pair outer"]:
        """The rows of the output map, summed over the neurons; kept for the task last asked."""
        if not self.summed or self.summed[0][0] is not task.inputs:
            if self.act is IDENTITY:  # the sum over neurons first: the same, and quick
                inner = self.inner @ self.rows
                sums = self._columns(task) @ inner[1:] + inner[0]
            else:
                sums = self.hidden(task) @ self.rows
            self.summed[:] = [(task.inputs, sums)]
        return self.summed[0][1]

    def with_bias(self, bias: Float[Tensor, " c"]) -> "Waves":
        """The same with this for every pair."""
        other = replace(self, bias=bias)
        other.summed[:] = self.summed
        return other

    def read_out_at(self, keys: Collection[int]) -> "Waves":
        """The same with these waves of the output map alone."""
        kept = [k for k in self.keys if k in keys]
        widths = torch.tensor([n_functions(k) for k in self.keys])
        is_kept = torch.tensor([k in kept for k in self.keys], dtype=torch.bool)
        here = is_kept.repeat_interleave(widths)
        other = replace(self, keys=tuple(kept), rows=self.rows[:, here])
        other.summed[:] = [(inputs, sums[:, here]) for inputs, sums in self.summed]
        return other

    def phases(self, k: int) -> "Phases":
        """The amplitudes and phases of all neurons at a key frequency k > 0."""
        x = self.by_frequency[self.frequencies.index(k)]
        a, b = _polar(x[:2].T), _polar(x[2:4].T)
        c = _polar(self.by_key[self.keys.index(k)])
        made = a * b / (a * b).abs().sqrt().clamp(min=1e-300)
        if not self.has_products:
            return Phases(a, b, made, c)
        cos_cos, cos_sin, sin_cos, sin_sin = x[4:]
        own = _polar(torch.stack([cos_cos - sin_sin, cos_sin + sin_cos], dim=1) / 2)
        return Phases(a, b, own if self.act is IDENTITY else own + made, c)

    @property
    def by_frequency(self) -> Sequence[Float[Tensor, "_ neuron"]]:
        """The coefficients of each wave's functions of a, of b and of both, neuron by neuron."""
        return self.inner[1:].split([_width(k, self.has_products) for k in self.frequencies])

    @property
    def by_key(self) -> Sequence[Float[Tensor, "neuron _"]]:
        """The coefficients of each wave of the output map."""
        return self.rows.split([n_functions(k) for k in self.keys], dim=1)

    def _columns(self, task: Task) -> Float[Tensor, "pair column"]:
        blocks = functions_of_pairs(self.circle, self.frequencies, task, self.has_products)
        return torch.cat(blocks, dim=1)

    @cached_property
    def _of_places(self) -> tuple[Float[Tensor, "place neuron"], Float[Tensor, "place neuron"]]:
        """What a neuron gets of each place of a, with the constant, and of each of b; the last row
        is that of what has none."""
        waves = [self.circle.wave(k, self._every_place) for k in self.frequencies]
        of_a, of_b = self.inner[0].expand(len(waves[0]), -1), self.inner.new_zeros(())
        for wave, x in zip(waves, self.by_frequency, strict=True):
            d = wave.shape[1]
            of_a, of_b = of_a + wave @ x[:d], of_b + wave @ x[d : 2 * d]
        return of_a, of_b

    @cached_property
    def _by_column_of_b(self) -> Float[Tensor, "place column neuron"]:
        """What each place of a multiplies each wave of b with."""
        found, every = [], self._every_place
        for k, x in zip(self.frequencies, self.by_frequency, strict=True):
            d = n_functions(k)
            both = x[2 * d :].unflatten(0, (d, d))
            found.append(torch.einsum("pi,ijn->pjn", self.circle.wave(k, every), both))
        return torch.cat(found, dim=1)

    @property
    def _every_place(self) -> Int[Tensor, " place"]:
        return torch.cat([torch.arange(self.circle.n), torch.tensor([-1])])

    @cached_property
    def _of_answers(self) -> Float[Tensor, "c column"]:
        return torch.cat([self.circle.of_answers(k) for k in self.keys], dim=1)


@dataclass(frozen=True, eq=False)
class Phases:
    """α cos(w_k x + φ), α' cos(w_k y + φ') and B cos(w_k z + ψ), as complex numbers α exp(iφ); and
    what moves with w_k(x + y): the neuron's own wave of it, and before a nonlinearity the wave that
    this makes, at the phase φ + φ' and about as strong as the weaker of the two."""

    a: Tensor
    b: Tensor
    both: Tensor
    c: Tensor


def functions_of_pairs(
    circle: Circle, frequencies: Sequence[int], task: Task, has_products: bool
) -> list[Float[Tensor, "pair _"]]:
    """Each wave's functions of the place of a, of the place of b, and if asked their products."""
    a, b = circle.places(task)

    def of_pairs(k: int) -> Float[Tensor, "pair _"]:
        of_a, of_b = circle.wave(k, a), circle.wave(k, b)
        both = [(of_a[:, :, None] * of_b[:, None]).flatten(1)] if has_products else []
        return torch.cat([of_a, of_b, *both], dim=1)

    return [
        circle.columns.get(task, (k, has_products), lambda k=k: of_pairs(k)) for k in frequencies
    ]


def n_functions(k: int) -> int:
    """How many functions a wave is: cos and sin; of what has no place, one."""
    return 2 if k else 1


def _width(k: int, has_products: bool) -> int:
    d = n_functions(k)
    return 2 * d + d * d * has_products


def _polar(x: Float[Tensor, "neuron 2"]) -> Tensor:
    """α exp(iφ) of α cos(x + φ), given by its coefficients of cos x and sin x."""
    return torch.complex(x[:, 0], -x[:, 1])

"""Waves with the few numbers that the logits would miss.

A neuron's waves of a and b, of a+b, of a-b and of the answer are pieces of two numbers each, a size
and a phase. The weakest are left out, as many as can be while the logits are explained as well, all
but for a fiftieth of what is missed, and the neurons and answers too. If what is left is still
large beside the weights, more are left out, unless too much of the logits would be missed.

Axes: pair = one input; c = an answer; neuron; column as in `pieces`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.canonical import weights_of
from grokscope.circuits.fourier.pieces import PLUS, Columns, Pieces, count
from grokscope.circuits.fourier.waves import Waves
from grokscope.measures.weights import output_map
from grokscope.score import agreeing, centred, explained_variance, said
from grokscope.snapshot import Snapshot
from grokscope.task import Task

PAIRS = 2_000  # at most, on which it is seen what the logits would miss
MISSED = 1.02  # times as much of the logits may be missed as with all pieces
NOTHING = 1e-5  # of the logits: so much may be missed in any case
SAME = 0.995  # of the pairs must be answered as the network does, where all pieces do so
NEURONS = 0.9  # of the neurons' variance is kept, where all pieces explain as much
LARGE = 0.4  # of the weights that they stand for
ENOUGH = 0.92  # of the logits, to be explained in fewer numbers than that
NEARLY = 1.2  # times as much missed, at most, where that is not reached
FAINT, STEPS = 1e-8, 10  # the least strength that is tried, of the largest; halvings of the range


def lean(s: Snapshot, waves: Waves) -> Waves:
    """The waves without the pieces that the logits of a network would not miss, and with what is
    then the same for every pair, where they would miss that."""
    seen, strength = Seen.of(s, waves), Strength.of(waves, s.task)
    last, _ = strength.change(lambda x: not seen.misses(x))
    kept, few = strength.above(last), LARGE * sum(W.numel() for W in weights_of(s).values())
    if count(kept) > few > 0:
        _, first = strength.change(lambda x: count(x) > few)
        small = strength.above(first)
        kept = small if seen.explains(small, instead=kept) else kept
    biased = with_bias(s, kept)
    is_missed = seen.missed(kept, with_bias=False) > max(MISSED * seen.missed(kept), NOTHING)
    return biased if is_missed else kept


def with_bias(s: Snapshot, waves: Waves) -> Waves:
    """The waves with what is the same for every pair in the network and not in them, less its
    mean."""
    bias = (s.logits.double() - waves.logits(s.task)).mean(dim=0)
    return waves.with_bias(bias - bias.mean())


@dataclass(frozen=True, eq=False)
class Seen:
    """A network on some of its pairs, and what all pieces miss of it there."""

    task: Task
    logits: Float[Tensor, "pair c"]  # centred
    answers: Int[Tensor, " pair"]
    post: Float[Tensor, "pair neuron"]  # less its mean
    weight: Float[Tensor, " neuron"]
    whole: Waves

    @classmethod
    def of(cls, s: Snapshot, whole: Waves) -> "Seen":
        order = torch.randperm(len(s.task.inputs), generator=torch.Generator().manual_seed(0))
        some = order[:PAIRS].sort().values
        logits, post = centred(s.logits[some]), s.exact_post[some]
        weight = centred(output_map(s)).square().sum(dim=1)
        return cls(s.task.at(some), logits, said(logits), post - post.mean(dim=0), weight, whole)

    def missed(self, waves: Waves, with_bias: bool = True) -> float:
        """The share of the logits that is missed."""
        rest = self._rest(waves)
        rest = rest - rest.mean(dim=0) if with_bias else rest
        return float(rest.square().sum() / self.logits.square().sum().clamp(min=1e-300))

    def same(self, waves: Waves) -> float:
        """The share of the pairs that are answered as the network does."""
        rest = self._rest(waves)
        return agreeing(self.answers, said(self.logits - rest + rest.mean(dim=0)))

    def neurons(self, waves: Waves) -> float:
        """The share of the neurons' variance that is explained, each as strong as it is read."""
        claimed = waves.hidden(self.task)
        return explained_variance(self.post, claimed - claimed.mean(dim=0), self.weight)

    def misses(self, waves: Waves) -> bool:
        """Whether the logits, or the neurons, miss what these lack."""
        allowed, need, of_neurons = self._by_all
        enough = self.missed(waves) <= allowed and self.same(waves) >= need
        return not enough or self.neurons(waves) < of_neurons

    def explains(self, waves: Waves, instead: Waves) -> bool:
        """Whether the logits are explained well enough, or nearly as well as otherwise."""
        missed = self.missed(waves)
        enough = missed <= 1 - ENOUGH or missed <= NEARLY * self.missed(instead)
        return enough and self.same(waves) >= self._by_all[1]

    @cached_property
    def _by_all(self) -> tuple[float, float, float]:
        missed, same = self.missed(self.whole), self.same(self.whole)
        of_neurons = min(NEURONS, self.neurons(self.whole))
        return max(MISSED * missed, NOTHING), min(SAME, same), of_neurons

    def _rest(self, waves: Waves) -> Float[Tensor, "pair c"]:
        return self.logits - centred(waves.logits(self.task))


@dataclass(frozen=True, eq=False)
class Strength:
    """How much each piece of each neuron moves the logits: its variance over the pairs as the
    output map has it, summed over the answers. What there is without a place is never weak, nor is
    the constant of a polynomial."""

    pieces: Pieces
    constant: Float[Tensor, " neuron"]
    inner: dict[int, list[Float[Tensor, " neuron"]]]
    outer: dict[int, Float[Tensor, " neuron"]]

    @classmethod
    def of(cls, waves: Waves, task: Task) -> "Strength":
        x, read = Pieces.of(waves), centred(waves.output()).square().sum(dim=1)
        moves, constant = waves.hidden(task).var(dim=0, correction=0), waves.inner[0].square()
        inner = {
            k: [_varies(piece, i >= PLUS) for i, piece in enumerate(each)]
            for k, each in x.inner.items()
        }
        whole = torch.stack([v for k, each in inner.items() if k for v in each]).sum(dim=0)
        passed = read * moves / whole.clamp(min=1e-300)  # by the nonlinearity
        of_place = {k: [v * passed if k else v / 0.0 for v in each] for k, each in inner.items()}
        n = len(waves.bias)
        outer = {
            k: _varies(piece, True) * n * moves if k else moves / 0.0
            for k, piece in x.outer.items()
        }
        return cls(x, constant / 0.0 if waves.has_products else constant * passed, of_place, outer)

    def above(self, least: float) -> Waves:
        """The pieces that are at least so strong."""
        x = self.pieces
        constant = x.waves.inner[:1] * (self.constant >= least)
        inner = {
            k: [p * (v >= least) for p, v in zip(each, self.inner[k], strict=True)]
            for k, each in x.inner.items()
        }
        outer = {k: p * (self.outer[k] >= least) for k, p in x.outer.items()}
        waves = replace(x.waves, inner=torch.cat([constant, x.waves.inner[1:]]))
        return Pieces(waves, inner, outer).together

    def change(self, holds: Callable[[Waves], bool]) -> tuple[float, float]:
        """The least strengths between which something ceases to hold of the pieces above."""
        high = math.log(self._largest)
        low = high + math.log(FAINT)
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if holds(self.above(math.exp(middle))) else (low, middle)
        return math.exp(low), math.exp(high)

    @property
    def _largest(self) -> float:
        inner = [v for each in self.inner.values() for v in each]
        every = torch.cat([self.constant, *inner, *self.outer.values()])
        return float(every[every.isfinite()].max().clamp(min=1e-200))


def _varies(piece: Columns, is_one: bool) -> Float[Tensor, " neuron"]:
    """The variance of one wave, or of one of a and one of b."""
    return piece.square().sum(dim=0) / (2 if is_one else 1)

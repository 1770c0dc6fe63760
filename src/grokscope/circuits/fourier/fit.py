"""The waves that fit a network best.

A neuron has the waves that hold at least .1 % of its variance, by least squares over the pairs that
exist: before the nonlinearity, as a sum or a polynomial, or as a polynomial after it; and of these
those that the logits would miss (see `lean`). Of the three forms that is taken which has fewest
numbers and answers as the network does, unless another misses less than half as much of the logits.
A neuron of no such wave is its mean.

Axes: pair = one input; c = an answer; neuron; column = a function of the pair or of the answer,
inner of the pair, outer of the answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.activations import IDENTITY, Activation
from grokscope.canonical import activation_of
from grokscope.circuits.circle import Circle, circle_of
from grokscope.circuits.fourier.lean import NOTHING, lean
from grokscope.circuits.fourier.pieces import count
from grokscope.circuits.fourier.squares import Design, design_of_pairs, least_squares
from grokscope.circuits.fourier.waves import Waves, n_functions
from grokscope.errors import NotApplicable
from grokscope.measures.keys import key_parts
from grokscope.measures.weights import output_map
from grokscope.score import agreement, centred, explained_variance
from grokscope.snapshot import Snapshot
from grokscope.task import Task

PART = 0.001  # of the logits: a frequency below the keys' 1 % can still decide answers
ENOUGH, MOST = 0.99, 0.1  # of the pairs to be answered alike; of the logits, at most, to be missed
WORTH = 2  # times as much must be missed before a form of more numbers is taken


def fit(snapshot: Snapshot) -> Waves:
    """The waves of the hidden layer and of the output map at the frequencies that the logits have,
    and in the hidden layer also at their doubles.

    Raises `NotApplicable` if the task is not addition or multiplication in disguise, if the network
    has no hidden layer and map to the answers, or if no frequency is key.
    """
    circle, W_L = _circle(snapshot), output_map(snapshot)
    keys, rows = _read_out_at(circle, _keys(snapshot, circle), W_L)
    frequencies = _with_doubles(circle, keys, snapshot.task)
    no_bias = W_L.new_zeros(W_L.shape[1])
    every = [
        Waves(circle, act, has_products, frequencies, inner, keys, rows, no_bias)
        for act, has_products, inner in _hidden_layers(snapshot, circle, frequencies)
    ]
    return _best([Fitted.of(snapshot, lean(snapshot, x)) for x in every])


@dataclass(frozen=True, eq=False)
class Fitted:
    """Waves, how many numbers they are, which share of the logits they miss, each less its mean
    over the answers, and on which share of the pairs they answer as the network does."""

    waves: Waves
    size: int
    missed: float
    same: float

    @classmethod
    def of(cls, s: Snapshot, waves: Waves) -> "Fitted":
        network, claimed = centred(s.logits), centred(waves.logits(s.task))
        missed, same = 1 - explained_variance(network, claimed), agreement(network, claimed)
        return cls(waves, count(waves), missed, same)

    @property
    def lacks(self) -> tuple[bool, bool]:
        """Whether it answers too often otherwise, and misses too much."""
        return self.same < ENOUGH, self.missed > MOST


def _best(fitted: Sequence[Fitted]) -> Waves:
    """Of those that lack least the one of fewest numbers, unless another misses less than half as
    much."""
    least = min(x.lacks for x in fitted)
    small, *others = sorted((x for x in fitted if x.lacks == least), key=lambda x: x.size)
    better = (x for x in others if NOTHING < small.missed > WORTH * x.missed)
    return next(better, small).waves


def _circle(s: Snapshot) -> Circle:
    circle = circle_of(s.lens, s.task.n_answers)
    if circle is None:
        raise NotApplicable(
            f"`{s.task.name}` has no product in a cyclic group, so its neurons have no frequency. "
            "Its logits may have a kernel: see the form `convolution`."
        )
    return circle


def _keys(s: Snapshot, circle: Circle) -> tuple[int, ...]:
    """The frequencies that the logits are made of; and 0, where an answer has no place."""
    key, everything = key_parts(s), range(1, circle.n // 2 + 1)
    if not any(circle.name(k) in key.names for k in everything):
        raise NotApplicable("no frequency holds 1 % of the logits, so no neuron's is known.")
    frequencies = [k for k in everything if key.shares.get(circle.name(k), 0) >= PART]
    return (0, *frequencies) if circle.has_outsiders else tuple(frequencies)


def _with_doubles(circle: Circle, keys: Sequence[int], task: Task) -> tuple[int, ...]:
    """The key frequencies and their doubles; 0 where an operand may have no place."""
    doubled = {min(2 * k % circle.n, -2 * k % circle.n) for k in keys}
    a, b = circle.places(task)
    frequencies = {*keys, *doubled} - {0}
    if bool((a < 0).any() or (b < 0).any()):
        frequencies |= {0}
    return tuple(sorted(frequencies))


def _hidden_layers(
    s: Snapshot, circle: Circle, frequencies: tuple[int, ...]
) -> Iterator[tuple[Activation, bool, Float[Tensor, "inner neuron"]]]:
    """The hidden layer before the nonlinearity, if that is known, as waves and as a polynomial, and
    after it as a polynomial: what bends the waves, whether their products are among them, and the
    coefficients."""
    act, post = activation_of(s), s.exact_post
    if act is not None:
        waves = design_of_pairs(circle, frequencies, s.task, has_products=False)
        inner, _ = least_squares(waves, s.mlp_pre.double())
        if act.degree is not None:  # act of the constant is then the mean
            is_constant, mean = (inner[1:] == 0).all(dim=0), post.mean(dim=0)
            inner[0] = torch.where(is_constant, mean ** (1 / act.degree), inner[0])
        yield act, False, inner
    waves = design_of_pairs(circle, frequencies, s.task, has_products=True)
    yield IDENTITY, True, least_squares(waves, post)[0]
    if act is not None and act is not IDENTITY:
        yield act, True, least_squares(waves, s.mlp_pre.double())[0]


def _read_out_at(
    circle: Circle, keys: Sequence[int], W_L: Float[Tensor, "neuron c"]
) -> tuple[tuple[int, ...], Float[Tensor, "neuron outer"]]:
    """The waves of the output map, at those of these frequencies that it has."""
    rows = fit_rows(circle, keys, W_L).split([n_functions(k) for k in keys], dim=1)
    kept = {k: x for k, x in zip(keys, rows, strict=True) if bool(x.any())}
    if not any(kept):
        raise NotApplicable("the output map has no wave of a key frequency for .1 % of any row.")
    return tuple(kept), torch.cat(list(kept.values()), dim=1)


def fit_rows(
    circle: Circle, keys: Sequence[int], W_L: Float[Tensor, "neuron c"]
) -> Float[Tensor, "neuron outer"]:
    """The waves of each neuron's row that hold at least .1 % of it. What is the same for all
    answers is left out, which changes no answer."""
    reached = ~circle.unreached
    waves = [circle.of_answers(k)[reached] for k in keys]
    return least_squares(Design.of(waves), W_L.T[reached])[0][1:].T

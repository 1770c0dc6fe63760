"""What a bound is of: a network in its plainest form, its accuracy by brute force, and the slack
that rounding needs.

Whoever proves a bound reads a network here and nowhere else: its hidden layer as sums of rows of a
table, its output map, its answers. All is float64. Activations are what the two sides of a
comparison share; from there on every sum is rounded, so a bound asks for a little more than
arithmetic without rounding would. The nonlinearity is computed for every pair, so brute force and
`low_rank` assume nothing of it; a bound that does says so.

Axes: pair = one input; operand; neuron; c = an answer; row = a row of a table; term = a summand.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import Activation
from grokscope.models.model import Fold
from grokscope.score import centred
from grokscope.snapshot import Snapshot
from grokscope.training.steps import can_fold, check_fold

AT_ONCE = 1_000_000  # activations or logits held at a time
SAMPLE = 1_000  # pairs that a mean is taken of, where any number near it would do
EPS = torch.finfo(torch.float64).eps
LARGEST = 1e60  # of a weight or activation: squares must neither overflow ...
FLOOR = 1e-80  # ... nor vanish: a margin below this is no margin


@dataclass(frozen=True)
class Bound:
    """A proof that a network is right on at least `accuracy` of all pairs, ties counted as wrong.

    `operations` counts the multiplications and comparisons of the proof, `of_brute_force` is their
    share of what it takes to try every answer of every pair. `reason` says what carries the bound,
    or why it is 0.
    """

    name: str
    accuracy: float
    operations: int
    of_brute_force: float
    reason: str


@dataclass(frozen=True, eq=False)
class Network:
    """logits = direct + act(pre) @ W_L, where [pre | direct] are sums of rows of `fold.table`."""

    fold: Fold
    answers: Int[Tensor, " pair"]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Network | None":
        """The network of a snapshot; None if its model says no fold."""
        if not can_fold(snapshot.model):
            return None
        model, inputs = deepcopy(snapshot.model).double(), snapshot.task.inputs
        check_fold(model, inputs)
        with torch.no_grad():
            fold = model.fold(inputs)
        assert fold is not None
        n, m = snapshot.task.n_answers, fold.n_neurons
        cut = replace(fold, table=fold.table[:, : m + n], W_L=fold.W_L[:, :n], n_classes=n)
        return cls(cut, snapshot.task.answers)

    @property
    def W_L(self) -> Float[Tensor, "neuron c"]:
        return self.fold.W_L

    @property
    def n_pairs(self) -> int:
        return len(self.answers)

    @property
    def hidden_operations(self) -> int:
        """What the hidden layer and the direct path of every pair cost."""
        return self.n_pairs * self.fold.rows.shape[1] * self.fold.table.shape[1]

    @property
    def brute_operations(self) -> int:
        """What it takes to try every answer of every pair."""
        return self.n_pairs * self.W_L.numel() + self.hidden_operations

    @property
    def has_direct(self) -> bool:
        return self.fold.table.shape[1] > len(self.W_L)

    @property
    def is_in_range(self) -> bool:
        """Whether its squares can be taken in float64."""
        weights = [self.fold.table, self.W_L, self.fold.weights]
        return all(in_range(w) for w in weights if w is not None)

    def chunks(self) -> Iterator["Chunk"]:
        """The pairs with their hidden layer and direct path, some at a time."""
        everyone = torch.arange(self.n_pairs)
        return map(self._at, everyone.split(max(1, AT_ONCE // self.fold.table.shape[1])))

    def some(self, count: int) -> "Chunk":
        """So many pairs at random, or all."""
        order = torch.randperm(self.n_pairs, generator=torch.Generator().manual_seed(0))
        return self._at(order[:count])

    def _at(self, pairs: Int[Tensor, " pair"]) -> "Chunk":
        fold = self.fold
        weights = None if fold.weights is None else fold.weights[pairs]
        pre, direct = replace(fold, rows=fold.rows[pairs], weights=weights).mixed()
        return Chunk(pairs, pre, direct, self.answers[pairs], fold.act)

    def bound(
        self, name: str, is_proved: Bool[Tensor, " pair"] | None, operations: int, reason: str
    ) -> Bound:
        """The bound that the pairs proved to be right make; None: no pair is."""
        accuracy = 0.0 if is_proved is None else float(is_proved.double().mean())
        return Bound(name, accuracy, operations, operations / self.brute_operations, reason)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some pairs of a network, by their numbers."""

    pairs: Int[Tensor, " pair"]
    pre: Float[Tensor, "pair neuron"]
    direct: Float[Tensor, "pair c"] | None
    answers: Int[Tensor, " pair"]
    act: Activation

    @cached_property
    def post(self) -> Float[Tensor, "pair neuron"]:
        return self.act(self.pre)

    @cached_property
    def bias(self) -> Float[Tensor, "pair c"]:
        """The direct path less its mean over answers; without one a column of zeros."""
        return (
            self.post.new_zeros(len(self.pairs), 1) if self.direct is None else centred(self.direct)
        )

    @property
    def bias_size(self) -> Float[Tensor, " pair"]:
        return self.bias[:, 0] if self.direct is None else self.direct.abs().amax(dim=1)

    def right(self, W: Float[Tensor, "neuron c"]) -> Float[Tensor, " pair"]:
        """The logit of each pair's answer, of its own column of `W` alone."""
        logit = (self.post * W.T[self.answers]).sum(dim=1)
        return logit if self.direct is None else logit + at_answer(self.bias, self.answers)


def brute_force(network: Network) -> Bound:
    """The accuracy itself: every answer of every pair is computed, a tie is wrong."""
    is_right = torch.zeros(network.n_pairs, dtype=torch.bool)
    for chunk in network.chunks():
        logits = chunk.post @ network.W_L
        logits = logits if chunk.direct is None else logits + chunk.direct
        right, wrong = at_answer(logits, chunk.answers), best_wrong(logits, chunk.answers)
        is_right[chunk.pairs] = right > wrong
    return network.bound("brute force", is_right, network.brute_operations, "every logit computed")


def best(bounds: Iterable[Bound]) -> Bound | None:
    """The best of those that are cheaper than brute force, if there are such; None of none."""
    return max(bounds, key=lambda bound: (bound.of_brute_force < 1, bound.accuracy), default=None)


def in_range(x: Float[Tensor, "*any"]) -> bool:
    """Whether these are numbers whose squares float64 can sum."""
    return bool((x.abs() < LARGEST).all())


def at_answer(x: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]) -> Float[Tensor, " pair"]:
    return x.gather(1, answers[:, None])[:, 0]


def best_wrong(x: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]) -> Float[Tensor, " pair"]:
    """The largest entry of each pair but the answer's."""
    return x.scatter(1, answers[:, None], -torch.inf).amax(dim=1)


def slack(terms: int, size: Float[Tensor, " pair"] | float) -> Float[Tensor, " pair"] | float:
    """More than rounding can move a logit: of sums of `terms` products whose absolute values sum
    to at most `size`, on both sides of a comparison. A sum of n products is off by at most n EPS/2
    of that (Higham 2002, section 3.1)."""
    return 8 * (terms + 64) * EPS * size + FLOOR

"""What a bound is of: a network in its plainest form, its accuracy by brute force, the slack that a
proof's own rounding needs, and the doubt that the network's needs.

Whoever proves a bound reads a network here and nowhere else: its hidden layer as sums of rows of a
table, its output map, its answers. All is float64. Activations are what the two sides of a
comparison share; from there on every sum is rounded, so a bound asks for a little more than
arithmetic without rounding would (`slack`). The network runs in its own format, float32 as a rule:
a bound asks for twice as much as one of its logits can be off by besides (`Chunk.doubt`). The
nonlinearity is computed for every pair, so brute force and `low_rank` assume nothing of it; a bound
that does says so.

Axes: pair = one input; operand; neuron; c = an answer; row = a row of a table; term = a summand.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from math import inf

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.canonical import Canonical, Coordinates, canonical
from grokscope.errors import NotApplicable
from grokscope.models.model import Fold
from grokscope.score import centred
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.steps import can_fold, check_fold
from grokscope.verify.digits import Digits, is_of_digits
from grokscope.verify.running import Running, running

AT_ONCE = 1_000_000  # activations or logits held at a time
SAMPLE = 1_000  # pairs that a mean is taken of, where any number near it would do
EPS = torch.finfo(torch.float64).eps
LARGEST = 1e60  # of a weight or activation: squares must neither overflow ...
FLOOR = 1e-80  # ... nor vanish: a margin below this is no margin


@dataclass(frozen=True)
class Bound:
    """A proof that a network, as it runs, is right on at least `accuracy` of all pairs. Ties count
    as wrong.

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
    """logits = direct + act(pre) @ fold.W_L, where [pre | direct] are sums of rows of `fold.table`;
    read in the coordinates of its canonical view, where it has one: direct + post @ W_L.

    No logit of a run is further from that than `doubt`; None: they are these, in arithmetic without
    rounding. `unknown` says why nothing is known of its rounding, and so nothing can be proved."""

    fold: Fold
    answers: Int[Tensor, " pair"]
    doubt: Float[Tensor, " pair"] | None = None
    unknown: str = ""
    view: Coordinates | None = None
    computed: dict[object, Tensor] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Network | None":
        """The network of a snapshot as it runs; None if its model says no fold, and is
        none over digits."""
        return _network(canonical(snapshot))

    @cached_property
    def W_L(self) -> Float[Tensor, "neuron c"]:
        return self.fold.W_L if self.view is None else self.view.merged(self.fold.W_L)

    @property
    def n_pairs(self) -> int:
        return len(self.answers)

    @property
    def doubt_of_all(self) -> Float[Tensor, " pair"]:
        """How far a logit of a run can be from that of the fold itself, in no other coordinates."""
        return torch.zeros(self.n_pairs).double() if self.doubt is None else self.doubt

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
        is_constant = self.view is not None and self.view.has_constant
        return is_constant or self.fold.table.shape[1] > self.fold.n_neurons

    @property
    def is_in_range(self) -> bool:
        """Whether its squares can be taken in float64."""
        weights = [self.fold.table, self.fold.W_L, self.W_L, self.fold.weights]
        return all(in_range(w) for w in weights if w is not None)

    def chunks(self) -> Iterator["Chunk"]:
        """The pairs with their hidden layer and direct path, some at a time."""
        parts = torch.arange(self.n_pairs).split(max(1, AT_ONCE // self.fold.table.shape[1]))
        return map(self._at, parts) if len(parts) > 1 else iter((self._whole,))

    @cached_property
    def _whole(self) -> "Chunk":
        """All pairs, where they are few: every bound is of them."""
        return self._at(torch.arange(self.n_pairs))

    @cached_property
    def W(self) -> Float[Tensor, "neuron c"]:
        """The output map, centred over the answers."""
        return centred(self.W_L)

    @cached_property
    def mean(self) -> Float[Tensor, " neuron"]:
        """About the mean of the hidden layer."""
        return self.sample.post.mean(dim=0)

    @cached_property
    def sample(self) -> "Chunk":
        """So many pairs at random as a mean needs, or all."""
        order = torch.randperm(self.n_pairs, generator=torch.Generator().manual_seed(0))
        return self._at(order[:SAMPLE])

    def _at(self, pairs: Int[Tensor, " pair"]) -> "Chunk":
        fold = self.fold
        weights = None if fold.weights is None else fold.weights[pairs]
        pre, direct = replace(fold, rows=fold.rows[pairs], weights=weights).mixed()
        post = fold.act(pre)
        doubt = self.doubt_of_all[pairs]
        if self.view is not None:
            doubt = doubt + self._left_out(post, self.view)
            pre, post = self.view.before(pre), self.view.after(post)
            if self.view.has_constant:
                always = self.view.constant.to(post) @ fold.W_L
                direct = always.expand(len(pairs), -1) if direct is None else direct + always
        return Chunk(pairs, pre, post, direct, self.answers[pairs], doubt)

    def _left_out(
        self, post: Float[Tensor, "pair neuron"], view: Coordinates
    ) -> Float[Tensor, " pair"]:
        """How far a logit can be from that of the view: what neurons differ by from what the view
        takes them for, and float64's rounding of its output map, each as strong as the neuron's
        largest weight."""
        apart = (post - view.all_after(view.after(post))).abs()
        rounding = (len(view.owner) + 8) * EPS * (post.abs() + apart)
        return 2 * (apart + rounding) @ self.fold.W_L.abs().amax(dim=1)

    def bound(
        self, name: str, is_proved: Bool[Tensor, " pair"] | None, operations: int, reason: str
    ) -> Bound:
        """The bound that the pairs proved to be right make; None: no pair is."""
        accuracy = 0.0 if is_proved is None or self.unknown else float(is_proved.double().mean())
        share = operations / self.brute_operations
        return Bound(name, accuracy, operations, share, self.unknown or reason)


def once_per_network(
    f: Callable[["Network", "Chunk"], Tensor],
) -> Callable[["Network", "Chunk"], Tensor]:
    """`f`, of the chunk of all pairs computed once, however many bounds ask for it."""

    @wraps(f)
    def once(network: "Network", chunk: "Chunk") -> Tensor:
        if len(chunk.pairs) < network.n_pairs:
            return f(network, chunk)
        if f not in network.computed:
            network.computed[f] = f(network, chunk)
        return network.computed[f]

    return once


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some pairs of a network, by their numbers, and how far a run's logits can be from theirs."""

    pairs: Int[Tensor, " pair"]
    pre: Float[Tensor, "pair neuron"]
    post: Float[Tensor, "pair neuron"]
    direct: Float[Tensor, "pair c"] | None
    answers: Int[Tensor, " pair"]
    doubt: Float[Tensor, " pair"]

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


@once_per_snapshot
def _network(s: Snapshot) -> Network | None:
    """That of a canonical view."""
    base, view = s.model, None
    if isinstance(s.model, Canonical):
        base, view = s.model.base, s.model.to_live
    if is_of_digits(base):
        base = Digits(base)
    elif can_fold(base):
        check_fold(base, s.task.inputs)
    else:
        return None
    raw = replace(s, model=base)
    try:
        found, unknown = running(raw), ""
    except NotApplicable as reason:
        found, unknown = _unknown(raw), str(reason)
    n, fold = s.task.n_answers, found.fold
    table = fold.table[:, : fold.n_neurons + n]
    cut = replace(fold, table=table, W_L=fold.W_L[:, :n], n_classes=n)
    return Network(cut, s.task.answers, found.doubt, unknown, view)


def _unknown(snapshot: Snapshot) -> Running:
    """A network of whose rounding nothing is known: its fold in float64, every logit in doubt."""
    model, inputs = deepcopy(snapshot.model).double(), snapshot.task.inputs
    with torch.no_grad():
        fold = model.fold(inputs)
    assert fold is not None
    return Running(fold, torch.full((len(inputs),), inf, dtype=torch.float64))


def brute_force(network: Network) -> Bound:
    """Every answer of every pair is computed, and a pair counts whose answer's logit is above all
    others by more than any run's rounding can undo. So it is a bound like the others: of a network
    without `doubt` the accuracy itself, a tie being wrong; else it lacks the pairs whose answer may
    depend on the order of summation."""
    is_right = torch.zeros(network.n_pairs, dtype=torch.bool)
    for chunk in network.chunks():
        logits = chunk.post @ network.W_L
        logits = logits if chunk.direct is None else logits + chunk.direct
        right, wrong = at_answer(logits, chunk.answers), best_wrong(logits, chunk.answers)
        is_right[chunk.pairs] = right - wrong > 2 * chunk.doubt
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

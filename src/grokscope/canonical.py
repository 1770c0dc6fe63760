"""The canonical view of a network: each live neuron at one scale, parallel ones merged, dead ones
out.

relu(1000 x) / 1000 = relu(x): how large a neuron is, how many copies of it there are, and how many
neurons do nothing, are choices of coordinates in which the function is the same. Circuits, their
controls, names and bounds are of this view, so that they are the same too. Weights, training and
export stay as they are.

A neuron's scale is the one at which it varies as much as it is read out, which is where weight
decay leaves it. It may be any positive one where act(cx) = c^degree act(x), and of either sign for
the square; of other nonlinearities neurons are merged where they are the same, and not scaled.

Axes: pair = one input; neuron = of the network as it is; live = of the view; c = an answer; operand
= its symbols; symbol = a value of one; digit.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from grokscope.activations import ACTIVATIONS, Activation
from grokscope.errors import NotApplicable
from grokscope.models.model import Fold, Model, View
from grokscope.models.parity import ParityMLP
from grokscope.score import centred
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.tap import Tap, no_tap

SEEN = 1_000  # pairs on which a nonlinearity is told
BLOCK = 16_384  # pairs held in float64 at a time
ENOUGH = 1e-3  # of a neuron's squares, on the pairs that are looked at first
PARALLEL = 1e-9  # 1 - cos at most, of neurons that are one: float32 leaves 1e-12
DEAD = 1e-5  # of the logits' variation: what all dead neurons may add together
LARGEST = 1e15  # a scale beyond it, or below its inverse, would leave float32


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Which neurons are live, at which scale, and what every neuron is of them:

        pre_i = ratio_i pre'_k        post_i = factor_i post'_k + constant_i        k = owner_i

    Attributes:
        chosen: The neurons that stand for all that are parallel to them.
        inner, outer: What their values before and after the nonlinearity are multiplied by.
        owner: The live neuron that each neuron is a multiple of; of a dead one any.
        ratio, factor: Those multiples; 0 of a dead one.
        constant: The mean of a dead one after the nonlinearity; 0 of others.
    """

    chosen: Int[Tensor, " live"]
    inner: Float[Tensor, " live"]
    outer: Float[Tensor, " live"]
    owner: Int[Tensor, " neuron"]
    ratio: Float[Tensor, " neuron"]
    factor: Float[Tensor, " neuron"]
    constant: Float[Tensor, " neuron"]

    def before(self, pre: Float[Tensor, "*pair neuron"]) -> Float[Tensor, "*pair live"]:
        """The live neurons before the nonlinearity, from all."""
        return self._chosen(pre) * self.inner.to(pre)

    def after(self, post: Float[Tensor, "*pair neuron"]) -> Float[Tensor, "*pair live"]:
        """The live neurons after it, from all."""
        return self._chosen(post) * self.outer.to(post)

    def all_before(self, pre: Float[Tensor, "*pair live"]) -> Float[Tensor, "*pair neuron"]:
        return self._owners(pre) * self.ratio.to(pre)

    def all_after(self, post: Float[Tensor, "*pair live"]) -> Float[Tensor, "*pair neuron"]:
        found = self._owners(post) * self.factor.to(post)
        return found + self.constant.to(post) if self.has_constant else found

    @cached_property
    def has_constant(self) -> bool:
        """Whether a dead neuron always adds something."""
        return bool(self.constant.any())

    def _chosen(self, x: Float[Tensor, "*pair neuron"]) -> Float[Tensor, "*pair live"]:
        return x if self._is_each_its_own else x[..., self.chosen]

    def _owners(self, x: Float[Tensor, "*pair live"]) -> Float[Tensor, "*pair neuron"]:
        return x if self._is_each_its_own else x[..., self.owner]

    @cached_property
    def _is_each_its_own(self) -> bool:
        """Whether every neuron is live, and a multiple of itself alone."""
        every = torch.arange(len(self.owner))
        return torch.equal(self.chosen, every) and torch.equal(self.owner, every)

    def merged(self, W: Float[Tensor, "neuron c"]) -> Float[Tensor, "live c"]:
        """The output map from the live neurons."""
        x = W.new_zeros(len(self.chosen), W.shape[1])
        return x.index_add(0, self.owner, W * self.factor.to(W)[:, None])


class Canonical(View):
    """A network whose last hidden layer, before and after its nonlinearity, is in these
    coordinates; all else is as it is. `is_summed`: its neurons add up the operands' weights."""

    def __init__(self, base: Model, to: Coordinates, is_summed: bool):
        super().__init__(base)
        self.to_live, self.is_summed = to, is_summed

    @property
    def folds(self) -> bool:
        return self.base.folds

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair *answer c"]:
        to = self.to_live

        def seen(name: str, x: Tensor) -> Tensor:
            if name == "mlp_pre":
                return to.all_before(tap(name, to.before(x)))
            if name == "mlp_post":
                return to.all_after(tap(name, to.after(x)))
            return tap(name, x)

        return self.base.last(inputs, seen)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold | None:
        """The fold of the network, in these coordinates. What dead neurons always add is one more
        row, which every pair has."""
        whole = self.base.fold(inputs)
        if whole is None:
            return None
        to, m = self.to_live, whole.n_neurons
        table, direct = to.before(whole.table[:, :m]), whole.table[:, m:]
        rows, weights = whole.rows, whole.weights
        if to.has_constant:
            always = to.constant.to(table) @ whole.W_L
            direct = direct if direct.shape[1] else table.new_zeros(len(table), len(always))
            rows = pad(rows, (0, 1), value=len(table))
            weights = None if weights is None else pad(weights, (0, 1), value=1.0)
            table, direct = pad(table, (0, 0, 0, 1)), torch.cat([direct, always[None]])
        table = torch.cat([table, direct], dim=1)
        return replace(whole, table=table, rows=rows, weights=weights, W_L=to.merged(whole.W_L))

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        """Those of the network; what has a column for each neuron has one for each live one."""
        to, weights = self.to_live, dict(self.base.symbol_weights())
        for role, W in weights.items():
            if role == "c" and W.shape[1] == len(to.owner):
                weights[role] = to.merged(W.T).T
            elif role != "c" and self.is_summed:
                weights[role] = to.before(W)
        return weights


@once_per_snapshot
@torch.no_grad()
def weights_of(s: Snapshot) -> dict[str, Float[Tensor, "symbol _"]]:
    """The weights that are functions of one symbol; see `Model.symbol_weights`."""
    return s.model.symbol_weights()


@torch.no_grad()
def _is_summed(s: Snapshot) -> bool:
    """Whether the operands' weights are what the neurons add up."""
    weights, pre = weights_of(s), s.few.mlp_pre[:SEEN]
    a, b = (weights.get(role, weights.get("ab")) for role in "ab")
    if a is None or b is None or {a.shape[1], b.shape[1]} != {pre.shape[1]}:
        return False
    x, y = s.few.task.inputs[:SEEN, :2].unbind(dim=1)
    return torch.allclose(pre, a[x] + b[y], rtol=1e-3, atol=1e-4 * float(pre.abs().max()))


@once_per_snapshot
def canonical(s: Snapshot) -> Snapshot:
    """The same network on the same task, in its canonical view. It is returned as it is where it
    has no hidden layer, or none of finite numbers, or one that does nothing."""
    if isinstance(s.model, Canonical) or s.task.answers.ndim > 1:
        return s
    try:
        to = coordinates(s)
    except NotApplicable:
        return s
    return s if to is None else replace(s, model=Canonical(s.model, to, _is_summed(s)))


@once_per_snapshot
def coordinates(s: Snapshot) -> Coordinates | None:
    """The coordinates of a network's canonical view; None where its hidden layer is not of finite
    numbers, or does nothing. Raises `NotApplicable` where it has none."""
    act, W = activation_of(s), read_out_of(s)
    spread, mean = spread_after(s)
    squares = torch.stack(
        [x.double().square().sum(dim=0) for block in s.blocks() for x in block.mlp_pre.split(SEEN)]
    ).sum(dim=0)
    if not all(bool(x.isfinite().all()) for x in (squares, spread, W)):
        return None
    degree = None if act is None else act.degree
    leader, ratio = _parallel(s, squares, degree, is_even=act is not None and act.is_even)
    factor = ratio.abs() ** (degree or 1)
    length = torch.zeros_like(W).index_add(0, leader, W * factor[:, None]).norm(dim=1)
    is_live = _alive(spread * length, logits_vary(s))
    chosen, is_part = is_live.nonzero()[:, 0], is_live[leader]
    if not len(chosen):
        return None
    outer = torch.ones(len(chosen), dtype=torch.float64)
    if degree is not None:
        outer = (length[chosen] / spread[chosen]).sqrt().clamp(1 / LARGEST, LARGEST)
    inner = outer ** (1 / (degree or 1))
    place = torch.zeros_like(leader)
    place[chosen] = torch.arange(len(chosen))
    owner = torch.where(is_part, place[leader], 0)
    return Coordinates(
        chosen=chosen,
        inner=inner,
        outer=outer,
        owner=owner,
        ratio=torch.where(is_part, ratio / inner[owner], 0.0),
        factor=torch.where(is_part, factor / outer[owner], 0.0),
        constant=torch.where(is_part, 0.0, mean),
    )


@once_per_snapshot
def activation_of(s: Snapshot) -> Activation | None:
    """What takes the hidden layer before the nonlinearity to the one after it; None where that is
    none of `ACTIVATIONS`, nor the model's own, and where there is no such layer of numbers."""
    own = getattr(s.model, "act", None)  # what it says, which may not be what it does
    rows = [*([own] if isinstance(own, Activation) else []), *ACTIVATIONS.values()]
    try:
        pre, post = s.few.mlp_pre[:SEEN], s.few.mlp_post[:SEEN]
    except NotApplicable:
        return None
    if not post.isfinite().all():
        return None
    atol = 1e-6 * float(post.abs().max())
    return next((x for x in rows if torch.allclose(x(pre), post, rtol=1e-4, atol=atol)), None)


@torch.no_grad()
def read_out_of(s: Snapshot) -> Float[Tensor, "neuron _"]:
    """The output map, centred over the answers; ones where no map leads from the neurons there."""
    W = weights_of(s).get("c")
    if W is None and (of_digits := digit_weights_of(s.model)):
        W = of_digits[1].T
    n_neurons = s.few.mlp_post.shape[1]
    if W is None or W.shape[1] != n_neurons:
        return torch.ones(n_neurons, 1, dtype=torch.float64)
    return centred(W.T)


def digit_weights_of(
    model: Model,
) -> tuple[Float[Tensor, "digit neuron"], Float[Tensor, "neuron 1"]] | tuple[()]:
    """The maps from digits to neurons and from them to z, of an MLP of parity; none of others."""
    if isinstance(model, ParityMLP):
        return model.W_in[:-1].detach(), model.W_out.detach()
    if isinstance(model, Canonical) and (weights := digit_weights_of(model.base)):
        return model.to_live.before(weights[0]), model.to_live.merged(weights[1])
    return ()


def _products(
    s: Snapshot, some: Int[Tensor, " some"], pairs: Int[Tensor, " pair"] | None = None
) -> Float[Tensor, "some some"]:
    """Those of some neurons before their nonlinearity with each other, summed over pairs; by
    default over all."""
    if pairs is not None:
        x = (s.at(pairs).mlp_pre if s.is_large else s.mlp_pre[pairs])[:, some].double()
        return x.T @ x
    gram = torch.zeros(len(some), len(some), dtype=torch.float64)
    for block in s.blocks():
        for x in block.mlp_pre[:, some].split(BLOCK):
            gram += x.double().T @ x.double()
    return gram


@once_per_snapshot
def spread_after(s: Snapshot) -> tuple[Float[Tensor, " neuron"], Float[Tensor, " neuron"]]:
    """Each neuron's standard deviation over pairs after its nonlinearity, and its mean."""
    n = len(s.task.inputs)
    mean = s.sums(lambda block: block.mlp_post)[0] / n
    squares = [
        (x.double() - mean).square().sum(dim=0)
        for block in s.blocks()
        for x in block.mlp_post.split(SEEN)
    ]
    return (torch.stack(squares).sum(dim=0) / n).sqrt(), mean


@once_per_snapshot
def logits_vary(s: Snapshot) -> float:
    """How long the centred logits of a pair are, less their mean over pairs: in the root mean
    square."""
    n, mean, squares = 0, torch.zeros(()), 0.0
    for block in s.blocks():  # each adds its own, and what its mean is away from those before
        m, own = len(block.logits), block.logits.mean(dim=0, dtype=torch.float64)
        squares += sum(float(centred(x - own).square().sum()) for x in block.logits.split(SEEN))
        squares += float(centred(own - mean).square().sum()) * n * m / (n + m)
        mean, n = mean + (own - mean) * (m / (n + m)), n + m
    return (squares / n) ** 0.5


def _parallel(
    s: Snapshot, squares: Float[Tensor, " neuron"], degree: int | None, is_even: bool
) -> tuple[Int[Tensor, " neuron"], Float[Tensor, " neuron"]]:
    """For each neuron the first that it is a multiple of, and the multiple: positive, of either
    sign for an even function, and 1 where no degree is known. `squares` are the neurons' squared
    lengths over all pairs before the nonlinearity."""
    leader, ratio = torch.arange(len(squares)), torch.ones_like(squares)
    some = _maybe_parallel(s, squares)
    if not len(some):
        return leader, ratio
    gram = _products(s, some)
    length = gram.diagonal().sqrt()
    if degree is None:
        apart = length.square()[:, None] + length.square() - 2 * gram
        is_one = apart <= 2 * PARALLEL * length.square()
    else:
        along = gram.abs() if is_even else gram
        is_one = (along >= (1 - PARALLEL) * length[:, None] * length) & (along > 0)
    is_one |= torch.eye(len(gram), dtype=torch.bool)
    first = is_one.int().argmax(dim=1)
    first = first[first]  # of nearly parallel ones in a row
    leader[some] = some[first]
    if degree is not None:
        own = gram.gather(1, first[:, None])[:, 0]
        ratio[some] = own / length[first].square().clamp(min=1e-300)
    return leader, ratio


def _maybe_parallel(s: Snapshot, squares: Float[Tensor, " neuron"]) -> Int[Tensor, " some"]:
    """The neurons of which another may be a multiple, seen on some pairs: two that are parallel on
    all pairs, to `PARALLEL`, are so there, to 1/`ENOUGH` times that, if so much of them is there;
    of others nothing is known."""
    n, everyone = len(s.task.inputs), torch.arange(len(squares))
    if n <= 2 * SEEN:
        return everyone
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    gram = _products(s, everyone, order[:SEEN].sort().values)
    seen = gram.diagonal()
    length = seen.sqrt()
    is_near = gram.abs() >= (1 - 10 * PARALLEL / ENOUGH) * length[:, None] * length
    is_near.fill_diagonal_(False)
    return (is_near.any(dim=1) | (seen <= ENOUGH * squares)).nonzero()[:, 0]


def _alive(adds: Float[Tensor, " neuron"], total: float) -> Bool[Tensor, " neuron"]:
    """All neurons but the weakest, which together add next to nothing to the logits."""
    order = adds.argsort()
    is_live = torch.ones_like(adds, dtype=torch.bool)
    is_live[order] = adds[order].cumsum(dim=0) > DEAD * total
    return is_live & (adds > 0)

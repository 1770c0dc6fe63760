"""How far a network that runs in float32 can be from exact arithmetic, whatever the order in which
it sums; and that no bound is above what it answers then."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import inf, tau

import pytest
import torch
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from grokscope.circuits.convolution import find
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.models.model import Fold, Model
from grokscope.planted import TRUTHS
from grokscope.score import is_right
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.tasks import make_task
from grokscope.verify.low_rank import low_rank
from grokscope.verify.network import Network, brute_force
from grokscope.verify.rounding import EXP, Carried, Format, Rounded, given, linear, softmax
from grokscope.verify.running import running
from grokscope.verify.traced import Traced

F32 = Format(torch.float32)
P = 11
TASK = make_task("a+b", {"p": P})

ARCHITECTURES = {
    "mlp": ("mlp", {"d_embed": 16, "d_mlp": 24}),
    "mlp, square": ("mlp", {"d_embed": 16, "d_mlp": 24, "act": "square"}),
    "mlp, identity": ("mlp", {"d_embed": 16, "d_mlp": 24, "act": "identity"}),
    "stander": ("stander", {"d_embed": 16, "d_mlp": 24}),
    "wu": ("wu", {"d_embed": 16, "d_mlp": 24}),
    "pair, tied": ("pair", {"d_embed": 40}),
    "pair, untied": ("pair", {"embed": "untied", "tied_hidden": False, "d_embed": 40}),
    "pair, collapsed": ("pair", {"collapsed_hidden": True, "collapsed_out": True, "d_embed": 40}),
    "five neurons": ("fiveneurons", {}),
    **{f"linear {k}": ("linear", {"kind": k, "d_model": 24}) for k in "ABCDX"},
    "prieto": ("prieto", {"d_mlp": 24}),
    "transformer": ("transformer", {"d_model": 16, "n_heads": 2, "d_mlp": 24}),
    "transformer, mixed": (
        "transformer",
        {"d_model": 16, "n_heads": 2, "d_mlp": 24, "attention_rate": 0.5},
    ),
    "transformer, 2 layers": (
        "transformer",
        {"d_model": 16, "n_heads": 2, "d_mlp": 24, "n_layers": 2},
    ),
    "pizza": ("pizza", {"d_model": 16, "n_heads": 2}),
    "pizza, equals": (
        "pizza",
        {"d_model": 16, "n_heads": 2, "attention_rate": 0.3, "equals": True},
    ),
    "pizza, 2 layers": ("pizza", {"d_model": 16, "n_heads": 2, "n_layers": 2}),
    "chughtai": ("chughtai", {"d_model": 16, "n_heads": 2, "d_mlp": 24}),
    "furuta": ("furuta", {"d_model": 16, "n_heads": 2, "d_mlp": 24}),
}
SHALLOW = [name for name in ARCHITECTURES if "2 layers" not in name]


# ---- orders of summation -------------------------------------------------------------------------

Order = Callable[[int], Tensor]  # of so many terms
ORDERS: dict[str, Order] = {
    "forwards": torch.arange,
    "backwards": lambda n: torch.arange(n).flip(0),
    "at random": lambda n: torch.randperm(n, generator=torch.Generator().manual_seed(n)),
}


def one_by_one(terms: Tensor, order: Order, start: Tensor | None = None) -> Tensor:
    """Σ of the first axis, each term added and rounded by itself."""
    result = torch.zeros_like(terms[0]) if start is None else start.expand_as(terms[0])
    for k in order(len(terms)).tolist():
        result = result + terms[k]
    return result


class Ordered(TorchDispatchMode):
    """torch, but every sum is taken term by term in this order."""

    def __init__(self, order: Order):
        super().__init__()
        self.order, self.sums = order, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if not hasattr(self, f"_{name}"):
            assert not name.startswith(("mv", "dot", "baddbmm", "mean", "linear")), name
            return func(*args, **(kwargs or {}))
        self.sums += 1
        return getattr(self, f"_{name}")(*args, **(kwargs or {}))

    def _mm(self, x, y):
        return self._addmm(None, x, y)

    def _addmm(self, start, x, y):
        terms = x.T[:, :, None] * y[:, None, :]
        return one_by_one(terms, self.order, start)

    def _bmm(self, x, y):
        terms = x.permute(2, 0, 1)[..., None] * y.permute(1, 0, 2)[:, :, None]
        return one_by_one(terms, self.order)

    def _mv(self, x, y):
        return one_by_one(x.T * y[:, None], self.order)

    def _dot(self, x, y):
        return one_by_one(x * y, self.order)

    def _sum(self, x, dim, keepdim=False, dtype=None):
        if x.dtype == torch.bool:
            return torch.ops.aten.sum.dim_IntList(x, dim, keepdim)
        assert (len(dim), keepdim, dtype) == (1, False, None)
        return one_by_one(x.movedim(dim[0], 0), self.order)

    def __embedding_bag_forward_only(self, table, rows, offsets, *args):
        weights, n = args[3], len(rows) // len(offsets)
        terms = table[rows] if weights is None else table[rows] * weights[:, None]
        result = one_by_one(terms.view(len(offsets), n, -1).movedim(1, 0), self.order)
        return result, offsets, offsets, offsets

    def __getattr__(self, name):
        if name == "__embedding_bag_forward_only":  # Python mangles it
            return self._Ordered__embedding_bag_forward_only
        raise AttributeError(name)


def passes(model: Model, task=TASK, orders: Iterable[str] = ORDERS) -> dict[str, Tensor]:
    """Both passes' logits, as torch takes them and in each order."""
    found, n = {}, task.n_answers

    def both(where: str) -> None:
        fold = model.fold(task.inputs)
        assert fold is not None
        found[f"forward, {where}"] = model(task.inputs, no_tap)[:, :n]
        found[f"last, {where}"] = model.last(task.inputs, no_tap)[:, :n]
        found[f"folded, {where}"] = fold.logits()[:, :n]

    with torch.no_grad():
        both("torch's order")
        for name in orders:
            with Ordered(ORDERS[name]) as ordered:
                both(name)
            assert ordered.sums > 3, "no sum was put in order"
    return found


def snapshot_of(model: Model, task=TASK) -> Snapshot:
    return Snapshot(task, torch.arange(len(task.inputs)) % 3 == 0, model.requires_grad_(False))


def exact(s: Snapshot) -> Tensor:
    """The logits in float64, of the numbers that the network has."""
    fold, n = running(s).fold, s.task.n_answers
    return fold.logits()[:, :n]


def drawn(name: str, seed: int = 0, task=TASK) -> Model:
    """A network of an architecture, with biases, its weights larger than when training starts."""
    kind, args = ARCHITECTURES[name]
    model, generator = make_model(kind, args, task, seed), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in model.parameters():
            w.mul_(2).add_(0.1 * torch.randn(w.shape, generator=generator))
    return model.requires_grad_(False)


# ---- no run is further off than is said ----------------------------------------------------------


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_pass_in_any_order_is_further_off_than_its_doubt(name):
    s = snapshot_of(drawn(name))
    model, doubt, truth = s.model, running(s).doubt, exact(s)
    double = deepcopy(model).double().last(TASK.inputs)[:, :P]
    torch.testing.assert_close(double, truth, atol=1e-6, rtol=1e-6)
    for how, logits in passes(model).items():
        assert ((logits - truth).abs().amax(dim=1) <= doubt).all(), how


@pytest.mark.parametrize("name", SHALLOW)
def test_doubt_is_small_beside_the_logits_of_a_shallow_network(name):
    s = snapshot_of(drawn(name))
    assert running(s).doubt.max() < 1e-2 * exact(s).std()


FEW = make_task("a+b", {"p": 5})
SCALES = st.lists(st.floats(-14, 14), min_size=12, max_size=12)


@pytest.mark.parametrize("name", ["wu", "transformer", "pizza, equals"])
@settings(max_examples=5)
@over(scales=SCALES, seed=st.integers(0, 99))
def test_no_pass_is_further_off_than_its_doubt_at_any_scale(name, scales, seed):
    model = drawn(name, seed, FEW)
    with torch.no_grad():
        for w, scale in zip(model.parameters(), scales, strict=False):
            w.mul_(10**scale)
    s = snapshot_of(model, FEW)
    doubt, truth = running(s).doubt, exact(s)
    for how, logits in passes(model, FEW, ["at random"]).items():
        off = (logits - truth).abs().amax(dim=1)
        assert ((off <= doubt) | (doubt == inf)).all(), how


def test_a_network_of_float64_is_in_less_doubt():
    model = drawn("mlp")
    single, double = (running(snapshot_of(m)).doubt for m in (model, deepcopy(model).double()))
    assert (double < 1e-8 * single).all()
    assert (double > 0).all()


def test_what_may_overflow_float32_is_in_infinite_doubt():
    model = drawn("mlp")
    assert isinstance(model, MLP)
    model.W_x.mul_(1e25)
    model.W.mul_(1e10)
    model.W_U.mul_(1e10)  # 10⁴⁵ overflows
    assert not model(TASK.inputs).isfinite().all()
    assert (running(snapshot_of(model)).doubt == inf).all()


def test_constants_of_a_model_are_those_of_its_run():
    model = drawn("five neurons")
    fold = running(snapshot_of(model)).fold
    mine = model.fold(TASK.inputs)
    assert mine is not None
    torch.testing.assert_close(fold.table, mine.table.double(), atol=1e-7, rtol=0)
    assert fold.table.dtype is torch.float64


# ---- single operations ---------------------------------------------------------------------------


def test_exp_is_within_its_stated_error():
    x = torch.linspace(-87.3, 0, 2_000_001)
    truth = x.double().exp()
    assert ((x.exp().double() - truth).abs() <= EXP / 2 * 2 * F32.u * truth).all()
    assert x.exp().min() >= torch.finfo(torch.float32).tiny


@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1e4])
def test_a_softmax_is_within_its_error(dim, scale):
    generator = torch.Generator().manual_seed(0)
    x = scale * torch.randn(5, 4001, 5, generator=generator, dtype=torch.float64)
    x[1, ::7, 0] = -inf  # not seen
    own = scale * 1e-6 * torch.rand(x.shape, generator=generator)
    claimed = softmax(Rounded(x, own), dim, F32)
    assert claimed.own is not None
    for sign in (-1, 0, 1, None):
        random = 2 * torch.rand(x.shape, generator=generator, dtype=torch.float64) - 1
        run = (x + own * (random if sign is None else sign)).float().softmax(dim)
        assert ((run - claimed.value).abs() <= claimed.own + scale * 1e-6).all()
    near = softmax(given(x.float(), F32), dim, F32)
    assert near.own is not None
    assert ((x.float().softmax(dim) - near.value).abs() <= near.own).all()
    assert near.own.max() <= (3e-5 if scale <= 30 else 2e-2)


def test_an_error_is_carried_by_the_product_of_matrices():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 64, generator=generator).double()
    W = torch.linalg.qr(torch.randn(64, 64, generator=generator).double())[0]
    V = W.T.contiguous()
    off = torch.full(x.shape, 1e-3)
    first = linear(Rounded(x, off), Rounded(W), F32)
    both = linear(first, Rounded(V), F32)
    assert both.error is not None
    assert first.error is not None
    assert both.error.max() < 2e-3, "W V = 1"
    assert (first.error @ V.abs().float()).min() > 1e-2
    moved = (x + off * torch.randn(x.shape, generator=generator).sign()) @ W @ V
    assert ((moved - both.value).abs() <= both.error).all()


def test_rows_of_a_matrix_that_come_often_are_multiplied_once():
    float32, g = Format(torch.float32), torch.Generator().manual_seed(0)
    W_x, W_y, W = (given(torch.randn(x, 6, generator=g), float32) for x in (5, 5, 12))
    x, y = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T
    embedded = torch.stack([Traced.of(W_x, float32)[x], Traced.of(W_y, float32)[y]], dim=1)
    assert isinstance(embedded, Traced)
    side_by_side = embedded.flatten(1)
    assert isinstance(side_by_side, Traced)
    held = side_by_side.held
    assert [len(r.of) for r in held.rows] == [5, 5]
    once, each = (linear(v, W, float32) for v in (held, replace(held, rows=())))
    assert torch.allclose(once.value, each.value, rtol=1e-12)
    assert torch.allclose(once.off, each.off, rtol=1e-5)


def test_what_carries_an_error_is_itself_rounded():
    A, W = [[10**10 + 1, -(10**10)], [3, 1]], [[10**10 + 7, 1], [10**10, 3]]
    exactly = [[sum(A[i][k] * W[k][j] for k in (0, 1)) for j in (0, 1)] for i in (0, 1)]
    start = Carried(torch.ones(1, 2), torch.tensor(A).double(), torch.zeros(2, 2).double())
    carried = start.on(torch.tensor(W).double())
    assert carried.A[0, 0] != exactly[0][0], "float64 has no such number"
    for i, j in product((0, 1), (0, 1)):
        apart = abs(Fraction(float(carried.A[i, j])) - exactly[i][j])
        assert apart <= Fraction(float(carried.off[i, j]))


@pytest.mark.parametrize("scale", [1e-38, 1e-42])
def test_a_subnormal_weight_may_be_taken_for_zero(scale):
    x = given(torch.tensor([0.5 * scale]), F32)
    assert (x.off >= x.value.abs()).all()


# ---- bounds --------------------------------------------------------------------------------------


def cosines(frequencies: tuple[int, ...] = (1, 2, 4), phases: int = 6) -> tuple[Tensor, ...]:
    """L, R and U of relu(cos(wa + φ) + cos(wb + ψ)) cos(wc + φ + ψ)."""
    x, phase = torch.arange(P).double(), torch.arange(phases).double() * tau / phases
    phi, psi = torch.cartesian_prod(phase, phase).repeat(len(frequencies), 1).T
    w = tau / P * torch.tensor(frequencies).repeat_interleave(phases**2)
    L, R, U = (torch.cos(w * x[:, None] + v) for v in (phi, psi, phi + psi))
    return L, R, U.T


def mlp_of(L: Tensor, R: Tensor, W: Tensor, U: Tensor) -> MLP:
    model = MLP(P, P, L.shape[1], len(U))
    with torch.no_grad():
        for weight, value in zip(
            (model.W_x, model.W_y, model.W, model.W_U), (L, R, W, U), strict=True
        ):
            weight.copy_(value)
    return model.requires_grad_(False)


def cancelling(size: float) -> MLP:
    """Embeddings [I, size I, -size I] of a network of cosines: the large parts cancel, exactly."""
    L, R, U = cosines()
    noise = torch.randn(P, len(U), generator=torch.Generator().manual_seed(0))
    eye = torch.eye(P)
    E = torch.cat([eye, size * eye, -size * eye], dim=1)
    W = torch.cat([L.float(), noise, noise, R.float(), noise, noise])
    return mlp_of(E, E, W, U)


def with_a_constant(size: float) -> MLP:
    """A neuron that is always `size`, and adds as much to all answers."""
    L, R, U = cosines()
    L = torch.cat([L, torch.full((P, 1), size)], dim=1)
    R, U = nn.functional.pad(R, (0, 1)), nn.functional.pad(U, (0, 0, 0, 1), value=1.0)
    eye = torch.eye(len(U))
    return mlp_of(L, R, torch.cat([eye, eye]), U)


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6, 1e8, 1e10])
@pytest.mark.parametrize("kind", [cancelling, with_a_constant])
def test_no_bound_is_above_what_float32_gets_right_in_any_order(kind, size):
    model = kind(size)
    s = snapshot_of(model)
    network = Network.of(s)
    assert network is not None
    least = min(float(is_right(x, TASK.answers).double().mean()) for x in passes(model).values())
    directions = s.lens.split.part([f"frequency {k}" for k in (1, 2, 4)])
    bounds = [brute_force(network), low_rank(network, directions), low_rank(network, directions, 4)]
    assert max(bound.accuracy for bound in bounds) <= least
    unrounded = replace(network, doubt=None)
    assert brute_force(unrounded).accuracy == 1, "it is right, but for rounding"
    if size == 1e2:
        assert min(bound.accuracy for bound in bounds) == 1
    if size == 1e10:
        assert least < 0.5


class Normed(MLP):
    """An MLP whose hidden layer is normed, and a fold that is right."""

    def forward(self, inputs, tap=no_tap):
        a, b = inputs.unbind(dim=1)
        pre = torch.stack([self.W_x[a], self.W_y[b]], dim=1).flatten(1) @ self.W
        return self.act(nn.functional.layer_norm(pre, pre.shape[1:])) @ self.W_U

    def fold(self, inputs):
        a, b = inputs.unbind(dim=1)
        pre = torch.stack([self.W_x[a], self.W_y[b]], dim=1).flatten(1) @ self.W
        table = nn.functional.layer_norm(pre, pre.shape[1:])
        return Fold(table, torch.arange(len(a))[:, None], None, self.W_U, P, self.act)


UNKNOWN = {
    "gelu": lambda: make_model("mlp", {"d_embed": 8, "d_mlp": 8, "act": "gelu"}, TASK, 0),
    "silu": lambda: make_model("mlp", {"d_embed": 8, "d_mlp": 8, "act": "silu"}, TASK, 0),
    "tanh": lambda: make_model("pair", {"d_embed": 8, "act": "tanh"}, TASK, 0),
    "layer_norm": lambda: Normed(P, P, 8, 8),
    "bfloat16": lambda: MLP(P, P, 8, 8).bfloat16(),
}


@pytest.mark.parametrize("why", UNKNOWN)
def test_nothing_is_proved_of_a_network_whose_rounding_is_not_known(why):
    torch.manual_seed(0)  # two of the networks are drawn as torch draws
    network = Network.of(snapshot_of(UNKNOWN[why]()))
    assert network is not None
    logits = network.fold.logits()[:, :P]
    network = replace(network, answers=logits.argmax(dim=1))  # so that it is right on all pairs
    for bound in (brute_force(network), low_rank(network, torch.eye(P)[:, :4])):
        assert bound.accuracy == 0
        assert why in bound.reason
    assert brute_force(replace(network, doubt=None, unknown="")).accuracy == 1


def test_a_network_with_norms_and_no_fold_has_no_bound():
    task = make_task("a+b", {"p": 7})
    model = make_model("power", {"d_model": 16, "n_heads": 2}, task, 0)
    assert Network.of(snapshot_of(model, task)) is None


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_nothing_is_proved_where_products_need_not_be_of_float32(precision):
    L, R, U = cosines()
    eye = torch.eye(len(U))
    model = mlp_of(L, R, torch.cat([eye, eye]), U)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        network = Network.of(snapshot_of(model))
    finally:
        torch.set_float32_matmul_precision(before)
    assert network is not None
    bound = brute_force(network)
    assert bound.accuracy == 0
    assert f'"{precision}"' in bound.reason
    again = Network.of(snapshot_of(model))
    assert again is not None
    assert brute_force(again).accuracy == 1


@pytest.mark.parametrize("name", ["clock_relu", "clock_random", "pizza_transformer", "cosets"])
def test_a_planted_truth_keeps_its_bound(name):
    s = TRUTHS[name].draw(0, 0.01).snapshot
    network, circuit = Network.of(s), find(s)
    assert network is not None
    assert network.doubt is not None
    bound, unrounded = (circuit.bound(x, s.task) for x in (network, replace(network, doubt=None)))
    assert bound is not None
    assert unrounded is not None
    assert unrounded.accuracy - 3e-4 <= bound.accuracy <= unrounded.accuracy
    assert bound.accuracy > 0.95

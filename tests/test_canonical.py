"""The canonical view: what leaves a network's function unchanged leaves its view unchanged."""

from math import pi

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grokscope.activations import ACTIVATIONS
from grokscope.canonical import Canonical, activation_of, canonical, coordinates, logits_vary
from grokscope.explain import explain
from grokscope.explain.explanation import PER_NEURON, n_neurons
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.planted.neurons import Neurons
from grokscope.snapshot import Snapshot
from grokscope.tap import edit, no_tap
from grokscope.tasks import make_task

P, M = 11, 7
TASK = make_task("a+b", {"p": P})
ALL = torch.ones(P * P, dtype=torch.bool)


def neurons(act: str = "relu", seed: int = 0) -> Neurons:
    """Random neurons, each of which is active on some pairs."""
    g = torch.Generator().manual_seed(seed)
    L, R, U = (torch.randn(n, m, generator=g) for n, m in ((P, M), (P, M), (M, P)))
    return Neurons(L, R, U, None, act).requires_grad_(False)


def snapshot(model: Neurons) -> Snapshot:
    return Snapshot(TASK, ALL, model)


class Table(Model):
    """A network without a hidden layer."""

    def __init__(self):
        super().__init__()
        self.n_answers = P
        self.W = torch.nn.Parameter(torch.randn(P * P, P))

    def forward(self, inputs, tap=no_tap):
        return tap("logits", self.W[inputs[:, 0] * P + inputs[:, 1]])

    def symbol_weights(self):
        return {}


def changed(model: Neurons, index: list[int], into: list[float], out: list[float]) -> Neurons:
    """The neurons of these numbers, with their weights in and out multiplied."""
    x, y = torch.tensor(into), torch.tensor(out)
    L, R, U = model.L[:, index] * x, model.R[:, index] * x, model.W_U[index] * y[:, None]
    return Neurons(L, R, U, None, model.act.name).requires_grad_(False)


def joined(*models: Neurons) -> Neurons:
    L, R = (torch.cat([getattr(m, name) for m in models], dim=1) for name in "LR")
    U = torch.cat([m.W_U for m in models])
    return Neurons(L, R, U, None, models[0].act.name).requires_grad_(False)


ARCHITECTURES = {
    "mlp": {"d_embed": 8, "d_mlp": 24},
    "stander": {"d_embed": 8, "d_mlp": 24},
    "pair": {"d_embed": 8, "d_mlp": 24},
    "pairsquare": {"d_embed": 8, "d_mlp": 24},
    "prieto": {"d_mlp": 24},
    "transformer": {"d_model": 16, "n_heads": 2, "d_mlp": 24},
    "pizza": {"d_model": 16, "n_heads": 2},
    "power": {"d_model": 16, "n_heads": 2},
    "recurrent": {"d_embed": 8, "d_hidden": 24},
    "linear": {},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_view_of_every_architecture_computes_what_it_does(name):
    s = Snapshot(TASK, ALL, make_model(name, ARCHITECTURES[name], TASK, 0))
    view = canonical(s)
    assert torch.allclose(view.logits, s.logits, atol=1e-5 * float(s.logits.abs().max()))
    with torch.no_grad():
        plain = view.model.last(TASK.inputs)[:, :P]
    assert torch.allclose(plain, s.logits, atol=1e-5 * float(s.logits.abs().max()))


@pytest.mark.parametrize("act", ["relu", "square"])
def test_a_live_neuron_varies_as_much_as_it_is_read_out(act):
    view = canonical(snapshot(neurons(act)))
    W = view.model.symbol_weights()["c"].T
    length = (W - W.mean(dim=1, keepdim=True)).norm(dim=1)
    assert torch.allclose(view.mlp_post.std(dim=0, correction=0), length, rtol=1e-4)


@given(
    st.lists(st.floats(-3, 3), min_size=M, max_size=M),
    st.permutations(range(M)),
    st.sampled_from(["relu", "square"]),
)
def test_scale_and_order_of_the_neurons_do_not_show(exponents, order, act):
    model, factors = neurons(act), [10.0**u for u in exponents]
    if act == "square":
        factors = [-x if i % 2 else x for i, x in enumerate(factors)]
    degree = ACTIVATIONS[act].degree or 0
    turned = changed(model, list(order), factors, [abs(x) ** -degree for x in factors])
    here, there = canonical(snapshot(model)), canonical(snapshot(turned))
    assert torch.allclose(here.mlp_post[:, list(order)], there.mlp_post, rtol=1e-3, atol=1e-4)
    mine, theirs = (v.model.symbol_weights()["c"] for v in (here, there))
    assert torch.allclose(mine[:, list(order)], theirs, rtol=1e-3, atol=1e-4)


def test_parallel_neurons_are_one_and_dead_ones_are_out():
    model = neurons()
    split = changed(model, [0, 0, *range(1, M)], [0.3, 0.7, *[1.0] * (M - 1)], [1.0] * (M + 1))
    elsewhere = neurons(seed=1)
    silent = changed(elsewhere, [0, 1], [5.0, 5.0], [0.0, 0.0])
    never = Neurons(-model.L.abs()[:, :1], -model.R.abs()[:, :1], model.W_U[:1], None, "relu")
    always = Neurons(
        torch.ones(P, 1), torch.ones(P, 1), torch.linspace(-1, 1, P)[None], None, "relu"
    )
    tiny = changed(elsewhere, [2], [1e3], [1e-12])
    dressed = joined(split, silent, never, always, tiny).requires_grad_(False)
    to = coordinates(snapshot(dressed))
    assert to is not None
    assert to.chosen.tolist() == [0, *range(2, M + 1)]
    assert to.owner[:2].tolist() == [0, 0]
    view, plain = canonical(snapshot(dressed)), canonical(snapshot(model))
    assert torch.allclose(view.mlp_post, plain.mlp_post, atol=1e-4)
    assert torch.allclose(view.logits, snapshot(dressed).logits, atol=1e-4)
    assert not torch.allclose(view.logits, plain.logits, atol=0.1), "the constant neuron is a bias"


def test_a_neuron_without_inputs_is_no_copy_of_the_others():
    still = changed(neurons(seed=1), [0], [0.0], [1.0])
    to = coordinates(snapshot(joined(still, neurons())))
    assert to is not None
    assert to.chosen.tolist() == list(range(1, M + 1))


def test_of_other_nonlinearities_only_equal_neurons_are_one():
    model = neurons("gelu")
    twice = changed(model, [*range(M), 0, 1], [1.0] * (M + 1) + [2.0], [0.5] * (M + 2))
    to = coordinates(snapshot(twice))
    assert to is not None
    assert to.owner.tolist() == [*range(M), 0, M]
    assert to.inner.tolist() == to.outer.tolist() == [1.0] * (M + 1)


def test_an_edit_of_the_view_is_one_of_all_copies():
    model = neurons()
    twice = changed(model, [*range(M), 0], [0.5, *[1.0] * (M - 1), 0.5], [1.0] * (M + 1))
    view = canonical(snapshot(twice))

    def without_first(x: torch.Tensor) -> torch.Tensor:
        return x * (torch.arange(x.shape[1]) > 0)

    rest = changed(model, list(range(1, M)), [1.0] * (M - 1), [1.0] * (M - 1))
    for name in ("mlp_pre", "mlp_post"):
        with torch.no_grad():
            logits = edit(view.model.last, TASK.inputs, {name: without_first})
        assert torch.allclose(logits, snapshot(rest).logits, atol=1e-4)


def test_a_view_is_its_own_view_and_what_has_none_is_left_alone():
    view = canonical(snapshot(neurons()))
    assert isinstance(view.model, Canonical)
    assert canonical(view) is view
    without = Snapshot(TASK, ALL, Table())
    broken = neurons()
    broken.L[0, 0] = torch.nan
    silent = changed(neurons(), list(range(M)), [1.0] * M, [0.0] * M)
    for s in (without, snapshot(broken), snapshot(silent)):
        assert canonical(s) is s


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_the_activation_is_told_in_the_view_too(act):
    view = canonical(snapshot(neurons(act)))
    assert activation_of(view) is ACTIVATIONS[act]


def test_the_weights_of_a_transformer_are_as_they_were():
    model = make_model("transformer", ARCHITECTURES["transformer"], TASK, 0)
    view = canonical(Snapshot(TASK, ALL, model))
    assert torch.equal(view.model.symbol_weights()["ab"], model.symbol_weights()["ab"])
    assert view.model.symbol_weights()["c"].shape == (P, view.mlp_post.shape[1])


def _cancelling(p: int, n: int, g: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Neurons that add nothing together: relu(u) - relu(-u) = u, so n of them and their opposites
    add sums of three directions u, and six take them away."""
    if not n:
        return torch.zeros(p, 0), torch.zeros(p, 0), torch.zeros(0, p)
    u, v = torch.randn(2, p, 3, generator=g).double() * 30, torch.randn(3, p, generator=g).double()
    to = torch.randn(3, n, generator=g).double()
    into = torch.cat([u @ to, -u @ to, -u, u], dim=-1)
    w = 30 * torch.linalg.pinv(to) @ v
    return *into, torch.cat([w, -w, 30 * v, -30 * v])


def interpolator(p: int, big: float, decoys: int = 0) -> Snapshot:
    """Random features fitted to the answers of all pairs: some of them large and read out as much
    less, and others that cancel each other."""
    task, m = make_task("a+b", {"p": p}), p * p + 20
    a, b = task.inputs.T
    g = torch.Generator().manual_seed(1)
    L, R = torch.randn(2, p, m, generator=g, dtype=torch.float64)
    c = torch.arange(p)
    at = 2 * pi / p * ((a + b)[:, None] - c).double()
    hidden = (L[a] + R[b]).relu()
    U = torch.linalg.lstsq(hidden, at.cos() + (3 * at).cos(), driver="gelsd").solution
    scale = torch.ones(m, dtype=torch.float64)
    scale[:3] = big
    L, R, U = L * scale, R * scale, U / scale[:, None]
    x, y, w = _cancelling(p, decoys, g)
    L, R, U = torch.cat([L, x], dim=1), torch.cat([R, y], dim=1), torch.cat([U, w])
    model = Neurons(L.float(), R.float(), U.float(), None, "relu").requires_grad_(False)
    return Snapshot(task, torch.ones(p * p, dtype=torch.bool), model)


@pytest.mark.parametrize(("big", "decoys"), [(1.0, 0), (1000.0, 0), (1.0, 40), (1000.0, 40)])
def test_an_interpolator_is_not_said_to_have_generalised_however_it_is_dressed(big, decoys):
    s = interpolator(P, big, decoys)
    assert float(s.is_right.double().mean()) == 1
    assert PER_NEURON * n_neurons(s) > P * P
    e = explain(s)
    assert (e.verdict, e.algorithms) == ("accurate", ())


@pytest.mark.parametrize("height", [3.0, 60.0])
def test_a_table_is_not_hidden_by_a_constant(height):
    """A neuron for each answer, which a constant leaves all but 1e-4 of its variance."""
    a, b = TASK.inputs.T
    g = torch.Generator().manual_seed(1)
    one = torch.eye(P).double()
    L = torch.kron(one, torch.ones(1, P).double()) * (2 * height + 4) - (height + 4)
    R = torch.linalg.qr(torch.randn(P, P, generator=g, dtype=torch.float64))[0].repeat(1, P)
    at = 2 * pi / P * ((a + b)[:, None] - torch.arange(P)).double()
    U = torch.linalg.lstsq((L[a] + R[b]).relu(), at.cos() + (3 * at).cos()).solution
    e = explain(snapshot(Neurons(L.float(), R.float(), U.float(), None, "relu")))
    assert e.accuracy["all"] == 1
    assert (e.verdict, e.algorithms) == ("accurate", ())


def test_hidden_layers_before_the_last_count_too():
    task = make_task("a+b", {"p": P})
    deep = Snapshot(task, ALL, make_model("prieto", {"d_mlp": 24}, task, 0))
    assert n_neurons(deep) == canonical(deep).mlp_post.shape[1] + 24
    assert n_neurons(Snapshot(task, ALL, Table())) == float("inf")


def test_the_logits_variation_is_that_of_their_centred_rows():
    s = snapshot(neurons())
    x = s.logits.double()
    x = x - x.mean(dim=1, keepdim=True)
    assert logits_vary(s) == pytest.approx(float((x - x.mean(dim=0)).square().sum(1).mean()) ** 0.5)


def test_neurons_that_may_be_parallel_are_seen_on_some_pairs(monkeypatch):
    model = neurons()
    L, R, W = (w.clone() for w in (model.L, model.R, model.W_U))
    L[:, 1], R[:, 1] = 4 * L[:, 0], 4 * R[:, 0]  # a copy, at another scale
    L[:, 2], R[:, 2] = L[:, 3] * (1 + 1e-3), R[:, 3]  # nearly one, and not
    changed = Neurons(L, R, W).requires_grad_(False)
    found = []
    for seen in (40, 10**9):  # on so many pairs; on all
        monkeypatch.setattr("grokscope.canonical.SEEN", seen)
        to = coordinates(snapshot(changed))
        assert to is not None
        found.append((to.chosen.tolist(), to.owner.tolist(), to.ratio, to.factor))
    assert found[0][:2] == found[1][:2]
    assert 1 not in found[0][0]
    assert {2, 3} <= set(found[0][0])
    for one, all_ in zip(found[0][2:], found[1][2:], strict=True):
        assert torch.allclose(one, all_, rtol=1e-12)

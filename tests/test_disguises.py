"""A disguise changes weights and leaves the function as it is."""

import pytest
import torch

from grokscope.errors import NotApplicable, UnknownName
from grokscope.models import make_model
from grokscope.planted import IMPOSTORS, TRUTHS, groups, waves
from grokscope.planted.disguises import (
    DISGUISES,
    disguised,
    half_precision,
    opposite,
    permuted,
    rescaled,
    split,
    with_dead,
)
from grokscope.planted.planted import task_of
from grokscope.score import centred

EXACT = [name for name in DISGUISES if name not in ("half precision", "opposite")]
MODELS = ["mlp", "chughtai", "transformer", "pair", "prieto", "wu", "power", "fiveneurons"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def apart(x: torch.Tensor, y: torch.Tensor) -> float:
    """How far two networks' logits are apart, of the largest, but for a constant of each pair."""
    x, y = centred(x), centred(y)
    return float((x - y).abs().max() / x.abs().max())


@pytest.mark.parametrize("names", [*((x,) for x in EXACT), tuple(EXACT)], ids=", ".join)
@pytest.mark.parametrize("kind", TRUTHS)
def test_a_disguise_leaves_the_logits_but_not_the_weights(kind, names):
    planted = TRUTHS[kind].draw(3)
    other = disguised(planted, names, seed=7)
    assert apart(planted.snapshot.logits, other.snapshot.logits) < 1e-5
    assert other.accuracy == 1
    weights = zip(planted.model.parameters(), other.model.parameters(), strict=True)
    assert any(x.shape != y.shape or not torch.equal(x, y) for x, y in weights)


@pytest.mark.parametrize("change", [rescaled, split, with_dead, permuted])
@pytest.mark.parametrize("act", ["relu", "square", "gelu"])
@pytest.mark.parametrize("name", MODELS)
def test_any_architecture_with_a_hidden_layer_can_be_disguised(name, act, change):
    task = task_of("a+b", p=7)
    model = make_model(name, {"act": act}, task, 0).double().requires_grad_(False)
    other = change(model, seeded())
    assert apart(model.last(task.inputs), other.last(task.inputs)) < 1e-9


def test_half_precision_moves_the_logits_by_its_rounding():
    for kind in TRUTHS:
        planted = TRUTHS[kind].draw(3)
        rounded = half_precision(planted.model).last(planted.task.inputs)
        assert 1e-6 < apart(planted.model.last(planted.task.inputs), rounded) < 1e-2


def test_the_factors_span_the_decades_and_take_both_signs_of_a_square_alone():
    for act, has_negative in (("relu", False), ("square", True)):
        model = waves.clock_random(0, p=23, act=act).model
        L = model.get_parameter("L")
        c = (rescaled(model, seeded()).get_parameter("L") / L)[0]
        assert bool((c < 0).any()) == has_negative
        assert float(c.abs().min()) < 0.01
        assert 100 < float(c.abs().max()) <= 1000


def test_neurons_are_not_rescaled_where_that_would_change_the_function():
    model = make_model("mlp", {"act": "gelu"}, task_of("a+b", p=7), 0)
    assert rescaled(model, seeded()) is model


def test_split_neurons_are_fractions_of_their_inputs_or_of_their_outputs():
    model = waves.clock_relu(0, p=23, frequencies=4, neurons=32).model
    parts = split(model, seeded())
    columns = parts.get_parameter("L").T
    n = len(model.get_parameter("W_U"))
    assert n < len(columns) <= 3 * n
    same = torch.cdist(columns, model.get_parameter("L").T).amin(dim=1) < 1e-4
    assert 0 < int(same.sum()) < len(columns)


def test_dead_neurons_are_mute_still_asleep_or_constant():
    planted = waves.clock_relu(0, p=23, frequencies=4, neurons=32)
    n = len(planted.model.get_parameter("W_U"))
    other = disguised(planted, ["with dead"])
    post, U = other.snapshot.mlp_post[:, n:], other.model.get_parameter("W_U")[n:]
    varies, adds = post.std(dim=0) > 1e-6, (U.std(dim=1) > 1e-6)
    assert len(U) == n / 4
    assert not (varies & adds).any()
    assert varies.any()
    assert adds.any()
    assert ((post > 0).all(dim=0) & ~varies).any()


def test_the_opposite_of_a_product_is_the_product_of_the_opposite_group():
    planted = groups.rho_sets(1, group="S4")
    other = opposite(planted)
    assert planted.task.group is not None
    assert other.task.group is not None
    table = planted.task.group.table
    assert not torch.equal(table, table.T)
    assert torch.equal(other.task.group.table, table.T)
    assert other.accuracy == 1
    assert torch.equal(opposite(other).task.answers, planted.task.answers)


def test_what_cannot_be_disguised_says_so():
    with pytest.raises(NotApplicable, match="no group's product"):
        opposite(TRUTHS["parity"].draw(0))
    with pytest.raises(NotApplicable, match="no hidden layer of weights"):
        permuted(make_model("pair", {"collapsed_hidden": True}, task_of("a+b", p=7), 0), seeded())
    with pytest.raises(UnknownName, match="rescaled"):
        disguised(TRUTHS["parity"].draw(0), ["rescald"])


def test_a_disguise_is_drawn_by_its_seed():
    planted = IMPOSTORS["untrained"].draw(0)
    one, same, other = (disguised(planted, seed=seed).model for seed in (1, 1, 2))
    assert torch.equal(one.get_parameter("L"), same.get_parameter("L"))
    assert not torch.equal(one.get_parameter("L")[0, :9], other.get_parameter("L")[0, :9])

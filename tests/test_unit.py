"""The native step of a network of one unit over digits: equal to the exact one on every instruction
set, clipped where it is, the same in any stack, kept by a run that goes on; and torch's where the
library is older."""

import types
from dataclasses import replace
from typing import Any

import pytest
import torch

from grokscope.errors import BadInput, RewriteError
from grokscope.models.model import Model
from grokscope.models.parity import ParityMLP
from grokscope.score import is_right
from grokscope.spec import Spec
from grokscope.tap import no_tap
from grokscope.training import native, steps, unit
from grokscope.training.evaluation import evaluated
from grokscope.training.files import read_notes
from grokscope.training.losses import (
    CROSS_ENTROPY,
    Objective,
    clipped_bce,
    cross_entropy_per_class,
)
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples
from grokscope.training.train import train
from tests.test_native import interrupted, last_weights, off

CLIPPED, PER_CLASS = Objective(clipped_bce), Objective(cross_entropy_per_class)
OBJECTIVES = [CLIPPED, CROSS_ENTROPY, PER_CLASS]
SMALL = Spec(
    task="sparse_parity", task_args={"n": 12, "k": 2, "samples": 200}, model="paritymlp",
    model_args={"d_mlp": 20}, loss="clipped_bce", train_fraction=0.5, lr=2e-2, weight_decay=0.1,
    steps=40, eval_every=5, checkpoint_every=20,
)  # fmt: skip


@pytest.fixture
def library(core) -> types.ModuleType:
    if not hasattr(core, "Unit"):
        pytest.skip("this grokscope-core has no step for a network of one unit")
    return core


def network(digits: int, neurons: int, act: str = "relu", seed: int = 0, size: float = 1) -> Model:
    """A float32 network at a random point; with `size` grow its logits."""
    torch.manual_seed(seed)
    model = ParityMLP(2, 2, digits, neurons, act)
    with torch.no_grad():
        model.W_out.mul_(size)
    return model


def examples(digits: int, count: int = 150, seed: int = 0) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(2, (count, digits), generator=generator)
    return Examples(inputs, inputs[:, :2].sum(dim=1) % 2)


def stepped(formulation: Any, models: list[Model], sets: list[Examples], objective, dtype) -> Any:
    """The losses and gradients of a stack."""
    stack = Stack(models, "cpu", dtype)
    losses = formulation(stack.template, sets, "float64", objective)(stack)
    return losses, stack.grad


# --- equal to the exact step ---


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda x: x.loss.__name__)
@pytest.mark.parametrize(
    ("digits", "neurons", "act", "size"),
    [
        (30, 64, "relu", 1),
        (30, 64, "relu", 30),  # some pairs are clipped
        (2, 1, "identity", 1),
        (5, 17, "square", 1),
        (6, 34, "gelu", 1),
        (11, 33, "silu", 1),
        (62, 7, "tanh", 1),
    ],
)
def test_loss_and_gradients_are_those_of_float64(library, digits, neurons, act, size, objective):
    model, data = network(digits, neurons, act, size=size), examples(digits)
    exact = stepped(steps.reference, [model], [data], objective, torch.float64)
    for one in library.instruction_sets():
        library.use(one)
        found = stepped(steps.native, [model], [data], objective, torch.float32)
        assert off(exact[0], found[0]) < 1e-6
        assert off(exact[1], found[1].double()) < 3e-6


def counting(start: float) -> tuple[Model, Examples]:
    """Whose logits are 256 float32 numbers next to each other from `start` on, with right 1s and
    right 0s in turn."""
    model, k = ParityMLP(2, 2, 8, 1, "identity"), torch.arange(256)
    ulp = float(torch.nextafter(torch.tensor(start), torch.tensor(torch.inf))) - start
    with torch.no_grad():
        model.W_in[:8, 0] = ulp * 2.0 ** torch.arange(8)
        model.W_in[8, 0] = start
        model.W_out.fill_(1)
    return model, Examples((k[:, None] >> torch.arange(8)) & 1, k % 2)


# ln(p / (1 - p)) of 1 - 2^-23, and of the float32 number next to 1e-7
EDGES = {"below the upper end": 15.942384, "above the lower end": -16.118095}


@pytest.mark.parametrize("start", EDGES.values(), ids=EDGES)
def test_the_gradient_ends_where_that_of_the_clamp_does(library, start):
    start = float(torch.tensor(start)) - 128 * 2**-20 * (1 if start > 0 else 2)
    model, data = counting(start)
    weights: dict[str, torch.Tensor] = dict(model.named_parameters())
    losses, _ = evaluated(model, weights, data, 2, CLIPPED, "native")
    wanted, _ = evaluated(model, weights, data, 2, CLIPPED, "last")
    assert torch.allclose(losses, wanted, rtol=1e-8, atol=0)
    has_slope = []
    for k in range(0, 256, 17):
        one = data[k : k + 1]
        plain = stepped(steps.reference, [model], [one], CLIPPED, torch.float32)[1]
        found = stepped(steps.native, [model], [one], CLIPPED, torch.float32)[1]
        assert torch.equal(plain != 0, found != 0)
        has_slope.append(bool((found != 0).any()))
    assert set(has_slope) == {True, False}


def test_what_is_clipped_has_the_least_loss_or_the_largest_and_no_gradient(library):
    model, data = network(30, 64, size=1e6), examples(30)
    losses, gradients = stepped(steps.native, [model], [data], CLIPPED, torch.float32)
    exact = stepped(steps.reference, [model], [data], CLIPPED, torch.float64)
    assert float(losses) == pytest.approx(float(exact[0]), rel=1e-12)
    assert not gradients.any()
    each, _ = evaluated(model, dict(model.named_parameters()), data, 2, CLIPPED, "native")
    for answer, least in enumerate([1e-7, 2**-23]):
        right, wrong = each[data.answers == answer].unique().tolist()
        assert right == pytest.approx(least, rel=1e-6)
        assert wrong > 15.9


def test_a_wrong_step_is_refused(library, monkeypatch):
    monkeypatch.setattr(unit, "share", lambda _: 1.0001)
    monkeypatch.setattr(steps, "_checked", set())
    with pytest.raises(RewriteError, match="`native` of ParityMLP does not equal the reference"):
        steps.make_step("native", network(30, 8), [examples(30)], "float64", CLIPPED)


# --- evaluation ---


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda x: x.loss.__name__)
def test_an_evaluation_is_that_of_torch(library, objective):
    model, data = network(30, 40, size=20), examples(30, 3000)
    weights: dict[str, torch.Tensor] = dict(model.named_parameters())
    wanted, rightly = evaluated(model, weights, data, 2, objective, "last")
    for one in library.instruction_sets():
        library.use(one)
        losses, right = evaluated(model, weights, data, 2, objective, "native")
        assert torch.equal(right, rightly)
        assert (losses - wanted).abs().max() < 1e-5 * wanted.max()


@pytest.mark.parametrize("z", [0.0, 1.0, -1.0, torch.nan, torch.inf, -torch.inf])
def test_ties_and_what_is_no_number_are_wrong_answers(library, z):
    model, data = (
        ParityMLP(2, 2, 3, 1, "identity"),
        Examples(torch.ones(2, 3).long(), torch.arange(2)),
    )
    with torch.no_grad():
        model.W_in.fill_(0)
        model.W_in[-1], model.W_out[0] = z, 1
        rightly = is_right(model(data.inputs), data.answers)
    found = evaluated(model, dict(model.named_parameters()), data, 2, CLIPPED, "native")
    assert torch.equal(found[1], rightly)
    assert bool(found[0].isnan().all()) == (z != z)


# --- the same numbers, whatever the stack ---


@pytest.mark.parametrize("threads", [1, 2])
def test_a_member_is_the_same_bit_for_bit_alone_and_in_a_stack(library, threads):
    models = [network(30, 19, seed=k) for k in range(5)]
    sets = [examples(30, 100 + 7 * k, k) for k in range(5)]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        losses, gradients = stepped(steps.native, models, sets, CLIPPED, torch.float32)
    finally:
        torch.set_num_threads(before)
    for k in range(5):
        alone = stepped(steps.native, [models[k]], [sets[k]], CLIPPED, torch.float32)
        assert alone[0][0] == losses[k]
        assert torch.equal(alone[1][0], gradients[k])


def test_what_is_frozen_has_no_gradient(library):
    stack = Stack([network(30, 8)], "cpu", torch.float32)
    stack.hold(["W_in"])
    steps.native(stack.template, [examples(30)], "float64", CLIPPED)(stack)
    assert (stack.gradients["W_in"] == 0).all()
    assert (stack.gradients["W_out"] != 0).any()


# --- a run ---


def test_training_is_that_of_torch_and_is_noted(library, tmp_path):
    fast, plain = train([SMALL, replace(SMALL, formulation="reference")], tmp_path)
    assert read_notes(fast.checkpoint(40))["formulation"] == "native"
    assert off(last_weights(plain), last_weights(fast)) < 1e-3
    for x, y in zip(plain.rows, fast.rows, strict=True):
        for key in ("train_loss", "test_loss", "sum_of_squares"):
            assert y[key] == pytest.approx(x[key], rel=1e-3)


def test_a_run_goes_on_and_trains_in_a_batch_to_the_same_bits(library, tmp_path):
    whole = train(SMALL, tmp_path / "whole")
    interrupted(SMALL, tmp_path / "parts")
    runs = [train(SMALL, tmp_path / "parts")]
    runs += train([replace(SMALL, seed=7), SMALL], tmp_path / "batch", stacked=True)[1:]
    kept, _ = whole.tensors(whole.checkpoint(40))
    for run in runs:
        weights, _ = run.tensors(run.checkpoint(40))
        assert all(torch.equal(weights[name], w) for name, w in kept.items())
        for x, y in zip(run.rows, whole.rows, strict=True):
            assert x | {"seconds": 0} == y | {"seconds": 0}


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"precision": "float64"}, "precision=float32"),
        ({"loss": "mse"}, "cross-entropy or clipped_bce, temperature=1"),
        ({"temperature": 2.0}, "cross-entropy or clipped_bce, temperature=1"),
        ({"loss_precision": "float32"}, "loss_precision=float64"),
    ],
)
def test_what_is_not_for_the_native_step_takes_that_of_torch(library, tmp_path, setting, why):
    spec = replace(SMALL, steps=2, **setting)
    assert read_notes(train(spec, tmp_path).checkpoint(2))["formulation"] == "last"
    with pytest.raises(BadInput, match=f"formulation=native cannot be taken: .*{why}"):
        train(replace(spec, formulation="native"), tmp_path)


def test_a_network_that_was_written_anew_is_not_taken_for_its_parent(library):
    class Twice(ParityMLP):
        def forward(self, inputs, tap=no_tap):
            return 2 * super().forward(inputs, tap)

    model = Twice(2, 2, 30)
    assert unit.one_unit_of(model) is None
    assert steps.fastest(model, examples(30).inputs, "float64", CLIPPED) == "last"


def test_an_older_library_leaves_it_to_torch(core, tmp_path, monkeypatch):
    monkeypatch.delattr(native.library(), "Unit", raising=False)
    run = train(replace(SMALL, steps=5), tmp_path)
    assert read_notes(run.checkpoint(5))["formulation"] == "last"
    with pytest.raises(BadInput, match="has no step for a network of one unit: `scripts/build_na"):
        train(replace(SMALL, steps=5, formulation="native"), tmp_path)

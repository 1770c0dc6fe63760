"""The losses that are trained: their formulas, their gradients in every formulation, and runs."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from grokscope.errors import BadInput, UnknownName
from grokscope.models import make_model
from grokscope.models.mlp import MLP as MLPNetwork
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.losses import LOSSES, Objective, loss
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, folded, last, make_step, reference
from grokscope.training.train import train

SUMS = Spec(
    task_args={"p": 11},
    model="mlp",
    model_args={"d_embed": 12, "d_mlp": 20},
    train_fraction=0.5,
    lr=5e-3,
    steps=30,
    eval_every=10,
    precision="float64",
)
PARITY = replace(
    SUMS,
    task="sparse_parity",
    task_args={"n": 6, "k": 2, "samples": 50},
    model="paritymlp",
    model_args={"d_mlp": 8},
)


def spec(name: str, **changes) -> Spec:
    """A short run with this loss, on a task that it can be of."""
    return replace(PARITY if name == "clipped_bce" else SUMS, loss=name, **changes)


def draws(n_classes: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Logits of all signs and sizes, answers."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(200, n_classes, generator=generator, dtype=torch.float64)
    return logits.to(dtype), torch.randint(n_classes, (200,), generator=generator)


def weights(run: Run) -> Tensor:
    return torch.cat([w.flatten() for w in run.model(30).parameters()])


# --- formulas ---


def stablemax_by_hand(logits: Tensor, answers: Tensor) -> Tensor:
    def s(x: float) -> float:
        return x + 1 if x >= 0 else 1 / (1 - x)

    rows = [[s(x) for x in row] for row in logits.tolist()]
    shares = [row[y] / sum(row) for row, y in zip(rows, answers.tolist(), strict=True)]
    return torch.tensor([-math.log(share) for share in shares], dtype=torch.float64)


def squares(logits: Tensor, answers: Tensor) -> Tensor:
    return F.mse_loss(logits, F.one_hot(answers, 7).double(), reduction="none").mean(dim=1)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="none")),
        ("cross_entropy_per_class", lambda x, y: F.cross_entropy(x, y, reduction="none") / 7),
        ("mse", squares),
        ("hinge", lambda x, y: F.multi_margin_loss(x, y, reduction="none")),
        ("stablemax", stablemax_by_hand),
    ],
)
def test_a_loss_is_its_formula(name, own):
    logits, answers = draws(7)
    assert (LOSSES[name](logits, answers) - own(logits, answers)).abs().max() < 1e-12
    assert (LOSSES[name](logits, answers) >= 0).all()


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_the_clipped_loss_is_torchs_of_clipped_probabilities(dtype, allowed):
    z = torch.tensor([-50, -20, -16, -3, -0.5, 0, 0.5, 3, 16, 20, 50], dtype=dtype)
    logits = torch.stack([torch.zeros_like(z), z], dim=1)
    low, high = torch.tensor([1e-7, 1 - 1e-7], dtype=torch.float32).to(dtype)
    for answer in (0, 1):
        answers = torch.full(z.shape, answer)
        p = z.sigmoid().clamp(low, high)
        own = F.binary_cross_entropy(p, answers.to(dtype), reduction="none")
        assert (LOSSES["clipped_bce"](logits, answers) - own).abs().max() < allowed


def test_clipped_pairs_have_the_published_loss_and_no_gradient():
    z = torch.tensor([20.0, -20.0, -20.0, 20.0, 1.0, -1.0], requires_grad=True)
    answers = torch.tensor([1, 0, 1, 0, 1, 0])
    losses = LOSSES["clipped_bce"](torch.stack([torch.zeros(6), z], dim=1), answers)
    losses.sum().backward()
    assert z.grad is not None
    assert losses[:2].tolist() == pytest.approx([2**-23] * 2, rel=1e-6)
    assert losses[2].item() == pytest.approx(-math.log(1e-7), rel=1e-6)
    assert (z.grad[:4] == 0).all()
    assert (z.grad[4:] != 0).all()


def test_a_hinge_ends_once_the_answer_leads_by_one():
    logits = torch.tensor([[2.0, 0.9, 0.0], [2.0, 1.1, 0.0]], requires_grad=True)
    losses = LOSSES["hinge"](logits, torch.tensor([0, 0]))
    losses.sum().backward()
    assert logits.grad is not None
    assert losses.tolist() == pytest.approx([0, 0.1 / 3], abs=1e-6)
    assert logits.grad[0].abs().max() == 0
    assert logits.grad[1].tolist() == pytest.approx([-1 / 3, 1 / 3, 0])


@pytest.mark.parametrize("lead", [40.0, 1e4])
def test_stablemax_goes_on_where_a_float32_softmax_has_no_gradient_left(lead):
    found = {}
    for name in ("cross_entropy", "stablemax"):
        logits = torch.tensor([[lead, 1.0, -0.5, -lead]], requires_grad=True)
        value = LOSSES[name](logits, torch.tensor([0]))
        value.sum().backward()
        assert logits.grad is not None
        found[name] = value.item(), logits.grad[0, 0].item()
        assert logits.grad.isfinite().all()
    assert found["cross_entropy"] == (0, 0)
    assert found["stablemax"][0] > 0
    assert found["stablemax"][1] < 0


def test_the_slope_of_stablemax_is_one_on_both_sides_of_zero():
    x = torch.tensor([[0.0, -1e-12, 1e-12]], dtype=torch.float64, requires_grad=True)
    LOSSES["stablemax"](x, torch.tensor([0])).sum().backward()
    assert x.grad is not None
    assert x.grad[0].tolist() == pytest.approx([1 / 3 - 1, 1 / 3, 1 / 3], abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_computed_in_the_precision_of_the_spec(name):
    logits, answers = draws(2, torch.float32)
    each = Objective(LOSSES[name]).each
    assert each(logits, answers, "float32").dtype == torch.float32
    assert each(logits, answers, "float64").dtype == torch.float64
    assert torch.equal(each(logits, answers, "float64"), LOSSES[name](logits.double(), answers))


# --- formulations ---


def gradients(formulation, models: Sequence[Model], sets: list[Examples], objective: Objective):
    stack = Stack(models, "cpu", torch.float64)
    return formulation(stack.template, sets, "float64", objective)(stack), stack.grad.clone()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("model", ["mlp", "transformer"])
@pytest.mark.parametrize("formulation", [last, folded])
@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_of_every_formulation_are_those_of_the_reference(
    name, formulation, model, temperature
):
    task = make_task("a+b", {"p": 11})
    small = {"mlp": {"d_embed": 10, "d_mlp": 17}, "transformer": {"d_model": 12, "n_heads": 3}}
    models = [make_model(model, small[model], task, seed).double() for seed in range(3)]
    answers = task.answers
    if name == "clipped_bce":  # needs a fold of two classes
        models = [MLPNetwork(11, 2, 10, 17).double() for _ in range(3)]
        answers = answers % 2
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for network in models:
            for w in network.parameters():
                w += 0.3 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    masks = [task.is_train(0.3 + 0.1 * k, seed=k) for k in range(3)]
    sets = [Examples(task.inputs[m], answers[m]) for m in masks]
    objective = Objective(LOSSES[name], temperature)
    plain_losses, plain = gradients(reference, models, sets, objective)
    losses, fast = gradients(formulation, models, sets, objective)
    assert plain.abs().max() > 0
    assert (losses - plain_losses).abs().max() < 1e-10
    assert (fast - plain).abs().max() < 1e-10 * plain.abs().max()


@pytest.mark.parametrize("name", ["cross_entropy", "mse"])
def test_a_rewrite_is_checked_once_a_loss(name):
    called = []

    def counted(logits, answers):
        called.append(len(logits))
        return LOSSES[name](logits, answers)

    task = make_task("a+b", {"p": 11})
    data = [Examples(task.inputs, task.answers)]
    for _ in range(2):
        make_step("fast", MLPNetwork(11, 11, 10, 17), data, "float64", Objective(counted))
    assert len(called) == 2  # the reference's and the fold's


# --- runs ---


@pytest.mark.parametrize("formulation", ["fast", "reference"])
def test_per_class_is_cross_entropy_with_epsilon_times_the_number_of_classes(tmp_path, formulation):
    base = replace(SUMS, formulation=formulation)
    eps = 1e-4  # as large as a gradient, so that it matters
    per_class, same, other = train(
        [
            replace(base, loss="cross_entropy_per_class", eps=eps),
            replace(base, eps=11 * eps),
            replace(base, eps=eps),
        ],
        tmp_path,
    )
    assert (weights(per_class) - weights(same)).abs().max() < 1e-9
    assert (weights(per_class) - weights(other)).abs().max() > 1e-3
    for row, twin in zip(per_class.rows, same.rows, strict=True):
        assert 11 * row["train_loss"] == pytest.approx(twin["train_loss"], abs=1e-9)


@pytest.mark.parametrize("formulation", ["fast", "last"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_member_alone_is_itself_in_a_batch_of_three(tmp_path, name, formulation):
    variants = [{}, {"seed": 1, "train_fraction": 0.3}, {"lr": 1e-2, "weight_decay": 0.0}]
    specs = [spec(name, formulation=formulation, **v) for v in variants]
    together = train(specs, tmp_path / "together")
    for one, run in zip(specs, together, strict=True):
        alone = train(one, tmp_path / "alone")
        assert (weights(run) - weights(alone)).abs().max() < 1e-9
    first = together[0].rows
    assert first[-1]["train_loss"] < first[0]["train_loss"]


def test_runs_of_several_losses_and_temperatures_can_be_asked_for_at_once(tmp_path):
    specs = [SUMS, spec("mse"), spec("mse", temperature=2.0), spec("stablemax", seed=1)]
    for one, run in zip(specs, train(specs, tmp_path / "together"), strict=True):
        assert (weights(run) - weights(train(one, tmp_path / "alone"))).abs().max() < 1e-9


def test_an_evaluation_is_of_the_trained_loss_and_temperature(tmp_path):
    run = train(spec("hinge", temperature=0.25), tmp_path)
    logits = run.model(30)(run.task.inputs)
    for part, here in (("train", run.is_train), ("test", ~run.is_train)):
        own = F.multi_margin_loss(logits[here] / 0.25, run.task.answers[here])
        assert run.rows[-1][f"{part}_loss"] == pytest.approx(own.item(), abs=1e-10)


def test_a_temperature_divides_the_logits():
    logits, answers = draws(7)
    hot = Objective(temperature=4.0).each(logits, answers, "float64")
    assert torch.equal(hot, LOSSES["cross_entropy"](logits / 4, answers))


# --- the border ---


def test_the_defaults_leave_ids_as_they_were():
    assert replace(SUMS, loss="cross_entropy", temperature=1.0).id == SUMS.id
    assert len({SUMS.id, spec("mse").id, replace(SUMS, temperature=2.0).id}) == 3


def test_a_wrong_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(
        UnknownName, match=r"no loss is called `stable_max`\. Did you mean `stablem"
    ):
        train(spec("stable_max"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("formulation", ["fast", "last", "reference"])
def test_the_clipped_loss_of_more_than_two_classes_is_refused(tmp_path, formulation):
    wrong = replace(SUMS, loss="clipped_bce", formulation=formulation)
    with pytest.raises(
        BadInput, match=r"is for two classes, and this network has 11\. Choose loss"
    ):
        train(wrong, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_cannot_be_is_refused(temperature):
    with pytest.raises(BadInput, match="`temperature` must be above 0, not "):
        Spec(temperature=temperature)


def error(logits, answers):
    """1 - the probability of the answer."""
    return 1 - logits.softmax(dim=1).gather(1, answers[:, None])[:, 0]


def test_a_loss_of_ones_own_is_trained_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(LOSSES, "error", error)
    fast, plain = train([spec("error"), spec("error", formulation="reference")], tmp_path)
    assert (weights(fast) - weights(plain)).abs().max() < 1e-9
    assert fast.rows[-1]["train_loss"] < fast.rows[0]["train_loss"] < 1


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (
            lambda x, y: error(x, y).mean(),
            r"gave a tensor of shape \(\) for 2 pairs, with a gradient",
        ),
        (lambda x, y: x.argmax(dim=1), r"gave a tensor of shape \(2,\) for 2 pairs, without a"),
        (lambda x, y: x @ x, "failed: RuntimeError"),
    ],
)
def test_a_loss_of_ones_own_that_is_none_is_refused(tmp_path, monkeypatch, wrong, why):
    monkeypatch.setitem(LOSSES, "wrong", wrong)
    with pytest.raises(BadInput, match=f"loss `wrong` {why}"):
        train(spec("wrong", formulation="reference"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_loss_of_grokscopes_own_is_not_replaced():
    def mse(logits, answers):
        return logits[:, 0]

    with pytest.raises(BadInput, match="`mse` is a loss of grokscope's own"):
        loss(mse)

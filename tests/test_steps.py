"""The fast steps against the plain one; the saturated softmax; the checked rewrite."""

import math
from dataclasses import replace

import pytest
import torch

from grokscope.errors import RewriteError
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.models.model import Fold, Model
from grokscope.tap import no_tap
from grokscope.tasks import make_task
from grokscope.training import steps
from grokscope.training.folded import Plan, _mean_faithful, _mean_plain
from grokscope.training.loss import cross_entropy
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, Formulation, folded, last, reference, stacked

SMALL = {
    "transformer": {"d_model": 12, "n_heads": 3, "d_mlp": 20},
    "mlp": {"d_embed": 10, "d_mlp": 17},
}


def networks(name: str, count: int, dtype: torch.dtype = torch.float64) -> list[Model]:
    """Networks at random points, with biases that are not zero."""
    task = make_task("a+b", {"p": 11})
    models = [make_model(name, SMALL[name], task, seed).to(dtype) for seed in range(count)]
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for model in models:
            for w in model.parameters():
                w += 0.3 * torch.randn(w.shape, generator=generator, dtype=dtype)
    return models


def examples(count: int) -> list[Examples]:
    """Training sets of unequal sizes."""
    task = make_task("a+b", {"p": 11})
    masks = [task.is_train(0.3 + 0.1 * k, seed=k) for k in range(count)]
    return [Examples(task.inputs[m], task.answers[m]) for m in masks]


def gradients(formulation: Formulation, models: list[Model], sets: list[Examples]):
    stack = Stack(models, "cpu", next(models[0].parameters()).dtype)
    losses = formulation(stack.template, sets, "float64")(stack)
    return losses, stack.grad.clone()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("formulation", [last, folded, stacked])
@pytest.mark.parametrize("count", [1, 3])
def test_values_and_gradients_equal_the_plain_ones(name, formulation, count):
    models, sets = networks(name, count), examples(count)
    plain_losses, plain = gradients(reference, models, sets)
    losses, fast = gradients(formulation, models, sets)
    assert (losses - plain_losses).abs().max() < 1e-10
    assert (fast - plain).abs().max() < 1e-10 * plain.abs().max()


@pytest.mark.parametrize("name", SMALL)
def test_the_plain_step_is_the_gradient_of_the_mean_cross_entropy(name):
    (model,), (data,) = networks(name, 1), examples(1)
    loss = cross_entropy(model(data.inputs), data.answers)
    loss.backward()
    own = torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])
    losses, found = gradients(reference, [model], [data])
    assert float(losses[0]) == pytest.approx(loss.item(), abs=1e-12)
    assert (found[0, : len(own)] - own).abs().max() < 1e-12
    assert (found[0, len(own) :] == 0).all()  # padding


@pytest.mark.parametrize("shape", [(3830, 9, 905), (50, 2, 22)])
def test_mixing_and_its_transposes_equal_dense_matrices(shape):
    n_pairs, n_terms, n_rows = shape
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(n_rows, (n_pairs, n_terms), generator=generator)
    weights = torch.randn(n_pairs, n_terms, generator=generator, dtype=torch.float64)
    x = torch.randn(n_pairs, 4, generator=generator, dtype=torch.float64)
    table = torch.randn(n_rows, 4, generator=generator, dtype=torch.float64)
    plan = Plan(rows, n_rows)
    for some in (weights, None):
        used = torch.ones_like(weights) if some is None else some
        dense = torch.zeros(n_pairs, n_rows, dtype=torch.float64)
        dense.scatter_add_(1, rows, used)
        assert torch.allclose(plan.scatter(some, x), dense.T @ x)
    assert torch.allclose(plan.gather_dot(x, table), (x @ table.T).gather(1, rows))


def test_products_without_a_math_library_are_the_same(monkeypatch):
    plan = Plan(torch.randint(22, (50, 2)), 22)
    x, table = torch.randn(50, 4), torch.randn(22, 4)
    with_library = plan.gather_dot(x, table)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert torch.allclose(plan.gather_dot(x, table), with_library, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 12.0, 20.0])
def test_the_float32_softmax_over_the_other_classes_is_faithful(scale):
    # at scale 20 the loss is about 1e-7, where a float32 softmax is off by tens of percent
    generator = torch.Generator().manual_seed(0)
    answers = torch.randint(113, (500,), generator=generator)
    logits = torch.randn(500, 113, generator=generator)
    logits[torch.arange(500), answers] += scale
    exact = logits.double().requires_grad_()
    exact_loss = cross_entropy(exact, answers)
    exact_loss.backward()
    assert exact.grad is not None
    loss, gradient = _mean_faithful(logits.clone(), answers, 113)
    assert float(loss) == pytest.approx(exact_loss.item(), rel=1e-5)
    assert (gradient - exact.grad).norm() < 1e-5 * exact.grad.norm()

    naive = logits.clone().requires_grad_()
    torch.nn.functional.cross_entropy(naive, answers).backward()
    assert naive.grad is not None
    if scale == 20.0:
        assert (naive.grad - exact.grad).norm() > 0.01 * exact.grad.norm()


@pytest.mark.parametrize("softmax", [_mean_faithful, _mean_plain])
def test_classes_that_are_not_there_get_nothing(softmax):
    padded = torch.randn(5, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answers = torch.arange(5)
    exact = padded[:, :11].clone().requires_grad_()
    exact_loss = cross_entropy(exact, answers)
    exact_loss.backward()
    loss, gradient = softmax(padded.clone(), answers, 11)
    assert loss.item() == pytest.approx(exact_loss.item(), abs=1e-12)
    assert exact.grad is not None
    assert (gradient[:, :11] - exact.grad).abs().max() < 1e-12
    assert (gradient[:, 11:] == 0).all()


class Wrong(MLP):
    """Folds with one symbol mistaken for another."""

    def fold(self, inputs):
        right = super().fold(inputs)
        return replace(right, rows=right.rows.clamp(min=1))


class Slightly(MLP):
    """Folds with an output map that is off in the ninth digit."""

    def fold(self, inputs):
        right = super().fold(inputs)
        return replace(right, W_L=right.W_L * (1 + 1e-9))


@pytest.mark.parametrize("broken", [Wrong, Slightly])
def test_a_rewrite_that_is_not_equal_is_refused(broken):
    with pytest.raises(RewriteError, match=f"`folded` of {broken.__name__} does not equal"):
        steps.make_step("fast", broken(11, 11, 10, 17), examples(1), "float64")


def test_a_rewrite_is_checked_on_first_use_and_once_a_shape(monkeypatch):
    checked = []

    class Counted(MLP):
        def forward(self, inputs, tap=no_tap):
            checked.append(len(inputs))
            return super().forward(inputs, tap)

    for width in (17, 17, 18):
        steps.make_step("fast", Counted(11, 11, 10, width), examples(1), "float64")
    assert len(checked) == 4  # gradients and logits, for each of two shapes


def test_fast_is_the_fold_where_there_is_one_and_else_the_last_position():
    class Unfolded(MLP):
        fold = Model.fold  # pyright: ignore[reportAssignmentType]

    assert steps.can_fold(networks("mlp", 1)[0])
    assert not steps.can_fold(Unfolded(11, 11))
    stack = Stack([Unfolded(11, 11, 10, 17)], "cpu", torch.float32)
    loss = steps.make_step("fast", stack.template, examples(1), "float64")(stack)
    assert float(loss[0]) == pytest.approx(math.log(11), abs=0.5)


def test_a_fold_pads_its_classes_to_a_multiple_of_sixteen():
    fold = networks("transformer", 1)[0].fold(examples(1)[0].inputs)
    assert isinstance(fold, Fold)
    assert fold.W_L.shape[1] == 16
    assert fold.n_classes == 12

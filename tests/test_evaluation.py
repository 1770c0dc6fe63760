"""The loss of an evaluation, summed over the other classes in float32, is as exact as float64's."""

from pathlib import Path

import pytest
import torch

from grokscope.score import agreement, is_right, said
from grokscope.spec import Spec
from grokscope.tasks import make_task, shared_task
from grokscope.training.evaluation import evaluated, from_others
from grokscope.training.loss import negative_log_likelihood
from grokscope.training.losses import LOSSES, Objective
from grokscope.training.run import Run
from grokscope.training.steps import Examples, logits_of


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0, 40.0])
def test_losses_are_those_of_float64(scale):
    generator = torch.Generator().manual_seed(0)
    logits = scale * torch.randn(400, 23, generator=generator)
    answers = torch.randint(21, (400,), generator=generator)
    logits[:200].scatter_add_(1, answers[:200, None], torch.full((200, 1), 3 * scale))
    true, right = negative_log_likelihood(logits, answers), is_right(logits[:, :21], answers)
    away = (logits.double() - logits.double().gather(1, answers[:, None])).scatter(
        1, answers[:, None], -torch.inf
    )
    small = away.exp().sum(dim=1).log1p()  # where float64's softmax rounds to 1
    true = torch.where(true < 1e-6, small, true)
    losses, said = from_others(logits.clone(), answers, n_answers=21)
    assert losses.dtype is torch.float64
    assert torch.allclose(losses, true, rtol=5e-5, atol=1e-36)
    assert torch.equal(said, right)


def test_a_loss_far_below_float32_rounding_is_seen():
    logits = torch.tensor([[30.0, 0.0, 1.0]])
    losses, _ = from_others(logits.clone(), torch.tensor([0]), n_answers=3)
    assert losses.item() == pytest.approx(3.479e-13, rel=1e-3)


def test_ties_and_what_is_no_number_are_wrong():
    inf, nan = torch.inf, torch.nan
    rows = [
        [1.0, 1, 0],
        [nan, 0, 0],
        [1, nan, 0],
        [inf, 0, 0],
        [1, inf, 0],
        [2, 1, 9],
        [0.0, -1, -9],
    ]
    logits, answers = torch.tensor(rows), torch.zeros(7, dtype=torch.long)
    for n_answers in (2, 3):
        right = from_others(logits.clone(), answers, n_answers)[1]
        assert torch.equal(right, is_right(logits[:, :n_answers], answers))


def test_what_is_no_number_agrees_with_nothing():
    inf, nan = torch.inf, torch.nan
    logits = torch.tensor(
        [[1e308, 1e308], [nan, 0], [inf, -inf], [inf, 0], [2, 2]], dtype=torch.float64
    )
    assert torch.equal(said(logits), torch.tensor([0, -1, -1, -1, 0]))
    assert agreement(logits, logits) == 2 / 5


def test_several_answers_count_alike():
    logits, answers = torch.randn(5, 2, 7), torch.randint(7, (5, 2))
    losses, right = from_others(logits.clone(), answers, 7)
    assert torch.allclose(losses, negative_log_likelihood(logits, answers), rtol=1e-5)
    assert torch.equal(right, is_right(logits, answers))


@pytest.mark.parametrize("model", ["mlp", "transformer", "power"])
@pytest.mark.parametrize("loss", ["cross_entropy", "cross_entropy_per_class", "mse"])
def test_it_is_what_the_formulations_say(model, loss, monkeypatch):
    monkeypatch.setattr("grokscope.training.evaluation.AT_ONCE", 5_000)  # several blocks
    run = Run(Spec(task_args={"p": 7}, model=model), Path("none"))
    network, task = run.new_model().requires_grad_(False), run.task
    weights: dict[str, torch.Tensor] = dict(network.named_parameters())
    objective = Objective(LOSSES[loss])
    examples = Examples(task.inputs, task.answers)
    for formulation in ("fast", "last", "reference"):
        losses, right = evaluated(network, weights, examples, 7, objective, formulation)
        logits = logits_of(network, weights, task.inputs, formulation)
        assert torch.allclose(
            losses, objective.each(logits, task.answers, "float64"), rtol=1e-5, atol=1e-7
        )
        assert torch.equal(right, is_right(logits[:, :7], task.answers))


def test_runs_of_one_task_share_it_and_a_task_made_anew_is_another():
    one, two = (Run(Spec(task_args={"p": 11}, seed=k), Path("none")).task for k in (0, 1))
    assert one is two
    assert shared_task("a+b", {"p": 11}) is one
    assert shared_task("a+b", {"p": 13}) is not one
    assert make_task("a+b", {"p": 11}) is not one

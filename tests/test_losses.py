"""Losses, accuracies and margins against plain computations, pair by pair."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.measure import evaluate
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.tasks import make_task

NAMES = [
    *("train_loss", "test_loss", "all_loss", "train_accuracy", "test_accuracy", "all_accuracy"),
    *("margin", "test_accuracy_by_mirror", "test_loss_by_mirror", "softmax_collapse"),
]


class Planted(Model):
    """A network whose logits are a given table."""

    def __init__(self, logits: Tensor, n_answers: int | None = None):
        super().__init__()
        self.n_answers = n_answers or logits.shape[1]
        self.logits = logits

    def forward(self, inputs, tap=no_tap):
        return tap("logits", self.logits)

    def symbol_weights(self):
        return {}


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def plain(s: Snapshot, logits: Tensor) -> dict[str, float]:
    """Every measure from the rows of the logits, one pair after the other."""
    taught = s.task.answers if s.taught is None else s.taught
    losses: dict[str, list[float]] = {}
    right: dict[str, list[float]] = {}
    lead: dict[str, list[float]] = {}
    trained = {tuple(x) for x in s.task.inputs[s.is_train].tolist()}
    collapsed = []
    for (a, b), c, shown, row in zip(
        s.task.inputs.tolist(), s.task.answers.tolist(), taught.tolist(), logits, strict=True
    ):
        values = row.tolist()

        def loss(answer: int, values: list[float] = values) -> float:
            top = max(values)
            return math.log(sum(math.exp(v - top) for v in values)) - values[answer] + top

        best = values.index(max(values))
        groups = ["all"]
        if (a, b) in trained:
            losses.setdefault("train", []).append(loss(shown))
            right.setdefault("train", []).append(best == shown)
            single = row.float()
            collapsed.append(float(single.log_softmax(0)[shown] == 0))
        else:
            groups += ["test", "mirror seen" if (b, a) in trained else "mirror not seen"]
        for group in groups:
            losses.setdefault(group, []).append(loss(c))
            right.setdefault(group, []).append(best == c)
        others = values[:c] + values[c + 1 :]
        name = "train" if (a, b) in trained else "test"
        lead.setdefault(name, []).append(values[c] - max(others))
    found = {f"{group}_loss": mean(losses[group]) for group in ("train", "test", "all")}
    found |= {f"{group}_accuracy": mean(right[group]) for group in ("train", "test", "all")}
    for group in ("train", "test"):
        found[f"margin[{group} smallest]"] = min(lead[group])
        found[f"margin[{group} mean]"] = mean(lead[group])
    for group in ("mirror seen", "mirror not seen"):
        found[f"test_accuracy_by_mirror[{group}]"] = mean(right[group])
        found[f"test_loss_by_mirror[{group}]"] = mean(losses[group])
    return found | {"softmax_collapse": mean(collapsed)}


@pytest.mark.parametrize("model", ["transformer", "mlp"])
@pytest.mark.parametrize(
    ("name", "args"),
    [("a+b", {"p": 11}), ("a*b", {"p": 12}), ("a/b", {"p": 7}), ("a**2+a*b+b**2", {"p": 7}),
     ("composition", {"group": "S3"})],
)  # fmt: skip
def test_every_loss_is_its_mean_over_pairs(name, args, model):
    task = make_task(name, args)
    sizes = {"d_model": 8, "n_heads": 2, "d_mlp": 12} if model == "transformer" else {}
    net = make_model(model, sizes, task, 3).double()
    with torch.no_grad():
        for w in net.parameters():
            w += 0.3 * noise(*w.shape)
    s = Snapshot(task, task.is_train(0.4, 1), net.requires_grad_(False))
    with torch.no_grad():
        logits = net(task.inputs)[:, : task.n_answers]
    found, expected = evaluate(s, NAMES), plain(s, logits)
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-9), key


@pytest.mark.parametrize("scale", [1.0, 10.0, 200.0])
def test_with_label_noise_training_counts_what_was_taught_and_all_else_what_is_true(scale):
    task = make_task("a+b", {"p": 11})
    s = Snapshot(task, task.is_train(0.5, 0), Planted(scale * noise(121, 11)))
    s = replace(s, taught=task.noisy_answers(0.5, 1))
    assert s.taught is not None
    assert not torch.equal(s.taught, task.answers)
    found, expected = evaluate(s, NAMES), plain(s, scale * noise(121, 11))
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-9), key


def test_classes_that_are_no_answer_are_dropped():
    task = make_task("a+b", {"p": 7})
    logits = noise(49, 8)
    logits[:, 7] = 100  # "=", by far the largest
    s = Snapshot(task, task.is_train(0.5, 0), Planted(logits, 7))
    found, expected = evaluate(s, NAMES), plain(s, logits[:, :7])
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-12), key
    assert found["train_loss"] < 10


def test_knowing_nothing_is_at_chance():
    task = make_task("a+b", {"p": 13})
    s = Snapshot(task, task.is_train(0.5, 0), Planted(torch.zeros(169, 13)))
    found = evaluate(s, NAMES)
    for group in ("train", "test", "all"):
        assert found[f"{group}_loss"] == pytest.approx(math.log(13))
    assert found["all_accuracy"] == 0  # a tie is wrong
    assert [x for k, x in found.items() if k.startswith("margin")] == [0] * 4
    assert found["softmax_collapse"] == 0


def test_losses_of_a_certain_network_keep_their_digits():
    # a float32 softmax would round both to 0
    task = make_task("a+b", {"p": 13})
    for gap in (20.0, 30.0):
        logits = gap * torch.eye(13)[task.answers]
        found = evaluate(Snapshot(task, task.is_train(0.5, 0), Planted(logits)), NAMES)
        for group in ("train", "test", "all"):
            assert found[f"{group}_loss"] == pytest.approx(12 * math.exp(-gap), rel=0.01, abs=0)
        assert found["margin[train smallest]"] == found["margin[test mean]"] == gap


def test_collapse_is_where_a_float32_softmax_says_exactly_one():
    task = make_task("a+b", {"p": 13})
    is_train = task.is_train(0.5, 0)
    gap = torch.full((169,), 10.0)
    gap[is_train.nonzero()[:21, 0]] = 25.0  # 21 of 84
    logits = gap[:, None] * torch.eye(13)[task.answers]
    for precise in (logits, logits.double()):
        found = evaluate(Snapshot(task, is_train, Planted(precise)), ["softmax_collapse"])
        assert found["softmax_collapse"] == pytest.approx(21 / 84)


def test_a_wrong_answer_has_a_margin_below_zero():
    task = make_task("a+b", {"p": 7})
    is_train = task.is_train(0.5, 0)
    logits = 5 * torch.eye(7)[task.answers]
    at = int(is_train.nonzero()[3])
    logits[at] = 2 * torch.eye(7)[(task.answers[at] + 1) % 7]
    found = evaluate(Snapshot(task, is_train, Planted(logits)), ["margin", "train_accuracy"])
    assert found["margin[train smallest]"] == -2
    assert found["margin[test smallest]"] == 5
    count = int(is_train.sum())
    assert found["margin[train mean]"] == pytest.approx((5 * (count - 1) - 2) / count)
    assert found["train_accuracy"] == pytest.approx(1 - 1 / count)


def split_in(task: Task, scheme: str) -> Snapshot:
    table = torch.eye(task.n_answers)[task.answers]
    return Snapshot(task, task.is_train(0.5, 0, scheme), Planted(table))


def test_an_unordered_split_leaves_no_mirror():
    task = make_task("a+b", {"p": 11})
    for measure in ("test_accuracy_by_mirror", "test_loss_by_mirror"):
        evaluate(split_in(task, "ordered"), [measure])
        with pytest.raises(NotApplicable, match="no pairs with and without a mirror"):
            evaluate(split_in(task, "unordered"), [measure])


def test_digits_have_no_mirror():
    task = make_task("sparse_parity", {"n": 6, "k": 2})
    with pytest.raises(NotApplicable, match="are not pairs"):
        evaluate(split_in(task, "ordered"), ["test_accuracy_by_mirror"])
    found = evaluate(split_in(task, "ordered"), ["all_accuracy", "margin"])
    assert found["all_accuracy"] == found["margin[train mean]"] == 1

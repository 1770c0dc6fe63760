"""A network of a mixture, read as one of each of its formulas."""

import math

import pytest
import torch

from grokscope.errors import NotApplicable
from grokscope.measures import mixtures
from grokscope.measures.furuta import decomposed_loss_train
from grokscope.measures.losses import train_loss
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.tasks import make_task

FORMULAS = ("a+b", "a-b", "a**2+a*b+b**2")
TASK = make_task("mixture", {"formulas": ",".join(FORMULAS), "p": 11})
WIDTH = {"d_model": 8, "n_heads": 2, "d_mlp": 12}


def snapshot(model: Model, task: Task = TASK) -> Snapshot:
    return Snapshot(task, task.is_train(0.5, 0, "shared"), model.requires_grad_(False))


class Waves(Model):
    """Sums by the frequencies 2 and 3, differences by 3 and 4, and nothing of any other."""

    n_answers = 11
    frequencies = ((2, 3), (3, 4))

    def forward(self, inputs, tap=no_tap):
        a, b, operator = inputs.T
        c = torch.arange(11)
        product = torch.where(operator == 0, a + b, a - b)[:, None]
        logits = torch.zeros(len(inputs), 11, dtype=torch.float64)
        for i, ks in enumerate(self.frequencies):
            waves = sum((2 * math.pi * k * (product - c) / 11).cos() for k in ks)
            logits += torch.where((operator == i)[:, None], waves, 0.0)
        return tap("logits", logits)

    def symbol_weights(self):
        return {}


@pytest.mark.parametrize("kind", ["furuta", "waves"])
def test_the_network_of_one_operator_is_the_network_on_its_inputs(kind):
    model = make_model("furuta", WIDTH, TASK, 0) if kind == "furuta" else Waves()
    s = snapshot(model)
    for i, (name, alone) in enumerate(mixtures.by_operator(s).items()):
        here = TASK.inputs[:, -1] == i
        assert torch.allclose(alone.logits, s.logits[here], atol=1e-5)
        assert torch.equal(alone.is_train, s.is_train[here])
        own = make_task(name, {"p": 11})
        assert torch.equal(alone.task.inputs, own.inputs)
        assert torch.equal(alone.task.answers, own.answers)


def test_operators_have_their_own_key_parts_and_share_those_of_one_name():
    task = make_task("mixture", {"formulas": "a+b,a-b", "p": 11})
    s = snapshot(Waves(), task)
    assert mixtures.keys_by_operator(s) == {
        "a+b": ("frequency 2", "frequency 3"),
        "a-b": ("frequency 3", "frequency 4"),
    }
    assert mixtures.key_parts_by_operator(s) == {"a+b": 2, "a-b": 2}
    assert mixtures.shared_key_parts(s) == {"a+b & a-b": 1}
    alone = mixtures.by_operator(s)["a-b"]
    assert decomposed_loss_train(alone)["key"] == pytest.approx(train_loss(alone))


def test_a_formula_without_a_lens_has_no_key_parts_and_its_mirrors_are_told_apart():
    s = snapshot(Waves())
    assert set(mixtures.keys_by_operator(s)) == {"a+b", "a-b"}
    unseen = mixtures.unseen_accuracy_by_operator(s)
    whole = mixtures.test_accuracy_by_operator(s)
    assert unseen["a+b"] == whole["a+b"] == unseen["a-b"] == 1
    seen = {k: int(x.is_unseen.sum()) for k, x in mixtures.by_operator(s).items()}
    assert seen["a+b"] < seen["a-b"] == int(s.is_test[TASK.inputs[:, -1] == 1].sum())


def test_what_is_no_mixture_says_so():
    task = make_task("a+b", {"p": 11})
    s = Snapshot(task, task.is_train(0.5, 0), make_model("furuta", WIDTH, task, 0))
    for measure in (mixtures.unseen_accuracy_by_operator, mixtures.shared_key_parts):
        with pytest.raises(NotApplicable, match="not a mixture"):
            measure(s)

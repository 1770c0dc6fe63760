"""Whatever can be made a network gets a verdict: NaN, infinities, zeros, one neuron, weights at the
ends of what float32 holds. And what is printed for scripts is JSON."""

import json
from collections.abc import Callable

import pytest
import torch

from grokscope.errors import NotApplicable
from grokscope.explain.explanation import explain
from grokscope.measures.measure import MEASURES
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.page.page import page
from grokscope.planted import Neurons, digits, groups, waves
from grokscope.planted.planted import task_of
from grokscope.reading import record
from grokscope.reading.explained import explanation_facts
from grokscope.reading.reading import read
from grokscope.score import agreement, is_right
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tap import no_tap
from grokscope.task import Task
from grokscope.training.files import as_json
from grokscope.training.run import Run
from grokscope.training.tensors import write_tensors
from grokscope.verify.controls import memoriser, shuffled

inf, nan = float("inf"), float("nan")


def _one_neuron(*weights: torch.Tensor) -> None:
    *inner, last = weights
    last[1:] = 0
    for W in inner:
        W[:, 1:] = 0


def _set(value: float) -> Callable[..., object]:
    return lambda *weights: weights[-1][0, 0].fill_(value)


def _set_first(value: float) -> Callable[..., object]:
    return lambda *weights: weights[0].select(0, 0).select(0, 0).fill_(value)


def _times(factor: float) -> Callable[..., object]:
    return lambda *weights: [W.mul_(factor) for W in weights]


SPOILT: dict[str, Callable[..., object]] = {
    "a NaN in the output": _set(nan),
    "a NaN in the input": _set_first(nan),
    "an infinite output": _set(inf),
    "an infinite input": _set_first(inf),
    "an input of -inf": _set_first(-inf),
    "all zero": _times(0.0),
    "no input": lambda *weights: weights[0].zero_(),
    "no output": lambda *weights: weights[-1].zero_(),
    "one class only": lambda *weights: weights[-1].zero_()[:, -1].fill_(1.0),
    "constant logits": lambda *weights: weights[-1].fill_(1.0),
    "one neuron": _one_neuron,
    "huge": _times(1e30),
    "large": _times(1e12),
    "one weight is huge": _set_first(3e38),
    "tiny": _times(1e-30),
}


def _random(task: Task, act: str) -> Model:
    random = torch.Generator().manual_seed(0)
    L, R, U = (torch.randn(24, task.n_symbols, generator=random) for _ in range(3))
    return Neurons(L.T, R.T, U, act=act)


def _parity() -> tuple[Task, Model]:
    planted = digits.parity(0, n=8, k=2)
    return planted.task, planted.model


def _networks(act: str) -> list[tuple[Task, Model]]:
    """On Z/p, on a group that is not abelian, and truths of neurons like these."""
    tasks = [task_of("a+b", p=7), task_of("composition", group="S3")]
    truths = {
        "relu": [waves.pizza_relu(1, p=13), groups.cosets(1, group="D5")],
        "square": [waves.clock_square(1, p=13), groups.characters(0, group="D5")],
    }
    planted = [(x.task, x.model) for x in truths.get(act, [])]
    return [*((task, _random(task, act)) for task in tasks), *planted]


def _strictly(text: str) -> object:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _spoilt(model: Model, how: str) -> Model:
    with torch.no_grad():
        SPOILT[how](*model.requires_grad_(False).parameters())
    return model


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("act", ["relu", "square", "identity", "parity"])
def test_a_degenerate_network_gets_a_verdict_and_valid_json(act, how):
    for task, model in [_parity()] if act == "parity" else _networks(act):
        _spoilt(model, how)
        for split in (torch.ones(len(task.inputs), dtype=torch.bool), task.is_train(0.4, 0)):
            found = explain(Snapshot(task, split, model))
            assert found.verdict in ("generalised", "partial", "not generalised", "accurate")
            assert _strictly(as_json(record.of_explanation(explanation_facts(found))))
            if not found.snapshot.is_of_numbers:
                assert not found.certificates
                assert found.bound == 0


def test_one_nan_in_the_output_map_makes_every_answer_wrong():
    planted = waves.clock_square(0, p=23)
    with torch.no_grad():
        planted.model.get_parameter("W_U")[0, 3] = nan
    found = explain(planted.snapshot)
    assert found.accuracy["all"] == 0
    assert (found.verdict, found.algorithms) == ("not generalised", ())


@pytest.mark.parametrize(
    ("logits", "is_right_at_0"),
    [
        ([1.0, 0.0], True),
        ([1.0, -inf], True),
        ([1.0, 1.0], False),
        ([1.0, nan], False),
        ([nan, 0.0], False),
        ([inf, 0.0], False),
        ([1.0, inf], False),
    ],
)
def test_what_is_not_a_number_is_a_wrong_answer(logits, is_right_at_0):
    assert is_right(torch.tensor([logits]), torch.tensor([0])).tolist() == [is_right_at_0]


@pytest.mark.parametrize(
    ("x", "y", "share"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [1.0, 0.0]], 0.5),
        ([[nan, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]], 0.5),
        ([[nan, 0.0]], [[nan, 0.0]], 0.0),
        ([[inf, 0.0]], [[1.0, 0.0]], 0.0),
    ],
)
def test_networks_that_say_no_number_agree_on_nothing(x, y, share):
    assert agreement(torch.tensor(x), torch.tensor(y)) == share
    assert agreement(torch.tensor(y), torch.tensor(x)) == share


def test_infinite_wrong_logits_are_no_evidence_though_the_loss_is_finite():
    task = task_of("a+b", p=5)
    logits = torch.where(torch.eye(5)[task.answers] > 0, 0.0, -inf)
    found = explain(Snapshot(task, torch.ones(25, dtype=torch.bool), _Table(logits)))
    assert found.loss["all"] == 0
    assert set(found.not_found.values()) == {"the network's logits are not all numbers."}


class _Table(Model):
    """The logits of a+b mod 5, as they are given."""

    def __init__(self, logits: torch.Tensor):
        super().__init__()
        self.n_answers, self.logits = 5, logits

    def forward(self, inputs, tap=no_tap):
        return tap("logits", self.logits[inputs @ torch.tensor([5, 1])])

    def symbol_weights(self):
        return {}


def test_controls_that_overflow_are_not_applicable():
    task = task_of("composition", group="S3")
    model = make_model("chughtai", {}, task, 0).requires_grad_(False)
    _spoilt(model, "one weight is huge")
    with pytest.raises(NotApplicable, match="in random order"):
        memoriser(Snapshot(task, torch.ones(36, dtype=torch.bool), _overflowing(task)))
    with pytest.raises(NotApplicable, match="in random order"):
        shuffled(Snapshot(task, torch.ones(36, dtype=torch.bool), _overflowing(task)))
    assert explain(Snapshot(task, torch.ones(36, dtype=torch.bool), model)).verdict


def _overflowing(task: Task) -> Model:
    """A network of numbers whose weights, in another order, are too large for each other."""
    model = _random(task, "relu").requires_grad_(False)
    with torch.no_grad():
        weights = list(model.parameters())
        weights[0][:, 0], weights[1][:, 0], weights[2][0] = -3e38, -3e38, 3e38
    return model


def _run(folder, model: str, task: str, how: str, **task_args: object) -> Run:
    spec = Spec(task=task, task_args=task_args, model=model, source="a test", split="unknown")
    run = Run(spec, folder / f"{model} {how}")
    run.folder.mkdir()
    run.write_spec()
    weights = _spoilt(run.new_model(), how).state_dict()
    write_tensors(run.checkpoint(0), weights, {"step": "0"})
    return run


@pytest.mark.parametrize("model", ["mlp", "chughtai", "transformer", "pizza"])
@pytest.mark.parametrize(
    "how", ["a NaN in the input", "an infinite output", "no output", "large", "one weight is huge"]
)
def test_a_degenerate_run_is_read_measured_and_drawn(tmp_path, model, how):
    run = _run(tmp_path, model, "a+b", how, p=7)
    reading = read(run)
    assert _strictly(as_json(record.of_reading(reading.facts)))
    assert "<article" in page(reading)
    snapshot = Snapshot.of(run)
    for measure in MEASURES.values():
        try:
            measure(snapshot)
        except NotApplicable:
            continue


@pytest.mark.parametrize("how", ["a NaN in the input", "no output"])
@pytest.mark.parametrize("verb", ["explain", "show", "trace"])
def test_what_is_printed_for_scripts_is_json(call, tmp_path, verb, how):
    run = _run(tmp_path, "mlp", "a+b", how, p=7)
    done = call(verb, run.folder, "--json")
    assert done.code == 0
    assert _strictly(done.out)


@pytest.mark.parametrize("value", [nan, inf, -inf, [nan], {"x": (1.0, -inf)}, {"x": {"y": nan}}])
def test_numbers_that_are_not_finite_become_null(value):
    assert "null" in as_json(value)
    _strictly(as_json(value))

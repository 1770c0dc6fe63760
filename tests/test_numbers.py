"""Numbers that are compared, and the recurrent networks that read them."""

import json
from math import perm

import pytest
import torch
from torch import nn

from grokscope.errors import BadInput
from grokscope.foreign import import_network, sources
from grokscope.tasks import make_task
from grokscope.tasks.numbers import LEVELS, normal_numbers
from tests.layouts import State, write


@pytest.mark.parametrize(("length", "rank"), [(2, 2), (3, 2), (5, 3), (4, 1)])
def test_the_answer_is_the_place_of_the_number_of_that_rank(length, rank):
    task = make_task("nth_argmax", {"length": length, "rank": rank, "levels": 9, "samples": 300})
    for row, place in zip(task.inputs.tolist(), task.answers.tolist(), strict=True):
        assert sorted(row, reverse=True)[rank - 1] == row[place]
    assert len(set(map(tuple, task.inputs.tolist()))) == min(300, perm(9, length))
    assert task.chance == pytest.approx(1 / length, abs=0.1)


def test_the_numbers_are_quantiles_of_the_standard_normal():
    numbers = normal_numbers(1000)
    assert torch.equal(numbers, numbers.sort().values)
    assert abs(float(numbers.mean())) < 1e-12
    assert float(numbers.std()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("args", "reason"),
    [({"rank": 4}, "rank"), ({"levels": 2}, "levels"), ({"length": 1}, "length")],
)
def test_what_is_no_comparison_is_refused(args, reason):
    with pytest.raises(BadInput, match=f"task.{reason}"):
        make_task("nth_argmax", args)


SMALLER = {  # of two numbers, by the positive parts of x1 - x2 and x2 - x1
    "rnn.weight_ih_l0": torch.tensor([[-1.0], [1.0]]),
    "rnn.weight_hh_l0": torch.tensor([[-1.0, 1.0], [1.0, -1.0]]),
    "linear.weight": torch.tensor([[0.0, 1.0], [1.0, 0.0]]),
}


def run_by_torch(state: State, numbers: torch.Tensor) -> torch.Tensor:
    hidden = len(state["rnn.weight_hh_l0"])
    module = nn.RNN(1, hidden, nonlinearity="relu", bias=False, batch_first=True)
    module.load_state_dict({k[4:]: w for k, w in state.items() if k.startswith("rnn")})
    return module(numbers[..., None])[0][:, -1] @ state["linear.weight"].T


def test_a_planted_second_argmax_is_imported_measured_and_its_table_is_no_explanation(
    call, tmp_path
):
    (source,) = sources(write(tmp_path, {"smaller.pt": SMALLER}))
    found = import_network(source, tmp_path / "out", activation="relu")
    run, task = found.run, found.run.task
    assert (run.spec.task, run.spec.task_args) == ("nth_argmax", {"length": 2, "rank": 2})
    assert found.accuracy == 1
    assert f"it reads numbers: here {LEVELS} quantiles of the standard normal" in found.notes
    numbers = normal_numbers().float()[task.inputs]
    theirs = run_by_torch(SMALLER, numbers)
    torch.testing.assert_close(run.model()(task.inputs), theirs)
    assert theirs.argmax(dim=1).equal(numbers.argmin(dim=1))
    assert call("show", run.folder).code == 0
    shown = json.loads(call("explain", run.folder, "--json").out)
    assert (shown["verdict"], shown["algorithm"]) == ("accurate", None)
    assert not any(x["verdict"] == "holds" for x in shown["circuits"])


def test_the_rank_is_told_by_the_answers_and_no_task_by_noise(tmp_path):
    """Its state after x1, x2, x3 holds them: ReLUs of ±x in a line. Its answers are noise."""
    generator = torch.Generator().manual_seed(0)
    state = {"rnn.weight_ih_l0": torch.randn(6, 1, generator=generator)}
    state |= {"rnn.weight_hh_l0": torch.randn(6, 6, generator=generator)}
    state |= {"linear.weight": torch.randn(3, 6, generator=generator)}
    (source,) = sources(write(tmp_path, {"noise.pt": state}))
    found = import_network(source, tmp_path / "out", activation="relu")
    assert "task" in found.run.spec.assumed
    asked = import_network(
        source, tmp_path / "asked", activation="relu", task="nth_argmax length=3 rank=1"
    )
    assert asked.run.spec.task_args == {"length": 3, "rank": 1}

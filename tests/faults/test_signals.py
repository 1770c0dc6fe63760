"""Ctrl-C and SIGTERM, at any moment: what is said to be saved is, and the same command goes on from
there to the same bits."""

import random
import re
import signal
import time
from pathlib import Path

import pytest

from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.faults import child
from tests.faults.selection import quick

LONG = (
    "model=mlp", "task.p=11", "train_fraction=.7", "steps=600", "eval_every=5",
    "checkpoint_every=500", "model.d_embed=8", "model.d_mlp=16",
)  # fmt: skip
SPEC = Spec().override(*LONG)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
TIMES = 40
SAYS = re.compile(
    r"interrupted\. (?:Step ([\d,]+) is saved: the same command goes on|Nothing was sav)"
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(SPEC, tmp_path_factory.mktemp("undisturbed"))


def wait_for(path: Path, size: int, process) -> None:
    end = time.monotonic() + 100
    while (not path.exists() or path.stat().st_size < size) and process.is_alive():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("signum", "time_"), quick([(s, t) for t in range(TIMES) for s in CODES], every=27)
)
def test_a_signal_saves_and_tells_the_truth(signum, time_, tmp_path, undisturbed):
    moment, said = random.Random(100 * time_ + signum), tmp_path / "said"
    run = Run.of(SPEC, tmp_path / "out")
    process = child.started(child.command, ["run", *LONG, "--out", str(tmp_path / "out")], said)
    wait_for(run.folder / "metrics.jsonl", moment.randrange(0, 12_000), process)
    time.sleep(0.05 * moment.random())
    child.send(process, signum)
    process.join(100)
    told = said.read_text()
    assert "Traceback" not in told
    if process.exitcode == 0:  # it had come to its end
        return
    assert process.exitcode == CODES[signum], told
    assert_true(told, run)
    resumed = train(SPEC, tmp_path / "out")
    assert [row["test_loss"] for row in resumed.rows] == [
        row["test_loss"] for row in undisturbed.rows
    ]
    weights = [dict(r.model().named_parameters()) for r in (resumed, undisturbed)]
    assert all(weights[0][k].equal(weights[1][k]) for k in weights[0])


def assert_true(told: str, run: Run) -> None:
    """What was said of the run is what is on the disk."""
    found = SAYS.search(told)
    if found is None:  # it was trained, and read when the signal came
        assert run.is_finished
    elif found[1] is None:
        assert not run.resumes_at
    else:
        assert run.resumes_at == int(found[1].replace(",", ""))


@pytest.mark.parametrize("signum", CODES)
def test_a_second_signal_while_saving_loses_nothing_older(signum, tmp_path, undisturbed):
    run = Run.of(SPEC, tmp_path)
    process = child.started(child.train_and_save_slowly, SPEC, tmp_path)
    wait_for(tmp_path / "waiting", 0, process)
    child.send(process, signum)
    (tmp_path / "go").touch()
    wait_for(tmp_path / "saving", 0, process)
    child.send(process, signum)
    process.join(15)
    assert process.exitcode not in (None, 0), "the second signal did not end it at once"
    assert run.resumes_at == 95
    assert train(SPEC, tmp_path).rows[-1]["test_loss"] == undisturbed.rows[-1]["test_loss"]

"""A killed process loses nothing: killed before any file operation, or without power, the same
training goes on to the same bits."""

import random
import signal
import time
from pathlib import Path

import pytest

from grokscope.integrity.check import check
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.faults import child
from tests.faults.child import SMALL
from tests.faults.selection import quick
from tests.same import assert_same_results, untimed

OPERATIONS = 160  # training SMALL has some 150


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(SMALL, tmp_path_factory.mktemp("undisturbed"))


def assert_same(one: Run, other: Run) -> None:
    """The same results, and nothing that a kill has left."""
    assert_same_results(one, other)
    assert not one.leftovers
    assert check(one.folder).findings == ()


def goes_on(out: Path, undisturbed: Run) -> None:
    assert_same(train(SMALL, out, save_every=0.0), undisturbed)


@pytest.mark.parametrize("at", quick(range(1, OPERATIONS), every=30))
def test_killed_at_a_file_operation_it_goes_on(at, tmp_path, undisturbed):
    code = child.ended(child.train_and_die, tmp_path / "out", at)
    assert code in (0, -signal.SIGKILL)
    goes_on(tmp_path / "out", undisturbed)


@pytest.mark.parametrize("at", quick(range(4, OPERATIONS, 3), every=14))
def test_without_power_nothing_is_lost_that_was_said_to_be_saved(at, tmp_path, undisturbed):
    after = tmp_path / "after"
    code = child.ended(child.train_and_lose_power, tmp_path / "out", after, at)
    assert code in (0, -signal.SIGKILL)
    said = after.with_suffix(".said")
    run = Run(SMALL, after / SMALL.id)
    assert (run.resumes_at or 0) >= int(said.read_text() if said.exists() else 0)
    if code == 0:
        assert untimed(run) == untimed(undisturbed)
    goes_on(after, undisturbed)


@pytest.mark.parametrize("moment", quick(range(60), every=30))
def test_killed_at_a_random_moment_it_goes_on(moment, tmp_path, undisturbed):
    chance, metrics = random.Random(moment), tmp_path / "out" / SMALL.id / "metrics.jsonl"
    process = child.started(child.train_and_die, tmp_path / "out", 10**9)
    while process.is_alive() and not metrics.exists():
        time.sleep(0.001)
    time.sleep(0.3 * chance.random())
    process.kill()
    process.join()
    goes_on(tmp_path / "out", undisturbed)


def test_the_shim_would_notice_what_is_not_flushed(tmp_path):
    """Without flushing, a power cut takes everything: else the test above could not fail."""
    from tests.faults.shim import Power

    (tmp_path / "disk").mkdir()
    power = Power(tmp_path / "disk")
    (tmp_path / "disk" / "x").write_bytes(b"content")
    power.fail(tmp_path / "after")
    assert list((tmp_path / "after").iterdir()) == []

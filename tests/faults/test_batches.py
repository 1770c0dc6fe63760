"""A batch keeps what single runs promise: killed, without power, on a full disk, ended by a signal,
every network of it goes on to the same bits."""

import random
import re
import signal
import time
from pathlib import Path

import pytest

from grokscope.errors import StorageError
from grokscope.integrity.check import check
from grokscope.training.run import Run, find_runs
from grokscope.training.train import train
from tests.faults import child
from tests.faults.child import BATCH
from tests.faults.selection import quick
from tests.faults.test_full_disk import full_from
from tests.faults.test_killed import assert_same
from tests.same import untimed

OPERATIONS = 130  # training BATCH has some 120
WRITES = 46  # of them, those that take room


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return train(BATCH, tmp_path_factory.mktemp("undisturbed"), stacked=True)


def goes_on(out: Path, undisturbed: list[Run]) -> None:
    runs = train(BATCH, out, save_every=0.0, stacked=True)
    for one, other in zip(runs, undisturbed, strict=True):
        assert_same(one, other)
    (home,) = {run.home for run in runs}
    assert check(home).findings == ()
    assert not list(home.glob("resume*"))


@pytest.mark.parametrize("at", quick(range(1, OPERATIONS), every=70))
def test_killed_at_a_file_operation_a_batch_goes_on(at, tmp_path, undisturbed):
    code = child.ended(child.train_and_die, tmp_path / "out", at, BATCH)
    assert code in (0, -signal.SIGKILL)
    goes_on(tmp_path / "out", undisturbed)


@pytest.mark.parametrize("at", quick(range(4, OPERATIONS, 3), every=50))
def test_without_power_a_batch_goes_on(at, tmp_path, undisturbed):
    after = tmp_path / "after"
    code = child.ended(child.train_batch_and_lose_power, tmp_path / "out", after, at)
    assert code in (0, -signal.SIGKILL)
    if code == 0:  # all of it was said to be there
        for one, other in zip(find_runs(after), undisturbed, strict=True):
            assert one.is_finished
            assert untimed(one) == untimed(other)
    goes_on(after, undisturbed)


@pytest.mark.parametrize("moment", quick(range(40), every=40))
def test_killed_at_a_random_moment_a_batch_goes_on(moment, tmp_path, undisturbed):
    chance, home = random.Random(moment), tmp_path / "out" / undisturbed[0].home.name
    process = child.started(child.train_and_die, tmp_path / "out", 10**9, BATCH)
    while process.is_alive() and not (home / "metrics.jsonl").exists():
        time.sleep(0.001)
    time.sleep(0.3 * chance.random())
    process.kill()
    process.join()
    goes_on(tmp_path / "out", undisturbed)


@pytest.mark.parametrize("at", quick(range(WRITES), every=25))
def test_on_a_disk_that_fills_up_a_batch_goes_on_when_there_is_room(at, tmp_path, undisturbed):
    refused = pytest.raises(StorageError, match=rf"{tmp_path}.*No space left on device")
    with full_from(at, tmp_path), refused:
        train(BATCH, tmp_path, save_every=0.0, stacked=True)
    goes_on(tmp_path, undisturbed)


LONG = (
    "model=mlp", "task.p=11", "train_fraction=.7", "steps=600", "eval_every=5",
    "checkpoint_every=500", "model.d_embed=8", "model.d_mlp=16",
)  # fmt: skip
SAVED = re.compile(r"saved\s+at\s+steps\s+([\d,]+)\s+to")


@pytest.mark.parametrize("time_", quick(range(10), every=10))
def test_a_signal_saves_a_batch_and_tells_the_truth(time_, tmp_path):
    out, said, moment = tmp_path / "out", tmp_path / "said", random.Random(time_)
    args = ["run", *LONG, "--seeds", "2", "--stacked", "--out", str(out)]
    process = child.started(child.command, args, said)
    end = time.monotonic() + 100
    while process.is_alive() and not [*out.glob("batch-*/metrics.jsonl")]:
        assert time.monotonic() < end
        time.sleep(0.002)
    time.sleep(0.5 * moment.random())
    child.send(process, signal.SIGINT)
    process.join(100)
    told = said.read_text()
    assert "Traceback" not in told
    if process.exitcode == 0 or all(run.is_finished for run in find_runs(out)):
        return
    assert process.exitcode == 130, told
    found = SAVED.search(told)
    assert found or "Nothing was saved" in told, told
    steps = {run.resumes_at or 0 for run in find_runs(out)}
    assert steps == {int(found[1].replace(",", "")) if found else 0}, told

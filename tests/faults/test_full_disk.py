"""A disk that is full at any write: what was there stays, the error names the file and the cause,
nothing is said to be written that is not, and with room again the same command goes on."""

import errno
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grokscope.errors import StorageError
from grokscope.integrity.check import check
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.faults.child import SMALL
from tests.faults.selection import quick
from tests.faults.shim import installed

WRITES = 46  # operations of training SMALL that take room


@contextmanager
def full_from(at: int, under: Path) -> Iterator[None]:
    """A disk without room from its operation of this number on, in this folder."""
    left = iter(range(at))

    def refuse(operation: str, path: str) -> None:
        takes_room = operation in ("open", "write", "fsync", "mkdir") and str(under) in path
        if takes_room and next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with installed(refuse):
        yield


def files(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.name != ".lock"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(SMALL, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("at", quick(range(WRITES), every=12))
def test_training_on_a_disk_that_fills_up_goes_on_when_there_is_room(at, tmp_path, undisturbed):
    refused = pytest.raises(StorageError, match=rf"{tmp_path}.*No space left on device")
    with full_from(at, tmp_path), refused:
        train(SMALL, tmp_path, save_every=0.0)
    run = train(SMALL, tmp_path, save_every=0.0)
    assert [x["test_loss"] for x in run.rows] == [x["test_loss"] for x in undisturbed.rows]
    assert all(
        w.equal(undisturbed.model().state_dict()[k]) for k, w in run.model().state_dict().items()
    )
    assert check(run.folder).findings == ()


VERBS: dict[str, Callable[[Path, Path], tuple[object, ...]]] = {
    "trace": lambda run, out: ("trace", run, "--measures", "gini"),
    "trace, as JSON": lambda run, out: ("trace", run, "--measures", "gini", "--json"),
    "plot": lambda run, out: ("trace", run, "--measures", "gini", "--plot", out / "x.png"),
    "report": lambda run, out: ("report", run, "-o", out / "x.html"),
    "report beside it": lambda run, out: ("report", run),
    "construct": lambda run, out: ("construct", "-o", out / "x.html"),
    "judge": lambda run, out: ("judge", run),
    "import": lambda run, out: ("import", run / "foreign.safetensors", "--out", out / "runs"),
    "check": lambda run, out: ("check", run, "--repair"),
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_on_a_full_disk_says_so_and_claims_no_file(verb, call, tmp_path, undisturbed):
    folder, out = tmp_path / "run", tmp_path / "new"
    shutil.copytree(undisturbed.folder, folder)
    shutil.copy(folder / "step-000012.safetensors", folder / "foreign.safetensors")
    (folder / "metrics.jsonl").write_bytes(_without_a_line(folder / "metrics.jsonl"))
    if verb != "check":
        shutil.copy(undisturbed.folder / "metrics.jsonl", folder)
    before, args = files(folder), VERBS[verb](folder, out)
    with full_from(0, tmp_path):
        said = call(*args)
    assert files(folder) == before
    assert not out.exists()
    assert said.code == 1, said
    assert "No space left on device" in said.err
    claimed = re.sub(r"cannot write \S+", "", said.out)
    named = re.findall(rf"{re.escape(str(tmp_path))}\S+", claimed)
    assert all(Path(name).exists() for name in named), named


def _without_a_line(path: Path) -> bytes:
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(lines[:2] + lines[3:])

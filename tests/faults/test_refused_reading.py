"""What the system refuses is told with its cause and its cure, and is never called damage.

Tests may run as root, who is refused nothing; so the system's calls are made to fail.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_text import SMALL, copied
from selection import quick

from grokscope.algebra.families import cyclic
from grokscope.disk import CURES, FULL, cannot_write, is_there, names_in, read_regular
from grokscope.errors import BadInput, DamagedFile, StorageError
from grokscope.explain.judgement import read_judgements
from grokscope.planted.sitting import kept_in
from grokscope.tasks import make_task
from grokscope.training.files import write_atomically
from grokscope.training.run import Run, find_folders
from grokscope.training.tensors import read_tensors

REFUSALS = [
    errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ELOOP,
    errno.ENAMETOOLONG, errno.ETIMEDOUT, errno.ENXIO,
]  # fmt: skip
WRITES = [*REFUSALS, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG]
LAST = "step-000005.safetensors"
Read = Callable[[Run], object]


@pytest.fixture(scope="module")
def good(call, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("good")
    assert call("run", *SMALL, "--out", out).code == 0
    (folder,) = find_folders(out)
    (folder / "table.csv").write_text("\n".join(",".join(map(str, r)) for r in cyclic(3).table))
    (folder / "kept.jsonl").write_text("")
    (folder / "judgement.json").write_text("{}")
    return Run.open(folder)


@pytest.fixture
def refuse(monkeypatch):
    """Have the system refuse to look at this file or folder, and at what is below it."""

    def refuse(path: Path, number: int) -> None:
        def refusing(real: Callable) -> Callable:
            def ask(asked: object = ".", *args: object, **options: object) -> object:
                is_path = isinstance(asked, str | os.PathLike)
                if is_path and path in (Path(os.fspath(asked)), *Path(os.fspath(asked)).parents):
                    raise OSError(number, os.strerror(number), str(asked))
                return real(asked, *args, **options)

            return ask

        for name in ("open", "stat", "listdir", "scandir"):
            monkeypatch.setattr(os, name, refusing(getattr(os, name)))

    return refuse


def trace_of(run: Run) -> object:
    from grokscope.measures.trace import trace

    return trace(run, "test_loss")


READERS: dict[str, tuple[str, Read]] = {
    "a spec": ("spec.json", lambda run: Run.open(run.folder)),
    "evaluations": ("metrics.jsonl", lambda run: run.rows),
    "a checkpoint": (LAST, lambda run: run.model()),
    "tensors": (LAST, lambda run: read_tensors(run.folder / LAST)),
    "the checkpoints": (".", lambda run: run.steps),
    "a trace": ("trace.parquet", trace_of),
    "a judgement": ("judgement.json", lambda run: read_judgements(run.folder)),
    "a group": (
        "table.csv",
        lambda run: make_task("composition", {"table": str(run.folder / "table.csv")}),
    ),
    "an exam": ("kept.jsonl", lambda run: kept_in(run.folder / "kept.jsonl")),
    "the runs": (".", lambda run: find_folders(run.folder)),
    "a file": ("kept.jsonl", lambda run: read_regular(run.folder / "kept.jsonl", 10)),
    "a folder": (".", lambda run: names_in(run.folder)),
}
CASES = [(number, reader) for reader in READERS for number in REFUSALS]


def is_told(message: str, number: int) -> bool:
    return os.strerror(number) in message and CURES.get(number, "Repeat the command") in message


def is_calm(message: str) -> bool:
    """It blames no file, and has none deleted."""
    return not any(word in message.lower() for word in ("delete", "damage", "repair"))


@pytest.mark.parametrize(("number", "reader"), quick(CASES, every=3))
def test_a_refusal_is_told_with_its_cause_and_cure(number, reader, good, refuse):
    name, read = READERS[reader]
    is_absent = number in (errno.ELOOP, errno.ENAMETOOLONG) and name == "."
    refuse(good.folder / name, number)
    if is_absent:  # no folder can be called so
        assert read(good) == []
        return
    with pytest.raises(StorageError) as error:
        read(Run(good.spec, good.folder))
    assert is_told(str(error.value), number), str(error.value)
    assert is_calm(str(error.value)), str(error.value)
    assert str(good.folder) in str(error.value)


@pytest.mark.parametrize("number", REFUSALS[:6])
@pytest.mark.parametrize("place", ["spec.json", "metrics.jsonl", "."])
def test_a_run_that_may_not_be_read_is_unreadable_among_the_others(
    number, place, good, refuse, call, tmp_path
):
    out = tmp_path / "out"
    bad = copied(good, out, "bad")
    copied(good, out, "good")
    refuse(bad.folder / place, number)
    rows = {x["run"]: x for x in json.loads(call("list", "--json", "--out", out).out)}
    assert rows["good"]["state"] == "finished"
    assert rows["bad"]["state"] == "unreadable"
    assert is_told(rows["bad"]["reason"], number)
    assert is_calm(rows["bad"]["reason"])
    said = call("list", "--out", out)
    assert f"bad: {rows['bad']['reason']}" in said.out
    said = call("show", bad.folder)
    assert said.code == 1
    assert is_told(said.err, number)


@pytest.mark.parametrize("verb", [("list", "--out"), ("judge", "--out"), ("show", "x", "--out")])
def test_a_folder_without_permission_is_not_one_without_runs(verb, good, refuse, call):
    out = good.folder.parent
    refuse(out, errno.EACCES)
    said = call(*verb, out)
    assert said.code == 1
    assert f"cannot read {out}: Permission denied." in said.err
    assert "no runs" not in said.out + said.err


def test_what_is_refused_to_a_mere_look_is_told_too(good, call, monkeypatch):
    def refuse(path: Path) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    said = call("list", "--use", "mine.py")
    assert said.code == 1
    assert is_told(said.err, errno.EIO)
    assert "mine.py" in said.err


@pytest.mark.parametrize("number", WRITES)
def test_a_disk_that_takes_nothing_says_why(number, tmp_path, monkeypatch):
    def refuse(file: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "page.html"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError) as error:
        write_atomically(path, b"after")
    message = str(error.value)
    assert message.startswith(f"cannot write {path} (0.0 MB): {os.strerror(number)}")
    assert "What was there before is intact." in message
    assert is_told(message, number)
    assert ("Make room" in message) == ("MB are free" in message) == (number in FULL)
    assert "--out" not in message  # not every verb has it
    assert path.read_text() == "before"


@pytest.mark.skipif(os.geteuid() == 0, reason="root is refused nothing")
def test_a_file_of_someone_else_is_told(good, tmp_path):
    run = copied(good, tmp_path)
    (run.folder / "metrics.jsonl").chmod(0)
    with pytest.raises(StorageError, match="Permission denied"):
        _ = run.rows


@pytest.mark.parametrize("place", ["folder", "pipe", "device"])
def test_regular_files_alone_are_read(place, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with pytest.raises(StorageError, match=f"{place}: it is a {place}, not a file"):
        read_regular(tmp_path / place, 10)


def test_a_file_is_read_up_to_a_limit(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to(file)
    assert read_regular(file, 10) == read_regular(tmp_path / "link", 10) == b"0123456789"
    with pytest.raises(DamagedFile, match="and files of its kind have at most"):
        read_regular(file, 9)


@pytest.mark.parametrize("name", ["gone", "gone/below", "file/below"])
def test_what_is_not_there_is_not_there(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / name, 10)
    assert not is_there(tmp_path / name)
    assert names_in(tmp_path / name) == []


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_no_file_can_be_called_is_refused(name, tmp_path):
    for ask in (lambda p: read_regular(p, 10), lambda p: write_atomically(p, b"")):
        with pytest.raises(StorageError, match="no file can be called so"):
            ask(tmp_path / name)
    assert not is_there(tmp_path / name)
    assert names_in(tmp_path / name) == []
    with pytest.raises(StorageError, match="no file can be called so"):
        Run.open(tmp_path / name)


def test_a_lost_spec_is_told_apart_from_no_run(good, tmp_path):
    run = copied(good, tmp_path, "run")
    (run.folder / "spec.json").unlink()
    assert find_folders(tmp_path) == [run.folder]
    with pytest.raises(DamagedFile, match=r"spec\.json is lost, beside checkpoints\."):
        Run.open(run.folder)
    for checkpoint in run.folder.glob("step-*"):
        checkpoint.unlink()
    assert find_folders(tmp_path) == []
    with pytest.raises(BadInput, match="is not a run"):
        Run.open(run.folder)
    shutil.rmtree(run.folder)


def test_the_cure_for_a_long_path_is_short(tmp_path):
    error = cannot_write(tmp_path / ("x" * 5000), 0, OSError(errno.ENAMETOOLONG, "too long"))
    assert len(str(error)) < 600

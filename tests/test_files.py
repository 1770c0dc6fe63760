"""Full disks and damaged files: what was there is kept, and the message says what to do."""

import errno
import os
import shutil
from pathlib import Path

import pytest
import torch

from grokscope.errors import BadInput, DamagedFile, StorageError
from grokscope.integrity.check import check
from grokscope.snapshot import Snapshot
from grokscope.training.events import Row
from grokscope.training.files import write_atomically
from grokscope.training.run import Run, find_runs
from grokscope.training.tensors import read_tensors, write_tensors
from grokscope.training.train import train

TENSORS = {"W_E": torch.randn(3, 4), "b": torch.zeros(5), "n": torch.tensor(7)}
NOTES = {"step": "100", "torch": "2"}


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def flipped(content: bytes) -> bytes:
    """One bit of the last tensor is another one."""
    return content[:-3] + bytes([content[-3] ^ 4]) + content[-2:]


def headless(content: bytes) -> bytes:
    """The header is said to be longer than the file."""
    return b"\xff" * 8 + content[8:]


DAMAGES = [cut, flipped, headless, lambda _: b"", lambda _: b"hello", lambda _: b"\0" * 64]
DAMAGE_NAMES = ["cut", "flipped", "headless", "empty", "text", "zeros"]
damaged = pytest.mark.parametrize("damage", DAMAGES, ids=DAMAGE_NAMES)


def copied(run: Run, out: Path) -> Run:
    shutil.copytree(run.folder, out / run.folder.name)
    return Run.of(run.spec, out)


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory) -> Run:
    return train(tiny(), tmp_path_factory.mktemp("finished"), save_every=0.0)


@pytest.fixture
def run(finished, tmp_path) -> Run:
    """A finished run, to be damaged."""
    return copied(finished, tmp_path / "finished")


@pytest.fixture(scope="module")
def interrupted(tiny, tmp_path_factory) -> Run:
    def stop(run: Run, row: Row, events: object) -> None:
        if row["step"] == 30:
            raise KeyboardInterrupt

    out = tmp_path_factory.mktemp("interrupted")
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), out, track=stop, save_every=0.0)
    return Run.of(tiny(), out)


@pytest.fixture
def begun(interrupted, tmp_path) -> Run:
    """The same run interrupted at its evaluation of step 30: saved at 25, and before at 20."""
    return copied(interrupted, tmp_path / "begun")


def fill_disk(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """From the `after`-th file on, no byte can be brought to the disk."""
    written = iter(range(after))
    fsync = os.fsync

    def full(file: int) -> None:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)


def last_weights(run: Run) -> torch.Tensor:
    return torch.cat([w.flatten() for w in run.model().parameters()])


def assert_same(one: Run, other: Run) -> None:
    """The same last weights, and the same metrics but for the time they took."""
    rows, others = ([{**row, "seconds": 0} for row in run.rows] for run in (one, other))
    assert rows == others
    assert one.steps == other.steps
    assert torch.equal(last_weights(one), last_weights(other))


def test_tensors_and_notes_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "new" / "w.safetensors"
    write_tensors(path, TENSORS, NOTES)
    tensors, notes = read_tensors(path)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[k], TENSORS[k]) for k in TENSORS)
    assert {k: notes[k] for k in NOTES} == NOTES
    assert [f.name for f in path.parent.iterdir()] == [path.name]


@damaged
def test_a_damaged_file_is_recognised(damage, tmp_path):
    path = tmp_path / "w.safetensors"
    write_tensors(path, TENSORS, NOTES)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedFile, match="is damaged") as error:
        read_tensors(path)
    assert str(path) in str(error.value)


def test_no_beginning_of_a_file_is_taken_for_the_whole(tmp_path):
    path = tmp_path / "w.safetensors"
    write_tensors(path, TENSORS, NOTES)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedFile):
            read_tensors(path)


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    path = tmp_path / "w.safetensors"
    write_tensors(path, TENSORS, NOTES)
    content = bytearray(path.read_bytes())
    for at in range(len(content)):
        content[at] ^= 1
        path.write_bytes(content)
        with pytest.raises(DamagedFile):
            read_tensors(path)
        content[at] ^= 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DamagedFile, match=r"w\.safetensors is missing"):
        read_tensors(tmp_path / "w.safetensors")


@pytest.mark.parametrize("older", [b"what was there", None])
def test_a_full_disk_leaves_what_was_there(older, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if older is not None:
        path.write_bytes(older)
    fill_disk(monkeypatch, after=0)
    with pytest.raises(StorageError, match=r"No space left .* MB are free .* Make room") as error:
        write_atomically(path, b"new")
    assert str(path) in str(error.value)
    assert [f.read_bytes() for f in tmp_path.iterdir()] == ([older] if older is not None else [])


def test_dying_before_a_file_is_in_its_place_leaves_what_was_there(tmp_path, monkeypatch):
    def die(beside: Path, target: Path) -> None:
        assert beside.read_bytes() == b"new"
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_bytes(b"what was there")
    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"what was there"


@pytest.mark.parametrize("place", ["file", "file/below", "folder"])
def test_a_place_that_takes_no_file_is_named(place, tmp_path):
    (tmp_path / "file").write_bytes(b"what was there")
    (tmp_path / "folder").mkdir()
    path = tmp_path / place / "report.html" if place != "folder" else tmp_path / place
    with pytest.raises(StorageError, match="cannot write") as error:
        write_atomically(path, b"new")
    assert str(path) in str(error.value)
    assert (tmp_path / "file").read_bytes() == b"what was there"


@pytest.mark.parametrize("after", [0, 1, 2, 3, 11, 12])
def test_training_on_a_disk_that_fills_up_keeps_every_file_whole(after, tmp_path, monkeypatch, run):
    spec, out = run.spec, tmp_path / "full"
    with monkeypatch.context() as patch:
        fill_disk(patch, after)
        with pytest.raises(StorageError, match="cannot write") as error:
            train(spec, out, save_every=0.0)
    folder = Run.of(spec, out).folder
    assert str(folder) in str(error.value)
    for file in folder.glob("*.safetensors"):
        read_tensors(file)
    assert not list(folder.glob("*.part")), "half a file was left behind"
    assert_same(train(spec, out), run)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_metrics_on_a_full_disk_are_an_error_too(tmp_path, run):
    def fill(begun: Run, row: object, events: object) -> None:
        path = begun.folder / "metrics.jsonl"
        path.rename(path.with_name("kept"))
        path.symlink_to("/dev/full")

    spec, out = run.spec, tmp_path / "full"
    with pytest.raises(StorageError, match=r"metrics.jsonl.*No space left"):
        train(spec, out, track=fill)
    folder = Run.of(spec, out).folder
    (folder / "kept").replace(folder / "metrics.jsonl")
    assert_same(train(spec, out), run)


@damaged
def test_a_damaged_checkpoint_says_which_one_is_whole(damage, run):
    path = run.checkpoint(16)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedFile, match="The one before it is step 10") as error:
        run.model(16)
    assert str(path) in str(error.value)
    assert f"`grokscope check {run.folder} --repair`" in str(error.value)
    Snapshot.of(run, 10)
    path.unlink()
    assert 16 not in [step for step, _ in run.models()]


def test_a_checkpoint_of_another_network_is_not_loaded(tiny, tmp_path, run):
    other = train(tiny(model_args={"d_model": 8, "n_heads": 2, "d_mlp": 16}), tmp_path)
    run.checkpoint(0).write_bytes(other.checkpoint(0).read_bytes())
    with pytest.raises(DamagedFile, match="There is none before"):
        run.model(0)


def finish(begun: Run) -> float:
    """Train a run to its end; the first step that was evaluated."""
    steps: list[float] = []
    train(begun.spec, begun.folder.parent, track=lambda _, row, __: steps.append(row["step"]))
    return steps[0]


@damaged
def test_a_damaged_resume_file_is_set_aside_to_go_on_from_the_older_one(damage, begun, run):
    path = begun.folder / "resume.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    files = {f: f.read_bytes() for f in begun.folder.iterdir()}
    with pytest.raises(DamagedFile, match="goes on from the older one") as error:
        finish(begun)
    assert str(path) in str(error.value)
    assert {f: f.read_bytes() for f in begun.folder.iterdir()} == files
    assert check(begun.folder, repair=True).is_sound
    assert finish(begun) == 30
    assert_same(begun, run)


def test_when_both_resume_files_are_damaged_a_run_can_begin_anew(begun, run):
    newest, older = (begun.folder / f"resume{x}.safetensors" for x in ("", ".older"))
    for path, rest in ((newest, "the older one"), (older, "the beginning")):
        path.write_bytes(cut(path.read_bytes()))
        with pytest.raises(DamagedFile, match=f"goes on from {rest}"):
            finish(begun)
        assert check(begun.folder, repair=True).is_sound
    assert finish(begun) == 0
    assert_same(begun, run)


@pytest.mark.parametrize("tail", [b'{"step": 35, "train_lo', b"{", b"\xff\x00"])
def test_a_last_line_of_metrics_that_was_cut_off_is_left_out(tail, begun, run):
    rows = begun.rows
    with (begun.folder / "metrics.jsonl").open("ab") as file:
        file.write(tail)
    assert begun.rows == rows
    assert finish(begun) == 35
    assert_same(begun, run)


WORDS_FOR_NUMBERS = (
    b'{"step": 10, "train_loss": 1.0, "train_accuracy": "abc", "test_loss": 1.0, '
    b'"test_accuracy": 0.5, "sum_of_squares": 1.0, "seconds": 1.0}'
)


@pytest.mark.parametrize(
    "line", [b'{"step": 10, "trai', b"\xff\xfe", b"step 10", WORDS_FOR_NUMBERS]
)
def test_a_damaged_line_of_metrics_is_named(line, run):
    path = run.folder / "metrics.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[3:]]))
    for ask in (lambda: run.rows, lambda: train(run.spec, run.folder.parent)):
        with pytest.raises(
            DamagedFile, match=r"metrics\.jsonl is damaged in line 3\. `grokscope check"
        ):
            ask()


@pytest.mark.parametrize("damage", [cut, lambda _: b"", lambda _: b"[]", lambda _: b"{]"])
def test_a_damaged_spec_is_named(damage, run):
    path = run.folder / "spec.json"
    path.write_bytes(damage(path.read_bytes()))
    for ask in (lambda: Run.open(run.folder), lambda: find_runs(run.folder.parent)):
        with pytest.raises(DamagedFile, match=r"spec.json is damaged: the spec is not .*JSON") as e:
            ask()
        assert str(path) in str(e.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"steps"', '"stepz"', "no field of a spec is called `stepz`. Did you mean `steps`?"),
        ('"steps": 60', '"steps": -60', "`steps` must be .*, not -60"),
        ('"steps": 60', '"steps": "many"', "`steps` must be a whole number, not 'many'"),
        ('"lr": 0.005', '"lr": NaN', "`lr` must be a number, not nan"),
        ('"betas": [', '"betas": [7,', "`betas` must be two numbers"),
        ('"split": "ordered"', '"split": ["ordered"]', "`split` must be a name"),
        ('"p": 7', '"p": {', "not JSON"),
    ],
)
def test_a_spec_file_with_a_wrong_field_names_it(old, new, message, run):
    path = run.folder / "spec.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DamagedFile, match=message) as error:
        Run.open(run.folder)
    assert str(path) in str(error.value)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "notes.txt"):
        with pytest.raises(BadInput, match=r"is not a run: it has no spec\.json"):
            Run.open(folder)
    assert find_runs(tmp_path) == find_runs(tmp_path / "nowhere") == []


def test_a_run_without_a_checkpoint_says_so(run):
    for step in run.steps:
        run.checkpoint(step).unlink()
    with pytest.raises(BadInput, match=r"has no checkpoint yet\. Train it with"):
        run.model()


def test_a_finished_run_that_lost_its_last_checkpoint_makes_it_again(run):
    weights = last_weights(run)
    run.checkpoint(60).unlink()
    assert not run.is_finished
    train(run.spec, run.folder.parent)
    assert run.is_finished
    assert torch.equal(last_weights(run), weights)

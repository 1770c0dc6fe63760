"""A run knows its own files: what is gone or changed is told, and mended where it can be."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from grokscope.errors import BadInput, DamagedFile, StorageError
from grokscope.integrity.check import Checked, check
from grokscope.integrity.rows import spread
from grokscope.measures.trace import trace
from grokscope.training.keeping import lock
from grokscope.training.run import Run
from grokscope.training.tensors import read_tensors, write_tensors
from grokscope.training.train import train
from tests.same import untimed

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory) -> Run:
    """A finished run, evaluated every 5 steps, kept every 10, with its trace."""
    run = train(tiny(), tmp_path_factory.mktemp("whole"))
    trace(run, ["gini", "sum_of_squares"])
    return run


@pytest.fixture
def run(whole, tmp_path) -> Run:
    shutil.copytree(whole.folder, tmp_path / whole.name)
    return Run.open(tmp_path / whole.name)


def lines(folder: Path) -> list[str]:
    return (folder / "metrics.jsonl").read_text().splitlines()


def without(step: int) -> Damage:
    """The evaluation of a step deleted."""

    def delete(folder: Path) -> None:
        kept = [x for x in lines(folder) if json.loads(x)["step"] != step]
        (folder / "metrics.jsonl").write_text("".join(x + "\n" for x in kept))

    return delete


def changed(step: int, name: str, value: float) -> Damage:
    """One number of an evaluation changed."""

    def change(folder: Path) -> None:
        rows = [json.loads(x) for x in lines(folder)]
        rows = [{**row, name: value} if row["step"] == step else row for row in rows]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in rows))

    return change


def written(name: str, text: str) -> Damage:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


def appended(text: str) -> Damage:
    def append(folder: Path) -> None:
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(text)

    return append


def lost(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def one_bit(name: str) -> Damage:
    def flip(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[-9] ^= 1
        (folder / name).write_bytes(content)

    return flip


def damaged(found: Checked) -> str:
    return " | ".join(f"{x.file}: {x.what}" for x in found.findings if x.state == "damaged")


MENDED = [
    (without(30), "metrics.jsonl: the evaluation of step 30 is missing"),
    (without(0), "metrics.jsonl: the evaluation of step 0 is missing"),
    (without(60), "metrics.jsonl: the evaluation of step 60 is missing"),
    (changed(30, "test_loss", 0.125), "test_loss of step 30 is 0.125, and its checkpoint gives"),
    (changed(60, "train_accuracy", 0.5), "train_accuracy of step 60 is 0.5, and its"),
    (lost("spec.json"), "spec.json: it is lost"),
    (written("spec.json", "{"), "spec.json: "),
    (written("spec.json", '{"seed": 7}'), "spec.json: it is not the spec that the checkpoints"),
    (one_bit("step-000020.safetensors"), "step-000020.safetensors: "),
    (written("trace.parquet", "PAR1"), "trace.parquet: it cannot be read"),
    (one_bit("resume.safetensors"), "resume.safetensors: "),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "told"), MENDED)
def test_what_another_file_has_is_mended(damage, told, run, whole):
    before = {f.name: f.read_bytes() for f in run.folder.iterdir()}
    damage(run.folder)
    found = check(run.folder)
    assert told in damaged(found)
    assert not found.is_sound
    repaired = check(run.folder, repair=True)
    assert repaired.is_sound
    assert [x.state for x in repaired.findings if x.state != "note"].count("mended") > 0
    assert check(run.folder).is_sound
    assert train(run.spec, run.folder.parent).folder == run.folder
    assert untimed(Run.open(run.folder)) == untimed(whole)
    kept = {f.name for f in run.folder.iterdir() if f.name.startswith("damaged")}
    assert kept or not (set(before) - {f.name for f in run.folder.iterdir()})


def test_a_sound_run_has_nothing_to_tell(run):
    found = check(run.folder, full=True)
    assert (found.findings, found.is_sound, found.evaluations) == ((), True, 13)
    assert found.checkpoints == len(run.steps)
    files = {f: f.read_bytes() for f in run.folder.iterdir() if f.name != ".lock"}
    check(run.folder, repair=True)
    assert {f: f.read_bytes() for f in run.folder.iterdir() if f.name != ".lock"} == files


LEFT = [
    (without(25), "the evaluation of step 25 is missing"),
    (changed(25, "test_loss", 0.125), "by its checksum, and no evaluation that was computed"),
]


@pytest.mark.parametrize(("damage", "told"), LEFT)
def test_what_no_other_file_has_is_told_with_the_way_out(damage, told, run):
    damage(run.folder)
    content = (run.folder / "metrics.jsonl").read_bytes()
    for repair in (False, True):
        found = check(run.folder, repair=repair)
        assert told in damaged(found)
    (bad,) = (x for x in found.findings if x.state == "damaged")
    assert bad.then.startswith("Move the folder away and repeat `grokscope run`")
    assert (run.folder / "metrics.jsonl").read_bytes() == content


@pytest.mark.parametrize("damage", [without(25), without(30), lost("metrics.jsonl")])
def test_a_run_with_missing_evaluations_is_neither_read_nor_trained_on(damage, run, tiny):
    damage(run.folder)
    with pytest.raises(DamagedFile, match=r"`grokscope check .* --repair` says what"):
        train(tiny(), run.folder.parent)
    if (run.folder / "metrics.jsonl").exists():
        with pytest.raises(DamagedFile, match="some are gone or changed"):
            _ = run.events


class Stopped(BaseException):
    """The end of a process, as far as the process can tell."""


@pytest.fixture
def begun(tiny, tmp_path) -> Run:
    """A run that ended at step 45: saved at 40, and before at 35."""

    def stop(run: Run, row, events) -> None:
        if row["step"] == 45:
            raise Stopped

    spec = tiny(checkpoint_every=20)
    with pytest.raises(Stopped):
        train(spec, tmp_path, track=stop, save_every=0.0)
    return Run.of(spec, tmp_path)


@pytest.mark.parametrize(
    ("damage", "step"),
    [
        (without(15), None),  # lost before both: only a new training has it
        (without(40), 40),  # from its checkpoint
        (without(45), 40),  # after what was saved: it is trained again in any case
        (changed(45, "test_loss", 0.125), 40),
        (appended('{"step": 50, "tra'), 40),
        (one_bit("resume.safetensors"), 35),
        (lost("resume.safetensors"), 35),
    ],
)
def test_an_interrupted_run_is_mended_and_goes_on_to_the_same_numbers(
    damage, step, begun, tiny, tmp_path
):
    damage(begun.folder)
    assert check(begun.folder, repair=True).is_sound == (step is not None)
    if step is None:
        with pytest.raises(DamagedFile, match="are gone or changed"):
            train(begun.spec, tmp_path)
        return
    assert begun.resumes_at == step
    undisturbed = train(begun.spec, tmp_path / "undisturbed")
    again = train(begun.spec, tmp_path)
    assert untimed(again) == untimed(undisturbed)
    last = [read_tensors(r.checkpoint(60))[0] for r in (again, undisturbed)]
    assert all(last[0][k].equal(last[1][k]) for k in last[0])


def test_a_line_lost_between_two_states_goes_back_to_the_older(begun, tmp_path):
    content = (begun.folder / "resume.safetensors").read_bytes()
    without(40)(begun.folder)
    begun.checkpoint(40).unlink()
    found = check(begun.folder, repair=True)
    assert found.is_sound
    assert begun.resumes_at == 35
    assert (begun.folder / "damaged.resume.safetensors").read_bytes() == content
    assert untimed(train(begun.spec, tmp_path)) == untimed(
        train(begun.spec, tmp_path / "undisturbed")
    )


def forged(folder: Path, value: float) -> None:
    """Every number of the trace is this one; its note and its stamp stay."""
    path = folder / "trace.parquet"
    notes = pl.read_parquet_metadata(path)
    table = pl.read_parquet(path)
    table = table.with_columns(pl.lit(value).alias(c) for c in table.columns if c != "step")
    table.write_parquet(path, metadata={k: v for k, v in notes.items() if k != "ARROW:schema"})


def test_a_forged_trace_is_not_believed(run):
    honest = trace(run, ["gini"])
    forged(run.folder, 0.123)
    assert "is 0.123, and its checkpoint gives" in damaged(check(run.folder))
    assert trace(run, ["gini"]).equals(honest)
    assert check(run.folder).is_sound


def test_a_trace_of_another_machine_is_measured_again(run, monkeypatch, tmp_path):
    monkeypatch.setenv("GROKSCOPE_CACHE", str(tmp_path / "another"))
    (note,) = check(run.folder).findings
    assert (note.state, note.what) == ("note", "it was not written on this machine")
    count: list[int] = []
    trace(run, ["gini"], lambda done, total: count.append(total - done))
    assert count[0] == len(run.steps) - 1  # the last was measured before the bar
    trace(run, ["gini"], lambda done, total: count.append(total - done))
    assert count[-1] == 0
    assert (tmp_path / "another" / "key").stat().st_mode & 0o077 == 0


def test_where_no_key_can_be_kept_nothing_is_believed_and_all_is_measured(run, monkeypatch):
    monkeypatch.setenv("GROKSCOPE_CACHE", "/dev/null/nowhere")
    honest = trace(run, ["gini"])
    forged(run.folder, 0.123)
    assert trace(run, ["gini"]).equals(honest)


def test_a_checkpoint_of_other_bytes_is_measured_again(run):
    before = trace(run, ["sum_of_squares"])["sum_of_squares"].to_list()
    path = run.checkpoint(10)
    when = path.stat()
    tensors, notes = read_tensors(path)
    write_tensors(path, {k: 2 * w for k, w in tensors.items()}, notes)
    os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))
    after = trace(run, ["sum_of_squares"])["sum_of_squares"].to_list()
    at = run.steps.index(10)
    assert after[at] == pytest.approx(4 * before[at])
    assert after[:at] + after[at + 1 :] == before[:at] + before[at + 1 :]


def test_a_changed_evaluation_without_its_seconds_is_mended_too(run, whole):
    rows = [json.loads(x) for x in lines(run.folder)]
    del rows[6]["seconds"]
    rows[6]["test_loss"] = 0.125
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in rows))
    assert check(run.folder, repair=True).is_sound
    assert untimed(run) == untimed(whole)


def test_a_checkpoint_of_a_step_without_end_is_looked_at_once(run):
    tensors, notes = read_tensors(run.checkpoint(60))
    write_tensors(run.checkpoint(10**15 - 1), tensors, notes | {"step": str(10**15 - 1)})
    assert len(check(run.folder).findings) < 100


def test_what_is_no_run_cannot_be_checked(tmp_path):
    with pytest.raises(BadInput, match="is not a run"):
        check(tmp_path)


def test_a_run_that_is_being_trained_is_not_repaired(run):
    with lock(run.folder), pytest.raises(StorageError, match="is being trained"):
        check(run.folder, repair=True)


def test_leftovers_go_with_the_next_command(run, tiny):
    for name in (".x.part", "resume.new.safetensors", "resume.older.safetensors"):
        (run.folder / name).write_bytes(b"half")
    assert [x.state for x in check(run.folder).findings][-3:] == ["note"] * 3
    train(tiny(), run.folder.parent)
    assert not run.leftovers


def test_the_command_tells_each_file_and_exits_by_what_is_left(call, run):
    assert call("check", run.folder).code == 0
    without(30)(run.folder)
    said = call("check", run.folder)
    assert (said.code, "the evaluation of step 30 is missing" in said.out) == (1, True)
    said = call("check", run.folder, "--repair")
    assert (said.code, "mended: metrics.jsonl" in said.out) == (0, True)
    said = call("check", run.folder, "--json")
    assert json.loads(said.out)["findings"] == []
    assert call("check").code == 2


def test_a_sample_is_spread_over_the_run():
    assert spread(list(range(101)), 5) == [0, 25, 50, 75, 100]
    assert spread([3, 4], 5) == [3, 4]

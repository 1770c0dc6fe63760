"""A batch: many networks in one folder, each read as if it had a folder to itself, and none worse
off for its neighbours."""

import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from grokscope.errors import BadInput, DamagedFile, StorageError
from grokscope.integrity.check import check
from grokscope.measures import kept
from grokscope.measures.trace import trace
from grokscope.reading.explained import explained
from grokscope.spec import Spec
from grokscope.training.batch import header, is_batch
from grokscope.training.keeping import lock
from grokscope.training.run import Run, find_folders, is_own
from grokscope.training.train import train
from grokscope.training.writer import Writer
from tests.same import assert_same_results, untimed

BASE = Spec(
    task_args={"p": 7}, model="mlp", model_args={"d_embed": 8, "d_mlp": 8}, train_fraction=0.6,
    steps=50, eval_every=5, checkpoint_every=20, lr=1e-2, precision="float64",
)  # fmt: skip
SPECS = [  # of unequal lengths, rates and splits
    BASE,
    replace(BASE, seed=1, steps=45),
    replace(BASE, seed=2, train_fraction=0.7, lr=3e-3),
    replace(BASE, seed=3, eval_every=10, weight_decay=2.0),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    out = tmp_path_factory.mktemp("alone")
    return [train(spec, out) for spec in SPECS]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return train(SPECS, tmp_path_factory.mktemp("batch"), stacked=True)


@pytest.fixture
def batch(whole, tmp_path) -> Path:
    """A copy of the batch, to be damaged."""
    return shutil.copytree(whole[0].home, tmp_path / whole[0].home.name)


def assert_same(ones: list[Run], others: list[Run]) -> None:
    for one, other in zip(ones, others, strict=True):
        assert_same_results(one, other)


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def test_a_network_of_a_batch_is_the_one_that_trains_alone(alone, whole):
    for one, other in zip(alone, whole, strict=True):
        assert one.steps == other.steps
        for step in one.steps:
            mine, theirs = one.weights(step), other.weights(step)
            assert all((mine[k] - theirs[k]).abs().max() <= 1e-9 for k in mine)
        assert [x["step"] for x in one.rows] == [x["step"] for x in other.rows]
        assert one.events == other.events
        assert other.is_finished
        assert not other.leftovers


def test_in_float32_a_network_of_a_batch_has_the_bits_of_the_one_alone(tmp_path):
    specs = [replace(spec, precision="float32", steps=20) for spec in SPECS]
    assert_same(train(specs, tmp_path, stacked=True), [train(s, tmp_path / "b") for s in specs])


def test_a_batch_has_few_files_and_no_folder_of_a_network(whole):
    names = {file.name for file in whole[0].home.iterdir()}
    steps = {f"step-{s:06d}.safetensors" for s in (0, 1, 2, 4, 8, 16, 20, 32, 40)}
    assert names == {".lock", "specs.jsonl", "metrics.jsonl", "last.safetensors", *steps}


def test_a_share_is_the_very_file_that_the_network_would_have_alone(alone, whole):
    for one, other in zip(alone, whole, strict=True):
        path, stacked = one.checkpoint(8), other.checkpoint(8)
        notes, its = one.notes(path), other.notes(stacked)
        assert notes.keys() == its.keys()
        assert other.tensors(stacked)[1] == {k: v for k, v in its.items() if k != "crc32"}
        assert [*json.loads(other.lines.splitlines()[0])] == [*one.rows[0]]


def test_what_is_trained_is_found_wherever_it_is(alone, whole, monkeypatch):
    out = whole[0].out
    monkeypatch.setattr("grokscope.training.train.begin", None)  # nothing is trained again
    assert train(SPECS[2], out).folder == whole[2].folder
    assert Run.of(SPECS[1], out) == whole[1]
    assert train(SPECS, out, stacked=True) == whole
    assert train(SPECS, alone[0].out, stacked=True) == alone
    assert find_folders(out) == [run.folder for run in whole]
    assert find_folders(whole[0].home) == [run.folder for run in whole]
    assert [Run.open(run.folder).spec for run in whole] == SPECS
    assert {run.out for run in whole} == {out}


def test_new_networks_are_a_batch_of_their_own(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole[0].out, out)
    more = replace(BASE, seed=9, steps=5)
    runs = train([*SPECS, more], out, stacked=True)
    assert len({run.home for run in runs}) == 2
    assert train(more, out).home == runs[-1].home


def test_an_interrupted_batch_goes_on_to_the_same_bits(whole, tmp_path):
    def press(run, row, events):
        if row["step"] == 25 and run.spec.seed == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SPECS, tmp_path, stacked=True, track=press)
    runs = [Run.of(spec, tmp_path) for spec in SPECS]
    assert [run.resumes_at for run in runs] == [25] * 4
    assert not any(run.is_finished for run in runs)
    assert_same(train(SPECS, tmp_path), whole)


def test_one_network_goes_on_alone_and_the_others_after_it(whole, tmp_path):
    def press(run, row, events):
        if row["step"] == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SPECS, tmp_path, stacked=True, track=press)
    one = train(SPECS[1], tmp_path)
    assert_same([one], [whole[1]])
    assert [Run.of(spec, tmp_path).resumes_at for spec in SPECS] == [25, None, 25, 25]
    assert_same(train(SPECS, tmp_path), whole)
    assert not (one.home / "resume.safetensors").exists()


def test_another_process_that_trains_the_batch_is_told(tmp_path, whole):
    home = tmp_path / whole[0].home.name
    with lock(home), pytest.raises(StorageError, match="is being trained by another process"):
        train(SPECS, tmp_path, stacked=True)


def test_damage_to_one_network_is_no_damage_to_others(batch, whole):
    file = batch / "step-000008.safetensors"
    there = header(file)
    *_, start, size = there.tensors[0]
    flip(file, there.start + start + 2 * size + 3)
    runs = [Run(run.spec, batch / run.folder.name) for run in whole]
    for k in (0, 1, 3):
        assert runs[k].model(8).state_dict().keys() == whole[k].model(8).state_dict().keys()
        assert check(runs[k].folder).findings == ()
    with pytest.raises(DamagedFile, match=r"step-000008.*The one before it is step 4.*--repair"):
        runs[2].model(8)
    assert not check(runs[2].folder).is_sound
    assert check(runs[2].folder, repair=True).is_sound
    assert runs[2].steps == [s for s in whole[2].steps if s != 8]
    assert_same([runs[k] for k in (0, 1, 3)], [whole[k] for k in (0, 1, 3)])
    assert (batch / "damaged.step-000008.safetensors").exists()


def test_a_damaged_header_is_told_of_every_network(batch, whole):
    file = batch / "step-000008.safetensors"
    flip(file, 30)
    for run in whole:
        with pytest.raises(DamagedFile, match=r"step-000008.*damaged"):
            Run.open(batch / run.folder.name).model(8)
    assert not check(batch).is_sound
    assert check(batch, repair=True).is_sound
    assert all(8 not in Run.open(batch / run.folder.name).steps for run in whole)


def test_a_lost_evaluation_is_told_and_mended(batch, whole):
    path = batch / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    start = b'{"member": 1, "step": 20,'
    path.write_bytes(b"".join(x for x in lines if not x.startswith(start)))
    run = Run.open(batch / whole[1].folder.name)
    with pytest.raises(DamagedFile, match=r"metrics.jsonl has the evaluation of step 25"):
        _ = run.rows
    assert untimed(Run.open(batch / whole[0].folder.name)) == untimed(whole[0])
    assert not check(batch).is_sound
    assert check(run.folder, repair=True).is_sound
    assert untimed(run) == [
        {**x, **y} for x, y in zip(untimed(whole[1]), untimed(run), strict=True)
    ]
    assert check(batch).findings == ()


def test_lines_of_no_one_are_told_and_left_out(batch):
    path = batch / "metrics.jsonl"
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(b'{"member": 77, "step": 0}\n' + first + b"\n" + rest)
    (finding,) = check(batch).findings
    assert finding.what == "line 1 is no evaluation of any network here"
    assert check(batch, repair=True).is_sound
    assert check(batch).findings == ()


@pytest.mark.parametrize("damage", ["lost", "a line"])
def test_lost_specs_are_told_and_written_again_from_the_checkpoints(damage, batch, whole, call):
    path = batch / "specs.jsonl"
    before = path.read_bytes()
    if damage == "lost":
        path.unlink()
    else:
        path.write_bytes(before.replace(b'{"run"', b'{"rum"', 1))
    said = call("list", "runs", "--out", batch.parent)
    assert "specs.jsonl is damaged, or lines of it are lost" in said.out
    with pytest.raises(DamagedFile, match=r"specs.jsonl is damaged.*check.*--repair"):
        Run.open(batch / whole[0].folder.name)
    with pytest.raises(DamagedFile, match=r"specs.jsonl"):
        train(SPECS, batch.parent, stacked=True)
    assert not check(batch).is_sound
    assert check(batch, repair=True).is_sound
    assert path.read_bytes() == before


def test_the_verbs_work_on_a_network_of_a_batch(batch, whole, call):
    out, name = batch.parent, whole[1].folder.name
    rows = json.loads(call("list", "runs", "--out", out, "--json").out)
    assert [row["run"] for row in rows] == [run.folder.name for run in whole]
    assert {row["state"] for row in rows} == {"finished"}
    assert call("show", name, "--out", out).code == 0
    assert call("explain", batch / name).code == 0
    assert call("report", name, "--out", out).code == 0
    assert all((batch / name / file).exists() for file in ("report.html", "trace.parquet"))
    assert call("check", name, "--out", out).code == 0
    assert call("check", batch).code == 0
    said = call("show", batch)
    assert said.code == 2
    assert "is a batch of 4 networks. Name one of them" in said.err


def test_a_trace_is_kept_in_the_networks_own_folder_and_used_again(batch, whole, monkeypatch):
    run = Run.open(batch / whole[0].folder.name)
    table = trace(run, ["gini"])
    monkeypatch.setattr(kept.Kept, "add", None)  # nothing is measured again
    assert trace(run, ["gini"]).equals(table)


def test_an_explanation_stands_by_the_networks_own_share_of_its_file(batch, whole):
    one, file = Run.open(batch / whole[0].folder.name), batch / "last.safetensors"
    assert not explained(one).is_kept
    there = header(file)
    *_, start, size = there.tensors[0]
    flip(file, there.start + start + there.members[1] * size)  # another's, in the same file
    assert one.checkpoint(50) == file
    assert explained(one).is_kept
    flip(file, there.start + start + there.members[0] * size)
    with pytest.raises(DamagedFile, match=r"last.safetensors is damaged"):
        explained(one)


def test_the_command_line_keeps_seeds_in_a_batch(call, tmp_path, monkeypatch):
    monkeypatch.setattr("grokscope.cli.run.report", lambda *_: None)
    settings = ["model=mlp", "task.p=5", "model.d_mlp=4", "model.d_embed=4", "steps=5",
                "eval_every=5", "train_fraction=.6"]  # fmt: skip
    said = call("run", *settings, "--seeds", 3, "--stacked", "--out", tmp_path)
    assert said.code == 0, said
    (home,) = tmp_path.iterdir()
    assert is_batch(home)
    assert len(find_folders(tmp_path)) == 3


def test_another_run_loads_from_a_network_of_a_batch(batch, whole):
    loaded = replace(BASE, load=whole[1].folder.name, seed=5, steps=1)
    run = train(loaded, batch.parent)
    first, last = run.weights(0), whole[1].weights(45)
    assert all(first[k].equal(last[k]) for k in last)


def test_no_page_or_picture_replaces_a_batchs_files(batch, whole):
    for name in ("specs.jsonl", "metrics.jsonl", "last.safetensors", "step-000008.safetensors"):
        assert is_own(batch / name)
    assert is_own(batch / whole[0].folder.name / "trace.parquet")
    assert not is_own(batch / "picture.png")


def test_a_batch_without_networks_is_no_run(tmp_path):
    folder = tmp_path / "batch-0123456789ab"
    folder.mkdir()
    assert find_folders(tmp_path) == []
    with pytest.raises(BadInput, match="is not a run"):
        Run.open(folder)


def test_the_writer_says_what_failed_and_does_nothing_after_it():
    done: list[int] = []

    def fail() -> None:
        raise StorageError("the disk is full")

    writer = Writer()
    writer.ask(lambda: done.append(1))
    writer.settle()
    assert done == [1]
    writer.ask(fail)
    with pytest.raises(StorageError, match="the disk is full"):
        writer.settle()
    with pytest.raises(StorageError, match="the disk is full"):
        writer.ask(lambda: done.append(2))
    writer.close()
    assert done == [1]


def test_who_is_interrupted_does_not_wait_for_the_writer():
    is_free, writer = threading.Event(), Writer()
    writer.ask(lambda: [None, None][is_free.wait(30)])
    writer.close(wait=False)
    is_free.set()
    writer._thread.join(30)
    assert not writer._thread.is_alive()


def test_saved_is_not_before_it_is_flushed(tmp_path, monkeypatch):
    """What an interrupted command says is read when `train` ends: by then all was flushed."""
    flushed: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        flushed.append(str(Path(f"/proc/self/fd/{file}").readlink()))

    def press(run, row, events):
        if row["step"] == 25:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        train(SPECS, tmp_path, stacked=True, track=press)
    home = Run.of(BASE, tmp_path).home
    assert flushed[-1] == str(home)  # the name of the state, after the state, after the rows
    assert "resume" in flushed[-3] or "resume" in flushed[-2]

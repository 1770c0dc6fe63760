"""Folders that earlier versions wrote: `versions/<version>/`, two runs each, one interrupted.

They are named by version, or by date and commit; `scripts/keep_version` makes those of the next.
"""

import shutil
from pathlib import Path

import polars as pl
import pytest

from grokscope.explain.explanation import explain
from grokscope.measures.trace import trace
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.train import train

VERSIONS = Path(__file__).parent / "versions"
FOLDERS = sorted(path.parent for path in VERSIONS.glob("*/*/spec.json"))
ROW = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "sum_of_squares")


def name(folder: Path) -> str:
    return str(folder.relative_to(VERSIONS))


def is_finished(folder: Path) -> bool:
    return (folder / "step-000030.safetensors").exists()


FINISHED = [folder for folder in FOLDERS if is_finished(folder)]
INTERRUPTED = [folder for folder in FOLDERS if not is_finished(folder)]


@pytest.fixture(params=FOLDERS, ids=name)
def run(request, tmp_path) -> Run:
    """A copy of each."""
    return Run.open(shutil.copytree(request.param, tmp_path / request.param.name))


def test_there_are_two_runs_of_each_version():
    versions = [path for path in VERSIONS.iterdir() if path.is_dir()]
    assert len(versions) == len(FINISHED) == len(INTERRUPTED) >= 4


def test_the_same_spec_has_the_same_id(run):
    assert run.spec.id == run.folder.name


def test_what_is_asked_is_read_as_it_was_asked(run):
    asked = Spec(
        task_args={"p": 5},
        model="mlp",
        model_args={"d_mlp": 8, "d_embed": 4},
        train_fraction=0.6,
        eval_every=5,
        checkpoint_every=10,
        steps=30,
        lr=0.02,
        seed=0 if is_finished(run.folder) else 1,
    )
    assert run.spec == asked


def test_rows_are_what_the_checkpoints_give(run):
    rows = {row["step"]: row for row in run.rows}
    assert list(rows) == list(range(0, 31 if is_finished(run.folder) else 21, 5))
    table = trace(run, ROW)
    both = [row for row in table.iter_rows(named=True) if row["step"] in rows]
    assert len(both) >= 2
    for row in both:
        told = {key: rows[row["step"]][key] for key in ROW}
        assert told == pytest.approx({key: row[key] for key in ROW}, rel=1e-5), row["step"]


@pytest.mark.parametrize("folder", FINISHED, ids=name)
def test_a_table_of_measures_has_the_values_of_today(folder, tmp_path):
    old = pl.read_parquet(folder / "trace.parquet")
    run = Run.open(shutil.copytree(folder, tmp_path / folder.name))
    new = trace(run)
    assert set(old.columns) <= set(new.columns)
    for column in old.columns:
        assert new[column].to_list() == pytest.approx(old[column].to_list(), rel=1e-4), column


@pytest.mark.parametrize("folder", FINISHED, ids=name)
def test_a_network_is_explained(folder):
    explanation = explain(Snapshot.of(Run.open(folder)))
    assert explanation.snapshot.step == 30
    assert explanation.certificates


@pytest.mark.parametrize("folder", INTERRUPTED, ids=name)
def test_an_interrupted_run_goes_on(folder, tmp_path):
    run = Run.open(shutil.copytree(folder, tmp_path / "old" / folder.name))
    before = run.rows
    train(run.spec, tmp_path / "old")
    anew = train(run.spec, tmp_path / "new")
    assert run.is_finished
    assert run.rows[: len(before) - 1] == before[:-1]
    for key, weight in anew.model().state_dict().items():
        assert run.model().state_dict()[key].allclose(weight, atol=1e-4), key

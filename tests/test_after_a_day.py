"""What one does with runs that are there: compare two, remove some, write a note, find them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from grokscope.cli import main
from grokscope.reading.differences import differences
from grokscope.spec import Spec
from grokscope.training.batch import batches_in
from grokscope.training.keeping import lock
from grokscope.training.run import Run, find_runs
from grokscope.training.train import train

SMALL = Spec(
    task_args={"p": 5}, model="mlp", model_args={"d_mlp": 8, "d_embed": 4}, train_fraction=0.6,
    lr=1e-2, steps=20, eval_every=10, checkpoint_every=20,
)  # fmt: skip


@pytest.fixture
def runs(tmp_path) -> list[Run]:
    return train([SMALL, replace(SMALL, lr=2e-2), replace(SMALL, seed=1)], tmp_path)


def told(capsys, *args: object) -> str:
    capsys.readouterr()
    main([str(x) for x in args])
    return capsys.readouterr().out


def refused(capsys, *args: object) -> str:
    with pytest.raises(SystemExit):
        main([str(x) for x in args])
    return capsys.readouterr().err


# ---- diff ----------------------------------------------------------------------------------------


def test_two_runs_differ_in_a_setting_and_from_an_evaluation_on(runs, tmp_path, capsys):
    found = differences(runs[0], runs[1])
    assert found.settings == {"lr": (0.01, 0.02)}
    assert found.alike == 1
    assert [row["step"] for row in found.first if row] == [10, 10]
    again = train(replace(SMALL, checkpoint_every=10), tmp_path)
    same = differences(runs[0], again)
    assert same.settings == {"checkpoint_every": (20, 10)}
    assert (same.alike, same.first) == (3, (None, None))
    longer = train(replace(SMALL, steps=30), tmp_path)
    assert differences(runs[0], longer).first[0] is None
    out = json.loads(told(capsys, "diff", runs[0].name, runs[1].name, "--out", tmp_path, "--json"))
    assert out["settings"] == {"lr": [0.01, 0.02]}
    assert "all 3 evaluations are the same" in told(
        capsys, "diff", runs[0].folder, again.folder, "--out", tmp_path
    )


# ---- rm ------------------------------------------------------------------------------------------


def test_a_run_is_removed_when_one_says_yes(runs, tmp_path, capsys, monkeypatch):
    name = runs[0].name
    assert "Add --yes" in refused(capsys, "rm", name, "--out", tmp_path)
    assert runs[0].folder.exists()
    assert "removed 1" in told(capsys, "rm", name, "--out", tmp_path, "--yes")
    assert {run.name for run in find_runs(tmp_path)} == {run.name for run in runs[1:]}
    assert not runs[0].folder.exists()


def test_what_no_run_wrote_is_left(runs, tmp_path, capsys):
    mine = runs[0].folder / "figure for the paper.svg"
    mine.write_text("")
    main(["rm", str(runs[0].folder), "--yes"])
    assert list(runs[0].folder.iterdir()) == [mine]
    assert "figure for the paper" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "home", "home/empty"])
def test_what_is_no_run_is_not_removed(name, runs, tmp_path, capsys):
    other = tmp_path / "home/thesis.tex"
    (tmp_path / "home/empty").mkdir(parents=True)
    other.write_text("")
    assert "not a run" in refused(capsys, "rm", tmp_path / name, "--out", tmp_path, "--yes")
    assert other.exists()
    assert len(find_runs(tmp_path)) == 3


def test_a_run_that_trains_is_not_removed(runs, tmp_path, capsys):
    with lock(runs[0].folder):
        assert "being trained" in refused(capsys, "rm", runs[0].folder, "--yes")
    assert Run.open(runs[0].folder).is_finished


def test_a_batch_is_removed_as_a_whole(tmp_path, capsys):
    one, other = train([SMALL, replace(SMALL, seed=1)], tmp_path, stacked=True)
    batch = batches_in(tmp_path)[0]
    assert "one of 2 networks" in refused(capsys, "rm", one.name, "--out", tmp_path, "--yes")
    assert other.is_finished
    assert "removed 2" in told(capsys, "rm", batch.name, "--out", tmp_path, "--yes")
    assert not batch.exists()


# ---- notes, tags, and finding runs by them -------------------------------------------------------


def test_a_note_and_its_tags_are_kept_with_the_run(runs, tmp_path, capsys):
    name, out = runs[0].name, ("--out", tmp_path)
    told(capsys, "note", name, "memorised late", "--tag", "odd", "--tag", "paper", *out)
    told(capsys, "note", name, "--untag", "paper", *out)
    kept = json.loads(told(capsys, "note", name, *out, "--json"))
    assert (kept["text"], kept["tags"]) == ("memorised late", ["odd"])
    assert "not one word" in refused(capsys, "note", name, "--tag", "two words", *out)
    found = json.loads(told(capsys, "list", "runs", "--tag", "odd", *out, "--json"))
    assert [row["run"] for row in found] == [name]
    assert found[0]["tags"] == "odd"
    assert found[0]["mb"] > 0


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("lr > 0.015", [1]),
        ("task.p = 5 and seed = 0", [0, 1]),
        ("memorised", []),
        ("state = 'finished' and task like 'a+b%'", [0, 1, 2]),
    ],
)
def test_runs_are_listed_by_a_condition(condition, chosen, runs, tmp_path, capsys):
    asked = ("list", "runs", "--where", condition, "--out", tmp_path, "--json")
    names = {row["run"] for row in json.loads(told(capsys, *asked))}
    assert names == {runs[i].name for i in chosen}


def test_a_condition_that_is_none_names_the_columns(runs, tmp_path, capsys):
    message = refused(capsys, "list", "runs", "--where", "lrr >", "--out", tmp_path)
    assert "is no condition" in message
    assert "lr" in message


def test_a_batch_shares_what_it_takes_of_the_disk(tmp_path, capsys):
    train([SMALL, replace(SMALL, seed=1)], tmp_path, stacked=True)
    rows = json.loads(told(capsys, "list", "runs", "--out", tmp_path, "--json"))
    held = sum(x.stat().st_size for x in Path(tmp_path).rglob("*") if x.is_file())
    assert sum(row["mb"] for row in rows) == pytest.approx(held / 1e6, abs=0.011)

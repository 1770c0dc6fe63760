"""The tables of runs: their columns, and how one is added."""

import json

import pytest

from grokscope.runs import COLUMNS, REASON, row, table
from grokscope.training.run import Run, find_folders

TINY = ("model=mlp", "task.p=7", "model.d_embed=8", "model.d_mlp=8", "steps=5", "eval_every=1")
MINE = """
from grokscope.runs import Entry, column

@column
def weight_decay(x: Entry) -> float:
    return x.run.spec.weight_decay
"""


@pytest.fixture
def columns():
    """What a plug-in adds is taken away again."""
    before = dict(COLUMNS)
    yield
    COLUMNS.clear()
    COLUMNS.update(before)


@pytest.fixture
def plug_in(columns, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_a_run_is_a_row_of_all_columns(call, tmp_path):
    call("run", *TINY, "--out", tmp_path)
    (folder,) = find_folders(tmp_path)
    run = Run.open(folder)
    assert row(run) == {
        "run": run.spec.id,
        "task": "a+b p=7",
        "seed": 0,
        "state": "finished",
        "step": 5,
        "memorised": run.events.t_memorize,
        "grokked": run.events.t_grok,
        "test_accuracy": run.rows[-1]["test_accuracy"],
        "test_loss": run.rows[-1]["test_loss"],
    }


def test_a_run_that_cannot_be_read_is_said_to_be_damaged(call, tmp_path):
    call("run", *TINY, "--out", tmp_path)
    (folder,) = find_folders(tmp_path)
    for file in ("metrics.jsonl", "spec.json"):
        (folder / file).write_text("[]\n[]\n")
        (damaged,) = table([folder])
        assert list(damaged) == [*COLUMNS, REASON]
        reason = str(damaged.pop(REASON))
        told = {name: value for name, value in damaged.items() if value is not None}
        assert told == {"run": folder.name, "state": "damaged"}
        assert reason.startswith(f"{folder / file} is damaged")


def test_a_column_of_a_plug_in_is_in_every_table_of_runs(call, plug_in, tmp_path):
    out = tmp_path / "out"
    use = ("--out", out, "--use", plug_in)
    trained = call("run", *TINY, "weight_decay=0.25", "--seeds", 2, *use)
    assert trained.out.count("weight decay") == 1
    assert trained.out.count(" 0.25 ") == 2
    assert "weight decay" in call("list", "runs", *use).out
    listed = json.loads(call("list", "runs", *use, "--json").out)
    assert [x["weight_decay"] for x in listed] == [0.25, 0.25]


def test_a_column_of_a_plug_in_is_in_the_table_of_imported_runs(call, plug_in, tmp_path):
    use = ("--out", tmp_path / "out", "--use", plug_in)
    call("run", "steps=1", "task.p=7", *use)
    run = find_folders(tmp_path / "out")[0]
    call("export", run.name, "--to", "transformer_lens", "--file", tmp_path / "mine.pt", *use)
    assert "weight decay" in call("import", tmp_path / "mine.pt", *use).out
    (imported,) = json.loads(call("import", tmp_path / "mine.pt", *use, "--json").out)
    assert list(COLUMNS) == [name for name in imported if name in COLUMNS]
    assert imported["weight_decay"] == Run.open(tmp_path / "out/mine").spec.weight_decay
    assert (imported["run"], imported["state"], imported["layout"]) == (
        "mine",
        "found",
        "transformer_lens",
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mine", "1 / 0", "the column `mine` failed on {run}: ZeroDivisionError: division by zero"),
        ("mine", "[1]", "the column `mine` gave list; it must give text, a number or None."),
        ("seed", "1", "`seed` is a column of grokscope's own. Call yours by another name."),
    ],
)
def test_a_column_that_cannot_be_shown_is_refused(name, value, message, call, columns, tmp_path):
    call("run", *TINY, "--out", tmp_path / "out")
    (folder,) = find_folders(tmp_path / "out")
    file = tmp_path / "mine.py"
    file.write_text(f"from grokscope.runs import column\n@column\ndef {name}(x): return {value}\n")
    said = call("list", "runs", "--out", tmp_path / "out", "--use", file)
    assert said.code == 2
    assert message.format(run=folder) in said.err

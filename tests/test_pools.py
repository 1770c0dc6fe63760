"""The pools: which networks they have, and that each is made once, and is in the table."""

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from grokscope.errors import BadInput, DamagedFile, UnknownName
from grokscope.forecast import make, pools
from grokscope.forecast.landmarks import COSTLY_AT, cell_of, costly
from grokscope.forecast.pool import POOLS, SCHEMA
from grokscope.forecast.pools import CELLS, FREE, unlike
from grokscope.forecast.signal import SIGNALS
from grokscope.spec import Spec

SMALL = ("task.p=7", "model.d_embed=8", "eval_every=2")
CELL = replace(
    pools.CONTROL[0], label="random labels", train_fraction=0.6, seeds=2, steps=90,
    settings=(*SMALL, "label_noise=1"),
)  # fmt: skip
FEW = (CELL, replace(CELL, steps=3))  # the second ends before it has memorised


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pool of controls, made by a worker."""
    folder = tmp_path_factory.mktemp("pools")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CELLS, "control", FEW)
        assert make.estimate_pool(folder, "control").networks == 4
        told: list[int] = []
        make.make_pool(folder, "control", workers=1, track=lambda x: told.append(x.done))
        assert (told[0], told[-1]) == (0, 4)
        assert make.estimate_pool(folder, "control").networks == 0
    return folder


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setitem(CELLS, "control", FEW)


def test_every_network_is_in_the_table_and_each_landmark_is_a_row(made):
    table = make.read_pool(made)
    measured = [name for name, one in SIGNALS.items() if one.of is not None]
    assert list(table.columns) == [*SCHEMA, *make.OWN, *measured]
    assert {table.schema[name] for name in measured} == {pl.Float64()}
    assert set(table["id"]) == {spec.id for cell in FEW for spec in cell.specs()}
    assert set(table["kind"]) == {"random labels"}
    assert set(table["half"]) == {None}
    late = table.filter(pl.col("steps") == 90)
    assert late["memorised"].null_count() == 0
    assert late["landmark"].min() == 1
    assert min(late.group_by("id").len()["len"].to_list()) > 2
    short = table.filter(pl.col("steps") == 3)
    assert len(short) == 2  # one row each, though they never memorised
    assert short["landmark"].null_count() == short["train_loss"].null_count() == 2


def test_costly_signals_are_of_every_tenth_seed_at_some_landmarks(made):
    assert costly() == {"latent_accuracy"}
    table = make.read_pool(made).filter(pl.col("memorised").is_not_null())
    for row in table.iter_rows(named=True):
        is_there = row["seed"] % 10 == 0 and row["landmark"] in COSTLY_AT
        assert (row["latent_accuracy"] is not None) is is_there
        assert row["spectral_entropy"] is not None


def test_what_is_there_is_not_made_again(made):
    before = {file: file.stat().st_mtime_ns for file in (made / "control/shards").iterdir()}
    make.make_pool(made, "control", workers=1)
    assert {file: file.stat().st_mtime_ns for file in (made / "control/shards").iterdir()} == before


def test_a_pool_that_is_not_there_or_damaged_is_said(made, tmp_path):
    with pytest.raises(BadInput, match="predict --make"):
        make.read_pool(tmp_path)
    with pytest.raises(UnknownName, match="Did you mean `mixed`"):
        make.make_pool(tmp_path, "mixd")
    (tmp_path / "control.parquet").write_bytes(b"no table")
    with pytest.raises(DamagedFile, match="Remove it"):
        make.read_pool(tmp_path)


# ---- which networks ---------------------------------------------------------------------------


@pytest.fixture
def whole(monkeypatch):
    monkeypatch.setitem(CELLS, "control", pools.CONTROL)


def test_the_pools_are_as_large_as_the_protocol_asks(whole):
    sizes = {part: sum(cell.seeds for cell in CELLS[part]) for part in POOLS}
    assert sum(sizes.values()) >= 5_000
    mixed = CELLS["mixed"]
    assert len(mixed) >= 40
    assert len({cell.task for cell in mixed}) >= 3
    assert len({cell.model for cell in mixed}) >= 2
    halves = Counter(cell.label for cell in CELLS["same"])
    assert halves["calibrate"] == halves["test"] >= 8
    assert min(halves["task"], halves["architecture"]) >= 2
    assert all(cell.seeds >= 100 for cell in CELLS["same"])
    assert len({cell.label for cell in CELLS["control"]}) == 4


def test_no_network_stands_in_two_cells(whole):
    firsts = [next(cell.specs()) for part in POOLS for cell in CELLS[part]]
    assert len({spec.id for spec in firsts}) == len(firsts)
    for part in POOLS:
        names = [cell_of(next(cell.specs())) for cell in CELLS[part]]
        assert len(set(names)) == len(names)


def test_the_test_cells_are_of_the_task_and_architecture_that_was_calibrated():
    by_half = {cell.label: cell for cell in CELLS["same"]}
    own = {(c.task, c.model) for c in CELLS["same"] if c.label in ("calibrate", "test")}
    assert len(own) == 1
    assert by_half["task"].task != by_half["test"].task
    assert by_half["architecture"].model != by_half["test"].model


def test_whether_a_run_is_of_a_kind_with_the_pools_is_told_by_its_spec():
    spec = next(CELLS["mixed"][0].specs())
    assert unlike(spec) is None
    other = spec.override("task=a-b", "lr=.1", "seed=7", "steps=10", "record=0")
    assert unlike(other) is None
    for change in ("model.d_embed=64", "optimizer=sgd", "label_noise=.5", "split=unordered"):
        assert (unlike(spec.override(change)) or "").startswith(change.split("=")[0].split(".")[0])
    assert unlike(Spec()) is not None
    assert set(FREE) <= set(Spec.__dataclass_fields__)


def test_the_column_of_a_sweep_is_plain_json(made):
    from grokscope.sweep.table import read_table

    column = read_table(str(made / "control"))[make.COLUMN]
    rows = [row for text in column for row in json.loads(text)]
    assert all(x is None or math.isfinite(x) for row in rows for x in (row["train_loss"],))

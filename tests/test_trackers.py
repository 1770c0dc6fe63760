"""Trackers: a run's evaluations are written by the real packages, offline, and read back."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from grokscope.errors import BadInput
from grokscope.trackers import TRACKERS, log_to, tracked
from grokscope.trackers.tracker import Tracker, numbers
from grokscope.training.run import Run
from grokscope.training.train import train

Points = dict[tuple[str, int], float]


def of_tensorboard(folder: Path) -> Points:
    event = import_module("tensorboardX.proto.event_pb2").Event
    points = Points()
    for file in folder.glob("events.*"):
        content, at = file.read_bytes(), 0
        while at < len(content):  # length, its checksum, the record, its checksum
            size = int.from_bytes(content[at : at + 8], "little")
            record = event.FromString(content[at + 12 : at + 12 + size])
            values = [v for v in record.summary.value if v.HasField("simple_value")]
            points |= {(v.tag, record.step): v.simple_value for v in values}
            at += size + 16
    return points


def of_trackio(folder: Path) -> Points:
    (database,) = folder.rglob("grokscope*.db")
    with sqlite3.connect(database) as opened:
        rows = opened.execute("select step, metrics from metrics").fetchall()
    return {(k, step): v for step, text in rows for k, v in json.loads(text).items()}


def of_mlflow(folder: Path) -> Points:
    points = Points()
    for file in folder.glob("*/*/metrics/*"):
        for line in file.read_text().splitlines():
            _, value, step = line.split()
            points[file.name, int(step)] = float(value)
    return points


def of_wandb(folder: Path) -> Points:
    """Its log: seven bytes, then blocks of 32 KiB, of records with a checksum, a length, a kind."""
    record = import_module("wandb.proto.wandb_internal_pb2").Record
    (log,) = folder.rglob("*.wandb")
    content, at, part, points = log.read_bytes(), 7, b"", Points()
    while at + 7 <= len(content):
        if at % 32768 > 32768 - 7:  # what is left of a block
            at += 32768 - at % 32768
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        part, at = part + content[at + 7 : at + 7 + size], at + 7 + size
        if kind in (1, 4):  # whole, or the last of several
            one, part = record.FromString(part), b""
            items = {
                x.key or "/".join(x.nested_key): json.loads(x.value_json) for x in one.history.item
            }
            points |= {(k, int(items["_step"])): v for k, v in items.items()}
    return points


READ: dict[str, Callable[[Path], Points]] = {
    "tensorboard": of_tensorboard, "trackio": of_trackio, "mlflow": of_mlflow, "wandb": of_wandb,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory) -> Run:
    return train(tiny(steps=10), tmp_path_factory.mktemp("tracked"))


def expected(run: Run) -> Points:
    each = map(numbers, run.rows)
    return {(name, step): value for step, values in each for name, value in values.items()}


@pytest.mark.filterwarnings("ignore")  # of the packages
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.skipif(
        find_spec(x.package) is None, reason=f"needs: pip install 'grokscope[{x.extra}]'"
    ))
    for name, x in TRACKERS.items()
])  # fmt: skip
def test_what_a_tracker_is_told_can_be_read_back(name, run, tmp_path, monkeypatch):
    for variable in ("TRACKIO_DIR", "WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    there = READ[name](tracked(run, name, tmp_path / name))
    for point, value in expected(run).items():
        assert there[point] == pytest.approx(value, rel=1e-6), point


def test_a_row_is_told_when_it_is_made_and_none_twice(tiny, tmp_path):
    rows = []
    run = train(
        tiny(steps=10), tmp_path, on_row=lambda run, row: rows.append((run.name, dict(row)))
    )
    assert [row for _, row in rows] == run.rows
    assert {name for name, _ in rows} == {run.name}
    train(run.spec, tmp_path, on_row=lambda *_: pytest.fail("it was trained before"))


def test_each_run_is_logged_by_itself_while_it_trains(tiny, tmp_path, monkeypatch):
    told: dict[str, list[int]] = {}

    @contextmanager
    def mine(run, place):
        steps = told.setdefault(f"{run.name} in {place.parent.name}", [])
        yield lambda step, values: steps.append(step)

    monkeypatch.setitem(TRACKERS, "mine", Tracker(mine, "json", "mine"))
    with log_to("mine") as on_row:
        runs = train([tiny(steps=10, seed=s) for s in (0, 1)], tmp_path, on_row=on_row)
    assert told == {f"{x.name} in {x.folder.name}": [0, 5, 10] for x in runs}


def test_a_tracker_that_is_not_installed_says_how_to_install_it(run, monkeypatch):
    monkeypatch.setattr("grokscope.trackers.tracker.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"wandb needs the package wandb\. .*grokscope\[wandb\]"):
        tracked(run, "wandb")

"""The unit of a sweep: networks that can train as one stack, from their specs to their rows.

It can be done again, or not at all: what was trained goes on from its last state, and the rows
appear whole, as the last that is done. No network suffers from another: one that cannot be trained,
or on which training breaks, is a row that says so.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from grokscope.disk import names_in, read_regular
from grokscope.errors import DamagedFile, GrokscopeError, InUse, StorageError, brief
from grokscope.runs import COLUMNS, LEVELS, READ, Entry, values
from grokscope.spec import Spec
from grokscope.sweep.store import Store
from grokscope.sweep.table import FAILED, SHARDS, TRAINED, rows_of, settings_of, shard, task_text
from grokscope.training.batch import LAST, folder_for
from grokscope.training.check import check
from grokscope.training.machine import processor
from grokscope.training.run import MOST_BYTES, Run
from grokscope.training.train import train_in

WEIGHTS = "weights"
WAITS = 30  # seconds
KEEPS = ("none", "last", "all")
CHEAP = ("run", "events")  # levels whose columns are read though one fails, or training diverged
NOT_OF_A_SWEEP = ("run", "state")  # columns of runs: `id`, and a state of its own, stand for them
PACKAGES = ("grokscope", "grokscope-core", "torch")


@dataclass(frozen=True)
class How:
    """What is done with every batch of a sweep, and where."""

    folder: str  # of the sweep
    work: str  # where batches that are not finished are
    read: str = "keys"
    keep: str = "none"
    device: str = "cpu"
    save_every: float = 30.0  # seconds


@dataclass(frozen=True)
class Batch:
    """Networks that can train as one stack, and a name that their ids give."""

    name: str
    specs: tuple[Spec, ...]

    @classmethod
    def of(cls, specs: Sequence[Spec], salt: str = "") -> "Batch":
        """The batch of these networks; with a salt, another one of the same."""
        ids = [*(spec.id for spec in specs), *([salt] if salt else [])]
        return cls(folder_for(ids, Path()).name, tuple(specs))

    @property
    def halves(self) -> "tuple[Batch, Batch]":
        middle = len(self.specs) // 2
        return Batch.of(self.specs[:middle]), Batch.of(self.specs[middle:])


@dataclass(frozen=True)
class Done:
    """How many networks of a batch, and of them that memorised, grokked and failed."""

    batch: str
    networks: int
    memorised: int
    grokked: int
    failed: int
    seconds: float  # of the processor


def do(batch: Batch, how: How) -> Done:
    """Train, read and explain a batch, and write its rows, unless they are there. Raises
    `StorageError` where the disk refuses."""
    store, start = Store(how.folder), time.process_time()
    if store.has(shard_of(batch)):  # what it went on from may be left, by a kill
        shutil.rmtree(Path(how.work, batch.name), ignore_errors=True)
    else:
        try:
            _make(batch, store, how)
        except InUse:  # by a worker that was thought dead
            with tempfile.TemporaryDirectory() as own:
                _make(batch, store, replace(how, work=own))
    return _counted(batch, store, time.process_time() - start)


def _make(batch: Batch, store: Store, how: How) -> None:
    home = Path(how.work, batch.name)
    store.write(shard_of(batch), shard(list(_rows(batch.specs, home, how))))
    shutil.rmtree(home, ignore_errors=True)


def give_up(batch: Batch, how: How, reason: str) -> Done:
    """Write the rows of a batch that cannot be done."""
    store = Store(how.folder)
    store.write(shard_of(batch), shard([_failed(spec, reason, how) for spec in batch.specs]))
    return _counted(batch, store, 0.0)


def shard_of(batch: Batch) -> str:
    """The name of its rows' file."""
    return f"{SHARDS}/{batch.name}.parquet"


def _counted(batch: Batch, store: Store, seconds: float) -> Done:
    rows = rows_of(store, shard_of(batch), ["state", "memorised", "grokked"])
    return Done(
        batch.name,
        len(rows),
        memorised=rows["memorised"].count(),
        grokked=rows["grokked"].count(),
        failed=len(rows.filter(pl.col("state") == FAILED)),
        seconds=seconds,
    )


def _rows(specs: Sequence[Spec], home: Path, how: How) -> Iterator[dict[str, Any]]:
    """A row for each network, in the order in which they end."""
    good: list[Spec] = []
    for spec in specs:
        reason = _why_not(spec, home, how)
        if reason is None:
            good.append(spec)
        else:
            yield _failed(spec, reason, how)
    if good:
        yield from _trained(good, home, how)


def _why_not(spec: Spec, home: Path, how: How) -> str | None:
    """Why a spec cannot be trained; None if it can."""
    try:
        check(Run(spec, home / spec.id), how.device)
    except (StorageError, DamagedFile):
        raise
    except Exception as error:
        return _reason(error)
    return None


def _trained(specs: Sequence[Spec], home: Path, how: How) -> Iterator[dict[str, Any]]:
    """Train what can be, read it, and keep its weights. Where training breaks, each half is trained
    apart, down to the network on which it does."""
    start = time.process_time()
    try:
        runs = _train(specs, home, how)
    except StorageError:
        raise
    except Exception as error:
        if len(specs) == 1:
            yield _failed(specs[0], _reason(error), how)
            return
        for half in Batch.of(specs).halves:
            yield from _trained(half.specs, home / half.name, how)
        return
    seconds = time.process_time() - start
    kept = _keep_weights(home, how)
    rows = [_row(run, how) for run in runs]
    steps = sum(row["step"] for row in rows) or 1
    for row in rows:
        yield row | {"cpu_s_train": seconds * row["step"] / steps, "weights": kept}


def _train(specs: Sequence[Spec], home: Path, how: How) -> list[Run]:
    """The runs, trained. What a state that is damaged was of begins anew; a worker whose driver
    was killed is waited for, as it saves what it trains."""
    options: dict[str, Any] = {
        "device": how.device,
        "save_every": how.save_every,
        "checkpoints": how.keep == "all",
    }
    for _ in range(WAITS):
        try:
            return train_in(home, specs, **options)
        except DamagedFile:
            shutil.rmtree(home, ignore_errors=True)
        except InUse:
            time.sleep(1)
    return train_in(home, specs, **options)


def _keep_weights(home: Path, how: How) -> str | None:
    """Copy what is to be kept of a batch's files; the name below `weights` of what has them."""
    if how.keep == "none":
        return None
    store = Store(how.folder)
    if how.keep == "last":
        name = f"{home.name}.safetensors"
        store.write(f"{WEIGHTS}/{name}", read_regular(home / LAST, MOST_BYTES))
        return name
    for name in names_in(home):
        if name.endswith((".safetensors", ".jsonl")) and not name.startswith((".", "resume")):
            content = read_regular(home / name, MOST_BYTES)
            store.write(f"{WEIGHTS}/{home.name}/{name}", content)
    return home.name


def _row(run: Run, how: How) -> dict[str, Any]:
    """The row of a network that was trained."""
    entry, row = Entry(run), _asked(run.spec) | {"state": TRAINED, "reason": None}
    row |= _made_by(how)
    if entry.events.stop == "diverged":
        what = f"its training loss was no number at step {entry.last['step']:,}."
        row |= {"state": FAILED, "reason": what}
    for level, columns in _columns(how.read):
        start = time.process_time()
        if level in CHEAP or row["state"] == TRAINED:
            row |= _read(entry, columns, level)
        second = "cpu_s_explain" if level == "explain" else "cpu_s_read"
        row[second] = row.get(second, 0.0) + time.process_time() - start
    return row | {"weights_sha256": digest(run)}


def _columns(read: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The columns of each level down to this one."""
    yield "run", {k: f for k, f in COLUMNS.items() if k not in NOT_OF_A_SWEEP}
    for level in LEVELS[: LEVELS.index(read) + 1]:
        yield level, READ[level]


def _read(entry: Entry, columns: dict[str, Any], level: str) -> dict[str, Any]:
    """The values of columns; those that cannot be read are null, and the row says why."""
    try:
        return values(entry, columns)
    except StorageError:
        raise
    except Exception as error:
        row = dict.fromkeys(columns) | {"reason": f"its {level} cannot be read: {_reason(error)}"}
        return row | (_those_that_can(entry, columns) if level in CHEAP else {})


def _those_that_can(entry: Entry, columns: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, column in columns.items():
        with suppress(GrokscopeError):
            found |= values(entry, {name: column})
    return found


def digest(run: Run) -> str:
    """A checksum of its last weights: of their names, kinds and numbers."""
    found = hashlib.sha256()
    for name, weight in sorted(run.weights(run.steps[-1]).items()):
        found.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        found.update(weight.numpy().tobytes())
    return found.hexdigest()


def _failed(spec: Spec, reason: str, how: How) -> dict[str, Any]:
    said = {"state": FAILED, "reason": reason, "task": task_text(spec)}
    empty = dict.fromkeys(name for _, columns in _columns(how.read) for name in columns)
    return _asked(spec) | empty | _asked(spec) | said | _made_by(how)


def _asked(spec: Spec) -> dict[str, Any]:
    return {"id": spec.id, **settings_of(spec)}


def _made_by(how: How) -> dict[str, Any]:
    return {"device": how.device, "host_cpu": processor(), "versions": versions()}


@cache
def versions() -> str:
    """Of this package, its core where it is built, and torch."""
    found = []
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return ", ".join(found)


def _reason(error: BaseException) -> str:
    text = str(error) or "without a word"
    is_ours = type(error).__module__.startswith("grokscope.")
    return brief(text if is_ours else f"{type(error).__name__}: {text}", 600)

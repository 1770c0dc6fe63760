"""The pools made: each is a sweep, and a table in long form beside it.

<folder>/
    mixed/ same/ control/         sweeps, which go on where they were interrupted
    mixed.parquet ...             the tables; see `forecast.pool`
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

import grokscope.forecast.signals  # noqa: F401  (registers them)
from grokscope.disk import is_there, read_regular
from grokscope.errors import BadInput, DamagedFile, lookup
from grokscope.forecast.landmarks import COSTLY_AT, LANDMARKS, TENTH, costly, network_of
from grokscope.forecast.pool import POOLS, SCHEMA
from grokscope.forecast.pools import CELLS, Cell
from grokscope.forecast.signal import SIGNALS
from grokscope.spec import Spec
from grokscope.sweep.cost import Estimate, estimate
from grokscope.sweep.drive import Track, sweep, untracked
from grokscope.sweep.plan import Plan
from grokscope.sweep.store import Store
from grokscope.sweep.table import TRAINED, ids_in, read_table
from grokscope.training.files import write_atomically

READ = "events"
COLUMN = "landmarks"
COLUMN_FILE = Path(__file__).with_name("column.py")
OWN = {"half": pl.String(), "stop": pl.String(), "last_step": pl.Int64()}  # beside `pool.SCHEMA`
LARGEST = 10**9  # bytes
LOOK = 20.0  # milliseconds, to read the weights of a landmark


def make_pool(
    folder: Path | str,
    part: str | None = None,
    *,
    workers: int | None = None,
    track: Track = untracked,
) -> list[Path]:
    """Train the networks of one of `POOLS`, or of all, measure them at their landmarks, and write
    the tables; what is there already is not made again. `track` is told how far the sweep of a part
    is. Raises `UnknownName` for another part, and what `sweep` raises."""
    return [_make(Path(folder), name, workers, track) for name in _parts(part)]


def estimate_pool(folder: Path | str, part: str | None = None) -> Estimate:
    """What the networks that are missing cost, at most: processor seconds by a short timing of
    each shape, with what their signals are said to take, and bytes."""
    costs = [
        estimate(Plan.of(specs_of(name), ids_in(Store(str(Path(folder, name))))), READ, "none")
        for name in _parts(part)
    ]
    return Estimate(
        sum(x.networks for x in costs),
        sum(x.seconds + x.networks * _seconds_of_signals() for x in costs),
        sum(x.kept for x in costs),
    )


def read_pool(folder: Path | str) -> pl.DataFrame:
    """The tables of all parts that are there, as one. Raises `BadInput` where there is none, and
    `DamagedFile`."""
    files = [Path(folder, f"{name}.parquet") for name in POOLS]
    there = [file for file in files if is_there(file)]
    if not there:
        raise BadInput(
            f"{folder} has no table of a pool. `grokscope predict --make --pool {folder}` makes "
            "them."
        )
    return pl.concat([_read(file) for file in there], how="diagonal")


def write_pool(folder: Path | str, part: str) -> Path:
    """Write the table of a part from what its sweep has so far, and return its file. Raises
    `BadInput` where it has nothing yet."""
    made = read_table(str(Path(folder, part))).filter(pl.col("state") == TRAINED)
    by_id = {row["id"]: row for row in made.select("id", "stop", "step", COLUMN).to_dicts()}
    rows = [row for cell in CELLS[part] for row in _rows(part, cell, by_id)]
    if not rows:
        raise BadInput(f"{folder}/{part} has none of its networks yet. Let its sweep go on.")
    measured = {name: pl.Float64() for name, one in SIGNALS.items() if one.of is not None}
    file, content = Path(folder, f"{part}.parquet"), io.BytesIO()
    pl.DataFrame(rows, schema={**SCHEMA, **OWN, **measured}).write_parquet(content)
    write_atomically(file, content.getvalue())
    return file


def specs_of(part: str) -> list[Spec]:
    """The networks of a part."""
    return [spec for cell in CELLS[part] for spec in cell.specs()]


def _seconds_of_signals() -> float:
    """Of a network that is measured at every landmark."""
    slow = costly()
    cheap = LOOK + sum(one.cost for name, one in SIGNALS.items() if name not in slow)
    rare = sum(SIGNALS[name].cost for name in slow) / TENTH
    return (len(LANDMARKS) * cheap + len(COSTLY_AT) * rare) / 1_000


def _parts(part: str | None) -> Sequence[str]:
    if part is not None:
        lookup("pool", part, CELLS)
    return POOLS if part is None else (part,)


def _make(folder: Path, part: str, workers: int | None, track: Track) -> Path:
    specs = specs_of(part)
    sweep(
        specs,
        folder / part,
        read=READ,
        workers=workers,
        name=f"forecast {part}",
        use=(COLUMN_FILE,),
        track=track,
    )
    return write_pool(folder, part)


def _rows(part: str, cell: Cell, by_id: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a cell's networks that were made."""
    is_control = part == POOLS[-1]
    for spec in cell.specs():
        made = by_id.get(spec.id)
        if made is None:
            continue
        own = {
            "pool": part,
            "kind": cell.label if is_control else None,
            "half": None if is_control else cell.label,
            "stop": made["stop"],
            "last_step": made["step"],
        }
        for row in json.loads(made[COLUMN]):
            yield {**network_of(spec), **row, **own}


def _read(file: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(read_regular(file, LARGEST)))
    except pl.exceptions.PolarsError as error:
        raise DamagedFile(
            f"{file} is damaged ({error}). Remove it, and repeat `grokscope predict --make`: it "
            "writes it again from its sweep."
        ) from error

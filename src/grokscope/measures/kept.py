"""What was measured of a run, kept as a table in its folder.

    <run>/trace.parquet     one row a checkpoint, one column a number

A value stands as long as its checkpoint's bytes, the key parts, and the code that computed it are
the same, and the table has this machine's own stamp: numbers that came with a folder from
elsewhere are computed again before anything rests on them. Code is this package and, for what was
added from outside (a measure, a model, a task), every Python file beside it.
"""

import hashlib
import io
import json
import marshal
from collections.abc import Callable, Iterable
from contextlib import suppress
from inspect import unwrap
from pathlib import Path
from typing import Any

import polars as pl

import grokscope
from grokscope.disk import read_regular
from grokscope.errors import DamagedFile
from grokscope.measures.measure import MEASURES
from grokscope.models.model import MODELS
from grokscope.stamp import is_stamped, of_files, of_package, stamp
from grokscope.task import TASKS
from grokscope.training.files import write_atomically
from grokscope.training.run import Run

LARGEST = 500 * 10**6  # bytes
NOTE, STAMP = "grokscope", "grokscope stamp"  # the keys of what we note in the file's metadata


class Kept:
    """The measured numbers of a run's checkpoints: those of the file that still hold, and new ones.

    `keys` are the key parts that they were measured with.
    """

    def __init__(self, run: Run, steps: Iterable[int], keys: tuple[str, ...] | None):
        self.path = run.folder / "trace.parquet"
        self.keys = None if keys is None else list(keys)
        self.files = {step: checkpoint_digest(run, step) for step in steps}
        self.rows: dict[int, dict[str, float]] = {step: {} for step in self.files}
        self.columns: dict[str, list[str]] = {}
        self.code = {name: code(run, f) for name, f in MEASURES.items()}
        self.is_changed = False
        # What cannot be read, or is not ours, is not a table.
        with suppress(
            FileNotFoundError, DamagedFile, LookupError, TypeError, ValueError, AttributeError,
            RecursionError, pl.exceptions.PolarsError,
        ):  # fmt: skip
            self._read()

    def has(self, step: int, measure: str) -> bool:
        return any(column in self.rows[step] for column in self.columns.get(measure, ()))

    def add(self, step: int, measure: str, values: dict[str, float]) -> None:
        columns = self.columns.setdefault(measure, [])
        columns += [column for column in values if column not in columns]
        self.rows[step] |= values
        self.is_changed = True

    def table(self, measures: Iterable[str]) -> pl.DataFrame:
        """One row a step, with the columns of these measures."""
        columns = [column for name in measures for column in self.columns.get(name, ())]
        rows = [{"step": s, **{c: row.get(c) for c in columns}} for s, row in self.rows.items()]
        return pl.DataFrame(rows, schema={"step": pl.Int64, **dict.fromkeys(columns, pl.Float64)})

    def write(self) -> None:
        """Into the run's folder, if anything is new. Raises `StorageError`."""
        if not self.is_changed:
            return
        note: dict[str, Any] = {
            "keys": self.keys,
            "columns": self.columns,
            "code": {name: self.code[name] for name in self.columns},
            "files": {str(step): digest for step, digest in self.files.items()},
        }
        table, buffer = self.table(self.columns), io.BytesIO()
        stamped = {NOTE: json.dumps(note), STAMP: stamp(_content(note, table)) or ""}
        table.write_parquet(buffer, metadata=stamped)
        write_atomically(self.path, buffer.getvalue())

    def _read(self) -> None:
        note, table, is_own = read_table(self.path)
        if not is_own or note["keys"] != self.keys:
            return
        columns = {
            str(name): [str(column) for column in note["columns"][name]]
            for name, written_by in dict(note["code"]).items()
            if name in MEASURES and written_by == self.code[name]
        }
        columns_read = ["step", *(column for some in columns.values() for column in some)]
        rows = {}
        for row in table.select(columns_read).iter_rows(named=True):
            step = row.pop("step")
            if step in self.files and note["files"][str(step)] == self.files[step]:
                rows[step] = {k: float(x) for k, x in row.items() if x is not None}
        self.columns, self.rows = columns, self.rows | rows


def read_table(path: Path) -> tuple[Any, pl.DataFrame, bool]:
    """A table with its note, and whether this machine wrote it. Raises much of what is no table."""
    file = io.BytesIO(read_regular(path, LARGEST))
    notes = pl.read_parquet_metadata(file)
    note, table = json.loads(notes[NOTE]), pl.read_parquet(file)
    return note, table, is_stamped(_content(note, table), notes.get(STAMP))


def _content(note: Any, table: pl.DataFrame) -> bytes:
    return json.dumps([note, table.to_dict(as_series=False)], sort_keys=True).encode()


def checkpoint_digest(run: Run, step: int) -> str:
    """A hash of the bytes of a run's checkpoint, or of its share of a batch's."""
    return hashlib.sha256(run.content(run.checkpoint(step))).hexdigest()[:16]


def code(run: Run, measure: Callable[..., Any]) -> str:
    """A hash of the code that a measure's value on this run depends on."""
    makers = (measure, MODELS.get(run.spec.model), TASKS.get(run.spec.task))
    return of_package() + "".join(outside_code(maker) for maker in makers if maker is not None)


def outside_code(maker: Callable[..., Any]) -> str:
    """A hash of the Python files beside the one that defines `maker`, or of its own code where it
    has no file; nothing for what this package defines."""
    function = unwrap(maker)
    if isinstance(function, type):
        function = function.__init__
    own = getattr(function, "__code__", None)
    if own is None:
        return ""
    file = Path(own.co_filename)
    if _home() in file.parents:
        return ""
    if file.is_file():
        return of_files(*sorted(file.parent.glob("*.py")))
    return hashlib.sha256(marshal.dumps(own)).hexdigest()[:16]


def _home() -> Path:
    return Path(grokscope.__file__).parent

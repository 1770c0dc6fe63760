"""The tables of runs: what is said of each, a column a function.

`grokscope list runs`, the table after `run --seeds` and that of `import` have all of these columns.
One more is one more function under @column, here or in a --use file:

    @column
    def weight_decay(x: Entry) -> float:
        return x.run.spec.weight_decay
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from grokscope.errors import BadInput, DamagedFile, GrokscopeError
from grokscope.training.events import Events, Row, find_events
from grokscope.training.run import Run


class BrokenColumn(BadInput):
    """A column of a plug-in that fails, or gives what no table can show."""


@dataclass(frozen=True)
class Entry:
    """A run in a table, its evaluations read once."""

    run: Run

    @cached_property
    def rows(self) -> list[dict[str, int | float]]:
        """The evaluations so far."""
        return self.run.rows

    @property
    def last(self) -> Row:
        """The last of them; empty if there is none."""
        return self.rows[-1] if self.rows else {}

    @cached_property
    def events(self) -> Events:
        return find_events(self.run.spec, self.rows)


Value = str | int | float | None  # None: it has no such thing
Column = Callable[[Entry], Value]
COLUMNS: dict[str, Column] = {}
REASON = "reason"  # why a run could not be read; beside the columns

F = TypeVar("F", bound=Column)


def column(f: F) -> F:
    """Add a column to every table of runs, under the name of its function. Raises `BadInput` for
    the name of one of grokscope's own."""
    taken = COLUMNS.get(f.__name__)
    if taken is not None and taken.__module__ == __name__ != f.__module__:
        raise BadInput(
            f"`{f.__name__}` is a column of grokscope's own. Call yours by another name."
        )
    COLUMNS[f.__name__] = f
    return f


@column
def run(x: Entry) -> str:
    """The name of its folder."""
    return x.run.folder.name


@column
def task(x: Entry) -> str:
    return " ".join([x.run.spec.task, *(f"{k}={v}" for k, v in x.run.spec.task_args.items())])


@column
def seed(x: Entry) -> int:
    return x.run.spec.seed


@column
def state(x: Entry) -> str:
    if x.run.is_imported:
        return "imported"
    if x.run.is_finished:
        return "finished"
    return "unfinished" if x.run.is_begun else "new"


@column
def step(x: Entry) -> int | float | None:
    """The last that was evaluated."""
    return x.last.get("step")


@column
def memorised(x: Entry) -> int | None:
    """The step at which it was right on what it was shown."""
    return x.events.t_memorize


@column
def grokked(x: Entry) -> int | None:
    """The step at which it was right on the test too."""
    return x.events.t_grok


@column
def test_accuracy(x: Entry) -> int | float | None:
    return x.last.get("test_accuracy")


@column
def test_loss(x: Entry) -> int | float | None:
    return x.last.get("test_loss")


def table(folders: Iterable[Path]) -> list[dict[str, Value]]:
    """A row for the run in each folder. One that is damaged, or that the system does not let us
    read, is a row that says so, with the reason; the others have none. Raises `BrokenColumn`."""
    return [_row_or_reason(folder) for folder in folders]


def _row_or_reason(folder: Path) -> dict[str, Value]:
    try:
        return row(Run.open(folder)) | {REASON: None}
    except BrokenColumn:
        raise
    except (GrokscopeError, OSError) as error:
        state = "damaged" if isinstance(error, DamagedFile) else "unreadable"
        known: dict[str, Value] = {"run": folder.name, "state": state, REASON: str(error)}
        return dict.fromkeys(COLUMNS) | known


def row(run: Run) -> dict[str, Value]:
    """All columns of a run. Raises `DamagedFile` or `StorageError` if it cannot be read, and
    `BrokenColumn` for a column of a plug-in that fails."""
    entry = Entry(run)
    return {name: _value(name, f, entry) for name, f in COLUMNS.items()}


def _value(name: str, f: Column, entry: Entry) -> Value:
    try:
        value = f(entry)
    except GrokscopeError:
        raise
    except Exception as error:
        if f.__module__ == __name__:
            raise
        raise BrokenColumn(
            f"the column `{name}` failed on {entry.run.folder}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(value, Value):
        raise BrokenColumn(
            f"the column `{name}` gave {type(value).__name__}; it must give text, a number or None."
        )
    return value

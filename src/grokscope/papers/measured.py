"""What many items measure of a run: its events, its last evaluation, its curves."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from grokscope.measures.trace import trace
from grokscope.training.run import Run

MOST = 160  # points of a curve that a row keeps
LOSSES = ("train_loss", "test_loss")
ACCURACIES = ("train_accuracy", "test_accuracy")


def events(run: Run) -> dict[str, Any]:
    """The steps at which it memorised and generalised, None where it never did; whether it did;
    and its last losses and accuracies."""
    found, last = run.events, run.rows[-1]
    return {
        "memorised": found.t_memorize,
        "generalised": found.t_grok,
        "generalises": found.t_grok is not None,
        **{name: last[name] for name in (*LOSSES, *ACCURACIES)},
    }


def first_below(run: Run, column: str, value: int | float) -> int | None:
    """The first step at which this column of its evaluations is below a value."""
    return next((int(row["step"]) for row in run.rows if row[column] < value), None)


def curve(run: Run, columns: Sequence[str] = (*LOSSES, *ACCURACIES)) -> dict[str, Any]:
    """These columns of its evaluations as lists, and "step"."""
    rows = run.rows
    some = [rows[i] for i in _spread(len(rows))]
    return {name: [row[name] for row in some] for name in ("step", *columns)}


def traced(run: Run, measures: Sequence[str]) -> dict[str, Any]:
    """These measures at its checkpoints as lists, and "step"; one that has no meaning is left
    out."""
    return lists(trace(run, measures))


def lists(table: pl.DataFrame) -> dict[str, Any]:
    """A trace as lists, of some of its rows where there are many."""
    return table[_spread(len(table))].to_dict(as_series=False)


def _spread(count: int) -> list[int]:
    """At most `MOST` of so many places, the first and the last among them."""
    if count <= MOST:
        return list(range(count))
    return sorted({round(i * (count - 1) / (MOST - 1)) for i in range(MOST)})

"""What a measure is: a function of a snapshot; and a run's checkpoints measured in order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import polars as pl

from grokscope.errors import NotApplicable, lookup
from grokscope.measures.keys import key_parts
from grokscope.snapshot import Snapshot
from grokscope.training.machine import keep_memory
from grokscope.training.run import Run

# One number, or one for each of several parts, named by them.
Measure = Callable[[Snapshot], float | Mapping[str, float]]
MEASURES: dict[str, Measure] = {}


F = TypeVar("F", bound=Measure)


def measure(f: F) -> F:
    """Make a measure available by the name of its function."""
    MEASURES[f.__name__] = f
    return f


def evaluate(snapshot: Snapshot, names: Iterable[str]) -> dict[str, float]:
    """The named measures of one snapshot; a measure of several parts gives `name[part]` each."""
    values: dict[str, float] = {}
    for name in names:
        value = lookup("measure", name, MEASURES)(snapshot)
        if isinstance(value, Mapping):
            values |= {f"{name}[{part}]": float(v) for part, v in value.items()}
        else:
            values[name] = float(value)
    return values


def applicable(snapshot: Snapshot, names: Iterable[str] | None = None) -> list[str]:
    """Those of the named measures, by default of all, that have a meaning for this network."""
    found = []
    for name in MEASURES if names is None else names:
        try:
            evaluate(snapshot, [name])
        except NotApplicable:
            continue
        found.append(name)
    return found


def trace(
    run: Run,
    names: Iterable[str] | None = None,
    track: Callable[[int, int], None] = lambda done, total: None,
) -> pl.DataFrame:
    """The named measures, by default all that apply, at every checkpoint: one row a step.

    The key parts are those of the last checkpoint throughout (Nanda et al. 2023). `track` is told
    how many checkpoints of how many are done.
    """
    keep_memory()
    last = Snapshot.of(run)
    keys = key_parts(last).names if last.task.group is not None else None
    chosen = [names] if isinstance(names, str) else names
    chosen = applicable(last) if chosen is None else list(chosen)
    rows, total = [], len(run.steps)
    for step, model in run.models():
        snapshot = replace(last, model=model, step=step, keys=keys)
        rows.append({"step": step, **evaluate(snapshot, chosen)})
        track(len(rows), total)
    return pl.DataFrame(rows)

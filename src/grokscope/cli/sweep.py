"""`grokscope sweep`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from grokscope.cli.ending import Ended
from grokscope.cli.options import (
    Json,
    Plugins,
    absent,
    load,
)
from grokscope.errors import BadInput, StorageError, must_be, unknown
from grokscope.printable import Screen

if TYPE_CHECKING:
    from grokscope.sweep.asked import Sweep
    from grokscope.sweep.cost import Estimate
    from grokscope.sweep.grid import Grid

HOUR = 3600.0  # seconds of the clock, above which it is asked
SHOWN = 3  # specs


def sweep(
    settings: Positional[
        Annotated[
            tuple[str, ...],
            absent("[SETTING ...]", "a name, then key=v1,v2 or key=lo..hi"),
        ]
    ] = (),
    /,
    out: Annotated[str | None, absent("DIR", "its folder; by default sweeps/NAME")] = None,
    sample: Annotated[int | None, absent("N", "so many networks of the grid, at random")] = None,
    list_: Annotated[
        Path | None, absent("FILE", "a table of settings: .parquet, .csv or .jsonl", name="list")
    ] = None,
    read: Annotated[
        Literal["events", "keys", "explain"], arg(help="how much is read of each network")
    ] = "keys",
    keep: Annotated[
        Literal["none", "last", "all"], arg(help="which of its weights are kept")
    ] = "none",
    workers: Annotated[int | None, absent("N", "processes; by default one a core")] = None,
    engine: Annotated[
        Literal["local", "ray"], arg(help="this machine, or a Ray cluster")
    ] = "local",
    dry_run: Annotated[bool, arg(help="say what it would cost, and train nothing")] = False,
    yes: Annotated[bool, arg(help="do not ask, though it takes more than an hour")] = False,
    again: Annotated[bool, arg(help="make those that failed once more")] = False,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Train and read many networks, into one table.

    A setting of several values spans a grid: `lr=1e-3,1e-2`, or whole numbers as `seed=0..9`. A
    comma within brackets or double quotes parts nothing: `betas=[0.9,0.98],[0.9,0.95]`. What the
    table has already is not made again, so a sweep goes on where it was interrupted, and can be
    enlarged.

    Example: grokscope sweep hello task.p=23,31 seed=0..19
    """
    from grokscope.page.many import write_many
    from grokscope.sweep.cost import estimate
    from grokscope.sweep.drive import sweep as make
    from grokscope.sweep.plan import Plan
    from grokscope.sweep.progress import progress_bar
    from grokscope.sweep.store import Store
    from grokscope.sweep.table import ids_in
    from grokscope.terminal import print_json
    from grokscope.training.machine import cores, use_threads

    load(use)
    use_threads(1)
    count = cores() if workers is None else workers
    if count < 1:
        raise must_be("--workers", "a whole number of at least 1", count)
    name, grid = _grid(settings, list_, sample)
    folder = str(Path("sweeps", name)) if out is None else out
    plan = Plan.of(grid, ids_in(Store(folder), "trained" if again else None))
    cost = estimate(plan, read, keep)
    if dry_run:
        _print_plan(grid, cost, folder, count, json)
        return
    if cost.seconds / count > HOUR and not yes:
        _ask(_cost(cost, count))
    notes = Screen(stderr=True)
    try:
        with progress_bar(notes) as track:
            made = make(
                grid, folder, read=read, keep=keep, workers=count, engine=engine, name=name,
                settings=settings, again=again, use=use, track=track,
            )  # fmt: skip
    except Ended as end:
        raise type(end)(f" {_goes_on(folder, len(grid))}") from None
    except StorageError as error:
        raise StorageError(f"{error} {_goes_on(folder, len(grid))}") from error
    row = _summary(made) | {"page": write_many(folder)}
    print_json(row) if json else notes.print(_said(row), soft_wrap=True)


def _grid(settings: Sequence[str], file: Path | None, sample: int | None) -> "tuple[str, Grid]":
    """What these settings span, and the name of it."""
    from grokscope.papers import EXPERIMENTS, SWEEPS
    from grokscope.spec import Spec
    from grokscope.sweep.grid import grid, listed

    if not settings and file is None:
        raise BadInput("say what to sweep, as in `grokscope sweep hello seed=0..19`.")
    has_name = bool(settings) and "=" not in settings[0]
    name, changes = (settings[0], settings[1:]) if has_name else ("settings", settings)
    if name in SWEEPS:
        if file is not None:
            raise BadInput(f"{name} has its own networks. Leave out --list.")
        made = SWEEPS[name].grid(changes)
    else:
        if has_name and name not in EXPERIMENTS:
            raise unknown("spec or sweep", name, {**EXPERIMENTS, **SWEEPS})
        start = EXPERIMENTS[name].spec if has_name else Spec()
        made = grid(start, changes) if file is None else grid(start, changes, listed(file))
    return name, made if sample is None else made.sample(sample)


def _cost(cost: "Estimate", workers: int) -> str:
    return (
        f"{cost.networks:,} networks take at most about {duration(cost.seconds)} of one processor, "
        f"{duration(cost.seconds / workers)} by {workers} workers, and {cost.kept / 1e6:,.1f} MB"
    )


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} seconds"


def _ask(what: str) -> None:
    """Ask whether to begin; raise `BadInput` for a no, and where no one can be asked."""
    if not sys.stdin.isatty():
        raise BadInput(f"{what}. Add --yes to begin, or take fewer values.")
    Screen(stderr=True).print(f"{what}. Begin? [y/N] ", end="")
    if input().strip().lower() not in ("y", "yes"):
        raise BadInput("nothing was begun. Take fewer values, or --sample so many of them.")


def _print_plan(grid: "Grid", cost: "Estimate", out: str, workers: int, json: bool) -> None:
    from grokscope.sweep.table import settings_of, task_text
    from grokscope.terminal import print_json, print_upright

    plan: dict[str, Any] = {
        "folder": out,
        "networks": len(grid),
        "in_the_table": len(grid) - cost.networks,
        "workers": workers,
        "cpu_seconds_at_most": round(cost.seconds, 1),
        "bytes": cost.kept,
        "axes": grid.values(),
    }
    first = [{"id": spec.id, "task": task_text(spec), **settings_of(spec)} for spec in grid[:SHOWN]]
    if json:
        print_json(plan | {"first": first})
        return
    Screen().print(f"{_cost(cost, workers)}.", soft_wrap=True)
    print_upright([plan, *first])


def _goes_on(folder: str, total: int) -> str:
    from grokscope.sweep.store import Store
    from grokscope.sweep.table import ids_in

    try:
        done = len(ids_in(Store(folder)))
    except StorageError:
        return "The same command goes on from what is there."
    return f"{done:,} of {total:,} networks are in the table: the same command goes on from there."


def _summary(made: "Sweep") -> dict[str, Any]:
    table = made.table()
    return {
        "folder": made.folder,
        "networks": len(table),
        "memorised": table["memorised"].count(),
        "grokked": table["grokked"].count(),
        "failed": int((table["state"] == "failed").sum()),
    }


def _said(row: dict[str, Any]) -> str:
    failed = f", {row['failed']:,} failed" if row["failed"] else ""
    return (
        f"{row['networks']:,} networks: {row['memorised']:,} memorised, {row['grokked']:,} "
        f"grokked{failed}. The table: {row['folder']}. Its page: {row['page']}"
    )

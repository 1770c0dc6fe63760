"""The phases of trained runs, each boundary beside its second reading, as a table in Markdown.

    python -m benchmarks.phases runs/*

    memorised, grokked  when 99 % of train, and of test, were right
    peak, least excl.   where memorisation ends: test loss highest; excluded loss least
    1/e, knee           where circuit formation ends: test loss 1/e of its peak; its knee
    test right          test accuracy at that step (1/e)
    cleanup             where 95 % of the fall is done; "not over" where it still fell
    order               whether memorised <= peak <= 1/e < grokked, and 1/e <= cleanup

Steps throughout. A run without phases has the reason in their place.
"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from grokscope.errors import NotApplicable
from grokscope.measures import trace
from grokscope.measures.phases import EXCLUDED, find_phases
from grokscope.training.events import Phases
from grokscope.training.machine import use_threads
from grokscope.training.run import Run

Row = dict[str, str | int | float | None]


def main() -> None:
    made = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs")
    made.add_argument("--json", action="store_true", help="print one JSON object a run and line")
    made.add_argument("--threads", type=int, default=1, help="by default 1")
    args = made.parse_args()
    use_threads(args.threads)
    rows = [phases_of(Run.open(folder)) for folder in args.runs]
    print("\n".join(map(json.dumps, rows)) if args.json else as_markdown(rows))


def phases_of(run: Run) -> Row:
    """A run's line in the table."""
    rows, events = run.rows, run.events
    p = find_phases(run.spec, rows, run.task.chance, _excluded(run))
    row: Row = {"run": f"{run.task.name}, {run.spec.model}, seed {run.spec.seed}"}
    row["memorised"] = events.t_memorize
    if not isinstance(p, Phases):
        return row | {"peak": p, "grokked": events.t_grok}
    start, end = events.t_memorize, events.t_grok
    assert start is not None
    assert end is not None
    right = next(x["test_accuracy"] for x in rows if x["step"] == p.formed)
    in_order = start <= p.memorized <= p.formed < end and p.formed <= (p.cleaned or end)
    return row | {
        "peak": p.memorized,
        "least excl.": p.least_excluded,
        "1/e": p.formed,
        "knee": p.knee,
        "grokked": end,
        "test right": round(right, 2),
        "cleanup": "not over" if p.cleaned is None else p.cleaned,
        "order": "yes" if in_order else "no",
    }


def _excluded(run: Run) -> pl.DataFrame | None:
    """The trace of the excluded loss; None where the task has none."""
    try:
        return trace(run, EXCLUDED)
    except NotApplicable:
        return None


COLUMNS = (
    "run", "memorised", "peak", "least excl.", "1/e", "knee", "grokked", "test right", "cleanup",
    "order",
)  # fmt: skip


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    lines += [tuple(_cell(row.get(name)) for name in COLUMNS) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(x: str | int | float | None) -> str:
    if x is None:
        return "-"
    return f"{x:,}" if isinstance(x, int) else str(x)


if __name__ == "__main__":
    main()

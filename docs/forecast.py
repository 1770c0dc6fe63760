"""The race of docs/forecasting.md run again on a pool, and its results written into the page.

    python -m docs.forecast pools           some minutes; --draws 2000 for the page

It writes the tables of the page between their marks, docs/data/forecast.csv with every score, the
picture, and the locked models of the package.
"""

import argparse
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from grokscope.forecast import locked, told
from grokscope.forecast.cohort import read_table
from grokscope.forecast.pools import CELLS
from grokscope.forecast.race import Raced, race
from grokscope.plots import save
from grokscope.plots.forecast import plot_race
from grokscope.sweep.table import read_table as sweep_table
from grokscope.training.files import write_atomically

HERE = Path(__file__).parent
PAGE, PICTURE, SCORES = (
    HERE / name for name in ("forecasting.md", "images/forecast.png", "data/forecast.csv")
)
FEWEST_CELLS = 40  # of the mixed pool, for models that are to travel with the package
MARK = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("pool", type=Path)
    ask.add_argument("--draws", type=int, default=500)
    asked = ask.parse_args()
    table = read_table(asked.pool)
    found = race(table, draws=asked.draws)
    save(plot_race(found), PICTURE)
    write_atomically(SCORES, as_csv(found).encode())
    if table.filter(pl.col("pool") == locked.POOL)["cell"].n_unique() >= FEWEST_CELLS:
        locked.write_locked(locked.lock(table, told.answer(found)), locked.FILE)
    write_atomically(PAGE, filled(PAGE.read_text(), parts(table, found, asked.pool)).encode())


def filled(page: str, told: Mapping[str, str]) -> str:
    """The page with these parts between their marks."""
    return MARK.sub(lambda m: f"{m[1]}{told[m[2]]}\n{m[3]}" if m[2] in told else m[0], page)


def parts(table: pl.DataFrame, found: Mapping[str, Raced], folder: Path) -> dict[str, str]:
    """What the page says of the race, by the names of its marks."""
    made = {
        "answer": f"**{told.answer(found)}** {so_far(table)}".strip(),
        "networks": networks(table, folder),
    }
    for pool, x in found.items():
        made[pool] = "\n\n".join([
            " ".join(told.described(x)),
            markdown(told.by_landmark(x)),
            markdown(told.by_signal(x)),
        ])  # fmt: skip
        made[f"{pool}_alarms"] = markdown(told.alarm_rows(x))
        made[f"{pool}_delays"] = markdown(told.delay_rows(x))
    return made


def so_far(table: pl.DataFrame) -> str:
    """How many networks of each pool are still to be made; nothing where none is."""
    there = dict(table.unique("id").group_by("pool").len().iter_rows())
    planned = {pool: sum(cell.seeds for cell in cells) for pool, cells in CELLS.items()}
    if all(there.get(pool, 0) >= n for pool, n in planned.items()):
        return ""
    each = (f"{there.get(pool, 0):,} of {n:,} of the pool `{pool}`" for pool, n in planned.items())
    return f"These are first figures, of {', '.join(each)}."


def networks(table: pl.DataFrame, folder: Path) -> str:
    """How many networks there are of each pool, what became of them, and what they cost to train
    and to measure, where their sweeps are in the folder."""
    each = table.unique("id").group_by("pool").agg(
        pl.col("cell").n_unique().alias("cells"),
        pl.len().alias("networks"),
        pl.col("memorised").is_not_null().sum().alias("memorised"),
        pl.col("grokked").is_not_null().sum().alias("generalised"),
    )  # fmt: skip
    rows = each.sort("pool").to_dicts()
    return markdown([row | {"CPU-hours": hours(folder / row["pool"])} for row in rows])


def hours(sweep: Path) -> str:
    """Of one processor."""
    if not (sweep / "sweep.json").is_file():
        return "-"
    spent = sweep_table(str(sweep)).select("cpu_s_train", "cpu_s_read")
    return f"{spent.sum().sum_horizontal()[0] / 3600:.2f}"


def markdown(rows: list[dict[str, Any]]) -> str:
    """Rows as a table of Markdown."""
    if not rows:
        return "Nothing of this kind can be told of this pool."
    head, rule = "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])
    lines = ["| " + " | ".join(map(str, row.values())) + " |" for row in rows]
    return "\n".join([head, rule, *lines])


def as_csv(found: Mapping[str, Raced]) -> str:
    """Every score of the race, a line each."""
    rows = [
        {"pool": pool, "by": x.by, "in_race": s.landmark in x.landmarks}
        | {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(s).items()}
        | {"cells": " ".join(f"{c:.3f}" for c in s.cells)}
        for pool, x in found.items()
        for s in x.scores
    ]
    return pl.DataFrame(rows, infer_schema_length=None).write_csv()


if __name__ == "__main__":
    main()

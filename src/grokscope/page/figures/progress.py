"""Progress beneath the surface: the measures of the trace."""

from typing import Any

import polars as pl

from grokscope.page.figure import Figure, Leads
from grokscope.page.stacks import short
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import WEIGHTS

MOST_LINES = 4  # of one measure: those that end highest
NATS, GINI, SPARSITY = "loss (nats)", "Gini of the spectrum", "sparsity (nats)"
LOSSES = {
    "excluded_loss_sum_train": "excluded: without the key parts",
    "excluded_loss_sum_train_control": "control: without as much of the rest, at random",
    "restricted_loss_sum[all]": "restricted: the key parts alone, all pairs",
    "train_loss": "train",
}


def facts(p: Pictures) -> dict[str, Any] | None:
    table, figures = p.reading.table, []
    if "restricted_loss_sum[all]" in table.columns:
        figures.append(_figure(table, NATS, LOSSES, is_log=True))
    for measure, title in (("gini", GINI), ("lens_score", SPARSITY)):
        ends = {
            column: (table[column].drop_nulls().to_list() or [0.0])[-1]
            for column in table.columns
            if column.startswith(f"{measure}[")
        }
        highest = sorted(ends, key=lambda column: -ends[column])[:MOST_LINES]
        labels = {x: x.removeprefix(f"{measure}[").removesuffix("]") for x in highest}
        if labels:
            names = {column: WEIGHTS.get(label, label) for column, label in labels.items()}
            figures.append(_figure(table, title, names))
    if "sum_of_squares" in table.columns:
        names = {"sum_of_squares": "all weights"}
        figures.append(_figure(table, "sum of squared weights", names, is_log=True))
    return {"trace": {"figures": figures}} if figures and len(table) > 1 else None


def _figure(
    table: pl.DataFrame, title: str, names: dict[str, str], is_log: bool = False
) -> dict[str, Any]:
    """The columns with these names that are there, as lines."""
    lines = [
        {
            "name": column,
            "label": label,
            "values": [None if x is None else short(x) for x in table[column].to_list()],
        }
        for column, label in names.items()
        if column in table.columns
    ]
    return {"title": title, "log": is_log, "lines": lines}


def caption(run: Facts, page: dict[str, Any]) -> str:
    titles = [x["title"] for x in page["trace"]["figures"]]
    keys = ", with the key parts of the last one" if NATS in titles else ""
    gini = " Gini: 0, spread evenly over all parts; 1, all in one." if GINI in titles else ""
    return f"Measured at every checkpoint{keys}.{gini}"


FIGURE = Figure(
    "progress", "progress", 10, "Progress beneath the surface", facts, caption,
    leads=Leads("grew", 7),
)  # fmt: skip

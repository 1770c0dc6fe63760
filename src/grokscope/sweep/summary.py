"""What a sweep's table says of each group of its networks: counts, shares and medians, with their
intervals of 95 %.

Shares are of the networks that were trained. A delay, and the step at which a network generalised,
are those of Kaplan and Meier: a network that has not generalised counts as long as it was seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from grokscope.errors import BadInput, unknown
from grokscope.sweep.statistics import Estimate, Survival, kaplan_meier, median, wilson
from grokscope.sweep.table import FAILED

Group = dict[str, Any]  # by = value
SHARES: dict[str, Callable[[], pl.Expr]] = {
    "memorised": lambda: pl.col("memorised").is_not_null(),
    "grokked": lambda: pl.col("grokked").is_not_null(),
}  # of columns that say when; others are asked as name=value
TIMES = {"median delay": "delay", "median grok step": "grokked"}


def summary(table: pl.DataFrame, by: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A row for each group of networks that have the same values in these columns, in the order of
    the values; without columns, one row for all. Raises `UnknownName`."""
    return [{**group, **_of(part)} for group, part in groups(table, by)]


def groups(table: pl.DataFrame, by: Sequence[str]) -> Iterator[tuple[Group, pl.DataFrame]]:
    """Each group with its rows. Raises `UnknownName` for a column that is not there, `BadInput` for
    one of lists."""
    for name in by:
        check_column(table, name)
    if not by:
        yield {}, table
        return
    for values, part in table.sort(by, nulls_last=True).group_by(by, maintain_order=True):
        yield dict(zip(by, values, strict=True)), part


def check_column(table: pl.DataFrame, name: str) -> None:
    """Raise `UnknownName` for a column that is not there, and `BadInput` for one of lists."""
    if name not in table.columns:
        raise unknown("column of the table", name, table.columns)
    if table.schema[name].is_nested():
        raise BadInput(f"the column `{name}` holds lists. Choose one of numbers or text.")


def share(table: pl.DataFrame, what: str) -> Estimate:
    """The share of the trained networks that memorised, grokked, or have `name=value`."""
    part = trained(table)
    return wilson(int(part.select(_claim(part, what).sum()).item() or 0), len(part))


def survival(table: pl.DataFrame, what: str = "delay") -> Survival:
    """How the networks generalise: by the steps since they memorised (of those that did), or by
    the steps trained ("grokked")."""
    part, seen = trained(table), pl.col("step")
    if what == "delay":
        part, seen = part.filter(pl.col("memorised").is_not_null()), seen - pl.col("memorised")
    happened = part["grokked"].is_not_null()
    times = part.select(pl.coalesce(pl.col(what), seen).alias("time"))["time"]
    return kaplan_meier(times.to_list(), happened.to_list())


def trained(table: pl.DataFrame) -> pl.DataFrame:
    """The rows of networks that did not fail."""
    return table.filter(pl.col("state") != FAILED)


def _claim(table: pl.DataFrame, what: str) -> pl.Expr:
    """A claim that is true or false of each network. Raises `UnknownName`."""
    if what in SHARES:
        return SHARES[what]()
    name, equals, value = what.partition("=")
    check_column(table, name)
    if not equals and table.schema[name] == pl.Boolean:
        return pl.col(name).fill_null(False)
    if not equals:
        raise BadInput(
            f"`{name}` is no claim that holds of a share of networks. Write one as `{name}=value`, "
            "or memorised, or grokked."
        )
    return (pl.col(name).cast(pl.String) == value).fill_null(False)


def _of(table: pl.DataFrame) -> dict[str, Any]:
    """What there is to say of a group, by name: numbers, and estimates as `asdict` gives them; None
    where no network can say."""
    part = trained(table)
    row: dict[str, Any] = {"networks": len(table), "failed": len(table) - len(part)}
    row |= {name: _share(part, name) for name in SHARES if name in part}
    row |= {called: _median_time(part, x) for called, x in TIMES.items() if x in part}
    row |= {f"median {x}": _median(part, x) for x in ("test_accuracy", "norm") if x in part}
    if "class" in part:
        row["grokking, by class"] = _share(part, "class=grokking")
    if "verdict" in part:
        row["generalised"] = _share(part, "verdict=generalised")
    if "algorithm" in part:
        row["algorithms"] = counts(part, "algorithm")
    if "proved" in part:
        row["median proved accuracy"] = _median(part, "proved")
    seconds = [x for x in ("cpu_s_train", "cpu_s_read", "cpu_s_explain") if x in part]
    if seconds:
        row["cpu_s"] = float(part.select(pl.sum_horizontal(seconds).sum()).item())
    return row


def _share(part: pl.DataFrame, what: str) -> dict[str, Any] | None:
    return asdict(share(part, what)) if len(part) else None


def _median_time(part: pl.DataFrame, what: str) -> dict[str, Any] | None:
    curve = survival(part, what)
    return asdict(curve.median) if len(curve.time) + len(curve.censored) else None


def _median(part: pl.DataFrame, name: str) -> dict[str, Any] | None:
    values = part[name].drop_nulls().drop_nans().to_list()
    return asdict(median(values)) if values else None


def counts(table: pl.DataFrame, name: str) -> dict[str, int]:
    """How many networks have each value, the most frequent first; those without one are left
    out."""
    found = table[name].drop_nulls().value_counts(sort=True)
    return {
        str(value): n for value, n in found.sort("count", name, descending=[True, False]).rows()
    }


def as_text(value: Any) -> Any:
    """An estimate with its interval, as in 0.42 (0.30 to 0.55), "beyond" what was seen; counts as
    12 clock, 3 coset; other values as they are."""
    if not isinstance(value, dict):
        return value
    if set(value) != {"value", "low", "high"}:
        return ", ".join(f"{count} {name}" for name, count in value.items()) or None
    if value["value"] is None and value["low"] is None:
        return "beyond"
    middle = "beyond" if value["value"] is None else _short(value["value"])
    low, high = ("..." if x is None else _short(x) for x in (value["low"], value["high"]))
    return f"{middle} ({low} to {high})"


def _short(x: float) -> str:
    return f"{x:.2f}" if abs(x) < 10 else f"{x:,.0f}"


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A summary as CSV: of an estimate three columns, its value, `low` and `high`."""
    return pl.DataFrame([_flat(row) for row in rows], infer_schema_length=None).write_csv()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if not isinstance(value, dict):
            flat[name] = value
        elif set(value) == {"value", "low", "high"}:
            flat |= {name: value["value"], f"{name} low": value["low"]}
            flat |= {f"{name} high": value["high"]}
        else:
            flat[name] = ", ".join(f"{count} {x}" for x, count in value.items())
    return flat

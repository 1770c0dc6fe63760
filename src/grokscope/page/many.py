"""The page of many runs: one HTML file of a sweep, which fetches nothing.

A grid of cells by two settings, in each a dot for every network; the curves of the cell under the
pointer; how the delays are spread. `web/src/many/` has the source of its script.

Curves are packed: of each of its points a network has the step, and a byte for each of two
accuracies and two losses (on the scale of their logarithm), deflated together.

Axes: network = a row of the table.
"""

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import fields
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import polars as pl

from grokscope.disk import is_there
from grokscope.page.page import ASSETS, asset, harmless
from grokscope.spec import Spec
from grokscope.sweep.asked import ASKED, Sweep
from grokscope.sweep.store import Store
from grokscope.sweep.summary import as_text, check_column, share, summary, trained
from grokscope.sweep.table import CLASSES, LOSS, RATIO
from grokscope.training.files import as_json, write_atomically

FILE = "index.html"
RUNS = "runs"  # where a network is kept as a run of its own, with its page
MOST = 20_000  # networks that a page shows
MOST_VALUES = 60  # of a setting that can be an axis of the grid
NUMBERS = (
    "memorised", "grokked", "delay", "step", "best_train_loss", "best_test_loss",
    "largest_loss_ratio", "train_accuracy", "test_accuracy",
)  # fmt: skip
WORDS = ("state", "verdict", "algorithm")
CURVES = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
DECADES = (-12, 4)  # of losses
NOTHING = 255  # where a curve has no value
NOT_SETTINGS = {"load", "assumed", "source"}


def is_sweep(names: Sequence[str]) -> bool:
    """Whether one name is given, and it is the folder of a sweep."""
    return len(names) == 1 and is_there(Path(names[0]) / ASKED)


def write_many(folder: Path | str, path: Path | None = None) -> str:
    """Write the page of a sweep, by default into its folder, from the table as it is so far;
    returns where. Raises `BadInput` where there is no sweep, `DamagedFile` and `StorageError`."""
    swept = Sweep.open(folder)
    content = many(swept).encode()
    if path is not None:
        write_atomically(path, content)
        return str(path)
    Store(swept.folder).write(FILE, content)
    return f"{swept.folder}/{FILE}"


def many(swept: Sweep) -> str:
    """The page as HTML."""
    whole = swept.table()
    table = whole if len(whole) <= MOST else whole.sample(MOST, seed=0)
    facts = contents(swept, table)
    some = f"Of these, {MOST:,} are shown, chosen at random." if len(table) < len(whole) else ""
    first = next((axis["key"] for axis in facts["axes"]), None)
    return Template((ASSETS / "many.html").read_text("utf-8")).substitute(
        style=asset("many.css"),
        script=asset("many.js"),
        facts=harmless(as_json(facts)),
        title=escape(swept.name),
        told=escape(told(whole)),
        shown=some,
        summary=_listed(whole, [] if first is None else [first]),
    )


def told(table: pl.DataFrame) -> str:
    """How many networks there are, and what became of them."""
    part = trained(table)
    failed = len(table) - len(part)
    end = f" {failed:,} failed." if failed else ""
    if not len(part):
        return f"{len(table):,} networks.{end}"
    shares = [f"{_percent(share(part, x))} {x}" for x in ("memorised", "grokked")]
    return f"{len(table):,} networks: {' and '.join(shares)}.{end}"


def contents(swept: Sweep, table: pl.DataFrame) -> dict[str, Any]:
    """All that the page's script is given: the settings that vary, in their order, and of each
    network what is known of it."""
    asked = [*swept.axes, *(key for key in varying(table) if key not in swept.axes)]
    keys = [key for key in asked if key in varying(table) and key != "seed"]
    keys += ["seed"] if "seed" in varying(table) else []
    axes = _apart([_axis(swept, table, key) for key in keys])
    return {
        "networks": len(table),
        "axes": axes,
        "most": MOST_VALUES,
        "classes": CLASSES,
        "thresholds": {"loss": LOSS, "ratio": RATIO},
        "ids": table["id"].to_list(),
        "numbers": {x: [_short(v) for v in table[x].to_list()] for x in NUMBERS if x in table},
        "words": {x: _words(table[x]) for x in WORDS if x in table},
        "pages": _pages(Store(swept.folder), table["id"].to_list()),
        "curves": packed_curves(table["curve"].to_list() if "curve" in table else []),
    }


def varying(table: pl.DataFrame) -> list[str]:
    """The settings that are not alike in all networks."""
    names = {field.name for field in fields(Spec)} - NOT_SETTINGS
    known = [x for x in table.columns if x in names or x.partition(".")[1]]
    return [x for x in known if table[x].n_unique() > 1 and not table.schema[x].is_nested()]


def packed_curves(curves: list[Any]) -> dict[str, Any]:
    """How many points each network's curves have, and all of them: steps as 32 bits, each after the
    one before, and a byte for each value."""
    points = [point for curve in curves for point in curve or []]
    steps = np.array([point["step"] for point in points], dtype=np.int64)
    ahead = np.diff(steps, prepend=0).astype("<i4")
    values = np.array([[level(point[x], x) for point in points] for x in CURVES], dtype=np.uint8)
    content = zlib.compress(ahead.tobytes() + values.tobytes(), 9)
    return {
        "counts": [len(curve or []) for curve in curves],
        "content": base64.b64encode(content).decode(),
        "decades": DECADES,
    }


def level(value: float | None, name: str) -> int:
    """An accuracy or a loss as a byte."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if name.endswith("accuracy"):
        return round(254 * min(1.0, max(0.0, value)))
    low, high = DECADES
    part = (math.log10(max(value, 10.0**low)) - low) / (high - low)
    return round(254 * min(1.0, part))


def _axis(swept: Sweep, table: pl.DataFrame, key: str) -> dict[str, Any]:
    """A setting: its values in order, and the number of each network's among them."""
    check_column(table, key)
    held = table[key].to_list()
    asked = [x for x in swept.axes.get(key, []) if isinstance(x, str)]  # text in the order asked
    found = sorted(set(held), key=lambda x: (x is None, _place(x, asked)))
    place = {value: i for i, value in enumerate(found)}
    return {"key": key, "values": found, "of": [place[value] for value in held]}


def _apart(axes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of which none goes with another before it, value by value; `with` names those that
    do."""
    kept: list[dict[str, Any]] = []
    for axis in axes:
        same = next((x for x in kept if _goes_with(x, axis)), None)
        if same is None:
            kept.append(axis | {"with": []})
        else:
            same["with"].append(axis["key"])
    return kept


def _goes_with(one: dict[str, Any], other: dict[str, Any]) -> bool:
    pairs = set(zip(one["of"], other["of"], strict=True))
    return len(pairs) == len(one["values"]) == len(other["values"])


def _place(value: Any, asked: list[str]) -> tuple[int, Any]:
    if isinstance(value, str):
        return (asked.index(value), "") if value in asked else (len(asked), value)
    return (0, 0 if value is None else value)


def _words(column: pl.Series) -> dict[str, Any]:
    held = column.cast(pl.String).to_list()
    names = sorted({x for x in held if x is not None})
    place = {name: i for i, name in enumerate(names)}
    return {"names": names, "of": [None if x is None else place[x] for x in held]}


def _pages(store: Store, ids: list[str]) -> dict[int, str]:
    """Where a network's own page is, as seen from this one, of those that have one."""
    own = set(store.names(RUNS))
    pages = {i: f"{RUNS}/{name}/report.html" for i, name in enumerate(ids) if name in own}
    return {i: page for i, page in pages.items() if store.has(page)}


def _listed(table: pl.DataFrame, by: list[str]) -> str:
    """What is known of each group, as a table of HTML."""
    rows = [{k: as_text(v) for k, v in row.items()} for row in summary(table, by)]
    rows = [{k: v for k, v in row.items() if k in (*by, *SHOWN)} for row in rows]
    head = "".join(f'<th scope="col">{escape(k.replace("_", " "))}</th>' for k in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(v))}</td>' for v in row.values())}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


SHOWN = ("networks", "memorised", "grokked", "median delay", "generalised")


def _cell(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _percent(x: Any) -> str:
    if x.value is None:
        return "none"
    return f"{x.value:.0%} ({x.low:.0%} to {x.high:.0%})"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value

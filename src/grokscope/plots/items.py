"""The kinds of picture that figures of the sources are drawn as, from an item's rows.

A row is what was measured of one network, or of one case. Numbers of many rows are dots, a column a
group; lists are lines; a published number is a dashed line.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokscope.plots.picture import Drawing
from grokscope.plots.run import CONTROL, KEY, OTHER, TEST, TRAIN, styled

COLOURS = (TRAIN, TEST, KEY, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MOST_LABELS = 12
Row = Mapping[str, Any]


def dots(
    rows: Sequence[Row],
    columns: Sequence[str],
    by: str = "task",
    published: Mapping[str, int | float] | None = None,
) -> Figure:
    """A panel a column: its number for each row, the rows in groups of one value of `by`."""
    figure, panels = _panels(len(columns))
    groups = list(dict.fromkeys(row.get(by) for row in rows))
    for panel, column in zip(panels, columns, strict=True):
        found = [
            (groups.index(row.get(by)), row[column]) for row in rows if _is_number(row, column)
        ]
        at = [place + 0.12 * math.sin(2.4 * i) for i, (place, _) in enumerate(found)]
        panel.scatter(at, [y for _, y in found], s=22, color=TRAIN, alpha=0.8, lw=0)
        if published and column in published:
            panel.axhline(published[column], color=CONTROL, ls="--", lw=1, label="published")
            panel.legend(fontsize=7, frameon=False)
        _log_if_wide(panel, [y for _, y in found], "y")
        panel.set_xticks(range(len(groups)), [str(g) for g in groups], fontsize=8)
        panel.set_xlim(-0.6, len(groups) - 0.4)
        panel.set_title(column, fontsize=9, loc="left")
    return figure


def curves(
    rows: Sequence[Row], columns: Sequence[str], x: str = "step", marks: Sequence[str] = ()
) -> Figure:
    """A panel a list: its line over the list `x`, a line a row; `marks`: numbers of a row, on that
    axis, that are drawn as dotted lines of the first row."""
    figure, panels = _panels(len(columns), width=4.2)
    for panel, column in zip(panels, columns, strict=True):
        shown = [row for row in rows if row.get(column)]
        for i, row in enumerate(shown):
            name = f"seed {row['seed']}" if "seed" in row and len(shown) <= MOST_LABELS else None
            panel.plot(
                row[x], _gaps(row[column]), lw=1.2, color=COLOURS[i % len(COLOURS)], label=name
            )
        for mark in [m for m in marks if shown and _is_number(shown[0], m)]:
            panel.axvline(shown[0][mark], color=CONTROL, ls=":", lw=1)
        values = [y for row in shown for y in row[column] if y is not None]
        _log_if_wide(panel, values, "y")
        panel.set_title(column, fontsize=9, loc="left")
        panel.set_xlabel(x)
    if panels[0].get_legend_handles_labels()[1]:
        panels[0].legend(fontsize=7, frameon=False)
    return figure


def lines(rows: Sequence[Row], columns: Sequence[str], by: str, x: str) -> Figure:
    """A panel a row: its lists over the list `x`, all of these columns in it; `by` names it."""
    figure, panels = _panels(len(rows), width=3.6)
    for panel, row in zip(panels, rows, strict=True):
        for column, colour in zip(columns, COLOURS, strict=False):
            panel.plot(row[x], _gaps(row[column]), lw=1.1, color=colour, label=column)
        panel.set_title(f"{by} {row.get(by)}", fontsize=9, loc="left")
        panel.set_xlabel(x)
        _log_if_wide(panel, [y for c in columns for y in row[c] if y is not None], "y")
    panels[0].legend(fontsize=7, frameon=False)
    return figure


def spectra(
    rows: Sequence[Row], up: str, down: str, by: Sequence[str] = ("task",), weight: str = ""
) -> Figure:
    """A panel a row: bars of the list `up` upwards and of the list `down` downwards, a bar a
    frequency from 1 on."""
    figure, panels = _panels(len(rows), width=4.2, across=2)
    for panel, row in zip(panels, rows, strict=True):
        places = range(1, len(row[up]) + 1)
        panel.bar(places, row[up], color=TRAIN, label=up)
        panel.bar(range(1, len(row[down]) + 1), [-y for y in row[down]], color=TEST, label=down)
        panel.axhline(0, color=CONTROL, lw=0.6)
        panel.set_title(
            " ".join(str(row.get(k)) for k in by) + f" {weight}", fontsize=9, loc="left"
        )
        panel.set_xlabel("frequency")
    panels[0].legend(fontsize=7, frameon=False)
    return figure


def maps(
    rows: Sequence[Row], column: str, by: str = "task", axes: tuple[str, str] = ("b", "a")
) -> Figure:
    """A panel a row: its list of lists as a picture."""
    figure, panels = _panels(len(rows), width=3.4)
    for panel, row in zip(panels, rows, strict=True):
        image = panel.imshow(
            np.array(row[column], dtype=float), origin="lower", cmap="viridis", aspect="auto"
        )
        figure.colorbar(image, ax=panel, shrink=0.8)
        panel.set_title(f"{row.get(by)}", fontsize=9, loc="left")
        panel.set(xlabel=axes[0], ylabel=axes[1])
    return figure


def steps_of(rows: Sequence[Row], column: str, x: str, by: str, where: Row) -> Figure:
    """One panel: the rows that have the values `where`, each list of them a line of its own."""
    shown = [row for row in rows if all(row.get(k) == v for k, v in where.items())]
    figure, (panel,) = _panels(1, width=7.0)
    for i, row in enumerate(shown):
        panel.plot(
            row[x], _gaps(row[column]), lw=1.1, color=COLOURS[i % len(COLOURS)],
            ls="-" if i < len(COLOURS) else "--", label=f"{by} {row[by]}",
        )  # fmt: skip
    panel.set(xlabel=x, ylabel=column)
    panel.legend(fontsize=7, frameon=False, ncols=2)
    return figure


def shares(
    rows: Sequence[Row], column: str, published: Mapping[str, int | float] | None = None
) -> Figure:
    """One panel: how often each value of a column comes, beside how often it was published."""
    figure, (panel,) = _panels(1, width=6.0)
    names = sorted(
        {str(row[column]) for row in rows if row.get(column) is not None} | {*(published or {})}
    )
    total = max(1, sum(row.get(column) is not None for row in rows))
    ours = [sum(str(row.get(column)) == name for row in rows) / total for name in names]
    panel.bar([i - 0.2 for i in range(len(names))], ours, 0.38, color=TRAIN, label="ours")
    if published:
        theirs = [published.get(name, 0.0) for name in names]
        panel.bar(
            [i + 0.2 for i in range(len(names))], theirs, 0.38, color=OTHER, label="published"
        )
    panel.set_xticks(range(len(names)), names, fontsize=8)
    panel.set(ylabel="share", title="")
    panel.legend(fontsize=7, frameon=False)
    return figure


def scatter(
    rows: Sequence[Row], x: str, columns: Sequence[str], lines: Sequence[int | float] = ()
) -> Figure:
    """A panel a column: its number over the number `x`, a dot a row; `lines`: published places on
    that axis, dashed."""
    figure, panels = _panels(len(columns), width=4.2)
    for panel, column in zip(panels, columns, strict=True):
        shown = [row for row in rows if _is_number(row, x) and _is_number(row, column)]
        panel.scatter([r[x] for r in shown], [r[column] for r in shown], s=14, color=TRAIN, lw=0)
        for line in lines:
            panel.axvline(line, color=CONTROL, ls="--", lw=1)
        panel.set_title(column, fontsize=9, loc="left")
        panel.set_xlabel(x)
    return figure


def ablated(rows: Sequence[Row], columns: Sequence[str]) -> Figure:
    """One panel: of each column a line, on it a dot for every row, and in grey the row's number
    "<column>: at random"."""
    figure, (panel,) = _panels(1, width=8.0)
    figure.set_figheight(0.35 * len(columns) + 1.2)
    for i, column in enumerate(columns):
        for name, colour in ((f"{column}: at random", OTHER), (column, TEST)):
            found = [row[name] for row in rows if _is_number(row, name)]
            panel.scatter(found, [i] * len(found), s=22, color=colour, lw=0)
    panel.set_yticks(range(len(columns)), columns, fontsize=8)
    panel.invert_yaxis()
    panel.set_xscale("log")
    panel.set_xlabel("loss over all pairs (grey: as much removed at random)")
    return figure


def _panels(count: int, width: float = 3.4, across: int = 4) -> tuple[Figure, list[Axes]]:
    """So many panels, at most `across` a row."""
    columns = min(max(1, count), across)
    lines = -(-max(1, count) // columns)
    figure = Drawing(figsize=(width * columns, 2.7 * lines), layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for spare in panels[count:]:
        spare.set_visible(False)
    styled(panels)
    return figure, panels[: max(1, count)]


def _gaps(values: Sequence[int | float | None]) -> list[float]:
    return [math.nan if y is None else float(y) for y in values]


def _is_number(row: Row, column: str) -> bool:
    return isinstance(row.get(column), int | float)


def _log_if_wide(panel: Axes, values: Sequence[int | float], axis: str) -> None:
    if values and min(values) > 0 and max(values) > 100 * min(values):
        panel.set_yscale("log") if axis == "y" else panel.set_xscale("log")

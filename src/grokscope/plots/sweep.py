"""The table of a sweep as pictures: phase diagrams, shares, survival of the delay, distributions,
curves.

Every interval is of 95 %. A cell of a phase diagram that few networks stand behind has a dot.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from grokscope.errors import BadInput, lookup
from grokscope.plots.picture import Drawing
from grokscope.plots.run import CONTROL, styled
from grokscope.sweep.statistics import Survival
from grokscope.sweep.summary import check_column, groups, share, survival, trained

FEW = 3  # networks behind a cell; with fewer it is marked
MOST_TICKS = 12
APART = 0.16  # of the way to the next value: the lines of a share, so that none hides another
MOST_CURVES = 400  # of single networks that are drawn
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TIMES = ("delay", "grokked")
CURVES = ("test_accuracy", "train_accuracy", "test_loss", "train_loss")


def plot_sweep(
    table: pl.DataFrame,
    kind: str = "phase",
    x: str | None = None,
    y: str | None = None,
    hue: str | None = None,
) -> Figure:
    """A picture of a sweep's table, of a kind of `KINDS`. Raises `UnknownName` for a kind or a
    column that is not there, `BadInput` where something is not said."""
    if not len(table):
        raise BadInput("no network meets that condition. `grokscope table DIR --rows` shows all.")
    return lookup("kind of picture", kind, KINDS)(table, x, y, hue)


def phase(table: pl.DataFrame, x: str | None, y: str | None, hue: str | None) -> Figure:
    """Two settings against each other; the colour is the share that grokked, or of another claim
    (`class=grokking`), or the median of a column (`delay`)."""
    x, y, what = _said(x, "--x"), _said(y, "--y"), hue or "grokked"
    cells = {(g[x], g[y]): part for g, part in groups(table, [x, y])}
    across, up = (_values(cell[i] for cell in cells) for i in (0, 1))
    colour = np.full((len(up), len(across)), np.nan)
    few = []
    for (a, b), part in cells.items():
        i, j = up.index(b), across.index(a)
        colour[i, j] = _coloured(part, what)
        few += [(j, i)] if len(trained(part)) < FEW else []
    figure, axes = _one_panel()
    is_share = _is_share(table, what)
    image = axes.imshow(
        colour, origin="lower", aspect="auto", cmap="viridis", interpolation="nearest",
        vmin=0 if is_share else None, vmax=1 if is_share else None,
    )  # fmt: skip
    if few:
        axes.scatter(*zip(*few, strict=True), s=6, color="white", ec=CONTROL, lw=0.5)
        axes.set_title(f"dots: fewer than {FEW} networks", fontsize=8, loc="right")
    label = f"share {what}" if is_share else f"median {what}"
    figure.colorbar(
        image, ax=axes, format=PercentFormatter(1, decimals=0) if is_share else None, label=label
    )
    _ticks(axes, across, up)
    axes.set(xlabel=x, ylabel=y)
    return figure


def shares(table: pl.DataFrame, x: str | None, y: str | None, hue: str | None) -> Figure:
    """A share over a setting, a line for each value of another, with Wilson's intervals."""
    x, what = _said(x, "--x"), y or "grokked"
    figure, axes = _one_panel()
    across = _values(table[x].unique()) if x in table else []
    lines = _by_hue(table, hue)
    for i, (name, part, colour) in enumerate(lines):
        found = [(g[x], share(rows, what)) for g, rows in groups(part, [x])]
        aside = APART * (i - (len(lines) - 1) / 2) / max(1, len(lines) - 1)
        known = [(across.index(at) + aside, e.low, e.value, e.high) for at, e in found]
        places, low, middle, high = (
            np.array([row for row in known if row[2] is not None], dtype=float).reshape(-1, 4).T
        )
        error = np.maximum([middle - low, high - middle], 0)  # rounding may be below
        axes.errorbar(
            places, middle, error, color=colour, marker="o", ms=4, lw=1.2,
            capsize=2, label=name,
        )  # fmt: skip
    _ticks(axes, across, None)
    axes.set(xlabel=x, ylabel=f"share {what}", ylim=(-0.03, 1.03))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _legend(figure, axes, hue)


def survivals(table: pl.DataFrame, x: str | None, y: str | None, hue: str | None) -> Figure:
    """The share that has not grokked yet, by the steps since memorising (or trained: `--x
    grokked`), by Kaplan and Meier; ticks are networks that were seen no longer."""
    what = _one_of(x or "delay", TIMES, "--x")
    figure, axes = _one_panel()
    for name, part, colour in _by_hue(table, hue):
        _steps(axes, survival(part, what), name, colour)
    label = {"delay": "steps since memorising", "grokked": "steps"}[what]
    axes.set(xlabel=label, ylabel="share not yet grokked", ylim=(-0.03, 1.03))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _legend(figure, axes, hue)


def distribution(table: pl.DataFrame, x: str | None, y: str | None, hue: str | None) -> Figure:
    """How the values of a column are spread, by default the delay, as shares of each group."""
    name = x or "delay"
    check_column(table, name)
    numbers = _numbers(table, name)
    if not numbers:
        raise BadInput(f"no network has a number in `{name}`. Choose another --x.")
    is_wide = min(numbers) > 0 and max(numbers) > 100 * min(numbers)
    low, high = min(numbers), max(numbers)
    edges = np.geomspace(low, high, 31) if is_wide else np.linspace(low, high + (low == high), 31)
    figure, axes = _one_panel()
    for label, part, colour in _by_hue(table, hue):
        values = _numbers(part, name)
        if values:
            told = f"{label or 'all'} ({len(values)} of {len(part)})"
            weights = np.full(len(values), 1 / len(values))
            axes.hist(
                values, edges.tolist(), weights=weights, histtype="step", color=colour, label=told
            )
    if is_wide:
        axes.set_xscale("log")
    axes.set(xlabel=name, ylabel="share of those that have one")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return _legend(figure, axes, hue or "networks")


def curves(table: pl.DataFrame, x: str | None, y: str | None, hue: str | None) -> Figure:
    """Each network's test accuracy, or another of its four curves, over its steps."""
    what = _one_of(y or "test_accuracy", CURVES, "--y")
    check_curves(table)
    figure, axes = _one_panel()
    some = table.filter(pl.col("curve").is_not_null()).sample(
        fraction=min(1.0, MOST_CURVES / len(table)), seed=0
    )
    for name, part, colour in _by_hue(some, hue):
        for i, points in enumerate(part["curve"].to_list()):
            step, value = [p["step"] + 1 for p in points], [p[what] for p in points]
            axes.plot(step, value, color=colour, lw=0.7, alpha=0.6, label=name if i == 0 else None)
    axes.set(xlabel="step + 1", ylabel=what.replace("_", " "), xscale="log")
    if what.endswith("loss"):
        axes.set_yscale("log")
    if len(some) < len(table):
        axes.set_title(f"{len(some)} of {len(table)} networks", fontsize=8, loc="right")
    return _legend(figure, axes, hue)


Kind = Callable[[pl.DataFrame, str | None, str | None, str | None], Figure]
KINDS: dict[str, Kind] = {
    "phase": phase,
    "share": shares,
    "survival": survivals,
    "distribution": distribution,
    "curves": curves,
}


def check_curves(table: pl.DataFrame) -> None:
    """Raise `BadInput` for a table without curves."""
    if "curve" not in table or not table["curve"].is_not_null().any():
        raise BadInput("this table has no curves. `grokscope sweep` keeps them.")


def _one_panel() -> tuple[Figure, Axes]:
    figure = Drawing(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    styled([axes])
    return figure, axes


def _said(name: str | None, option: str) -> str:
    if name is None:
        raise BadInput(f"say what goes there: {option}, a column as in `{option} train_fraction`.")
    return name


def _one_of(name: str, names: Sequence[str], option: str) -> str:
    return lookup(f"curve for {option}", name, {x: x for x in names})


def _by_hue(table: pl.DataFrame, hue: str | None) -> list[tuple[str | None, pl.DataFrame, str]]:
    """Each value of the column that gives the colour: its name, rows and colour."""
    if hue is None:
        return [(None, table, COLOURS[0])]
    found = list(groups(table, [hue]))
    if len(found) > 3 * len(COLOURS):
        raise BadInput(f"`{hue}` has {len(found)} values, too many for colours. Choose another.")
    if len(found) > len(COLOURS) or table.schema[hue].is_float():
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        scale = colormaps["viridis"](np.linspace(0, 0.85, len(found)))
        colours = [to_hex(colour) for colour in scale]
    else:
        colours = list(COLOURS)
    return [
        (_text(group[hue]), part, colour)
        for (group, part), colour in zip(found, colours, strict=False)
    ]


def _steps(axes: Axes, curve: Survival, name: str | None, colour: str) -> None:
    last = max([*curve.time[-1:], *curve.censored[-1:]], default=0.0)
    time = [min([0.0, *curve.time]), *curve.time, last]
    lines = [[1.0, *x, *x[-1:]] if len(x) else [1.0, 1.0] for x in
             (curve.share, curve.low, curve.high)]  # fmt: skip
    axes.step(time, lines[0], where="post", color=colour, lw=1.4, label=name)
    axes.fill_between(time, lines[1], lines[2], step="post", color=colour, alpha=0.15, lw=0)
    left = [_at(curve, t) for t in curve.censored]
    axes.plot(curve.censored, left, "|", color=colour, ms=6)


def _at(curve: Survival, t: float) -> float:
    i = int(np.searchsorted(curve.time, t, side="right"))
    return float(curve.share[i - 1]) if i else 1.0


def _legend(figure: Figure, axes: Axes, title: str | None) -> Figure:
    if axes.get_legend_handles_labels()[1]:
        legend = axes.legend(fontsize=8, frameon=False, title=title, title_fontsize=8)
        for text in [*legend.get_texts(), legend.get_title()]:
            text.set_parse_math(False)  # a name may hold a $
    return figure


def _is_share(table: pl.DataFrame, what: str) -> bool:
    """Whether the colour is a share: of a claim; else the median of a column of numbers."""
    return what in ("memorised", "grokked") or "=" in what or table.schema.get(what) == pl.Boolean


def _coloured(part: pl.DataFrame, what: str) -> float:
    if _is_share(part, what):
        value = share(part, what).value
    elif what == "delay":
        value = survival(part).median.value
    else:
        check_column(part, what)
        numbers = _numbers(part, what)
        value = float(np.median(numbers)) if numbers else None
    return math.nan if value is None else value


def _numbers(table: pl.DataFrame, name: str) -> list[float]:
    if not table.schema[name].is_numeric():
        raise BadInput(f"the column `{name}` has no numbers. Choose another.")
    return table[name].cast(pl.Float64).drop_nulls().drop_nans().to_list()


def _values(values: Any) -> list[Any]:
    """The values of a column in their order, those that are missing last."""
    return sorted(set(values), key=lambda x: (x is None, x if x is not None else 0))


def _ticks(axes: Axes, across: list[Any], up: list[Any] | None) -> None:
    """Each value at its place, as many named as there is room for."""
    for axis, values in ((axes.xaxis, across), (axes.yaxis, up)):
        if values is not None:
            every = range(0, len(values), -(-len(values) // MOST_TICKS) or 1)
            axis.set_ticks(list(every), [_text(values[i]) for i in every])
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set_parse_math(False)
        label.set_fontsize(8)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

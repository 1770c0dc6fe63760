"""Traces and spectra as pictures, drawn by matplotlib.

Colours are Okabe and Ito's, which the colour-blind can tell apart.
"""

import io
import math
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokscope.plots.picture import Drawing
from grokscope.reading.sentences import WEIGHTS
from grokscope.reading.spectrum import Spectrum
from grokscope.training.files import write_atomically

FORMATS = ("png", "svg", "pdf")
MOST_LINES = 8  # of one measure that are drawn with a label each
MOST_TICKS = 24
TRAIN, TEST, KEY, OTHER, CONTROL = "#0072B2", "#D55E00", "#009E73", "#BBBBBB", "#666666"


def plot_trace(table: pl.DataFrame) -> Figure:
    """A trace, one panel a measure, over step + 1. A measure of many parts shows all of them, and
    names those that end highest."""
    measures: dict[str, list[str]] = {}
    for column in table.columns[1:]:
        measures.setdefault(column.split("[")[0], []).append(column)
    figure = Drawing(figsize=(8, 2.2 * max(1, len(measures)) + 0.4), layout="constrained")
    axes = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    step = table["step"] + 1
    for panel, (measure, columns) in zip(axes, measures.items(), strict=True):
        ends = {column: _end(table[column]) for column in columns}
        named = sorted(columns, key=lambda column: -ends[column])[:MOST_LINES]
        for column in [c for c in columns if c not in named]:
            panel.plot(step, table[column], OTHER, lw=0.8)
        for column in named:
            part = column.removeprefix(measure).strip("[]")
            label = WEIGHTS.get(part, part) or None
            panel.plot(step, table[column], lw=1.4, label=label)
        if len(columns) > 1:
            panel.legend(fontsize=7, ncols=2, frameon=False)
        values = [x for c in columns for x in table[c].drop_nulls().to_list() if math.isfinite(x)]
        if values and min(values) > 0 and max(values) > 100 * min(values):
            panel.set_yscale("log")
        panel.set_title(measure, fontsize=10, loc="left")
        panel.set_xscale("log")
    axes[-1].set_xlabel("step + 1")
    styled(axes)
    return figure


def _end(values: pl.Series) -> float:
    finite = [x for x in values.drop_nulls().to_list() if math.isfinite(x)]
    return finite[-1] if finite else -math.inf


def plot_spectrum(found: Spectrum) -> Figure:
    """The share of each part in each weight; dotted, its chance level; green above twice that."""
    shares, chance = found.shares, found.chance
    figure = Drawing(figsize=(8, 2 * len(shares) + 0.6), layout="constrained")
    axes = figure.subplots(len(shares), 1, squeeze=False)[:, 0]
    for panel, (weight, parts) in zip(axes, shares.items(), strict=True):
        even = [100 * chance[weight][name] for name in parts]
        values = [100 * share for share in parts.values()]
        colours = [KEY if v > 2 * e else OTHER for v, e in zip(values, even, strict=True)]
        panel.bar(range(len(parts)), values, color=colours)
        panel.step(range(len(parts)), even, CONTROL, where="mid", lw=0.8, ls=":", label="chance")
        ticks = _ticks(values, colours)
        short = [k.removeprefix("frequency ").removeprefix("character ") for k in parts]
        panel.set_xticks(ticks, [short[i] for i in ticks], fontsize=8)
        panel.set(ylabel="% of power", xlim=(-1, len(parts)))
        panel.set_title(WEIGHTS.get(weight, weight), fontsize=10, loc="left")
    axes[0].legend(fontsize=7, frameon=False)
    axes[-1].set_xlabel("part (green: more than twice chance)")
    title = f"{found.task}, step {found.step}: {found.lens} lens"
    figure.suptitle(title, fontsize=10, parse_math=False)  # a name may hold a $
    styled(axes)
    return figure


def _ticks(values: list[float], colours: list[str]) -> list[int]:
    """The bars to name: all if they are few, else the green ones and regular others."""
    if len(values) <= MOST_TICKS:
        return list(range(len(values)))
    marked = [i for i, colour in enumerate(colours) if colour == KEY]
    if 0 < len(marked) <= MOST_TICKS:
        return marked
    return list(range(0, len(values), -(-len(values) // MOST_TICKS)))


def styled(axes: Iterable[Axes]) -> None:
    """Draw no more of the frame than is read."""
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, file: Path) -> Path:
    """Write a figure as its file's ending says, one of `FORMATS`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=file.suffix.lstrip(".").lower(), dpi=130)
    write_atomically(file, buffer.getvalue())
    return file

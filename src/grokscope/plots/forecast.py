"""A race between signals as pictures: scores over landmarks, chances beside what happened, how
early an alarm is beside how often it is false."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from grokscope.forecast.alarms import MOST_FALSE
from grokscope.forecast.chances import SETTINGS
from grokscope.forecast.protocol import HELD_OUT
from grokscope.forecast.race import Raced, sees_answer
from grokscope.forecast.told import chosen
from grokscope.plots.run import CONTROL, OTHER, styled
from grokscope.plots.sweep import COLOURS

MOST_NAMED = 5  # signals with a colour of their own


def plot_race(found: Mapping[str, Raced]) -> Figure:
    """A row of three panels a pool; the others of its signals are grey. Bands and lines are of
    95 %, on the held-out cells."""
    figure = Figure(figsize=(13, 3.9 * len(found)), layout="constrained")
    panels = figure.subplots(len(found), 3, squeeze=False)
    for (pool, x), (over, reliable, early) in zip(found.items(), panels, strict=True):
        colours = _colours(x)
        _over(over, x, colours)
        _reliable(reliable, x, colours)
        _early(early, x, colours)
        over.set_title(f"pool: {pool}", fontsize=10, loc="left")
    styled(panels.ravel())
    return figure


def _colours(x: Raced) -> dict[str, str]:
    """Of the signals that are best where each was best on the calibration cells."""
    ours = [s.signal for s in chosen(x) if s.signal != SETTINGS and not sees_answer(s.signal)]
    return {SETTINGS: COLOURS[-1]} | dict(zip(ours[:MOST_NAMED], COLOURS, strict=False))


def _over(axes: Axes, x: Raced, colours: Mapping[str, str]) -> None:
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for s in x.scores:
        if s.where == HELD_OUT and None not in (point := (s.landmark, s.value, s.low, s.high)):
            lines.setdefault(s.signal, []).append(point)  # pyright: ignore[reportArgumentType]
    for name, points in sorted(lines.items(), key=lambda line: line[0] in colours):
        landmark, value, low, high = np.array(sorted(points)).T
        colour = colours.get(name, CONTROL if sees_answer(name) else OTHER)
        is_named = name in colours or sees_answer(name)
        dashed = "--" if sees_answer(name) else "-"
        label = f"{name} (sees the answer)" if sees_answer(name) else name
        axes.plot(
            landmark, value, dashed, color=colour, lw=1.6 if is_named else 0.8,
            label=label if is_named else None,
        )  # fmt: skip
        if name in colours:
            axes.fill_between(landmark, low, high, color=colour, alpha=0.12, lw=0)
    axes.axhline(0.5, color=CONTROL, ls=":", lw=0.8)
    if x.landmarks and x.beyond:
        axes.axvline(max(x.landmarks) * 1.08, color=CONTROL, lw=0.6)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="landmark, as a multiple of t_memorize", ylabel=x.by)
    axes.legend(fontsize=7, frameon=False)


def _reliable(axes: Axes, x: Raced, colours: Mapping[str, str]) -> None:
    axes.plot([0, 1], [0, 1], ":", color=CONTROL, lw=0.8)
    last = max(x.landmarks, default=None)
    for g in x.gains:
        if g.landmark == last and g.signal in colours:
            said, happened = ([getattr(b, k) for b in g.reliability] for k in ("said", "happened"))
            label = f"{g.signal}: Brier {g.brier:.3f} ({g.brier_settings:.3f} by settings)"
            axes.plot(said, happened, "o-", ms=3, lw=1, color=colours[g.signal], label=label)
    axes.set(xlabel="chance to generalise, by settings and signal", ylabel="share that did")
    _legend(axes, "no chances in this pool")


def _early(axes: Axes, x: Raced, colours: Mapping[str, str]) -> None:
    for a in x.alarms:
        if a.false.value is None or a.lead.value is None:
            continue
        colour = colours.get(a.signal, CONTROL if sees_answer(a.signal) else OTHER)
        label = f"{a.signal}: {100 * (a.coverage.value or 0):.0f} % told of"
        axes.plot([a.false.low or 0, a.false.high or 0], [a.lead.value] * 2, color=colour, lw=0.8)
        axes.scatter(
            a.false.value, a.lead.value, s=15 + 150 * (a.coverage.value or 0), color=colour,
            label=label if a.signal in colours else None, zorder=3 if a.signal in colours else 2,
        )  # fmt: skip
    axes.axvline(MOST_FALSE, color=CONTROL, ls=":", lw=0.8)
    axes.set(xlabel="false alarms", ylabel="share of t_grok left at the alarm")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    _legend(axes, "no alarms in this pool")


def _legend(axes: Axes, empty: str) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7, frameon=False)
    else:
        axes.set_title(empty, fontsize=8, loc="right")

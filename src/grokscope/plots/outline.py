"""A run in one small picture: its accuracies over the steps, and what carries its answers."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokscope.plots.run import KEY, OTHER, TEST, TRAIN, styled
from grokscope.reading.facts import Facts, KeyFacts


def outline(f: Facts) -> Figure:
    """The accuracies over the steps, and the share of the logits' variation in each part; where the
    task has no parts, the losses. Of a network that was not trained here there are no curves."""
    figure = Figure(figsize=(6, 1.9), layout="constrained")
    over_time, beside = figure.subplots(1, 2)
    _curves(over_time, f, "accuracy")
    over_time.set(ylim=(-0.03, 1.05), ylabel="accuracy", xlabel="step")
    if f.keys is None:
        _curves(beside, f, "loss")
        beside.set(ylabel="loss", xlabel="step", yscale="log")
    else:
        _parts(beside, f, f.keys)
    styled((over_time, beside))
    return figure


def _curves(panel: Axes, f: Facts, what: str) -> None:
    if not f.rows:
        panel.text(0.5, 0.5, "not trained here", ha="center", va="center", color=OTHER)
        return
    steps = [row["step"] for row in f.rows]
    panel.plot(steps, [row[f"train_{what}"] for row in f.rows], TRAIN, ls="--", lw=1.4)
    panel.plot(steps, [row[f"test_{what}"] for row in f.rows], TEST, lw=1.4)


def _parts(panel: Axes, f: Facts, keys: KeyFacts) -> None:
    counts = f.generalises
    colours = [KEY if counts and name in keys.names else OTHER for name in keys.shares]
    panel.bar(range(len(keys.shares)), [100 * x for x in keys.shares.values()], color=colours)
    panel.set(ylabel="% of the logits", xlabel="part", xticks=[])

"""The figures of a report, each a function of a reading; drawn as SVG, without a display.

Colours are Okabe and Ito's, which the colour-blind can tell apart.
"""

import io
from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from grokscope.measures.neurons import LOCALISED
from grokscope.measures.spectra import even_spectrum
from grokscope.measures.weights import symbol_weights
from grokscope.report.reading import Reading

WEIGHTS = {"ab": "embedding", "a": "embedding of a", "b": "embedding of b", "c": "output map"}
TRAIN, TEST, KEY, OTHER, CONTROL = "#0072B2", "#D55E00", "#009E73", "#BBBBBB", "#666666"


def svg(figure: Figure) -> str:
    """A figure as SVG text, the same every time."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "grokscope"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def curves(r: Reading) -> Figure:
    """Accuracy and loss over training, with the events."""
    figure, (top, bottom) = _panels(2, height=5.2)
    step = [x["step"] + 1 for x in r.rows]
    for part, colour in (("train", TRAIN), ("test", TEST)):
        top.plot(step, [100 * x[f"{part}_accuracy"] for x in r.rows], colour, label=part)
        bottom.plot(step, [x[f"{part}_loss"] for x in r.rows], colour, label=part)
    top.set(ylabel="accuracy (%)", ylim=(-3, 103), xscale="log")
    unit = "nats" if r.guessing is not None else r.run.spec.loss.replace("_", " ")
    bottom.set(ylabel=f"loss ({unit})", yscale="log", xscale="log", xlabel="step + 1")
    _mark_events(r, (top, bottom))
    if r.guessing is not None:
        _chance(bottom, r.guessing, "guessing")
    top.legend(loc="center left")
    return figure


def progress(r: Reading) -> Figure:
    """Restricted and excluded loss, Gini coefficients and squared weights over training."""
    table = r.table
    has_losses = "restricted_loss_sum[all]" in table.columns
    ginis = [column for column in table.columns if column.startswith("gini[")]
    has_gini = bool(ginis)
    figure, axes = _panels(has_losses + has_gini + 1, height=2.6 * (has_losses + has_gini + 1))
    step, rest = table["step"] + 1, list(axes)
    if has_losses:
        panel = rest.pop(0)
        for name, label, colour, style in (
            ("excluded_loss_sum_train", "excluded (train): without the key parts", KEY, "-"),
            (
                "excluded_loss_sum_train_control",
                "control: without as much of the rest, at random",
                CONTROL,
                ":",
            ),
            ("restricted_loss_sum[all]", "restricted (all): key parts alone", TEST, "-"),
            ("train_loss", "train", TRAIN, "-"),
        ):
            if name in table.columns:
                panel.plot(step, table[name], colour, ls=style, label=label)
        panel.set(ylabel="loss (nats)", yscale="log", xscale="log")
        panel.legend(fontsize=8)
    if has_gini:
        panel = rest.pop(0)
        for column, colour in zip(ginis, (TRAIN, TEST, KEY), strict=False):
            weight = column.removeprefix("gini[").removesuffix("]")
            panel.plot(step, table[column], colour, label=WEIGHTS.get(weight, weight))
        panel.set(ylabel="Gini of the spectrum", ylim=(0, 1), xscale="log")
        panel.legend(fontsize=8)
    rest[0].plot(step, table["sum_of_squares"], CONTROL)
    rest[0].set(ylabel="sum of squared weights", xscale="log", xlabel="step + 1")
    _mark_events(r, axes)
    return figure


def spectra(r: Reading) -> Figure:
    """The share of each part in the logits and in the weights that read and write symbols."""
    shown: dict[str, dict[str, float]] = {}
    if r.keys is not None:
        shown["logits, varying with the answer"] = r.keys.shares
    titles = {WEIGHTS.get(weight, weight): weight for weight in r.spectra}
    for title, weight in titles.items():
        shown[title] = {k: v for k, v in r.spectra[weight].items() if k != "constant"}
    figure, axes = _panels(len(shown), height=1.9 * len(shown), share=False)
    keys = r.keys.names if r.keys is not None else ()
    for panel, (title, shares) in zip(axes, shown.items(), strict=True):
        colours = [KEY if name in keys else OTHER for name in shares]
        panel.bar(range(len(shares)), [100 * v for v in shares.values()], color=colours)
        panel.set(ylabel="% of power", xlim=(-1, len(shares)))
        panel.set_title(title, fontsize=10, loc="left")
        if title != "logits, varying with the answer":  # chance: an even spread over all dimensions
            even = even_spectrum(r.snapshot, titles[title], r.lens)
            chance = [100 * even[name] for name in shares]
            panel.step(range(len(shares)), chance, CONTROL, where="mid", lw=0.8, ls=":")
        marked = [i for i, name in enumerate(shares) if name in keys]
        ticks = marked or range(0, len(shares), max(1, len(shares) // 10))
        names = list(shares)
        panel.set_xticks(list(ticks), [short(names[i]) for i in ticks], fontsize=8)
    axes[-1].set_xlabel(
        "part: frequency, character or irrep; key parts green; dotted: an even spread"
    )
    return figure


def neurons(r: Reading) -> Figure:
    """How much of each neuron its best part explains, and how many neurons each part has."""
    assert r.neurons is not None
    best = r.neurons[1].amax(dim=0)
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(best.numpy(), bins=np.linspace(0, 1, 41).tolist(), color=TRAIN)
    left.axvline(LOCALISED, color=CONTROL, ls=":")
    left.set(xlabel="share explained by the best part", ylabel="neurons", xlim=(0, 1))
    counts = r.neurons_of()
    keys = r.keys.names if r.keys is not None else ()
    colours = [KEY if name in keys else OTHER for name in counts]
    right.bar(range(len(counts)), list(counts.values()), color=colours)
    right.set_xticks(range(len(counts)), [short(name) for name in counts], fontsize=8)
    right.set(xlabel=f"part (share >= {LOCALISED:g})", ylabel="neurons")
    styled((left, right))
    return figure


def circles(r: Reading) -> Figure:
    """The embedding of each symbol, projected on cos and sin of the key frequencies."""
    assert r.keys is not None
    names = _frequencies(r)
    figure = Figure(figsize=(1.9 * max(len(names), 2), 2.2), layout="constrained")
    circles_on(r, names, figure.subplots(1, len(names), squeeze=False)[0])
    return figure


def _frequencies(r: Reading) -> list[str]:
    """The key parts that are a cosine and a sine of the symbols of a shared embedding."""
    if r.keys is None or "ab" not in r.spectra:
        return []
    parts = r.snapshot.lens.views["a"].parts
    return [k for k in r.keys.names if parts is not None and parts.parts[k].shape[1] == 2]


def circles_on(r: Reading, names: list[str], axes: Iterable[Axes]) -> None:
    """Draw the embedding in the plane of each named part, coloured by the angle of the symbol."""
    weight = symbol_weights(r.snapshot)["ab"]
    parts = r.snapshot.lens.views["a"].parts
    assert parts is not None
    for panel, name in zip(axes, names, strict=True):
        # The directions of the embedding that carry cos and sin, made orthogonal.
        waves = parts.parts[name]
        directions = np.linalg.qr((weight.T @ waves).numpy())[0]
        points, (cos, sin) = weight.numpy() @ directions, waves.T.numpy()
        has_angle = np.hypot(cos, sin) > 1e-9  # 0 is in no character
        angle = np.arctan2(sin, cos)[has_angle]
        panel.scatter(*points[has_angle].T, c=angle, cmap="twilight", s=9)
        panel.set_title(name, fontsize=9)
        panel.set(xticks=[], yticks=[], aspect="equal")


def drawn(r: Reading) -> Iterable[tuple[str, str, Figure]]:
    """The figures that this run has: title, caption, figure."""
    if r.rows:
        yield (
            "Memorising and generalising",
            "Accuracy and loss of the pairs it was shown (train) and of the others (test). The "
            "loss is the one that was trained, over every output class.",
            curves(r),
        )
    keys = "" if r.keys is None else " with the key parts of the last one"
    gini = " Gini: 0, the weights are spread evenly over all frequencies; 1, they lie in one."
    has_gini = any(column.startswith("gini[") for column in r.table.columns)
    if len(r.table) > 1:
        yield (
            "Progress beneath the surface",
            f"Measured at every checkpoint{keys}.{gini if has_gini else ''}",
            progress(r),
        )
    if r.spectra or r.keys:
        yield (
            "Where the weights and logits live",
            f"The share of the power in each part of the {r.lens} lens: frequencies of addition, "
            "characters of multiplication, irreps of a group. Logits are centred over inputs and "
            "classes.",
            spectra(r),
        )
    if _frequencies(r):
        yield (
            "The embedding on circles",
            "Each dot is a symbol, in the plane where the embedding carries one key frequency k. "
            "Its colour is the angle that the circle would give it.",
            circles(r),
        )
    if r.neurons is not None:
        yield (
            "Neurons",
            "A neuron that follows one part of the operands alone has a share near 1. Green: key "
            "parts.",
            neurons(r),
        )


def _panels(count: int, height: float, share: bool = True) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.5, height), layout="constrained")
    axes = list(figure.subplots(count, 1, sharex=share, squeeze=False)[:, 0])
    styled(axes)
    return figure, axes


def styled(axes: Iterable[Axes]) -> None:
    """Draw no more of the frame than is read."""
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)


def _mark_events(r: Reading, axes: Iterable[Axes]) -> None:
    for panel in axes:
        for step, label in ((r.events.t_memorize, "memorised"), (r.events.t_grok, "generalised")):
            if step is not None:
                panel.axvline(step + 1, color=CONTROL, lw=0.8, ls="--")
                panel.annotate(
                    label, (step + 1, 1), xycoords=("data", "axes fraction"), fontsize=7,
                    rotation=90, ha="right", va="top",
                )  # fmt: skip


def _chance(panel: Axes, value: float, label: str) -> None:
    panel.axhline(value, color=CONTROL, lw=0.8, ls=":")
    panel.annotate(label, (1, value), fontsize=7, va="bottom")


def short(name: str) -> str:
    """A part's name on an axis."""
    return name.removeprefix("frequency ").removeprefix("character ")

"""The panels of a film. Each is drawn once; from then on only what moves is drawn again.

Positions and sizes are in pixels of a film of the usual width. Axes: step = a checkpoint that is
filmed; row; column; symbol; part; rgb.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from grokscope.plots.clock import Clock
from grokscope.plots.run import KEY, TEST, TRAIN
from grokscope.reading.film import Film
from grokscope.reading.moments import part_kind, shares, whole
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import WEIGHTS

Time = TypeVar("Time", float, int)

WIDTH, HEIGHT = 720, 500  # of the usual film
TITLE = 9  # from a panel up to the foot of its title
CELL = 1.4  # from the middle of a circle to the end of its cell, in radii
MOST_CIRCLES = 4
CALM = 0.85  # of a colour, where it fills a picture
APART = 0.13  # of the width of the curves, at least, between steps that are named
LEVELS = 8  # shades of a picture: more cannot be told apart, and cost bytes


@dataclass(frozen=True)
class Paper:
    """What a film is drawn on."""

    ground: str
    ink: str
    soft: str  # words of less weight
    line: str  # what is hardly there
    other: str  # parts that are not key
    train: str
    test: str
    key: str


LIGHT = Paper("#ffffff", "#1d2126", "#5c6670", "#d5d5d5", "#aab1b8", TRAIN, TEST, KEY)
DARK = Paper("#15181c", "#e6e9ec", "#a3adb6", "#444a53", "#6b737d", "#4d9fff", "#f0905a", "#2fc495")


@dataclass(frozen=True)
class Moving(Generic[Time]):
    """What is drawn again at each frame, and how it is set: by a step, or by a place among the
    filmed checkpoints."""

    artists: Sequence[Artist]
    show: Callable[[Time], None]


@dataclass(frozen=True, eq=False)
class Scene:
    """What panels are drawn of: a run's pictures, its film, and the paper."""

    pictures: Pictures
    film: Film
    paper: Paper


Panel = Callable[[Scene, Axes], Moving[int]]


def panels(scene: Scene) -> list[Panel]:
    """Those that a run has, at most three: what its parts are, what holds them, what it answers."""
    made, p = scene.film.pictures, scene.pictures
    inside = [
        (circles, "circles" in made),
        (irreps, "irreps_in" in made),
        (digits, "digits" in made),
    ]
    first = [panel for panel, is_there in inside if is_there][:1]
    spectra = [spectrum] if p.reading.spectra else []
    return [*first, *spectra, *([answers] if "right" in made else [])]


# ---- inside --------------------------------------------------------------------------------------


def circles(scene: Scene, axes: Axes) -> Moving[int]:
    """Each symbol in the planes of the embedding that carry the key parts."""
    names = scene.pictures.circles[:MOST_CIRCLES]  # the largest first
    stack = scene.film.pictures["circles"]
    places = stack.reshape(*stack.shape[:2], -1, 2)[:, :, : len(names)]
    across, down = min(2, len(names)), -(-len(names) // 2)
    middle = 2 * CELL * np.array([(i % 2, -(i // 2)) for i in range(len(names))])
    points = places / _sizes(places)[:, None] + middle
    colours = [_wheel(np.arctan2(x[:, 1], x[:, 0])) for x in np.moveaxis(places[-1], 1, 0)]
    dots = axes.scatter(*points[0].reshape(-1, 2).T, s=6, lw=0, c=_mixed(colours))
    words = [
        _word(scene, axes, x, y - CELL, name, ha="center", va="center", bbox=_over(scene))
        for name, (x, y) in zip(names, middle.tolist(), strict=True)
    ]
    axes.set(xlim=(-CELL, CELL * (2 * across - 1)), ylim=(-CELL * (2 * down - 0.8), CELL))
    _titled(scene, axes, "its embedding, on circles")
    axes.set(aspect="equal", anchor="N")
    axes.set_axis_off()
    return Moving([dots, *words], lambda i: dots.set_offsets(points[i].reshape(-1, 2)))


def _sizes(
    places: Float[np.ndarray, "step symbol circle wave"],
) -> Float[np.ndarray, " circle"]:
    """What each circle is drawn to: the largest root mean square radius of all steps."""
    square = np.nan_to_num(np.square(places).sum(axis=3)).mean(axis=1)
    return np.maximum(np.sqrt(square.max(axis=0)), 1e-9)


def _wheel(angle: Float[np.ndarray, " symbol"]) -> Float[np.ndarray, "symbol rgb"]:
    """A colour for each angle, all about equally bright."""
    apart = 2 * np.pi * np.arange(3) / 3
    return 0.5 + 0.33 * np.cos(np.nan_to_num(angle)[:, None] - apart)


def _mixed(colours: Sequence[Float[np.ndarray, "symbol rgb"]]) -> Float[np.ndarray, "dot rgb"]:
    """Of each symbol its colours, circle after circle."""
    return np.stack(colours, axis=1).reshape(-1, 3)


def irreps(scene: Scene, axes: Axes) -> Moving[int]:
    """How much of each neuron lies in each irrep of the group."""
    found = scene.pictures.irreps
    assert found is not None
    stack = scene.film.pictures["irreps_in"]
    image = axes.imshow(
        _tinted(scene, stack[0], scene.paper.key), aspect="auto", interpolation="nearest"
    )
    _bare(scene, axes)
    _named(scene, axes, found.parts, range(len(found.parts)))
    _titled(scene, axes, "its neurons, by irrep")
    return Moving(
        [image, *axes.spines.values()],
        lambda i: image.set_data(_tinted(scene, stack[i], scene.paper.key)),
    )


def digits(scene: Scene, axes: Axes) -> Moving[int]:
    """The size of the weights of each digit; green, those that the answer depends on."""
    size = np.linalg.norm(scene.film.pictures["digits"][:, :, :-1], axis=1)  # without the bias
    asked = scene.pictures.reading.run.task.digits
    n = size.shape[1]
    is_key = [asked is not None and i < asked for i in range(n)]
    _named(scene, axes, [str(i) for i in range(n)], [i for i in range(n) if is_key[i]])
    _titled(scene, axes, "its weights, by digit")
    return _bars(scene, axes, size, is_key)


def spectrum(scene: Scene, axes: Axes) -> Moving[int]:
    """How much of a folded weight each part holds; dotted, an even spread; green, the key parts."""
    r = scene.pictures.reading
    weight = next(iter(r.spectra))
    kind = part_kind(r.lens)
    names = [name for name in r.spectra[weight] if name != "constant"]
    kept = [name != "constant" for name in r.spectra[weight]]
    stack = scene.film.spectra[weight][:, kept]
    even = scene.pictures.even_spectrum(weight)
    key = set(scene.pictures.facts.key_names)
    axes.step(range(len(names)), [even[k] for k in names], where="mid", lw=0.9, ls=":",
              color=scene.paper.soft)  # fmt: skip
    shown = [i for i, name in enumerate(names) if name in key] or list(range(len(names)))
    _named(scene, axes, [name.removeprefix(f"{kind} ") for name in names], shown)
    _titled(scene, axes, f"its {WEIGHTS.get(weight, weight)}, by {kind}")
    return _bars(scene, axes, stack, [name in key for name in names], is_share=True)


def _bars(
    scene: Scene,
    axes: Axes,
    stack: Float[np.ndarray, "step part"],
    is_key: Sequence[bool],
    is_share: bool = False,
) -> Moving[int]:
    """A bar a part, from 0 to the largest of all steps."""
    n, top = stack.shape[1], float(np.nanmax(stack))
    colours = [scene.paper.key if x else scene.paper.other for x in is_key]
    room = axes.get_window_extent().width * 72 / axes.figure.dpi  # points
    bars = LineCollection([], colors=colours, linewidths=0.7 * room / n, capstyle="butt")
    axes.add_collection(bars)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(0, 1.1 * top), yticks=[])
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(scene.paper.line)
    if is_share:
        axes.axhline(top, color=scene.paper.line, lw=0.8, zorder=0)
        _word(scene, axes, -0.5, 1.02 * top, f"{100 * top:.0f} %", va="bottom")

    def show(i: int) -> None:
        bars.set_segments([[(x, 0), (x, y)] for x, y in enumerate(np.nan_to_num(stack[i]))])

    return Moving([bars], show)


# ---- what it answers -----------------------------------------------------------------------------


def answers(scene: Scene, axes: Axes) -> Moving[int]:
    """The probability of the right answer of each pair: blue those that were shown, orange the
    others."""
    stack, shown = scene.film.pictures["right"], scene.pictures.shown_pairs
    own: np.ndarray | str = scene.paper.key
    if shown is not None:
        own = np.where(shown[:, :, None] > 0.5, to_rgb(scene.paper.train), to_rgb(scene.paper.test))
    _titled(scene, axes, "the pairs (a, b) it answers")
    image = axes.imshow(_tinted(scene, stack[0], own), interpolation="nearest")
    _whole_pixels(axes, *stack.shape[1:])
    _bare(scene, axes)
    return Moving(
        [image, *axes.spines.values()], lambda i: image.set_data(_tinted(scene, stack[i], own))
    )


def _whole_pixels(axes: Axes, rows: int, columns: int) -> None:
    """Give each cell a whole number of pixels, where there are as many."""
    box, figure = axes.get_window_extent(), axes.figure
    cell = int(min(box.width / columns, box.height / rows))
    if cell:
        wide, high = figure.bbox.width, figure.bbox.height
        x, y = round(box.x0 + (box.width - cell * columns) / 2), round(box.y1 - cell * rows)
        axes.set_position((x / wide, y / high, cell * columns / wide, cell * rows / high))


def _tinted(
    scene: Scene, x: Float[np.ndarray, "row column"], colour: np.ndarray | str
) -> Float[np.ndarray, "row column rgb"]:
    """From the paper at 0 to the colour at 1, in steps."""
    full = np.array(to_rgb(colour)) if isinstance(colour, str) else colour
    share = CALM * (np.nan_to_num(x).clip(0, 1) * (LEVELS - 1)).round()[:, :, None] / (LEVELS - 1)
    return (1 - share) * np.array(to_rgb(scene.paper.ground)) + share * full


# ---- words ---------------------------------------------------------------------------------------


def _word(scene: Scene, axes: Axes, x: int | float, y: int | float, text: str, **how: Any) -> Text:
    return axes.text(x, y, text, color=scene.paper.soft, fontsize=7.5, **how)


def _over(scene: Scene) -> dict[str, Any]:
    """A ground on which a word is read over what is drawn."""
    return {"facecolor": scene.paper.ground, "alpha": 0.8, "linewidth": 0, "pad": 1}


def _titled(scene: Scene, axes: Axes, text: str) -> None:
    box, whole = axes.get_position(), axes.figure.bbox
    y = box.y1 + TITLE * whole.width / WIDTH / whole.height
    axes.figure.text(box.x0, y, text, color=scene.paper.ink, fontsize=9)


def _bare(scene: Scene, axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(scene.paper.line)


def _named(scene: Scene, axes: Axes, names: Sequence[str], which: Sequence[int]) -> None:
    """Some parts by name beneath, as many as there is room for."""
    wide = axes.get_window_extent().width / axes.figure.dpi * 100 / max(1, len(names))  # of each
    places = list[int]()
    for i in which:
        apart = 5 * (len(names[places[-1]]) + len(names[i])) / 2 + 4 if places else 0
        if not places or (i - places[-1]) * wide >= apart:
            places.append(i)
    axes.set_xticks(places, [names[i] for i in places], fontsize=7.5, color=scene.paper.soft)
    axes.tick_params(length=0, pad=3)


# ---- the curves ----------------------------------------------------------------------------------


def curves(scene: Scene, axes: Axes, time: Clock) -> Moving[float]:
    """Accuracy on what it was shown and on the rest, up to now and faintly beyond."""
    steps = [row["step"] for row in scene.pictures.facts.rows]
    across = [time.place(step) for step in steps]
    lines = []
    for _, colour, y in _accuracies(scene):
        axes.plot(across, y, color=colour, lw=1.4, alpha=0.22)
        (line,) = axes.plot([], [], color=colour, lw=2.2, solid_capstyle="round")
        (dot,) = axes.plot([], [], "o", color=colour, ms=5.5, clip_on=False)
        lines.append((line, dot, y))
    now = axes.axvline(0, color=scene.paper.soft, lw=1)

    def show(step: int | float) -> None:
        x, done = time.place(step), sum(s <= step for s in steps)
        now.set_xdata([x, x])
        for line, dot, values in lines:
            y = np.interp(step, steps, values)
            line.set_data([*across[:done], x], [*values[:done], y])
            dot.set_data([x], [y])

    axes.set(xlim=(0, 1), ylim=(-0.04, 1.06))
    axes.set_yticks([0, 1], ["0 %", "100 %"], fontsize=7.5, color=scene.paper.soft)
    axes.spines[["right", "top"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(scene.paper.line)
    axes.tick_params(length=0, pad=4)
    _dated(scene, axes, time)
    return Moving([now, *(artist for line, dot, _ in lines for artist in (line, dot))], show)


def _accuracies(scene: Scene) -> list[tuple[str, str, list[float]]]:
    """What each curve is of, its colour, and its values; without those that are not known."""
    f, paper = scene.pictures.facts, scene.paper
    shown, others = shares(f)
    curves = (("train", shown, paper.train), ("test", others, paper.test))
    named = [
        (what, colour, [float(row.get(f"{part}_accuracy", np.nan)) for row in f.rows])
        for part, what, colour in curves
    ]
    return [curve for curve in named if np.isfinite(curve[2]).all()]


def _dated(scene: Scene, axes: Axes, time: Clock) -> None:
    """The steps at which something happened, named, and the ends."""
    e = scene.pictures.facts.events
    events = [("generalised", e.t_grok), ("memorised", e.t_memorize)]
    there = [(time.place(step), f"{step:,}\n{name}") for name, step in events if step is not None]
    for x, _ in there:
        axes.axvline(x, color=scene.paper.line, lw=1, zorder=0)
    kept = list[tuple[float, str]]()
    for x, name in [*there, (0.0, f"{time.steps[0]:,}"), (1.0, f"{time.steps[-1]:,}")]:
        if all(abs(x - other) > APART for other, _ in kept):
            kept.append((x, name))
    names = [name for _, name in kept]
    axes.set_xticks([x for x, _ in kept], names, fontsize=8, color=scene.paper.soft)


def counts(scene: Scene, axes: Axes) -> Moving[float]:
    """The accuracies in figures, as the curves have them, each in the colour of its curve."""
    steps, figures = [row["step"] for row in scene.pictures.facts.rows], []
    for y, (what, colour, values) in zip((0.98, 0.45), _accuracies(scene), strict=False):
        axes.text(0, y, what, color=colour, fontsize=8.5, va="top")
        figure = axes.text(0, y - 0.14, "", color=colour, fontsize=16, va="top")
        figures.append((figure, values))
    axes.set_axis_off()

    def show(step: int | float) -> None:
        for figure, values in figures:
            figure.set_text(whole(float(np.interp(step, steps, values))))

    return Moving([figure for figure, _ in figures], show)

"""A run as a short film: its curves with a moving line, what it has inside, what it answers.

Every frame shows a checkpoint that was kept, the last before its step; nothing between two of them
is made up. Only what moves is drawn at each frame, over a picture of what does not.

Axes: row, column = pixels; rgb; step = a checkpoint.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from grokscope.errors import BadInput, NotApplicable, must_be
from grokscope.plots.moving import FORMATS, Frames, Picture, check_ffmpeg
from grokscope.plots.panels import (
    DARK,
    HEIGHT,
    LIGHT,
    WIDTH,
    Moving,
    Panel,
    Scene,
    answers,
    counts,
    curves,
    panels,
)
from grokscope.reading.facts import Facts
from grokscope.reading.film import film, frames
from grokscope.reading.moments import moment, title
from grokscope.reading.pictures import Pictures
from grokscope.reading.reading import Reading
from grokscope.training.files import write_atomically
from grokscope.training.run import Run
from grokscope.training.track import Track, untracked

MOST_CHECKPOINTS = 240  # whose pictures are held at once: 40 MB of the largest tables
MOST_PIXELS = 400_000_000  # of all frames together: what Pillow holds of a .gif, in bytes
EDGE, GAP, FOOT, TALL = 24, 26, 22, 226  # of the panels: margin, between, beneath, height
MEMORISED_AT, GENERALISED_AT = 0.25, 0.75  # of the film, so that the delay takes half of it


# ---- time ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """How time flows: evenly at first, and evenly in its logarithm from about `bend` on."""

    end: float  # the last step
    bend: float  # steps

    def place(self, step: float) -> float:
        """Where a step stands, from 0 to 1: log(1 + step / bend), over that of the end."""
        return float(np.log1p(step / self.bend) / np.log1p(self.end / self.bend))

    def step(self, place: float) -> float:
        """The step that stands there."""
        return float(np.expm1(place * np.log1p(self.end / self.bend)) * self.bend)


def clock(f: Facts, end: float) -> Clock:
    """The clock by which memorising and generalising stand nearest to a quarter and three quarters;
    even, where neither happened."""
    wanted = [(f.events.t_memorize, MEMORISED_AT), (f.events.t_grok, GENERALISED_AT)]
    bends = end * np.geomspace(1e3, 1e-6, 181)

    def miss(bend: float) -> float:
        each = Clock(end, bend)
        return sum((each.place(step) - x) ** 2 for step, x in wanted if step is not None)

    return Clock(end, float(min(bends, key=miss)))


# ---- frames --------------------------------------------------------------------------------------


def write_film(
    r: Reading,
    file: Path,
    seconds: float = 8,
    fps: float = 12,
    width: int = WIDTH,
    is_dark: bool = False,
    reading: Track = untracked,
    drawing: Track = untracked,
) -> Path:
    """Write the film of a run, as its file's ending says; returns the file.

    `reading` and `drawing` are told how many checkpoints, and how many frames, are done. Raises
    `BadInput` for what cannot be written, `NotApplicable` for a run of one checkpoint.
    """
    check_film(file, seconds, fps, width)
    count = max(2, round(seconds * fps))
    filmed = filmed_frames(r, count, fps, width, is_dark, reading, drawing)
    write_atomically(file, FORMATS[file.suffix.lower()](filmed))
    return file


def check_film(file: Path, seconds: float, fps: float, width: int) -> None:
    """Raise `BadInput` for a film that cannot be written."""
    if file.suffix.lower() not in FORMATS:
        raise BadInput(
            f"a film is a .gif, a .webp or a .mp4, not {file}. Call it {file.with_suffix('.gif')}."
        )
    if not 0 < seconds <= 120:
        raise must_be("--seconds", "above 0 and at most 120", seconds)
    if not 1 <= fps <= 50:
        raise must_be("--fps", "from 1 to 50", fps)
    if not 360 <= width <= 1920:
        raise must_be("--width", "from 360 to 1920 pixels", width)
    rows, columns = _size(width)
    if seconds * fps * rows * columns > MOST_PIXELS:
        raise BadInput(
            f"{round(seconds * fps):,} frames of {columns} by {rows} pixels are too many. Give "
            "fewer --seconds, fewer --fps or a smaller --width."
        )
    if file.suffix.lower() == ".mp4":
        check_ffmpeg()


def check_checkpoints(run: Run) -> None:
    """Raise `NotApplicable` for a run in which nothing moves."""
    if len(run.steps) < 2:
        raise NotApplicable(
            f"{run.name} has {len(run.steps)} checkpoint{'' if run.steps else 's'}, and a film needs "
            "two. Train it longer, or with a smaller checkpoint_every."
        )


def _size(width: int) -> tuple[int, int]:
    """Rows and columns of pixels: even numbers, as videos need."""
    return 2 * round(width * HEIGHT / WIDTH / 2), 2 * round(width / 2)


def filmed_frames(
    r: Reading,
    count: int,
    fps: float = 12,
    width: int = WIDTH,
    is_dark: bool = False,
    reading: Track = untracked,
    drawing: Track = untracked,
) -> Frames:
    """The frames of a run's film, to be drawn one after the other."""
    check_checkpoints(r.run)
    kept, facts = r.run.steps, r.facts
    steps = frames(kept, MOST_CHECKPOINTS)
    time = clock(facts, float(kept[-1]))
    at = [time.step(i / (count - 1)) for i in range(count - 1)] + [float(kept[-1])]
    which = np.searchsorted(steps, np.array(at) + 1e-6, side="right") - 1
    shown = [steps[i] for i in sorted(set(which))]
    stage = _stage(_scene(r, shown, is_dark, reading), time, width)
    drawn = itertools.count(1)

    def draw(i: int) -> Picture:
        drawing(min(next(drawn), count), count)
        return stage.draw(at[i], shown.index(steps[which[i]]))

    return Frames(count, fps, draw)


def _scene(r: Reading, steps: list[int], is_dark: bool, track: Track) -> Scene:
    p = Pictures(r, steps)
    neurons = p.neurons if p.irreps is not None and not p.circles else None
    moving = film(r, steps, p.grid, neurons, [], p.circles, track)
    return Scene(p, moving, DARK if is_dark else LIGHT)


# ---- drawing -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stage:
    """A figure whose moving artists are drawn over what stands still."""

    canvas: FigureCanvasAgg
    still: object  # as the canvas keeps it
    by_step: list[Moving]
    by_checkpoint: list[Moving]

    def draw(self, step: float, checkpoint: int) -> Picture:
        """The frame of a step, at this place among the filmed checkpoints."""
        self.canvas.restore_region(self.still)
        for moving, at in self._each(step, checkpoint):
            moving.show(at)
            for artist in moving.artists:
                self.canvas.figure.draw_artist(artist)
        return np.asarray(self.canvas.buffer_rgba())[:, :, :3].copy()

    def _each(self, step: float, checkpoint: int) -> Iterable[tuple[Moving, int]]:
        yield from ((x, int(step)) for x in self.by_step)
        yield from ((x, checkpoint) for x in self.by_checkpoint)


def _stage(scene: Scene, time: Clock, width: int) -> Stage:
    """The figure of a run, drawn without what moves."""
    rows, columns = _size(width)
    dpi = 100 * columns / WIDTH
    with matplotlib.rc_context({"text.parse_math": False, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(columns / dpi, rows / dpi), dpi=dpi, facecolor=scene.paper.ground)
        canvas = FigureCanvasAgg(figure)
        by_step = [_words(scene, figure)]
        if scene.pictures.facts.rows:
            by_step.append(curves(scene, _axes(figure, 58, 310, 490, 108), time.place))
            by_step.append(counts(scene, _axes(figure, 572, 310, 140, 108)))
        own = panels(scene)
        if not own and len(by_step) == 1:
            name = scene.pictures.facts.name
            raise NotApplicable(f"{name} has neither evaluations nor weights that are drawn.")
        by_checkpoint = [
            panel(scene, _axes(figure, x, FOOT, wide, TALL))
            for panel, (x, wide) in zip(own, _across(own), strict=True)
        ]
        for moving in (*by_step, *by_checkpoint):
            for artist in moving.artists:
                artist.set_animated(True)
        canvas.draw()
    return Stage(canvas, canvas.copy_from_bbox(figure.bbox), by_step, by_checkpoint)


def _across(own: Sequence[Panel]) -> list[tuple[float, float]]:
    """Where each panel begins, and how wide it is: the answers are a square at the right."""
    room = WIDTH - 2 * EDGE - GAP * (len(own) - 1)
    others = len(own) - (answers in own)
    if not others:
        return [(EDGE, TALL)] * len(own)
    wide = (room - TALL * (answers in own)) / others
    return [(EDGE + i * (wide + GAP), TALL if x is answers else wide) for i, x in enumerate(own)]


def _axes(figure: Figure, x: float, y: float, wide: float, high: float) -> Axes:
    """Axes at this place, in pixels of the usual film."""
    axes = figure.add_axes((x / WIDTH, y / HEIGHT, wide / WIDTH, high / HEIGHT))
    axes.set_facecolor("none")
    return axes


def _words(scene: Scene, figure: Figure) -> Moving:
    """The title, the step, and what happens."""
    f, paper = scene.pictures.facts, scene.paper
    left = EDGE / WIDTH
    figure.text(left, 1 - 34 / HEIGHT, title(f), fontsize=14, weight="bold", color=paper.ink)
    step = figure.text(left, 1 - 60 / HEIGHT, "", fontsize=10.5, weight="bold", color=paper.ink)
    said = figure.text(left + 88 / WIDTH, 1 - 60 / HEIGHT, "", fontsize=10.5, color=paper.ink)

    def show(at: int) -> None:
        step.set_text(f"step {at:,}")
        said.set_text(moment(f, at))

    return Moving([step, said], show)

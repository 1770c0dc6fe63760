"""A run as a short film: its curves with a moving line, what it has inside, what it answers.

Every frame shows a checkpoint that was kept, the last before its step; nothing between two of them
is made up. Only what moves is drawn at each frame, over a picture of what does not.

Axes: row, column = pixels; rgb; step = a checkpoint.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from grokscope.errors import BadInput, NotApplicable, must_be
from grokscope.plots.clock import Clock, clock
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
from grokscope.reading.film import film, frames
from grokscope.reading.moments import moment, title
from grokscope.reading.pictures import Pictures
from grokscope.reading.reading import Reading
from grokscope.training.files import write_atomically
from grokscope.training.run import Run
from grokscope.training.track import Track, untracked

MOST_CHECKPOINTS = 240  # whose pictures are held at once: 40 MB of the largest tables
MOST_PIXELS = 400_000_000  # of all frames together: what Pillow holds of a .gif, in bytes
BOLD = 9  # pixels of a bold letter, at most
ROUNDING = 1e-6  # steps, so that a moment is not missed by its last digit
EDGE, GAP, FOOT, TALL = 24, 26, 22, 226  # of the panels: margin, between, beneath, height


# ---- frames --------------------------------------------------------------------------------------


def write_film(filmed: Frames, file: Path, track: Track = untracked) -> Path:
    """Write frames as the file's ending says; returns the file. `track` is told how many are
    drawn."""
    drawn = itertools.count(1)

    def at(i: int) -> Picture:
        track(min(next(drawn), filmed.count), filmed.count)
        return filmed.at(i)

    write_atomically(file, FORMATS[file.suffix.lower()](replace(filmed, at=at)))
    return file


def check_film(file: Path, seconds: int | float, fps: int, width: int) -> None:
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
            f"{run.name} has fewer than two checkpoints, so that nothing moves in its film. Train "
            "it longer, or with a smaller checkpoint_every."
        )


def _size(width: int) -> tuple[int, int]:
    """Rows and columns of pixels: even numbers, as videos need."""
    return 2 * round(width * HEIGHT / WIDTH / 2), 2 * round(width / 2)


def filmed(
    r: Reading,
    seconds: int | float = 8,
    fps: int = 12,
    width: int = WIDTH,
    is_dark: bool = False,
    track: Track = untracked,
) -> Frames:
    """The frames of a run's film, each to be drawn when it is asked for. `track` is told how many
    checkpoints are read. Raises `NotApplicable` where nothing moves."""
    check_checkpoints(r.run)
    steps = frames(r.run.steps, MOST_CHECKPOINTS)
    last = max([steps[-1], *(int(row["step"]) for row in r.facts.rows[-1:])])
    time, count = clock(r.facts, steps[0], last), max(2, round(seconds * fps))
    at = [time.step(i / (count - 1)) + ROUNDING for i in range(count)]
    which = np.searchsorted(steps, at, side="right") - 1
    shown = [steps[i] for i in np.unique(which)]
    stage = stage_of(scene_of(r, shown, is_dark, track), time, width)
    return Frames(count, fps, lambda i: stage.draw(at[i], shown.index(steps[which[i]])))


def scene_of(r: Reading, steps: list[int], is_dark: bool, track: Track = untracked) -> Scene:
    """What is drawn of a run at these steps, read from its checkpoints."""
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
    by_step: list[Moving[float]]
    by_checkpoint: list[Moving[int]]

    def draw(self, step: int | float, checkpoint: int) -> Picture:
        """The frame of a step, at this place among the filmed checkpoints."""
        self.canvas.restore_region(self.still)
        for moving in self.by_step:
            moving.show(step)
        for moving in self.by_checkpoint:
            moving.show(checkpoint)
        for moving in (*self.by_step, *self.by_checkpoint):
            for artist in moving.artists:
                self.canvas.figure.draw_artist(artist)
        return np.asarray(self.canvas.buffer_rgba())[:, :, :3].copy()


def stage_of(scene: Scene, time: Clock, width: int) -> Stage:
    """The figure of a run, drawn without what moves."""
    rows, columns = _size(width)
    dpi = 100 * columns / WIDTH
    with matplotlib.rc_context({"text.parse_math": False, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(columns / dpi, rows / dpi), dpi=dpi, facecolor=scene.paper.ground)
        canvas = FigureCanvasAgg(figure)
        by_step, own = [_words(scene, figure)], panels(scene)
        if scene.pictures.facts.rows:
            low, high = (310, 108) if own else (60, 358)
            by_step.append(curves(scene, _axes(figure, 58, low, 490, high), time))
            by_step.append(counts(scene, _axes(figure, 572, 310, 140, 108)))
        by_checkpoint = [
            panel(scene, _axes(figure, x, FOOT, wide, TALL))
            for panel, (x, wide) in zip(own, _across(own), strict=True)
        ]
        for moving in (*by_step, *by_checkpoint):
            for artist in moving.artists:
                artist.set_animated(True)
        canvas.draw()
    return Stage(canvas, canvas.copy_from_bbox(figure.bbox), by_step, by_checkpoint)


def _across(own: Sequence[Panel]) -> list[tuple[int | float, int | float]]:
    """Where each panel begins, and how wide it is: the answers are a square at the right."""
    room = WIDTH - 2 * EDGE - GAP * (len(own) - 1)
    others = len(own) - (answers in own)
    if not others:
        return [(EDGE, TALL)] * len(own)
    wide = (room - TALL * (answers in own)) / others
    return [(EDGE + i * (wide + GAP), TALL if x is answers else wide) for i, x in enumerate(own)]


def _axes(
    figure: Figure, x: int | float, y: int | float, wide: int | float, high: int | float
) -> Axes:
    """Axes at this place, in pixels of the usual film."""
    axes = figure.add_axes((x / WIDTH, y / HEIGHT, wide / WIDTH, high / HEIGHT))
    axes.set_facecolor("none")
    return axes


def _words(scene: Scene, figure: Figure) -> Moving[float]:
    """The title, the step, and what happens."""
    f, paper = scene.pictures.facts, scene.paper
    left = EDGE / WIDTH
    beside = left + (12 + BOLD * len(f"step {scene.pictures.steps[-1]:,}")) / WIDTH
    figure.text(left, 1 - 34 / HEIGHT, title(f), fontsize=14, weight="bold", color=paper.ink)
    step = figure.text(left, 1 - 60 / HEIGHT, "", fontsize=10.5, weight="bold", color=paper.ink)
    said = figure.text(beside, 1 - 60 / HEIGHT, "", fontsize=10.5, color=paper.ink)

    def show(at: int | float) -> None:
        step.set_text(f"step {int(at):,}")
        said.set_text(moment(f, at))

    return Moving([step, said], show)

"""A run as a film: as many frames as asked, each of what the run was at its step."""

import io
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image, ImageSequence

from grokscope.errors import StorageError
from grokscope.plots.clock import clock
from grokscope.plots.film import WIDTH, filmed, scene_of, stage_of
from grokscope.plots.moving import FORMATS, REST, Frames
from grokscope.plots.panels import panels
from grokscope.reading.moments import moment, title
from grokscope.reading.reading import read
from grokscope.training.events import Events
from grokscope.training.train import train


@pytest.fixture(scope="module")
def reading(tiny, tmp_path_factory):
    return read(train(tiny(), tmp_path_factory.mktemp("filmed")))


@pytest.fixture(scope="module")
def of_digits(tiny, tmp_path_factory):
    task = {"task": "sparse_parity", "task_args": {"n": 8, "k": 2}}
    spec = tiny(**task, model="paritymlp", model_args={"d_mlp": 8}, steps=20)
    return read(train(spec, tmp_path_factory.mktemp("digits")))


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_film_has_as_many_frames_as_asked_and_rests_on_the_last(suffix, reading, call, tmp_path):
    file = tmp_path / f"film{suffix}"
    asked = ("--seconds", 1, "--fps", 9, "--width", 400)
    said = call("film", reading.run.folder, "-o", file, *asked)
    assert (said.code, said.out) == (0, f"{file}\n")
    shown, durations = [], []
    with Image.open(file) as film:
        assert film.size == (400, 278)
        for frame in ImageSequence.Iterator(film):
            shown.append(np.asarray(frame.convert("RGB"), dtype=float))
            durations.append(frame.info["duration"])
    assert len(shown) == 9
    assert sum(durations) == pytest.approx(1000 + REST, abs=10)
    assert durations[-1] > REST
    assert all((a != b).any() for a, b in pairwise(shown))


def test_the_film_of_a_format_is_what_was_drawn(reading):
    drawn = filmed(reading, 0.5, 8, 360)
    with Image.open(io.BytesIO(FORMATS[".gif"](drawn))) as film:
        film.seek(drawn.count - 1)
        last = np.asarray(film.convert("RGB"), dtype=float)
    assert np.abs(last - drawn.at(drawn.count - 1)).mean() < 3  # of 255
    assert (last[0, 0] == 255).all()  # the paper is not tinted


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg is installed")
def test_a_film_is_a_video_where_there_is_ffmpeg(reading):
    content = FORMATS[".mp4"](filmed(reading, 0.5, 8, 360))
    assert content[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("asked", "cure"),
    [
        (["-o", "film.png"], "is a .gif, a .webp or a .mp4"),
        (["-o", "film"], "Call it film.gif"),
        (["-o", "film.gif", "--fps", 0], "`--fps` must be from 1 to 50, not 0"),
        (["-o", "film.gif", "--seconds", "nan"], "`--seconds` must be above 0"),
        (["-o", "film.gif", "--width", 100], "`--width` must be from 360"),
        (["-o", "film.gif", "--width", 1900, "--seconds", 100], "fewer --seconds"),
        (["-o", "."], "is not a file that could be replaced"),
    ],
    ids=str,
)
def test_what_cannot_be_filmed_is_said_with_the_cure(asked, cure, call, reading):
    said = call("film", reading.run.folder, *asked)
    assert said.code == 2
    assert cure in said.err


def test_a_run_of_one_checkpoint_is_no_film(reading, call, tmp_path):
    folder = tmp_path / reading.run.name
    shutil.copytree(reading.run.folder, folder)
    for step in reading.run.steps[:-1]:
        (folder / f"step-{step:06d}.safetensors").unlink()
    said = call("film", folder, "-o", tmp_path / "film.gif")
    assert said.code == 2
    assert "has fewer than two checkpoints" in said.err
    assert "checkpoint_every" in said.err


def test_without_ffmpeg_the_cure_is_another_format(reading, call, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = call("film", reading.run.folder, "-o", tmp_path / "film.mp4")
    assert said.code == 2
    assert "needs the program ffmpeg" in said.err
    assert "Write a .gif or a .webp." in said.err


def test_what_ffmpeg_says_is_told(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\ncat > /dev/null\necho 'Unknown encoder libx264' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    black = Frames(3, 12, lambda i: np.zeros((2, 2, 3), dtype=np.uint8))
    with pytest.raises(StorageError, match="Unknown encoder libx264"):
        FORMATS[".mp4"](black)


# ---- frames --------------------------------------------------------------------------------------


def test_a_frame_does_not_depend_on_those_before_it(reading):
    drawn = filmed(reading, 1, 6)
    first = drawn.at(0)
    assert (drawn.at(5) != first).any()
    assert (drawn.at(0) == first).all()


PANELS = {
    "reading": ["spectrum", "answers"],
    "of_group": ["irreps", "spectrum", "answers"],
    "of_digits": ["digits"],
}


@pytest.mark.parametrize(("name", "there"), PANELS.items())
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_a_film_shows_what_the_run_has(name, there, is_dark, request):
    r = request.getfixturevalue(name)
    scene = scene_of(r, r.run.steps, is_dark)
    assert [panel.__name__ for panel in panels(scene)] == there
    stage = stage_of(scene, clock(r.facts, 0, r.run.steps[-1]), WIDTH)
    last = len(r.run.steps) - 1
    assert (stage.draw(0, 0) != stage.draw(r.run.steps[-1], last)).any()
    words = [x for x in stage.canvas.figure.findobj(Text) if isinstance(x, Text) and x.get_text()]
    assert not [x.get_text() for x in words if x.get_parse_math()]  # a name may hold a $


# ---- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memorised", "grokked", "places"),
    [
        (60, 240, [0, 0.25, 0.75, 1]),
        (10, 390, [0, 0.25, 0.75, 1]),
        (60, 400, [0, 1 / 3, 1]),  # it ended there
        (60, None, [0, 1 / 3, 1]),
        (60, 60, [0, 0.5, 1]),  # both at once
        (None, None, [0, 1]),
    ],
)
def test_the_delay_takes_half_of_the_film(memorised, grokked, places, reading):
    f = replace(reading.facts, events=Events(memorised, grokked, (), "steps"))
    time, events = clock(f, 0, 400), {0, 400, memorised, grokked} - {None}
    assert [time.place(step) for step in sorted(events)] == pytest.approx(places)
    for step in (0, 5, 70, 333, 400):
        assert time.step(time.place(step)) == pytest.approx(step)


# ---- words ---------------------------------------------------------------------------------------

ROWS = {0: (0.1, 0.1), 10: (0.6, 0.1), 20: (1, 0.15), 50: (1, 0.35), 60: (1, 0.8), 80: (1, 1)}
SAID = {
    0: "It has learned nothing yet",
    10: "It learns the pairs it is shown by heart.",
    20: "It has memorised the pairs it was shown, and answers few of the others.",
    59: "It begins to answer pairs that it never saw.",
    60: "It answers most of the pairs that it never saw.",
    80: "It generalised: it answers",
    90: "It has lost some of what it had learned",
    100: "It generalised 60 steps after it had memorised.",
}


@pytest.mark.parametrize(("step", "says"), SAID.items())
def test_a_caption_says_what_happens_then(step, says, reading):
    assert moment(_story(reading, {**ROWS, 90: (1, 0.5), 100: (1, 1)}, 80), step).startswith(says)


@pytest.mark.parametrize(
    ("rows", "grokked", "says"),
    [
        ({0: (0.1, 0.1), 9: (0.5, 0.1)}, None, "It did not learn all it was shown: 50 %"),
        ({**ROWS, 80: (1, 0.978)}, None, "It memorised. At the end 98 % of the pairs it never saw"),
        ({**ROWS, 90: (1, 0.2)}, 80, "It generalised, and lost it again."),
    ],
)
def test_the_last_caption_says_what_became_of_it(rows, grokked, says, reading):
    assert moment(_story(reading, rows, grokked), max(rows)).startswith(says)


def test_a_title_shows_a_name_and_does_not_obey_it(reading):
    task = replace(reading.facts.task, name="a$^b\n\x1b")
    assert title(replace(reading.facts, task=task)) == r"A network learns a$^b\n\x1b"


def _story(reading, rows, grokked):
    """The facts of a run with these accuracies on train and test."""
    kept = tuple(
        {"step": step, "train_accuracy": float(train), "test_accuracy": float(test)}
        for step, (train, test) in rows.items()
    )
    memorised = next((row["step"] for row in kept if row["train_accuracy"] == 1), None)
    events = Events(memorised, grokked, (), "steps")
    return replace(reading.facts, rows=kept, final=kept[-1], events=events, phases=None)

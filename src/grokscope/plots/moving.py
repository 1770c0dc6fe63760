"""Moving pictures as bytes: .gif and .webp by Pillow, .mp4 by ffmpeg where that is installed.

Frames are drawn one after the other, when their turn comes.

Axes: row, column = pixels; rgb.
"""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from grokscope.errors import BadInput, StorageError

Picture = UInt8[np.ndarray, "row column rgb"]

REST = 1000  # milliseconds that the last frame is shown longer
COLOURS = 96  # of a .gif
NEARLY = 8  # of 255, by which Pillow takes two colours for one
SAMPLED = 6  # frames that these are chosen from
QUALITY = 75  # of a .webp, of 100


@dataclass(frozen=True)
class Frames:
    """So many frames a second; `at` draws one of them."""

    count: int
    fps: int
    at: Callable[[int], Picture]

    @property
    def durations(self) -> list[int]:
        """How long each is shown, in milliseconds: a .gif counts in tens of them."""
        ends = [10 * round(100 * (i + 1) / self.fps) for i in range(self.count)]
        each = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        return [*each[:-1], each[-1] + REST]


def gif(frames: Frames) -> bytes:
    """One palette for all frames, without dithering: what does not change costs nothing."""
    places = np.linspace(0, frames.count - 1, SAMPLED).round().astype(int)
    palette = _palette(np.concatenate([frames.at(int(i)) for i in places]))

    def at(i: int) -> Image.Image:
        return Image.fromarray(frames.at(i)).quantize(palette=palette, dither=Image.Dither.NONE)

    return _saved(_Reel(frames.count, at), "GIF", frames, optimize=True)


def _palette(sample: Picture) -> Image.Image:
    """An image whose palette has the colours of this sample. What is nearly the colour of its
    corner is that exactly: else the paper is tinted, and shows on a page."""
    image = Image.fromarray(sample).quantize(COLOURS)
    colours = np.array(image.getpalette()).reshape(-1, 3)
    colours[np.abs(colours - sample[0, 0].astype(int)).max(axis=1) < NEARLY] = sample[0, 0]
    image.putpalette(colours.ravel().tolist())
    return image


def webp(frames: Frames) -> bytes:
    reel = _Reel(frames.count, lambda i: Image.fromarray(frames.at(i)))
    return _saved(reel, "WEBP", frames, quality=QUALITY, method=4)


def mp4(frames: Frames) -> bytes:
    """H.264, which every browser and slide program plays. Raises `BadInput` without ffmpeg."""
    check_ffmpeg()
    rows, columns, _ = frames.at(0).shape
    size = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{columns}x{rows}", "-r", f"{frames.fps}"]
    rest = f"tpad=stop_mode=clone:stop_duration={REST}ms"
    how = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-movflags", "+faststart"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"
        command = ["ffmpeg", "-loglevel", "error", *size, "-i", "-", "-vf", rest, *how, str(file)]
        _feed(command, frames)
        return file.read_bytes()


FORMATS: dict[str, Callable[[Frames], bytes]] = {".gif": gif, ".webp": webp, ".mp4": mp4}


def check_ffmpeg() -> None:
    """Raise `BadInput` where there is none."""
    if shutil.which("ffmpeg") is None:
        raise BadInput(
            "a .mp4 needs the program ffmpeg, which is not installed. Write a .gif or a .webp."
        )


def _feed(command: list[str], frames: Frames) -> None:
    """Give all frames to a program that writes them. Raises `StorageError` with what it says where
    it fails."""
    with tempfile.TemporaryFile() as said:
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said)
        try:
            assert program.stdin is not None
            for i in range(frames.count):
                program.stdin.write(frames.at(i).tobytes())
            program.stdin.close()
        except BrokenPipeError:  # it has ended, and says why
            pass
        except BaseException:
            program.kill()
            program.wait()
            raise
        if program.wait():
            said.seek(0)
            why = said.read().decode(errors="replace").strip().splitlines()
            last = why[-1] if why else f"it ended with {program.returncode}"
            raise StorageError(f"ffmpeg did not write the film: {last}. Write a .gif or a .webp.")


class _Reel(Image.Image):
    """Frames as Pillow reads an image of several: it has the one that was last sought."""

    def __init__(self, count: int, draw: Callable[[int], Image.Image]):
        super().__init__()
        self.n_frames = count
        self._draw = draw
        self._place = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame >= self.n_frames:
            raise EOFError
        if frame != self._place:
            drawn = self._draw(frame)
            self.im, self.palette = drawn.im, drawn.palette
            self._mode, self._size, self._place = drawn.mode, drawn.size, frame

    def tell(self) -> int:
        return self._place


def _saved(reel: _Reel, kind: str, frames: Frames, **how: int | bool) -> bytes:
    """The reel in a format of Pillow's, played again and again."""
    buffer = io.BytesIO()
    reel.save(buffer, kind, save_all=True, duration=frames.durations, loop=0, **how)
    return buffer.getvalue()

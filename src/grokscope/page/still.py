"""Pictures for a page whose scripts do not run: of the facts that the scripts would draw, at the
step where the page opens.

Axes: frame = a checkpoint; row; column.
"""

import base64
import colorsys
import math
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Int8, UInt8

from grokscope.page.stacks import LEVELS, NOTHING

TRAIN, TEST, KEY, OTHER, INK, LINE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b5bcc3",
    "#5c6670",
    "#d9dee3",
)
SHARE = ((247, 247, 247), (181, 211, 185), (90, 168, 143), (31, 111, 120), (11, 45, 78))
SIGNED = ((10, 74, 143), (106, 174, 214), (247, 247, 247), (240, 146, 106), (158, 16, 34))
FAINT = 0.22  # of the colour of a pair that was never shown
WIDTH, HEIGHT = 640, 200

Numbers = Sequence[int] | Sequence[float] | Sequence[int | float]


def frame_at(page: dict[str, Any]) -> int:
    """The place among the frames of the step where the page opens."""
    return min(range(len(page["frames"])), key=lambda i: abs(page["frames"][i] - page["opens"]))


def unpacked(packed: dict[str, Any], frame: int) -> Int8[np.ndarray, "row column"]:
    """The levels of one frame of a packed picture; the last where it has fewer."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed["content"])), dtype=np.uint8)
    levels = np.cumsum(steps.reshape(packed["shape"]), axis=0, dtype=np.uint8).view(np.int8)
    return levels[min(frame, len(levels) - 1)]


def picture(page: dict[str, Any], name: str, label: str, is_signed: bool = False) -> str:
    """A picture of the page, at the step where it opens."""
    return raster(unpacked(page["stacks"][name], frame_at(page)), label, is_signed)


def raster(levels: Int8[np.ndarray, "row column"], label: str, is_signed: bool = False) -> str:
    """Levels as the page's colours; what has no value is clear."""
    part = levels.astype(float) / LEVELS
    x = np.clip((part + 1) / 2 if is_signed else part, 0, 1) * 4
    anchors = np.array(SIGNED if is_signed else SHARE, dtype=float)
    low = np.clip(np.floor(x).astype(int), 0, 3)
    colours = anchors[low] + (anchors[low + 1] - anchors[low]) * (x - low)[..., None]
    return _image(_with_alpha(colours, levels != NOTHING), label)


def wheel(packed: dict[str, Any], shown: dict[str, Any] | None, label: str) -> str:
    """Shares of the way round as hues; faint where a pair was not shown."""
    levels = unpacked(packed, 0)
    hues = np.array([colorsys.hls_to_rgb(i / (LEVELS + 1), 0.55, 0.6) for i in range(LEVELS + 1)])
    colours = hues[np.clip(levels, 0, LEVELS)] * 255
    if shown is not None:
        strength = np.where(unpacked(shown, 0) > 0, 1.0, FAINT)[..., None]
        colours = 255 + (colours - 255) * strength
    return _image(_with_alpha(colours, levels != NOTHING), label)


def _with_alpha(colours: np.ndarray, is_there: np.ndarray) -> UInt8[np.ndarray, "row column rgba"]:
    alpha = np.where(is_there, 255, 0)[..., None]
    return np.concatenate([np.rint(colours), alpha], axis=-1).astype(np.uint8)


def _image(pixels: UInt8[np.ndarray, "row column rgba"], label: str) -> str:
    """A PNG within the page, each cell a square."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(x)) + kind + x + struct.pack(">I", zlib.crc32(kind + x))
        for kind, x in chunks
    )
    wide = min(WIDTH, max(240, 4 * width))
    return (
        f'<img alt="{escape(label)}" src="data:image/png;base64,{base64.b64encode(png).decode()}" '
        f'style="image-rendering:pixelated;width:{wide}px;max-width:100%">'
    )


def shares(steps: Numbers, series: dict[str, tuple[str, Numbers]], is_log: bool) -> str:
    """Shares over time, each with its colour, and its name at the end of its line."""
    last, right, floor = max(steps[-1], 1), WIDTH - 90, HEIGHT - 20

    def across(step: int | float) -> float:
        return right * (math.log1p(step) / math.log1p(last) if is_log else step / last)

    drawn = []
    for name, (colour, ys) in series.items():
        up = [floor - (floor - 8) * y for y in ys]
        line = " ".join(f"{across(x):.1f},{y:.1f}" for x, y in zip(steps, up, strict=True))
        drawn.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{right + 6}" y="{up[-1] + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    scale = "step, logarithmic" if is_log else "step"
    axis = (
        f'<path d="M0 {floor}H{right}" stroke="{LINE}"/>'
        f'<text x="0" y="{HEIGHT - 4}" fill="{INK}">0</text>'
        f'<text x="{right / 2}" y="{HEIGHT - 4}" text-anchor="middle" fill="{INK}">{scale}</text>'
        f'<text x="{right}" y="{HEIGHT - 4}" text-anchor="end" fill="{INK}">{last:,}</text>'
    )
    return _svg(axis + "".join(drawn), WIDTH, HEIGHT)


def bars(values: Numbers, marked: Sequence[int], label: str) -> str:
    """Numbers as bars, some of them marked by colour."""
    top, low = max(0.0, *values), min(0.0, *values)
    span, wide = (top - low) or 1, WIDTH / len(values)
    up = [6 + (HEIGHT - 12) * (top - y) / span for y in (0.0, *values)]
    drawn = "".join(
        f'<rect x="{i * wide:.1f}" y="{min(up[0], y):.1f}" width="{max(0.5, 0.85 * wide):.1f}" '
        f'height="{max(0.5, abs(up[0] - y)):.1f}" fill="{KEY if i in marked else OTHER}"/>'
        for i, y in enumerate(up[1:])
    )
    return _svg(f"<title>{escape(label)}</title>{drawn}", WIDTH, HEIGHT)


def points(levels: Int8[np.ndarray, "row column"], names: Sequence[str]) -> str:
    """Dots in planes, two columns a plane, coloured by their row."""
    size, n = 150, len(levels)
    most = max(float(np.abs(levels.astype(float)).max()), 1.0) * 1.1
    drawn = []
    for k, name in enumerate(names):
        x, y = (levels[:, 2 * k + i].astype(float) / most * size / 2 for i in (0, 1))
        left = k * (size + 10) + size / 2
        drawn += [
            f'<circle cx="{left + p:.1f}" cy="{size / 2 + 16 - q:.1f}" r="3" '
            f'fill="hsl({360 * i // n} 65% 50%)"/>'
            for i, (p, q) in enumerate(zip(x, y, strict=True))
        ]
        title = f'<text x="{left}" y="11" text-anchor="middle" fill="{INK}">{escape(name)}</text>'
        drawn.append(title)
    return _svg("".join(drawn), len(names) * (size + 10), size + 20)


def _svg(inside: str, width: int, height: int) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'style="max-width:100%" xmlns="http://www.w3.org/2000/svg" font-size="11">{inside}</svg>'
    )

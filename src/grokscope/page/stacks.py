"""Pictures over time, made small: bytes, differences from frame to frame, deflated.

Axes: frame = a checkpoint; row; column.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int8

LEVELS = 127  # of either sign; a value is off by half a level at most
EFFORT = 5  # of deflate: 6 takes twice as long and saves 2 %
NOTHING = -128  # where there is no value


@dataclass(frozen=True, eq=False)
class Stack:
    """values = scale · levels / 127, with one scale for all frames, so that their colours can be
    compared."""

    levels: Int8[np.ndarray, "frame row column"]
    scale: float

    def packed(self) -> dict[str, Any]:
        """For the page: differences modulo 256 from frame to frame, deflated, in base64."""
        steps = np.diff(self.levels.view(np.uint8), axis=0, prepend=np.uint8(0))
        content = base64.b64encode(zlib.compress(steps.tobytes(), EFFORT)).decode()
        return {"shape": list(self.levels.shape), "scale": self.scale, "content": content}


def stack(x: Float[np.ndarray, "frame row column"], scale: float | None = None) -> Stack:
    """Rounded to levels of `scale`, by default the largest size of a value; what is no number is
    nothing."""
    known = np.isfinite(x)
    largest = float(np.abs(x, where=known, out=np.zeros_like(x)).max(initial=0)) or 1.0
    scale = scale or largest
    levels = np.full(x.shape, NOTHING, dtype=np.int8)
    levels[known] = np.clip(np.rint(x[known] / scale * LEVELS), -LEVELS, LEVELS).astype(np.int8)
    return Stack(levels, float(f"{scale:.6g}"))


def packed(x: Float[np.ndarray, "frame row column"], scale: float | None = None) -> dict[str, Any]:
    """The same, packed."""
    return stack(x, scale).packed()


def short(x: float, digits: int = 5) -> float:
    """A number of the page to so many significant digits."""
    return float(f"{x:.{digits}g}")

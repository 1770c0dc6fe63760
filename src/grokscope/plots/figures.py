"""What figures drawn by matplotlib share: names, colours, axes, the circles.

Colours are Okabe and Ito's, which the colour-blind can tell apart.
"""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from grokscope.measures.weights import symbol_weights
from grokscope.reading.reading import Reading

WEIGHTS = {"ab": "embedding", "a": "embedding of a", "b": "embedding of b", "c": "output map"}
TRAIN, TEST, KEY, OTHER, CONTROL = "#0072B2", "#D55E00", "#009E73", "#BBBBBB", "#666666"


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


def styled(axes: Iterable[Axes]) -> None:
    """Draw no more of the frame than is read."""
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)


def short(name: str) -> str:
    """A part's name on an axis."""
    return name.removeprefix("frequency ").removeprefix("character ")

"""Functions of a and b as pictures: what a head, a neuron or a logit makes of each pair.

Axes: a, b = operands; or any two things that are listed along the sides.
"""

from collections.abc import Mapping

from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from grokscope.plots.items import maps


def plot_maps(
    pictures: Mapping[str, Float[Tensor, "a b"]], axes: tuple[str, str] = ("b", "a")
) -> Figure:
    """A panel a picture, under its name, each with its own scale; `axes` name what runs to the
    right, and upwards."""
    rows = [{"name": name, "x": x.tolist()} for name, x in pictures.items()]
    return maps(rows, "x", by="name", axes=axes)

"""Neurons as polygons and stars, drawn of the facts of `weights`.

Axes: row = a neuron; wave = the cosine and the sine of a part.
"""

from typing import Any

import numpy as np

from grokscope.page.figure import WHEN, Figure
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import FOLLOWS, Pictures

FEWEST = 3  # neurons of a star
TURNS = 0.8  # the least length of the mean of e^(i(output's angle - 2 input's angle))


def facts(p: Pictures) -> dict[str, Any] | None:
    """The parts whose neurons make a star: their outputs turn twice as fast as their inputs."""
    found = [name for name in p.waves if _is_star(p, name)]
    return {"stars": found} if found else None


def _is_star(p: Pictures, name: str) -> bool:
    if p.neurons is None or "out" not in p.film.pictures:
        return False
    each = enumerate(zip(p.neurons.parts, p.neurons.shares, strict=True))
    rows = [i for i, (part, share) in each if part == name and (share or 0) >= FOLLOWS]
    if len(rows) < FEWEST:
        return False
    own = {"a": p.film.pictures["of_a"][-1][rows], "c": p.film.pictures["out"][-1][rows]}
    angle = {role: _angles(x @ p.waves[name][role].numpy()) for role, x in own.items()}
    return bool(abs(np.exp(1j * (angle["c"] - 2 * angle["a"])).mean()) >= TURNS)


def _angles(x: np.ndarray) -> np.ndarray:
    """Of cosines and sines, a row each."""
    return np.arctan2(x[:, 1], x[:, 0])


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "Each dot is a neuron, placed by the cosine and the sine it has of its part, and joined to "
        f"the next by the angle of its input at the end, at {WHEN}. The outputs turn twice as fast "
        "as the inputs, so that the polygon becomes a star."
    )


FIGURE = Figure("stars", "weights", 60, "Neurons as polygons and stars", facts, caption)

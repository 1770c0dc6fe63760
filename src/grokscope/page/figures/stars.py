"""Neurons as polygons and stars, drawn of the facts of `weights`."""

from typing import Any

from grokscope.page.figure import Figure
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    return {} if p.waves else None


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "Each dot is a neuron, placed by the cosine and the sine it has of its part, and joined to "
        "the next by the angle of its input at the end. If the outputs turn twice as fast as the "
        "inputs, the polygon becomes a star."
    )


FIGURE = Figure("stars", "weights", 60, "Neurons as polygons and stars", facts, caption)

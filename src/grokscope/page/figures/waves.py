"""Neurons as waves: their weights as lines, drawn of the facts of `weights`."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    return {} if p.waves else None


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "The same weights as lines, each neuron under the part it follows most at the end; one "
        f"scale for all inputs and one for all outputs, at {WHEN}. Fast waves are drawn "
        "over the angle that their part gives each symbol, one turn from left to right."
    )


FIGURE = Figure("waves", "weights", 50, "Neurons as waves", facts, caption, leads=Leads("grew", 5))

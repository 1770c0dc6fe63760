"""What neurons see: their activations over (a, b)."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Weight
from grokscope.page.stacks import packed
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    """Some neurons at every step, and all that are shown at the last."""
    if p.activations is None:
        return None
    films = {name: packed(p.film.pictures[name]) for name in (f"film {i}" for i in p.filmed)}
    return {"stacks": {"activations": packed(p.activations), **films}}


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "The activation of a neuron for each pair (a, b): of the first key parts' purest neurons "
        f"at {WHEN}, of a neuron of your choice at the last."
    )


FIGURE = Figure(
    "films", "weights", 100, "What neurons see", facts, caption,
    Weight(2, "neurons over every pair"),
)  # fmt: skip

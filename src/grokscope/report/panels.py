"""The figures that a page can have: what each is called, when it is there, and what it shows.

`web/src/panels/` draws them, one file each, from the facts of `payload.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from grokscope.report.reading import Reading
from grokscope.report.words import percent

Facts = dict[str, Any]  # what payload.py finds
Topic = Literal["summary", "what", "how", "weights", "progress"]


@dataclass(frozen=True)
class Panel:
    """A figure: its caption says what is drawn, of which pairs, in which units. It stands where the
    page speaks of its `topic`."""

    topic: Topic
    name: str
    title: str
    is_there: Callable[[Facts], Any]
    caption: Callable[[Reading, Facts], str]


def _when(found: Facts) -> str:
    """The time that a figure shows."""
    frames, total = len(found["frames"]), found["checkpoints"]
    return "the step chosen above" + ("" if frames == total else f" (of {frames} checkpoints)")


def _curves(r: Reading, found: Facts) -> str:
    shaded = "Shaded: the phases, by our rule. " if found["phases"] else ""
    return (
        "Accuracy and loss of the pairs it was shown (train) and of the others (test), at every "
        f"evaluation; drag to move in time. {shaded}The loss is the one that was trained, over "
        "every output class."
    )


def _progress(r: Reading, found: Facts) -> str:
    return (
        "Measured at every checkpoint, with the key parts of the last one. Gini: 0, the weights "
        "are spread evenly over all frequencies; 1, they lie in one."
    )


def _rightmap(r: Reading, found: Facts) -> str:
    click = " Click one to see its answer below." if "answers" in found else ""
    return f"Each cell is a pair (a, b), at {_when(found)}; dark is 1, light is 0.{click}"


def _logits(r: Reading, found: Facts) -> str:
    return (
        f"The network at its last checkpoint, step {r.snapshot.step or 0:,}: choose a and b. To "
        "untick a part is to subtract it from the network's logits."
    )


def _spectrum(r: Reading, found: Facts) -> str:
    return (
        f"The share of the power of the weights in each part of the {r.lens} lens. Coloured: key "
        "parts, by the logits. Dotted: an even spread."
    )


def _circles(r: Reading, found: Facts) -> str:
    return (
        "Each dot is a symbol, in the plane where the embedding carries one key part, at "
        f"{_when(found)}, to the scale of the last. Its colour is the angle the circle would give "
        "it; large: a and b."
    )


def _weights(r: Reading, found: Facts) -> str:
    shown, every = len(found["neurons"]["index"]), found["neurons"]["total"]
    which = (
        "All its neurons"
        if shown == every
        else f"{shown} of {every} neurons, those of each part that weigh most"
    )
    return (
        f"{which}, at {_when(found)}, sorted by the part each follows at the end and by its phase; "
        "blue is below 0, red above. Colours mean the same at every step, and are fullest from the "
        "largest value of the last on."
    )


def _waves(r: Reading, found: Facts) -> str:
    return (
        "The same weights as lines, each neuron under the part it follows most at the end; one "
        f"scale for all inputs and one for all outputs, at {_when(found)}. Fast waves are drawn "
        "over the angle that their part gives each symbol, one turn from left to right."
    )


def _stars(r: Reading, found: Facts) -> str:
    return (
        "Each dot is a neuron, placed by the cosine and the sine it has of its part, and joined to "
        "the next by the angle of its input at the end. If the outputs turn twice as fast as the "
        "inputs, the polygon becomes a star."
    )


def _forward(r: Reading, found: Facts) -> str:
    return (
        "Logits of the pair (a, b) at the chosen step, computed here from the rounded weights: at "
        "the last checkpoint it gives the network's own answer to "
        f"{percent(found['neurons']['same'])} of the pairs. Untick a part to silence its neurons."
    )


def _films(r: Reading, found: Facts) -> str:
    return (
        "The activation of a neuron for each pair (a, b): of the first key parts' purest neurons "
        f"at {_when(found)}, of a neuron of your choice at the last."
    )


def _digits(r: Reading, found: Facts) -> str:
    return f"Weights from the digits to the neurons, at {_when(found)}."


def _has_waves(found: Facts) -> Any:
    return found.get("neurons", {}).get("waves")


PANELS = (
    Panel("summary", "curves", "Memorising and generalising", lambda x: x["rows"], _curves),
    Panel(
        "what", "rightmap", "Which pairs it answers", lambda x: "right" in x["stacks"], _rightmap
    ),
    Panel("what", "digits", "Which digits it reads", lambda x: "digits" in x["stacks"], _digits),
    Panel("how", "logits", "How it comes to an answer", lambda x: "answers" in x, _logits),
    Panel(
        "weights", "spectrum", "The spectrum of its weights", lambda x: "spectra" in x, _spectrum
    ),
    Panel("weights", "circles", "The embedding on circles", lambda x: "circles" in x, _circles),
    Panel(
        "weights",
        "weights",
        "The weights of its neurons",
        lambda x: "of_a" in x["stacks"],
        _weights,
    ),
    Panel("weights", "waves", "Neurons as waves", _has_waves, _waves),
    Panel("weights", "stars", "Neurons as polygons and stars", _has_waves, _stars),
    Panel(
        "weights",
        "forward",
        "The network, run in this page",
        lambda x: "same" in x.get("neurons", {}),
        _forward,
    ),
    Panel("weights", "films", "What neurons see", lambda x: "activations" in x["stacks"], _films),
    Panel(
        "progress",
        "progress",
        "Progress beneath the surface",
        lambda x: x["trace"]["figures"],
        _progress,
    ),
)

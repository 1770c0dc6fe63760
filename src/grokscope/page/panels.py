"""The figures that a page can have: what each is called, when it is there, and what it shows.

`web/src/panels/` draws them, one file each, from the facts of `payload.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from grokscope.reading.reading import Reading
from grokscope.reading.sentences import inputs, percent

Facts = dict[str, Any]  # what payload.py finds
WHEN = "the step chosen above"  # the time that a figure shows
GINI = "Gini of the spectrum"
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


def _curves(r: Reading, found: Facts) -> str:
    shaded = " Shaded: phases, read from the losses as told below." if found["phases"] else ""
    them, frames, total = inputs(r.run.task), len(found["frames"]), found["checkpoints"]
    few = f" The figures below have {frames} of {total} checkpoints." if frames < total else ""
    return (
        f"Of the {them} it was shown (train) and of the others (test), at every evaluation (dots "
        f"where they are far apart). Drag to move in time.{shaded}{few}"
    )


def _progress(r: Reading, found: Facts) -> str:
    titles = [x["title"] for x in found["trace"]["figures"]]
    keys = ", with the key parts of the last one" if "loss (nats)" in titles else ""
    gini = " Gini: 0, spread evenly over all parts; 1, all in one." if GINI in titles else ""
    return f"Measured at every checkpoint{keys}.{gini}"


def _rightmap(r: Reading, found: Facts) -> str:
    click = " Click one to see its answer below." if "answers" in found else ""
    return f"Each cell is a pair (a, b), at {WHEN}.{click}"


def _logits(r: Reading, found: Facts) -> str:
    has_cycles = "(1 2 3)" in (found["names"] or ())
    cycles = " (1 2 3) sends 1 to 2, 2 to 3 and 3 to 1; in ab, a moves first." if has_cycles else ""
    return (
        f"The network at its last checkpoint, step {r.snapshot.step or 0:,}: choose a and b. To "
        f"untick a part is to subtract it from the network's logits.{cycles}"
    )


def _spectrum(r: Reading, found: Facts) -> str:
    keys = "Coloured: the key parts, which carry the logits. " if found["spectra"]["keys"] else ""
    return (
        f"The share of the weights that each part of the {r.lens} lens holds, at {WHEN}. "
        f"{keys}Dotted: an even spread."
    )


def _circles(r: Reading, found: Facts) -> str:
    return (
        "Each dot is a symbol, in the plane where the embedding carries one key part, at "
        f"{WHEN}, to the scale of the last. Its colour is the angle the circle would give "
        "it; large: a and b."
    )


def _attention(r: Reading, found: Facts) -> str:
    seen = found["attention"]
    if seen["kind"] == "sequences":
        some, total = seen["sampled"], seen["total"]
        of = "all" if some == total else f"{some:,} of {total:,}"
        return (
            f"The attention of each head at {WHEN}, from the positions whose answers are "
            f"read: the mean over {of} inputs, or that of one input."
        )
    count = len(seen["frames"])
    when = WHEN if count == len(found["frames"]) else f"the nearest of {count} checkpoints"
    read = '"="' if "=" in seen["positions"] else "b"
    sums = "" if seen["sums"] else " In this model they need not add up to 1."
    if seen.get("fixed"):
        return (
            f"Attention is fixed in this network: from {read}, where the answer is read, it is the "
            f"same for every pair at every checkpoint.{sums}"
        )
    parts = (
        ""
        if "parts" not in seen
        else " Coloured: the part that explains most of how strongly a head is drawn to a as a "
        "changes (in logarithms), and its share; the best part of a random function has "
        f"{percent(seen['chance'])}."
    )
    return (
        f"How much each head attends to a from {read}, where the answer is read, for each pair "
        f"(a, b) at {when}. Beneath: its means, and those of attention to "
        f"each position.{sums}{parts}"
    )


def _weights(r: Reading, found: Facts) -> str:
    shown, every = len(found["neurons"]["index"]), found["neurons"]["total"]
    which = (
        "All its neurons"
        if shown == every
        else f"{shown} of {every} neurons, those of each part that weigh most"
    )
    return (
        f"{which}, at {WHEN}, sorted by the part each follows at the end and by its phase. "
        "Colours mean the same at every step."
    )


def _waves(r: Reading, found: Facts) -> str:
    return (
        "The same weights as lines, each neuron under the part it follows most at the end; one "
        f"scale for all inputs and one for all outputs, at {WHEN}. Fast waves are drawn "
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
        f"at {WHEN}, of a neuron of your choice at the last."
    )


def _irreps(r: Reading, found: Facts) -> str:
    return (
        f"Each bar is a neuron, at {WHEN}: how much of its squared weights, without their "
        "mean, lies in each irrep of the group. By chance: what a random function has there. What "
        "the logits lack to 100 % is no function of ab alone."
    )


def _cosets(r: Reading, found: Facts) -> str:
    return (
        "The largest subgroup H on whose cosets a neuron is constant: its function of a on the "
        "cosets Hx, that of b on the cosets yK of a conjugate K, so that together they tell the "
        "coset Hz = zK in which ab may lie. Small subgroups and normal ones are followed by "
        "chance, so each number stands beside controls; whether the network computes by cosets is "
        f"for its certificate to say. Dots are elements, at {WHEN}; orange: their means on "
        "each coset."
    )


def _digits(r: Reading, found: Facts) -> str:
    grey = "" if found["digits"] is None else " Grey: digits that the answer does not depend on."
    return f"Weights from the digits to the neurons, at {WHEN}.{grey}"


def _has_waves(found: Facts) -> Any:
    return found.get("neurons", {}).get("waves")


PANELS = (
    Panel("summary", "curves", "Accuracy and loss", lambda x: x["rows"], _curves),
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
        "attention",
        "What its heads attend to",
        lambda x: "attention" in x,
        _attention,
    ),
    Panel(
        "weights",
        "weights",
        "The weights of its neurons",
        lambda x: "of_a" in x["stacks"],
        _weights,
    ),
    Panel("weights", "waves", "Neurons as waves", _has_waves, _waves),
    Panel("weights", "stars", "Neurons as polygons and stars", _has_waves, _stars),
    Panel("weights", "irreps", "The irreps its neurons lie in", lambda x: "irreps" in x, _irreps),
    Panel("weights", "cosets", "The cosets its neurons follow", lambda x: "cosets" in x, _cosets),
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

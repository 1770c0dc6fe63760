"""Accuracy and loss over training."""

from typing import Any

from grokscope.page.figure import Figure, Leads
from grokscope.page.still import TEST, TRAIN, shares
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import inputs


def facts(p: Pictures) -> dict[str, Any] | None:
    """The evaluations are facts of every page."""
    return {} if p.facts.rows else None


def caption(run: Facts, page: dict[str, Any]) -> str:
    shaded = " Shaded: the phases, read from the losses." if page["phases"] else ""
    frames, total = len(page["frames"]), page["checkpoints"]
    few = f" The figures below have {frames} of {total} checkpoints." if frames < total else ""
    return (
        f"Of the {inputs(run.task)} it was shown (train) and of the others (test), at every "
        f"evaluation (dots where they are far apart). Drag to move in time.{shaded}{few}"
    )


def still(page: dict[str, Any]) -> str:
    """The accuracies alone."""
    rows = page["rows"]
    series = {"train": (TRAIN, rows["train_accuracy"]), "test": (TEST, rows["test_accuracy"])}
    return shares(rows["step"], series, page["log"])


FIGURE = Figure(
    "curves", "summary", 10, "Accuracy and loss", facts, caption, leads=Leads("generalised"),
    still=still,
)  # fmt: skip

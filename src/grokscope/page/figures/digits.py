"""Which digits a network that takes a parity reads."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.page.stacks import packed
from grokscope.page.still import picture
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    """The weights, and how many digits the answer depends on; None where these are not the
    first."""
    if "digits" not in p.film.pictures:
        return None
    weights = packed(p.film.pictures["digits"])
    return {"digits": p.reading.run.task.digits, "stacks": {"digits": weights}}


def caption(run: Facts, page: dict[str, Any]) -> str:
    grey = "" if page["digits"] is None else " Grey: digits that the answer does not depend on."
    return f"Weights from the digits to the neurons, at {WHEN}.{grey}"


def still(page: dict[str, Any]) -> str:
    return picture(page, "digits", "weights from the digits to the neurons", is_signed=True)


FIGURE = Figure(
    "digits", "what", 20, "Which digits it reads", facts, caption, leads=Leads("grew", 3),
    still=still,
)  # fmt: skip

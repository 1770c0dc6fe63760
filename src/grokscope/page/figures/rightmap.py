"""Which pairs the network answers, over (a, b), beside those it was shown."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.page.stacks import packed
from grokscope.page.still import picture
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    if p.grid is None:
        return None
    stacks = {"right": packed(p.film.pictures["right"], 1.0)}
    if p.shown_pairs is not None:
        stacks["shown"] = packed(p.shown_pairs[None], 1.0)
    return {"stacks": stacks}


def caption(run: Facts, page: dict[str, Any]) -> str:
    click = " Click one to see its answer below." if "answers" in page else ""
    return f"Each cell is a pair (a, b), at {WHEN}.{click}"


def still(page: dict[str, Any]) -> str:
    return picture(page, "right", f"the pairs it answers at step {page['opens']:,}")


FIGURE = Figure(
    "rightmap", "what", 10, "Which pairs it answers", facts, caption, leads=Leads("memorised"),
    still=still,
)  # fmt: skip

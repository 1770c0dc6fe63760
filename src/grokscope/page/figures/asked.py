"""The table that a network is to learn: every pair with its answer, and which it was shown."""

from typing import Any

from grokscope.page.figure import Figure, Leads
from grokscope.page.stacks import packed
from grokscope.page.still import wheel
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    """The answers over (a, b), as shares of the way round from the first to the last."""
    if p.grid is None:
        return None
    task = p.reading.run.task
    answers = p.grid.picture(task.answers.float() / max(task.n_answers - 1, 1))
    stacks = {"asked": packed(answers[None], 1.0)}
    if p.shown_pairs is not None:
        stacks["shown"] = packed(p.shown_pairs[None], 1.0)
    return {"stacks": stacks, "colours": task.n_answers}


def caption(run: Facts, page: dict[str, Any]) -> str:
    faint = "" if "shown" not in page["stacks"] else " Faint: the pairs it never saw."
    return f"Each cell is a pair (a, b), in the colour of its right answer.{faint}"


def still(page: dict[str, Any]) -> str:
    stacks = page["stacks"]
    return wheel(stacks["asked"], stacks.get("shown"), "the table of answers")


FIGURE = Figure(
    "asked", "summary", 5, "The table it was to learn", facts, caption, leads=Leads("asked"),
    still=still,
)  # fmt: skip

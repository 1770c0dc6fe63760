"""The embedding in the planes that carry the key parts."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.page.stacks import packed
from grokscope.page.still import frame_at, points, unpacked
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    if not p.circles:
        return None
    return {"circles": p.circles, "stacks": {"circles": packed(p.film.pictures["circles"])}}


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "Each dot is a symbol, in the plane where the embedding carries one key part, at "
        f"{WHEN} (all steps to the scale of the last). Its colour: the angle it would have on a "
        "perfect circle. The two large dots are a and b."
    )


def still(page: dict[str, Any]) -> str:
    return points(unpacked(page["stacks"]["circles"], frame_at(page)), page["circles"][:4])


FIGURE = Figure(
    "circles", "weights", 20, "The embedding on circles", facts, caption, leads=Leads("grew", 1),
    still=still,
)  # fmt: skip

"""The irreps of a group that the neurons lie in."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.page.stacks import packed, short
from grokscope.page.still import picture
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    x = p.irreps
    if x is None:
        return None
    logits = None if x.logits is None else [short(share, 3) for share in x.logits]
    own = {"parts": x.parts, "chance": [round(share, 5) for share in x.chance], "logits": logits}
    there = [name for name in ("irreps_in", "irreps_out") if name in p.film.pictures]
    return {"irreps": own, "stacks": {name: packed(p.film.pictures[name], 1.0) for name in there}}


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        f"Each bar is a neuron, at {WHEN}: how much of its squared weights, without their "
        "mean, lies in each irrep of the group. By chance: what a random function has there. What "
        "the logits lack to 100 % is no function of ab alone."
    )


def still(page: dict[str, Any]) -> str:
    name = next(x for x in ("irreps_in", "irreps_out") if x in page["stacks"])
    return picture(page, name, "the share of each irrep in each neuron")


FIGURE = Figure(
    "irreps", "weights", 70, "The irreps its neurons lie in", facts, caption,
    leads=Leads("grew", 2), still=still,
)  # fmt: skip

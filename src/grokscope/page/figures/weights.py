"""The weights of the neurons that are shown: functions of a, of b and of the answer.

What other figures of neurons are drawn of is here too.
"""

from dataclasses import asdict
from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.page.stacks import packed
from grokscope.page.still import picture
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    shown = p.neurons
    if shown is None:
        return None
    waves = [
        {"name": name, **{role: wave.T.numpy().round(5).tolist() for role, wave in roles.items()}}
        for name, roles in p.waves.items()
    ]
    neurons = {
        "index": shown.index.tolist(),
        "parts": shown.parts,
        "shares": shown.shares,
        "total": shown.total,
        "act": shown.act.name,
        "films": p.filmed,
        "waves": waves,
        "cycles": {role: x and asdict(x) for role, x in p.cycles.items()},
    }
    there = [name for name in ("of_a", "of_b", "out") if name in p.film.pictures]
    stacks = {name: packed(p.film.pictures[name]) for name in there}
    return {"neurons": neurons, "stacks": stacks}


def caption(run: Facts, page: dict[str, Any]) -> str:
    shown, every = len(page["neurons"]["index"]), page["neurons"]["total"]
    which = (
        "All its neurons"
        if shown == every
        else f"{shown} of {every} neurons, those of each part that weigh most"
    )
    return (
        f"{which}, at {WHEN}, sorted by the part each follows at the end and by its phase. "
        "Colours mean the same at every step."
    )


def still(page: dict[str, Any]) -> str:
    return picture(page, "of_a", "the weights of its neurons, as functions of a", is_signed=True)


FIGURE = Figure(
    "weights", "weights", 40, "The weights of its neurons", facts, caption, leads=Leads("grew", 6),
    still=still,
)  # fmt: skip

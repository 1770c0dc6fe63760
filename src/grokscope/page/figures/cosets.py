"""The cosets that the neurons follow, drawn of the facts of `weights` too."""

from dataclasses import asdict
from typing import Any

from grokscope.page.figure import WHEN, Figure, Weight
from grokscope.page.stacks import short
from grokscope.reading.cosets import (
    DRAWS,
    CosetNeuron,
    FollowedCosets,
    Followers,
    SubgroupShown,
)
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import percent

ADDED = "of what its live neurons add"


def facts(p: Pictures) -> dict[str, Any] | None:
    x = p.cosets
    if x is None:
        return None
    own = {
        "subgroups": [_named(subgroup) for subgroup in x.subgroups],
        "neurons": [neuron and _named(neuron) for neuron in x.neurons],
        "table": _table(x),
        "draws": DRAWS,
    }
    return {"cosets": own}


def _table(x: FollowedCosets) -> dict[str, Any]:
    """How many neurons follow each subgroup; beside the network's own, what these add."""
    first, *others = x.columns
    rows = []
    for row in x.rows:
        named = {k: v for k, v in _named(row).items() if v is not None and k != "energy"}
        counts = [row.counts[0], percent(row.energy), *row.counts[1:]]
        rows.append(named | {"counts": counts})
    return {"columns": [first, ADDED, *others], "rows": rows}


def _named(x: SubgroupShown | CosetNeuron | Followers) -> dict[str, Any]:
    """Its fields as the script calls them, to three digits."""
    return {
        _camel(name): short(value, 3) if isinstance(value, float) else value
        for name, value in asdict(x).items()
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "The largest subgroup H on whose cosets a neuron is constant: its function of a on the "
        "cosets Hx, that of b on the cosets yK of a conjugate K, so that together they tell the "
        "coset Hz = zK in which ab may lie. Small subgroups and normal ones are followed by "
        "chance, so each number stands beside controls; whether the network computes by cosets is "
        f"for its certificate to say. Dots are elements, at {WHEN}; orange: their means on "
        "each coset."
    )


FIGURE = Figure(
    "cosets", "weights", 80, "The cosets its neurons follow", facts, caption,
    Weight(2, "neurons over every pair"),
)  # fmt: skip

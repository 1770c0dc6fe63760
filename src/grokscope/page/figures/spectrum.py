"""How much of each folded weight the parts of a lens hold."""

from typing import Any

from grokscope.page.figure import WHEN, Figure, Leads
from grokscope.page.stacks import short
from grokscope.page.still import bars, frame_at
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import WEIGHTS


def facts(p: Pictures) -> dict[str, Any] | None:
    """The spectra over the checkpoints, what an even spread has, and what the rival lenses
    score."""
    r, run = p.reading, p.facts
    if not r.spectra or run.lenses is None:
        return None
    weights = [
        {
            "name": WEIGHTS.get(weight, weight),
            "parts": list(shares),
            "chance": [short(x) for x in p.even_spectrum(weight).values()],
            "shares": [[short(x, 3) for x in step] for step in p.film.spectra[weight]],
        }
        for weight, shares in r.spectra.items()
    ]
    spectra = {
        "lens": r.lens,
        "winner": run.lenses.winner,
        "scores": {name: short(x) for name, x in run.lenses.scores.items()},
        "keys": list(run.key_names),
        "logits": {name: short(x) for name, x in run.keys.shares.items()} if run.keys else {},
        "weights": weights,
    }
    return {"spectra": spectra}


def caption(run: Facts, page: dict[str, Any]) -> str:
    keys = "Coloured: the key parts, which carry the logits. " if page["spectra"]["keys"] else ""
    return (
        f"The share of the weights that each part of the {page['spectra']['lens']} lens holds, at "
        f"{WHEN}. {keys}Dotted: an even spread. A part's share of the logits can be another than "
        "its share of the weights, as what lies between multiplies and adds."
    )


def still(page: dict[str, Any]) -> str:
    """Of the first weight."""
    weight = page["spectra"]["weights"][0]
    marked = [i for i, part in enumerate(weight["parts"]) if part in page["spectra"]["keys"]]
    return bars(weight["shares"][frame_at(page)], marked, f"the spectrum of the {weight['name']}")


FIGURE = Figure(
    "spectrum", "weights", 10, "The spectrum of its weights", facts, caption,
    leads=Leads("grew", 4), still=still,
)  # fmt: skip

"""What the page of a run holds: the facts its scripts draw, and the figures that are there.

Nothing here is made up: every number is an evaluation of the run, a measure of its trace, a weight
or an activation of a checkpoint, or the certificate's.
"""

from dataclasses import dataclass
from typing import Any

from grokscope.page.clock import is_logarithmic, opens_at
from grokscope.page.figure import Figure
from grokscope.page.figures import FIGURES
from grokscope.page.stacks import short
from grokscope.reading.facts import Facts
from grokscope.reading.film import frames
from grokscope.reading.pictures import Pictures
from grokscope.reading.reading import Reading
from grokscope.reading.sentences import phase_spans
from grokscope.reading.story import headline
from grokscope.training.files import as_json

FRAMES = 120
MOST_BYTES = 9_000_000  # of facts, as JSON


@dataclass(frozen=True, eq=False)
class Contents:
    """The facts, plain data for JSON, and the figures drawn of them. `left_out` among the facts
    says what the page would have been too large with."""

    facts: dict[str, Any]
    figures: list[Figure]


def contents(r: Reading, most_frames: int = FRAMES, most_bytes: int = MOST_BYTES) -> Contents:
    """All that the page of a run shows, and nothing that is not there; whole figures are left out
    until the rest is small enough."""
    p = Pictures(r, frames(r.run.steps, most_frames))
    own = {x.name: (x, facts) for x in FIGURES if (facts := x.facts(p)) is not None}
    frame, left_out = _frame(p), list[str]()
    facts = _merged(frame, *(x for _, x in own.values()))
    weights = {x.weight for x, _ in own.values() if x.weight is not None}
    for weight in sorted(weights, key=lambda x: x.rank):
        if len(as_json(facts)) <= most_bytes:
            break
        own = {name: kept for name, kept in own.items() if kept[0].weight != weight}
        facts = _merged(frame, *(x for _, x in own.values()))
        left_out.append(weight.what)
    return Contents(facts | {"left_out": left_out}, [x for x, _ in own.values()])


def _merged(*each: dict[str, Any]) -> dict[str, Any]:
    """The facts together: of those that several give, all their keys."""
    merged: dict[str, Any] = {}
    for facts in each:
        for key, value in facts.items():
            both = isinstance(value, dict) and key in merged
            merged[key] = merged[key] | value if both else value
    return merged


def _frame(p: Pictures) -> dict[str, Any]:
    """What a page has besides its figures, or before them."""
    run, task = p.facts, p.reading.run.task
    nats = run.in_nats(1.0)
    return {
        "id": run.name,
        "task": run.task.name,
        "seed": None if run.is_imported else run.spec.seed,
        "headline": headline(run),
        "frames": p.steps,
        "opens": opens_at(run),
        "log": is_logarithmic(run),
        "checkpoints": len(p.reading.run.steps),
        "rows": _rows(run),
        "unit": run.unit if nats is None else f"{run.unit}; 1 is {nats:g} nats",
        "chance": {"accuracy": run.task.chance, "loss": run.guessing},
        "events": _events(run),
        "phases": _phases(run),
        "trace": {"step": p.reading.table["step"].to_list(), "figures": []},
        "stacks": {},
        "symbols": {role: p.symbol_order(role) for role in "ac"},
        "names": task.symbol_names and list(task.symbol_names),
        "operators": list(task.operators),
        "parts": p.parts,
    }


def _rows(run: Facts) -> dict[str, list[int | float]]:
    """The evaluations, by column; none if there were none."""
    if not run.rows:
        return {}
    names = [f"{part}_{what}" for part in ("train", "test") for what in ("accuracy", "loss")]
    steps: dict[str, list[int | float]] = {"step": [int(x["step"]) for x in run.rows]}
    return steps | {name: [short(x[name]) for x in run.rows] for name in names}


def _events(run: Facts) -> list[dict[str, Any]]:
    events = (
        (
            "t_memorize",
            "memorised" if run.memorised_first else "train learned",
            run.events.t_memorize,
        ),
        ("t_grok", "generalised", run.events.t_grok),
        ("t_clean", "weights settled", run.t_clean),
    )
    return [
        {"name": name, "label": label, "step": step}
        for name, label, step in events
        if step is not None
    ]


def _phases(run: Facts) -> list[dict[str, Any]]:
    """The phases; the last goes to the end of training where it is not over."""
    return [
        {"name": name, "from": start, "to": end}
        for name, start, end in phase_spans(run)
        if end > start
    ]

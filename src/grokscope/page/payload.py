"""The facts of a run as its page needs them: plain data, and pictures made small.

Nothing here is made up: every number is a row of the run, a measure of its trace, a weight or an
activation of a checkpoint, or the certificate's.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from grokscope.measures.spectra import even_spectrum
from grokscope.page.stacks import stack
from grokscope.plots.figures import WEIGHTS
from grokscope.reading.answers import answers, same_answers
from grokscope.reading.attention import attention
from grokscope.reading.cosets import cosets, untrained
from grokscope.reading.film import (
    Neurons,
    chosen_neurons,
    circles,
    cycle,
    film,
    films_of,
    frames,
    grid,
    on_grid,
    output_map,
    spectra_of,
    symbol_order,
    trained_on,
    waves,
)
from grokscope.reading.irreps import irreps
from grokscope.reading.names import names_of
from grokscope.reading.reading import Reading
from grokscope.reading.sentences import percent
from grokscope.reading.short import headline
from grokscope.training.files import as_json

FRAMES = 120
MOST_BYTES = 9_000_000  # of facts, as JSON
MOST_LINES = 4  # of one measure: those that end highest
EVENTS = {"t_memorize": "train at", "t_grok": "test at", "t_clean": "weights settled"}
LOSSES = (
    ("excluded_loss_sum_train", "excluded: without the key parts"),
    ("excluded_loss_sum_train_control", "control: without as much of the rest, at random"),
    ("restricted_loss_sum[all]", "restricted: the key parts alone, all pairs"),
    ("train_loss", "train"),
)


def payload(r: Reading, most_frames: int = FRAMES, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """All that the page of a run shows, and nothing that is not there. What is largest is left out
    where there would be too much, which `left_out` says."""
    steps, shown = frames(r.run.steps, most_frames), chosen_neurons(r)
    pictures = film(r, steps, shown)
    found = {
        "id": r.run.name,
        "task": r.run.task.name,
        "seed": None if r.run.is_imported else r.run.spec.seed,
        "headline": headline(r),
        "frames": steps,
        "checkpoints": len(r.run.steps),
        "rows": _rows(r),
        "unit": r.unit if r.in_nats(1.0) is None else f"{r.unit}; 1 is {r.in_nats(1.0):g} nats",
        "chance": {"accuracy": r.run.task.chance, "loss": r.guessing},
        "events": _events(r),
        "phases": _phases(r),
        "trace": {"step": r.table["step"].to_list(), "figures": _progress(r)},
        "stacks": {name: x.packed() for name, x in pictures.items()},
        "symbols": {"a": symbol_order(r.snapshot, "a"), "c": symbol_order(r.snapshot, "c")},
        "names": names_of(r.run.task),
        "operators": list(r.run.task.operators),
    }
    where = grid(r.snapshot)
    if where is not None and r.run.knows_split:
        found["stacks"]["shown"] = trained_on(r, where).packed()
    if shown is not None:
        found["neurons"] = _neurons(r, shown)
        if shown.can_run:
            found["neurons"]["same"] = same_answers(r, pictures)
            found["neurons"]["pairs"] = r.run.task.inputs.T.tolist()
            found["neurons"]["right"] = r.run.task.answers.tolist()
        if (lie_in := irreps(r.run.task, r.keys)) is not None:
            found["irreps"] = lie_in
        follow = cosets(r.snapshot, untrained(r), shown.index, output_map(r.snapshot))
        if follow is not None:
            found["cosets"] = follow
        if where is not None:
            post = r.snapshot.mlp_post[:, shown.index].float()
            maps = [on_grid(r.snapshot, where, column) for column in post.T]
            found["stacks"]["activations"] = stack(np.stack(maps)).packed()
    if r.spectra:
        found["spectra"] = _spectra(r, steps)
    if "digits" in pictures:
        found["digits"] = r.run.task.digits  # that the answer depends on; None where not the first
    if circles(r):
        found["circles"] = circles(r)
    seen = attention(r, steps)
    if seen is not None:
        found["attention"] = seen[0]
        found["stacks"] |= {name: x.packed() for name, x in seen[1].items()}
    logits = answers(r)
    if logits is not None:
        found["answers"] = logits
    found["parts"] = _coloured(r, found)
    return found | {"left_out": _made_smaller(found, most_bytes)}


def _made_smaller(found: dict[str, Any], most: int) -> list[str]:
    """Take out what is largest, whole figures, until the rest is small enough; returns what that
    is."""
    size, left_out, stacks = len(as_json(found)), [], found["stacks"]
    films = [name for name in stacks if name.startswith("film ")]
    heads = [name for name in stacks if name.startswith("attention")]
    for said, facts, pictures in (
        ("the logits of every pair", ["answers"], []),
        ("neurons over every pair", ["cosets"], ["activations", *films]),
        ("attention", ["attention"], heads),
    ):
        if size <= most:
            break
        gone = [found.pop(name, None) for name in facts]
        gone = [x for x in (*gone, *(stacks.pop(name, None) for name in pictures)) if x]
        size -= sum(len(as_json(x)) for x in gone)
        left_out += [said] if gone else []
    return left_out


def _coloured(r: Reading, found: dict[str, Any]) -> list[str]:
    """The parts that have a colour, the same in every figure: key parts first, then those of the
    circuit, then those that neurons follow."""
    neurons = found.get("neurons", {"waves": [], "parts": []})
    names = [
        *(r.keys.names if r.keys else ()),
        *found.get("answers", {}).get("parts", ()),
        *(wave["name"] for wave in neurons["waves"]),
        *(part for part in neurons["parts"] if part),
        *found.get("irreps", {}).get("parts", ()),
    ]
    return list(dict.fromkeys(names))


def _rows(r: Reading) -> dict[str, list[int | float]]:
    """The evaluations, by column; none if there were none."""
    if not r.rows:
        return {}
    names = [f"{part}_{what}" for part in ("train", "test") for what in ("accuracy", "loss")]
    found: dict[str, list[int | float]] = {"step": [int(x["step"]) for x in r.rows]}
    return found | {name: [_short(x[name]) for x in r.rows] for name in names}


def _events(r: Reading) -> list[dict[str, Any]]:
    steps = {"t_memorize": r.events.t_memorize, "t_grok": r.events.t_grok, "t_clean": r.t_clean}
    at = {"t_memorize": r.run.spec.memorize_at, "t_grok": r.run.spec.grok_at}
    return [
        {
            "name": name,
            "label": f"{EVENTS[name]} {percent(at[name])}" if name in at else EVENTS[name],
            "step": step,
        }
        for name, step in steps.items()
        if step is not None
    ]


def _phases(r: Reading) -> list[dict[str, Any]]:
    """The three phases, where they come in order with the events."""
    p = r.shown_phases
    if p is None:
        return []
    names = ("memorisation", "circuit formation", "cleanup")
    ends = pairwise((0, p.memorized, p.formed, p.cleaned))
    return [
        {"name": name, "from": start, "to": end}
        for name, (start, end) in zip(names, ends, strict=True)
        if end > start
    ]


def _progress(r: Reading) -> list[dict[str, Any]]:
    """The progress measures, by figure."""
    table, found = r.table, []
    if "restricted_loss_sum[all]" in table.columns:
        lines = [_line(table, x, label) for x, label in LOSSES if x in table.columns]
        found.append({"title": "loss (nats)", "log": True, "lines": lines})
    for measure, title in (("gini", "Gini of the spectrum"), ("lens_score", "sparsity (nats)")):
        columns = [x for x in table.columns if x.startswith(f"{measure}[")]
        if columns:
            columns.sort(key=lambda x: -(table[x].drop_nulls().to_list() or [0.0])[-1])
            del columns[MOST_LINES:]
            named = {x: x.removeprefix(f"{measure}[").removesuffix("]") for x in columns}
            lines = [_line(table, x, WEIGHTS.get(k, k)) for x, k in named.items()]
            found.append({"title": title, "log": False, "lines": lines})
    if "sum_of_squares" in table.columns:
        line = _line(table, "sum_of_squares", "all weights")
        found.append({"title": "sum of squared weights", "log": True, "lines": [line]})
    return found if len(table) > 1 else []


def _line(table: pl.DataFrame, column: str, label: str) -> dict[str, Any]:
    values = [None if x is None else _short(x) for x in table[column].to_list()]
    return {"name": column, "label": label, "values": values}


def _neurons(r: Reading, shown: Neurons) -> dict[str, Any]:
    return {
        "index": shown.index.tolist(),
        "parts": shown.parts,
        "shares": shown.shares,
        "total": shown.total,
        "films": films_of(r, shown),
        "waves": waves(r, shown),
        "cycles": {role: cycle(r.snapshot, role) for role in "abc"},
    }


def _spectra(r: Reading, steps: list[int]) -> dict[str, Any]:
    """The spectrum of each folded weight over the checkpoints, its chance levels, and what the
    rival lenses score."""
    assert r.lenses is not None
    over_time = spectra_of(r, steps)
    weights = [
        {
            "name": WEIGHTS.get(weight, weight),
            "parts": list(shares),
            "chance": [_short(x) for x in even_spectrum(r.snapshot, weight, r.lens).values()],
            "shares": over_time[weight],
        }
        for weight, shares in r.spectra.items()
    ]
    return {
        "lens": r.lens,
        "winner": r.lenses.winner,
        "scores": {name: _short(r.lenses.scores[name].value) for name in r.lenses.ranking},
        "keys": list(r.keys.names) if r.keys else [],
        "logits": {k: _short(x) for k, x in r.keys.shares.items()} if r.keys else {},
        "weights": weights,
    }


def _short(x: int | float) -> float:
    """With five significant digits."""
    return float(f"{x:.5g}")

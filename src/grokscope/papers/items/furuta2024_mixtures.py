"""Items of Furuta et al. 2024 on mixtures: what one network makes of each of its operators."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import polars as pl

from grokscope.measures.furuta import decomposed_loss_train
from grokscope.measures.losses import test_accuracy, test_loss, train_accuracy, train_loss
from grokscope.measures.mixtures import (
    by_operator,
    key_parts_by_operator,
    keys_by_operator,
    shared_key_parts,
    test_accuracy_by_operator,
    unseen_accuracy_by_operator,
)
from grokscope.measures.phases import EXCLUDED, find_phases
from grokscope.measures.restricted import excluded_loss_sum_train, restricted_loss_sum
from grokscope.papers.item import Published, Row, Size, item
from grokscope.papers.items.furuta2024 import BRIEF, of_mixture
from grokscope.papers.measured import events
from grokscope.plots.items import curves, dots
from grokscope.reading.explained import if_applicable
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.events import Phases, find_events
from grokscope.training.run import Run


def trace_of(run: Run, name: str, keys: tuple[str, ...] | None) -> list[dict[str, int | float]]:
    """What one operator's evaluations would say at the checkpoints; with the key parts of the last
    also its restricted and excluded loss."""
    rows = list[dict[str, int | float]]()
    for step in run.steps:
        s = replace(by_operator(Snapshot.of(run, step))[name], keys=keys)
        row = {f.__name__: f(s) for f in (train_loss, test_loss, train_accuracy, test_accuracy)}
        if keys:
            row["restricted"] = restricted_loss_sum(s)["all"]
            row[EXCLUDED] = excluded_loss_sum_train(s)
        rows.append({"step": step, **row})
    return rows


def story(run: Run, name: str, rows: Sequence[Mapping[str, int | float]]) -> dict[str, Any]:
    """When one operator was memorised and generalised, by the checkpoints, and where its phases
    end."""
    found = find_events(run.spec, rows)
    phases = find_phases(run.spec, rows, run.task.chance, pl.DataFrame(rows))
    told = {"memorised": found.t_memorize, "generalised": found.t_grok}
    if isinstance(phases, Phases):
        told |= {"formed": phases.formed, "cleaned": phases.cleaned}
    return {f"{name}: {k}": x for k, x in told.items()}


@item(
    "furuta2024:mixture_parts",
    shows="each operator of a mixture: key parts, shared ones, losses of parts, phases",
    full=Size(
        (of_mixture(0.9), of_mixture(0.9, formulas="a+b,a*b"), of_mixture(0.9, formulas="a+b,a-b")),
        hours=3,
    ),
    quick=Size((of_mixture(0.9, **BRIEF),), hours=0.03),
    published=(
        Published("generalised", 20_000, "at most", {"formulas": "a+b,a-b,a*b"}),
        Published("generalised", 10_000, "at most", {"formulas": "a+b,a*b"}),
        Published("generalised", 10_000, "at most", {"formulas": "a+b,a-b"}),
        Published("a*b is last", 1, "share", {"formulas": "a+b,a-b,a*b"}),
    ),
    draw=partial(curves, columns=("a+b: excluded", "a-b: excluded", "a*b: excluded")),
)
def mixture_parts(run: Run) -> Row:
    """For each operator its events and phases by the checkpoints, its key parts, restricted and
    excluded loss over training, Table A.4's losses, and accuracy where no mirror was shown; for
    each two the key parts that they share, beside how many that would be by chance."""
    last = Snapshot.of(run)
    keys, row = keys_by_operator(last), dict[str, Any](events(run))
    row |= {"formulas": ",".join(last.task.operators), "step": list(run.steps)}
    for name, alone in by_operator(last).items():
        rows = trace_of(run, name, keys.get(name))
        row |= story(run, name, rows) | {f"{name}: keys": " ".join(keys.get(name, ()))}
        row[f"{name}: excluded"] = [x.get(EXCLUDED) for x in rows]
        row[f"{name}: restricted"] = [x.get("restricted") for x in rows]
        losses = if_applicable(decomposed_loss_train, alone) or {}
        row |= {f"{name}: {k}": x for k, x in losses.items()}
    row |= {f"{k}: accuracy": x for k, x in test_accuracy_by_operator(last).items()}
    row |= {f"{k}: mirror not shown": x for k, x in unseen_accuracy_by_operator(last).items()}
    late = {name: row[f"{name}: generalised"] or float("inf") for name in last.task.operators}
    return row | shared(last) | {"a*b is last": max(late, key=late.__getitem__) == "a*b"}


def shared(s: Snapshot) -> dict[str, float]:
    """How many key parts each two operators share, and how many by chance."""
    counts, of = key_parts_by_operator(s), by_operator(s)
    found = {f"{pair} share": x for pair, x in shared_key_parts(s).items()}
    for x, y in combinations(counts, 2):
        parts = {*of[x].lens.split.names} & {*of[y].lens.split.names} - {"constant"}
        found[f"{x} & {y} by chance"] = counts[x] * counts[y] / max(1, len(parts)) if parts else 0.0
    return found


HELPED = ("a**2+b**2,a**2+a*b+b**2,(a+b)**2", "a+b,a*b+b")
HARD = {HELPED[0]: "a**2+a*b+b**2", HELPED[1]: "a*b+b"}


def _helped(p: int, **changes: Any) -> tuple[Spec, ...]:
    return tuple(of_mixture(0.3, p, formulas=x, **changes) for x in HELPED)


@item(
    "furuta2024:polynomial_mixtures",
    shows="a²+ab+b² and ab+b generalise on 30 % of the pairs in a mixture, alone on 80 and 50 %",
    full=Size(_helped(97, give_up_after=30_000), hours=4),
    quick=Size(_helped(23, stop_after_grok=100, give_up_after=600), hours=0.03),
    published=(
        Published("the hard one generalises", 1, "share", {"formulas": HELPED[0]}),
        Published("the hard one generalises", 1, "share", {"formulas": HELPED[1]}),
    ),
    draw=partial(dots, columns=("accuracy", "mirror not shown"), by="hard"),
)
def polynomial_mixtures(run: Run) -> Row:
    """The accuracy of the operator that alone would not generalise: on the test, and on pairs whose
    mirror was not shown, by which it is judged."""
    s, formulas = Snapshot.of(run), ",".join(run.task.operators)
    hard = HARD[formulas]
    unseen = unseen_accuracy_by_operator(s)[hard]
    return {
        **events(run),
        "formulas": formulas,
        "hard": hard,
        "accuracy": test_accuracy_by_operator(s)[hard],
        "mirror not shown": unseen,
        "the hard one generalises": unseen >= run.spec.grok_at,
    }

"""A first reading of a run: what happened, which parts carry the answers, how that came about.

Axes: part = a part of the split; neuron.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import polars as pl
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import BadInput, DamagedFile, NotApplicable
from grokscope.explain.explain import Explanation, explain
from grokscope.measures import trace
from grokscope.measures.key_rules import key_sets
from grokscope.measures.keys import KEY_SHARE, Keys, key_parts
from grokscope.measures.losses import test_accuracy_by_mirror
from grokscope.measures.measure import evaluate
from grokscope.measures.neurons import LOCALISED, neuron_parts
from grokscope.measures.phases import Phases, find_clean, find_phases
from grokscope.measures.spectra import Comparison, compare, spectrum
from grokscope.measures.weights import symbol_weights
from grokscope.reading.trend import Trend, trend
from grokscope.snapshot import Snapshot
from grokscope.training.events import Events
from grokscope.training.run import Run

EXPLAINED_UP_TO = 20_000_000  # logits: p = 271
PER_CLASS = "cross_entropy_per_class"
UNITS = {
    "cross_entropy": "nats",
    PER_CLASS: "nats per class",
    "clipped_bce": "nats, clipped",
    "stablemax": "nats, of stablemax",
}  # of the losses whose guess is known


@dataclass(frozen=True)
class Reading:
    """What there is to say of a run; None where the task does not have it."""

    run: Run
    snapshot: Snapshot
    rows: list[dict[str, int | float]]  # the evaluations; an imported network can have none
    final: dict[str, int | float]  # the last one, or the last checkpoint measured
    events: Events
    lenses: Comparison | None  # which lens the weights are sparsest in
    spectra: dict[str, dict[str, float]]  # folded weight -> share of each part, in that lens
    keys: Keys | None
    key_sets: dict[str, tuple[str, ...]]  # by each rule
    neurons: tuple[list[str], Float[Tensor, "part neuron"]] | None
    table: pl.DataFrame  # the measures over the checkpoints
    phases: Phases | None
    t_clean: int | None  # the step from which the winning lens's sparsity is settled
    test_by_mirror: dict[str, float]
    explanation: Explanation | None

    @property
    def lens(self) -> str | None:
        """The lens the spectra are shown in: the winner, or without one the task's own."""
        if self.lenses is None:
            return None
        return self.lenses.winner or self.snapshot.task.lenses[0].name

    @property
    def unit(self) -> str:
        """What the trained loss is counted in."""
        return UNITS.get(self.run.spec.loss, self.run.spec.loss.replace("_", " "))

    @property
    def guessing(self) -> float | None:
        """The loss of one who guesses, in that unit; None where it is no matter of chance alone."""
        spec, n = self.run.spec, self.run.task.n_answers
        if spec.loss not in UNITS:
            return None
        return math.log(n) / (n if spec.loss == PER_CLASS else 1)

    def in_nats(self, loss: float) -> float | None:
        """A trained loss that is counted for each class, in nats; None of any other."""
        return loss * self.run.task.n_answers if self.run.spec.loss == PER_CLASS else None

    @property
    def shown_phases(self) -> Phases | None:
        """The phases, where they and the events come in one order: memorised, memorisation ends,
        circuit formation ends, generalised, cleanup ends."""
        p, e = self.phases, self.events
        if p is None or e.t_memorize is None or e.t_grok is None:
            return None
        order = [e.t_memorize, p.memorized, p.formed, e.t_grok, p.cleaned]
        return p if order == sorted(order) else None

    @property
    def memorised_first(self) -> bool:
        """Whether it had the answers by heart: right on all it was shown, and on the test less than
        half of the way from guessing."""
        step = self.events.t_memorize
        if step is None:
            return False
        chance = self.run.task.chance
        return self.at(step)["test_accuracy"] < (1 + chance) / 2

    def at(self, step: int) -> dict[str, int | float]:
        """The evaluation at a step."""
        return next(row for row in self.rows if row["step"] == step)

    @property
    def trend(self) -> Trend | None:
        """How test accuracy moved at the end, of a network that did not generalise."""
        if self.events.t_grok is not None or not self.rows or not self.run.knows_split:
            return None
        return trend(self.rows, "test_accuracy")

    @property
    def generalises(self) -> bool:
        """Whether the last evaluation is above the grok threshold; not so where it is not known
        which pairs are test pairs."""
        return self.final.get("test_accuracy", 0) >= self.run.spec.grok_at

    def neurons_of(self) -> dict[str, int]:
        """How many neurons each part explains to 85 % or more."""
        if self.neurons is None:
            return {}
        names, shares = self.neurons
        best, owner = shares.max(dim=0)
        counts = owner[best >= LOCALISED].bincount(minlength=len(names)).tolist()
        return {name: n for name, n in zip(names, counts, strict=True) if n}

    def to_json(self) -> dict[str, Any]:
        """The reading as plain data, for scripts."""
        last = self.table.row(-1, named=True)
        return {
            "run": self.run.name,
            "folder": str(self.run.folder),
            "finished": self.run.is_finished,
            "events": {**asdict(self.events), "t_clean": self.t_clean},
            "generalises": self.generalises,
            "final": self.final,
            "test_accuracy_by_mirror": self.test_by_mirror,
            "keys": None if self.keys is None else {**asdict(self.keys), "threshold": KEY_SHARE},
            "keys_by_rule": self.key_sets,
            "lenses": None
            if self.lenses is None
            else {
                "winner": self.lenses.winner,
                "lead": self.lenses.lead,
                "margin": self.lenses.margin,
                "scores": {k: x.value for k, x in self.lenses.scores.items()},
            },
            "neurons": self.neurons_of(),
            "phases": None if self.phases is None else asdict(self.phases),
            "measures": last,
            "explanation": None if self.explanation is None else self.explanation.to_json(),
        }


def read(run: Run, track: Callable[[int, int], None] = lambda done, total: None) -> Reading:
    """Read a run at its last checkpoint, and its measures over all of them.

    `track` is told how many checkpoints of how many are done. Raises `BadInput` if the run has
    none yet.
    """
    snapshot = Snapshot.of(run)
    rows, events = run.rows, run.events
    if not rows and not run.is_imported:
        raise DamagedFile(
            f"{run.folder / 'metrics.jsonl'} is empty or missing. Delete the folder to train anew."
        )
    keys = _if_applicable(key_parts, snapshot)
    neurons = _if_applicable(neuron_parts, snapshot)
    lenses = _if_applicable(compare, snapshot)
    mirrored = _if_applicable(test_accuracy_by_mirror, snapshot) or {}
    table = trace(run, track=track)
    try:
        phases = find_phases(events, rows, table)
    except BadInput:
        phases = None
    shown = None if lenses is None else lenses.winner
    weights = list(symbol_weights(snapshot)) if lenses is not None else []
    return Reading(
        run=run,
        snapshot=snapshot,
        rows=rows,
        final=_measured(snapshot) if run.is_imported else rows[-1],
        events=events,
        lenses=lenses,
        spectra={weight: spectrum(snapshot, weight, shown) for weight in weights},
        keys=keys,
        key_sets=key_sets(snapshot),
        neurons=neurons,
        table=table,
        phases=phases,
        t_clean=find_clean(events, table, shown),
        test_by_mirror=mirrored,
        explanation=_if_applicable(explain, snapshot) if is_small(snapshot) else None,
    )


def _measured(snapshot: Snapshot) -> dict[str, int | float]:
    """A checkpoint evaluated, over the answers proper: over all pairs and, where the split is
    known, over train and test."""
    found: dict[str, int | float] = {"step": snapshot.step or 0}
    for part in ("train", "test", "all") if snapshot.knows_split else ("all",):
        for what in ("loss", "accuracy"):
            found |= evaluate(snapshot, [f"{part}_{what}"])
    return found


def is_small(snapshot: Snapshot) -> bool:
    """Whether a network is explained along with its reading, rather than only when asked for."""
    return snapshot.task.answers.numel() * snapshot.task.n_answers <= EXPLAINED_UP_TO


T = TypeVar("T")


def _if_applicable(f: Callable[[Snapshot], T], snapshot: Snapshot) -> T | None:
    try:
        return f(snapshot)
    except NotApplicable:
        return None

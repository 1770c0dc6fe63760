"""A first reading of a run: what happened, which parts carry the answers, how that came about.

Everything is measured here, once. `Reading.facts` holds it as plain numbers, of which words are
made; figures measure their pictures from the reading itself.

Axes: part = a part of the split; neuron.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import DamagedFile
from grokscope.explain.explanation import Explanation
from grokscope.measures import trace
from grokscope.measures.key_rules import key_sets
from grokscope.measures.keys import KEY_SHARE, Keys, key_parts
from grokscope.measures.losses import test_accuracy_by_mirror
from grokscope.measures.measure import evaluate
from grokscope.measures.neurons import LOCALISED, localised_energy, neuron_parts
from grokscope.measures.phases import find_clean, find_phases
from grokscope.measures.spectra import Comparison, compare, spectrum
from grokscope.measures.weights import symbol_weights
from grokscope.reading.explained import Explained, explained, if_applicable
from grokscope.reading.facts import (
    Facts,
    GroupFacts,
    KeyFacts,
    LensFacts,
    NeuronFacts,
    TaskFacts,
)
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.training.events import Events, NoPhases, Phases, Row
from grokscope.training.run import Run, mend
from grokscope.training.track import Track, untracked

EXPLAINED_UP_TO = 20_000_000  # logits: p = 271


@dataclass(frozen=True)
class Reading:
    """A run at its last checkpoint, and its measures over all of them; None where the task does
    not have something."""

    run: Run
    snapshot: Snapshot
    rows: list[dict[str, int | float]]  # the evaluations; an imported network can have none
    final: Row  # the last one, or the last checkpoint measured
    events: Events
    lenses: Comparison | None  # which lens the weights are sparsest in
    spectra: dict[str, dict[str, float]]  # folded weight -> share of each part, in that lens
    keys: Keys | None
    key_sets: dict[str, tuple[str, ...]]  # by each rule
    neurons: tuple[list[str], Float[Tensor, "part neuron"]] | None
    table: pl.DataFrame  # the measures over the checkpoints
    phases: Phases | NoPhases
    t_clean: int | None  # the step from which the winning lens's sparsity is settled
    test_by_mirror: dict[str, float]
    explained: Explained | None

    @property
    def explanation(self) -> Explanation | None:
        """All of it, with the circuits; found again where only what is said was kept."""
        return None if self.explained is None else self.explained.explanation

    @property
    def lens(self) -> str | None:
        """The lens the spectra are shown in: the winner, or without one the task's own."""
        if self.lenses is None:
            return None
        return self.lenses.winner or self.snapshot.task.lenses[0].name

    @cached_property
    def facts(self) -> Facts:
        """All of it as plain numbers."""
        run = self.run
        return Facts(
            name=run.name,
            folder=str(run.folder),
            spec=run.spec,
            task=task_facts(run.task),
            is_imported=run.is_imported,
            is_finished=run.is_finished,
            knows_split=run.knows_split,
            was_shown_all=run.was_shown_all,
            n_inputs=len(run.is_train),
            n_shown=int(run.is_train.sum()),
            step=self.snapshot.step,
            rows=tuple(self.rows),
            final=self.final,
            events=self.events,
            phases=self.phases if isinstance(self.phases, Phases) else None,
            no_phases=None if isinstance(self.phases, Phases) else self.phases,
            t_clean=self.t_clean,
            mirrored=self.test_by_mirror,
            lenses=None if self.lenses is None else _lens_facts(self.lenses),
            keys=None if self.keys is None else _key_facts(self.keys),
            key_sets=self.key_sets,
            neurons=None if self.neurons is None else _neuron_facts(self.snapshot, *self.neurons),
            measures=self.table.row(-1, named=True),
            explanation=None if self.explained is None else self.explained.facts,
            never_shown=never_shown(run),
            is_small=is_small(self.snapshot),
        )


def read(
    run: Run, track: Track = untracked, out: Path | None = None, plugins: Sequence[Path] = ()
) -> Reading:
    """Read a run at its last checkpoint, and its measures over all of them.

    `track` is told how many checkpoints of how many are done; for `out` and `plugins` see
    `explained`. Raises `BadInput` if the run has none yet.
    """
    snapshot = Snapshot.of(run)
    rows, events = run.rows, run.events
    if not rows and not run.is_imported:
        raise DamagedFile(f"{run.metrics_file} is empty or missing. {mend(run.folder)}")
    lenses = if_applicable(compare, snapshot)
    table = trace(run, track=track)
    winner = None if lenses is None else lenses.winner
    weights = list(symbol_weights(snapshot)) if lenses is not None else []

    def said(snapshot: Snapshot) -> Explained:
        return explained(run, out=out, plugins=plugins, snapshot=snapshot)

    return Reading(
        run=run,
        snapshot=snapshot,
        rows=rows,
        final=_measured(snapshot) if run.is_imported else rows[-1],
        events=events,
        lenses=lenses,
        spectra={weight: spectrum(snapshot, weight, winner) for weight in weights},
        keys=if_applicable(key_parts, snapshot),
        key_sets=key_sets(snapshot),
        neurons=if_applicable(neuron_parts, snapshot),
        table=table,
        phases=find_phases(run.spec, rows, run.task.chance, table),
        t_clean=find_clean(events, table, winner),
        test_by_mirror=if_applicable(test_accuracy_by_mirror, snapshot) or {},
        explained=if_applicable(said, snapshot) if is_small(snapshot) else None,
    )


def _measured(snapshot: Snapshot) -> Row:
    """A checkpoint evaluated, over the answers proper: over all pairs and, where the split is
    known, over train and test."""
    row: dict[str, int | float] = {"step": snapshot.step or 0}
    for part in ("train", "test", "all") if snapshot.knows_split else ("all",):
        for what in ("loss", "accuracy"):
            row |= evaluate(snapshot, [f"{part}_{what}"])
    return row


def is_small(snapshot: Snapshot) -> bool:
    """Whether a network is explained along with its reading, rather than only when asked for."""
    return snapshot.task.answers.numel() * snapshot.task.n_answers <= EXPLAINED_UP_TO


# ---- as plain numbers ----------------------------------------------------------------------------


def task_facts(task: Task) -> TaskFacts:
    """What was asked, in numbers."""
    group = task.symbol_group
    points = None if group is None or group.points is None else group.points.shape[1]
    return TaskFacts(
        name=task.name,
        is_of_pairs=task.is_of_pairs,
        n_operands=task.inputs.shape[1],
        n_answers=task.n_answers,
        n_read=task.n_read,
        chance=task.chance,
        operators=task.operators,
        group=None
        if group is None
        else GroupFacts(group.name, group.order, points, group.is_opposite),
        is_commutative=task.group is None or bool((task.group.table == task.group.table.T).all()),
        example=example(task),
    )


SHOWN_AT = 0.69  # of the way through the inputs, where a sum of two residues goes over the modulus


def example(task: Task) -> str:
    """One input of a task with its answer, in words; nothing of an input that has several
    answers."""
    if task.n_read > 1:
        return ""
    i, names = int(SHOWN_AT * len(task.inputs)), task.symbol_names
    symbols = [names[x] if names else str(x) for x in task.inputs[i].tolist()]
    answer = names[int(task.answers[i])] if names else str(int(task.answers[i]))
    if not task.is_of_pairs:
        digits = "".join(symbols) if all(len(x) == 1 for x in symbols) else " ".join(symbols)
        return f"for the input {digits} the answer is {answer}"
    formula = ""
    if task.operators:
        formula = f", asked for {task.operators[int(task.inputs[i, 2] - task.inputs[:, 2].min())]},"
    return f"for a = {symbols[0]} and b = {symbols[1]}{formula} the answer is {answer}"


def never_shown(run: Run) -> int:
    """How many symbols never stood at some place of an input that was shown: of these the network
    can know nothing there. 0 where inputs are no pairs."""
    task = run.task
    if not task.is_of_pairs or not run.knows_split:
        return 0
    shown = task.inputs[run.is_train][:, :2]
    return sum(
        len(task.inputs[:, i].unique()) - len(shown[:, i].unique()) for i in range(shown.shape[1])
    )


def _lens_facts(lenses: Comparison) -> LensFacts:
    scores = {name: lenses.scores[name].value for name in lenses.ranking}
    return LensFacts(scores, lenses.winner, lenses.lead, lenses.margin)


def _key_facts(keys: Keys) -> KeyFacts:
    return KeyFacts(keys.names, keys.shares, keys.gap, KEY_SHARE)


def _neuron_facts(
    s: Snapshot, names: list[str], shares: Float[Tensor, "part neuron"]
) -> NeuronFacts:
    best, owner = shares.max(dim=0)
    counts = owner[best >= LOCALISED].bincount(minlength=len(names)).tolist()
    following = {k: n for k, n in zip(names, counts, strict=True) if n}
    return NeuronFacts(shares.shape[1], following, if_applicable(localised_energy, s))

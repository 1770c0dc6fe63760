"""When a network memorised, when it grokked, and when to stop: read off its evaluations.

Everything here is a pure function of the spec and the rows of `metrics.jsonl`, so that the loop,
a resumed loop and a later reader cannot disagree.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from grokscope.spec import Spec

Row = Mapping[str, int | float]  # step, train_loss, train_accuracy, test_loss, ...


@dataclass(frozen=True)
class Events:
    """Steps at which something happened; None where it never did."""

    t_memorize: int | None  # first evaluation with train accuracy >= spec.memorize_at
    t_grok: int | None  # first of spec.grok_patience in a row with test accuracy >= spec.grok_at
    falls: tuple[int, ...]  # evaluations after t_grok at which test accuracy fell below it again
    stop: str | None  # why training ended: steps, grokked, hopeless, diverged; None: it goes on

    @property
    def delay(self) -> int | None:
        """Steps between memorising and generalising."""
        if self.t_memorize is None or self.t_grok is None:
            return None
        return self.t_grok - self.t_memorize


@dataclass(frozen=True)
class Phases:
    """Steps at which one phase of grokking ends and the next begins (Nanda et al. 2023), by the
    rule of `measures.phases`. They come in the order of memorising, `memorized`, `formed`,
    generalising; `cleaned` is not before `formed`."""

    memorized: int  # memorisation ends: test loss, smoothed, is highest
    formed: int  # circuit formation ends: it is last at 1/e of that
    cleaned: int | None  # cleanup ends: 95 % of the fall of its logarithm is done; None: not over
    least_excluded: int | None  # the first, read otherwise: excluded loss is least
    knee: int | None  # the second, read otherwise: test loss is highest above its chord
    evaluations: int  # from memorising to generalising


NoPhases = Literal[
    "never generalised", "not memorised first", "few evaluations", "no fall", "no plateau"
]  # why a run has none


class Finding:
    """The events of a run, found as its evaluations come, in order of their steps. Those of an
    imported run that hold losses alone say nothing of accuracy."""

    def __init__(self, spec: Spec):
        self.spec = spec
        self.last: Row | None = None
        self.t_memorize: int | None = None
        self.t_grok: int | None = None
        self.falls: tuple[int, ...] = ()
        self._right: list[int] = []  # in a row, the last `grok_patience` of them at most

    def add(self, row: Row) -> None:
        """See one more evaluation."""
        if math.isnan(row["train_accuracy"]):
            return
        self.last, step = row, int(row["step"])
        if self.t_memorize is None and row["train_accuracy"] >= self.spec.memorize_at:
            self.t_memorize = step
        if row["test_accuracy"] >= self.spec.grok_at:
            self._right = [*self._right, step][-self.spec.grok_patience :]
            if self.t_grok is None and len(self._right) == self.spec.grok_patience:
                self.t_grok = self._right[0]
        else:
            if self.t_grok is not None and self._right:
                self.falls += (step,)
            self._right = []

    @property
    def events(self) -> Events:
        stop = _stop(self.spec, self.last, self.t_memorize, self.t_grok)
        return Events(self.t_memorize, self.t_grok, self.falls, stop)


def find_events(spec: Spec, rows: Sequence[Row]) -> Events:
    """The events of a run, from its evaluations; see `Finding`."""
    finding = Finding(spec)
    for row in rows:
        finding.add(row)
    return finding.events


def _stop(spec: Spec, last: Row | None, t_memorize: int | None, t_grok: int | None) -> str | None:
    if last is None:
        return None
    step = last["step"]
    if not math.isfinite(last["train_loss"]):
        return "diverged"
    if step >= spec.steps:
        return "steps"
    if spec.stop_after_grok is not None and t_grok is not None:
        return "grokked" if step >= t_grok + spec.stop_after_grok else None
    if spec.give_up_after is not None and t_grok is None:
        return "hopeless" if step >= (t_memorize or 0) + spec.give_up_after else None
    return None

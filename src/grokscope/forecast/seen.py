"""What a signal may look at: a run up to an evaluation before it generalised.

Nothing of later steps is there, so that no signal can look ahead.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from grokscope.errors import NotApplicable
from grokscope.snapshot import Snapshot
from grokscope.training.due import LANDMARKS, landmark_step
from grokscope.training.events import Events, Row, find_events
from grokscope.training.run import Run

FEWEST = 3  # evaluations of a slope
LAST = 0.5  # of the steps so far: those that a slope is of


@dataclass(frozen=True)
class Seen:
    """A run as it was at step `step`, an evaluation: `rows` are those up to it."""

    run: Run
    rows: tuple[Row, ...]
    landmark: float | None = None  # the multiple of t_memorize; None: just this evaluation

    @property
    def row(self) -> Row:
        return self.rows[-1]

    @property
    def step(self) -> int:
        return int(self.row["step"])

    @cached_property
    def snapshot(self) -> Snapshot:
        """Its weights then. Raises `NotApplicable` where they were not kept."""
        return self._at(self.step)

    @cached_property
    def earlier(self) -> Snapshot | None:
        """The weights that were kept last before it; None where there are none."""
        before = [step for step in self.run.steps if step < self.step]
        return self._at(before[-1]) if before else None

    def _at(self, step: int) -> Snapshot:
        if not self.run.has(step):
            raise NotApplicable(
                f"the weights of step {step:,} were not kept. Train with record=2000, which keeps "
                "those of landmarks, or with a smaller checkpoint_every."
            )
        return Snapshot.of(self.run, step)

    def latest(self, name: str) -> float:
        """The last number of this name in an evaluation so far. Raises `NotApplicable`."""
        for row in reversed(self.rows):
            if name in row:
                return float(row[name])
        raise NotApplicable(
            f"no evaluation has `{name}` yet. Train with record=2000, and for 20 steps more."
        )

    def slope(self, name: str) -> float:
        """The slope of ln(a number of the evaluations) over the last half of the steps, by least
        squares, a step. Raises `NotApplicable` for fewer than three evaluations."""
        steps, values = self.series(name)
        late = steps >= LAST * self.step
        if late.sum() < FEWEST:
            raise NotApplicable(
                f"a slope needs {FEWEST} evaluations in the last half of the steps, and there are "
                f"{int(late.sum())}. Train longer, or with a smaller eval_every."
            )
        x, y = steps[late], np.log(np.maximum(values[late], 1e-300))
        return float(np.polyfit(x - x.mean(), y, 1)[0])

    def series(self, name: str) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]:
        """The steps, and a number of each evaluation so far that has it."""
        rows = [row for row in self.rows if name in row]
        return (
            np.array([row["step"] for row in rows], dtype=np.float64),
            np.array([row[name] for row in rows], dtype=np.float64),
        )


def at_landmarks(run: Run) -> tuple[Events, list[Seen]]:
    """The run's events, and what was seen at each landmark that came before it generalised, and
    before training ended."""
    rows = run.rows
    events, found = find_events(run.spec, rows), list[Seen]()
    if events.t_memorize is None:
        return events, found
    last = int(rows[-1]["step"])
    for landmark in LANDMARKS:
        step = landmark_step(run.spec, events.t_memorize, landmark)
        is_at_risk = events.t_grok is None or landmark * events.t_memorize < events.t_grok
        if is_at_risk and landmark * events.t_memorize <= last:
            seen = tuple(row for row in rows if row["step"] <= step)
            found.append(Seen(run, seen, landmark))
    return events, found


def last_seen(run: Run) -> list[Seen]:
    """What is seen of a run at its last evaluation whose weights were kept, or else at its last;
    nothing of one that has no evaluation yet."""
    rows, kept = run.rows, set(run.steps)
    if not rows:
        return []
    ends = [i for i, row in enumerate(rows) if row["step"] in kept] or [len(rows) - 1]
    return [Seen(run, tuple(rows[: ends[-1] + 1]))]

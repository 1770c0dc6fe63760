"""Whether something still moved at the end of training, more than its scatter explains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LAST = 0.1  # of the evaluations
FEWEST = 10  # evaluations that a line is drawn through
CLEARLY = 4.0  # standard errors: of ten evaluations of noise alone, 4 in 1,000 have as much
ROUNDING = 1e-9


@dataclass(frozen=True)
class Trend:
    """The straight line through the last tenth of the evaluations of one number."""

    since: int  # the step of the first of them
    rise: float  # of the line, from the first of them to the last
    error: float  # the standard error of that
    best: float  # of all evaluations
    best_at: int  # its step

    @property
    def moves(self) -> bool:
        """Whether the line rises or falls by more than noise would make it."""
        return abs(self.rise) > max(CLEARLY * self.error, ROUNDING)


def trend(rows: Sequence[Mapping[str, int | float]], name: str) -> Trend | None:
    """The trend of a number of the evaluations; None of too few, or where it is not known."""
    count = max(FEWEST, round(LAST * len(rows)))
    values = np.array([float(r[name]) for r in rows])
    if len(rows) < count or not np.isfinite(values).all():
        return None
    steps, last = np.array([float(r["step"]) for r in rows[-count:]]), values[-count:]
    slope, level = np.polyfit(steps - steps[0], last, 1)
    rest = last - (level + slope * (steps - steps[0]))
    scatter = float((rest**2).sum() / (count - 2)) ** 0.5
    length = float(steps[-1] - steps[0])
    top = int(values.argmax())
    return Trend(
        since=int(steps[0]),
        rise=float(slope * length),
        error=scatter * length / float(((steps - steps.mean()) ** 2).sum()) ** 0.5,
        best=float(values[top]),
        best_at=int(rows[top]["step"]),
    )

"""Whether something still moved at the end of training, against how much it scatters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LAST = 0.1  # of the evaluations
FEWEST = 5  # evaluations that a line is drawn through
CLEARLY = 2.0  # times the scatter
ROUNDING = 1e-9


@dataclass(frozen=True)
class Trend:
    """The straight line through the last tenth of the evaluations of one number."""

    since: int  # the step of the first of them
    rise: float  # of the line, from the first of them to the last
    scatter: float  # the standard deviation of the evaluations about it
    best: float  # of all evaluations
    best_at: int  # its step

    @property
    def moves(self) -> bool:
        """Whether the line rises or falls by more than twice the scatter."""
        return abs(self.rise) > max(CLEARLY * self.scatter, ROUNDING)


def trend(rows: Sequence[Mapping[str, int | float]], name: str) -> Trend | None:
    """The trend of a number of the evaluations; None of too few, or where it is not known."""
    count = max(FEWEST, round(LAST * len(rows)))
    values = np.array([float(r[name]) for r in rows])
    if len(rows) < count or not np.isfinite(values).all():
        return None
    steps, last = np.array([float(r["step"]) for r in rows[-count:]]), values[-count:]
    slope, level = np.polyfit(steps - steps[0], last, 1)
    rest = last - (level + slope * (steps - steps[0]))
    top = int(values.argmax())
    return Trend(
        since=int(steps[0]),
        rise=float(slope * (steps[-1] - steps[0])),
        scatter=float((rest**2).sum() / (count - 2)) ** 0.5,
        best=float(values[top]),
        best_at=int(rows[top]["step"]),
    )

"""Whether something still moved at the end of training, more than its scatter explains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

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
    values = [float(r[name]) for r in rows]
    if len(rows) < count or not all(map(isfinite, values)):
        return None
    steps, last = [float(r["step"]) for r in rows[-count:]], values[-count:]
    x, y = _about_mean(steps), _about_mean(last)
    spread = sum(a * a for a in x)
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / spread
    rest = sum((b - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    length = steps[-1] - steps[0]
    top = values.index(max(values))
    return Trend(
        since=int(steps[0]),
        rise=slope * length,
        error=(rest / (count - 2) / spread) ** 0.5 * length,
        best=values[top],
        best_at=int(rows[top]["step"]),
    )


def _about_mean(values: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]

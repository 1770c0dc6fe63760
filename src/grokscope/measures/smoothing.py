"""A curve over training, smoothed in the logarithm of the step, so that a spike does not count.

What happens at step 100 takes a few steps, at step 10,000 hundreds: the window is a share of the
step, not a number of steps.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

AROUND = 0.15  # of a step: how far to either side its window reaches
ROUNDING = 2.0**-53  # a loss in float64 says no more below it


@dataclass(frozen=True)
class Curve:
    """The logarithm of a loss, in nats, at steps above 0 in their order: at each the median over
    all that was evaluated within 15 % of it."""

    steps: list[int]
    values: list[float]

    def __len__(self) -> int:
        return len(self.steps)

    def within(self, first: int, last: int) -> range:
        """The places of the steps from `first` to `last`, both included."""
        return range(bisect_left(self.steps, first), bisect_left(self.steps, last + 1))


def smoothed(points: Iterable[tuple[int | float, int | float | None]]) -> Curve:
    """The curve of (step, loss) in the order of their steps. What is no number, and step 0, which
    has no logarithm, are left out."""
    known = [(int(t), x) for t, x in points if t > 0 and x is not None and math.isfinite(x)]
    steps, losses = [t for t, _ in known], [math.log(max(x, ROUNDING)) for _, x in known]
    return Curve(steps, _medians(steps, losses))


def _medians(steps: list[int], values: list[float]) -> list[float]:
    """The median of the values in the window of each step; the window is kept in order as it
    moves, since a published curve has tens of thousands of steps."""
    window: list[float] = []
    medians, first, last = [], 0, 0
    for step in steps:
        while last < len(steps) and steps[last] <= (1 + AROUND) * step:
            insort(window, values[last])
            last += 1
        while steps[first] < (1 - AROUND) * step:
            window.pop(bisect_left(window, values[first]))
            first += 1
        medians.append((window[(len(window) - 1) // 2] + window[len(window) // 2]) / 2)
    return medians

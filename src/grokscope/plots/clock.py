"""How time flows in a film: so that the delay from memorising to generalising takes half of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokscope.reading.facts import Facts

DELAY = 2  # times as long as what is before it, and as what is after it


@dataclass(frozen=True)
class Clock:
    """How time flows: these steps stand at these places of the film, from 0 to 1, and time is even
    between them."""

    steps: Sequence[int | float]
    places: Sequence[int | float]

    def place(self, step: int | float) -> float:
        """Where a step stands."""
        return float(np.interp(step, self.steps, self.places))

    def step(self, place: int | float) -> float:
        """The step that stands there."""
        return float(np.interp(place, self.places, self.steps))


def clock(f: Facts, start: int, end: int) -> Clock:
    """A quarter of the film until it memorised, half of it until it generalised, a quarter for the
    rest; in the same proportion what there is of these, even where neither happened."""
    e = f.events
    rest = DELAY if e.t_grok is None else 1
    steps, weights = [start], [0]
    for step, weight in ((e.t_memorize, 1), (e.t_grok, DELAY), (end, rest)):
        if step is not None and steps[-1] < step <= end:
            steps.append(step)
            weights.append(weight)
    places = np.cumsum(weights) / sum(weights)
    return Clock(steps, places.tolist())

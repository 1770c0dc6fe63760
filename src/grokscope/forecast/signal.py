"""What a signal is: a number known before a network generalises, that is said to tell whether it
will."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

# What a signal needs, each kind with those before: settings known before the first step; losses and
# accuracies on what is shown; weights; pairs held out; the algorithm that the network will learn.
Needs = Literal["settings", "loss", "weights", "held-out", "algorithm"]


@dataclass(frozen=True)
class Signal:
    """A signal by its name, which is its column in the table of a pool (`forecast.pool`)."""

    name: str
    needs: Needs
    source: str  # where it was proposed
    formula: str  # in words or symbols that a reader of the source knows
    sees_answer: bool = False  # it is of the answers on the test pairs, so it forecasts nothing
    of: Callable[..., Any] | None = None  # what measures it; None: it is of the table's settings
    cost: float = 0.0  # milliseconds a look, of a network of the pools; 0: less than one


SIGNALS: dict[str, Signal] = {}

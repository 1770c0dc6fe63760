"""How a function becomes a signal."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from grokscope.errors import BadInput
from grokscope.forecast.seen import Seen
from grokscope.forecast.signal import SIGNALS, Needs, Signal
from grokscope.measures.measure import MEASURES

F = TypeVar("F", bound=Callable[[Seen], float])


def signal(
    needs: Needs, source: str, formula: str, *, sees_answer: bool = False, cost: float = 0.0
) -> Callable[[F], F]:
    """Make a function of what was seen a signal, under its name. Raises `BadInput` for the name of
    another one."""

    def add(f: F) -> F:
        taken = SIGNALS.get(f.__name__)
        if taken is not None and getattr(taken.of, "__module__", None) != f.__module__:
            raise BadInput(f"`{f.__name__}` is a signal already. Call yours by another name.")
        SIGNALS[f.__name__] = Signal(f.__name__, needs, source, formula, sees_answer, f, cost)
        return f

    return add


def measured(x: Seen, name: str, part: str | None = None) -> float:
    """A measure of the weights that were seen; of one that gives several numbers, that of a part.
    Raises `NotApplicable`."""
    value = MEASURES[name](x.snapshot)
    if isinstance(value, Mapping):
        numbers = value if part is None else {part: value[part]}
        return sum(map(float, numbers.values())) / len(numbers)
    return float(value)

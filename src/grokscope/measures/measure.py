"""What a measure is: a function of a snapshot, known by its name.

Measures stand in families, one a file; a family's name stands for all of its measures.

Each is invariant or raw. relu(1000 x) / 1000 = relu(x): how large a neuron is, in which place it
stands, into how many parallel ones it is split, and how many add nothing, are choices that leave
the network's function as it is. An invariant measure is left as it is by them too, but for
rounding. A raw one may move: a norm, a spectrum of weights that lead from or to neurons, a count of
neurons.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, overload

from grokscope.errors import BadInput, GrokscopeError, NotApplicable, unknown
from grokscope.snapshot import Snapshot

# One number, or one for each of several parts, named by them.
Measure = Callable[[Snapshot], float | Mapping[str, float]]
MEASURES: dict[str, Measure] = {}
INVARIANT: set[str] = set()  # the names of those that are not raw

F = TypeVar("F", bound=Measure)


@overload
def measure(f: F, /) -> F: ...
@overload
def measure(*, invariant: bool) -> Callable[[F], F]: ...
def measure(f: F | None = None, /, *, invariant: bool = False) -> F | Callable[[F], F]:
    """Make a measure available by the name of its function: `@measure` a raw one,
    `@measure(invariant=True)` one that the scale, the order, the splitting and the number of
    neurons leave as it is.

    Raises `BadInput` for the name of one of grokscope's own, and for "step", which the table of a
    trace has already.
    """

    def add(f: F) -> F:
        _add(f, invariant)
        return f

    return add if f is None else add(f)


def _add(f: Measure, invariant: bool) -> None:
    name, taken = f.__name__, MEASURES.get(f.__name__)
    if name == "step":
        raise BadInput(
            "`step` is the first column of every trace. Call your measure by another name."
        )
    if taken is not None and _is_ours(taken) and not _is_ours(f):
        raise BadInput(f"`{name}` is a measure of grokscope's own. Call yours by another name.")
    MEASURES[name] = f
    (INVARIANT.add if invariant else INVARIANT.discard)(name)


def kind(name: str) -> str:
    """What a measure says of itself: "invariant" or "raw"."""
    return "invariant" if name in INVARIANT else "raw"


def _is_ours(f: Measure) -> bool:
    return f.__module__.startswith(f"{__package__}.")


def family(name: str) -> str:
    """The family of a measure: the file that defines it."""
    return MEASURES[name].__module__.rsplit(".", 1)[-1]


def chosen(names: str | Iterable[str]) -> list[str]:
    """The measures meant by these names, each of a measure or of a family; "all" means every one.

    Raises `UnknownName`, with the nearest name, for others.
    """
    measures: dict[str, None] = {}
    for name in [names] if isinstance(names, str) else names:
        measures |= dict.fromkeys([name] if name in MEASURES else _members(name))
    return list(measures)


def _members(name: str) -> list[str]:
    found = [x for x in MEASURES if name in ("all", family(x))]
    if not found:
        raise unknown("measure", name, {*MEASURES, "all", *map(family, MEASURES)})
    return found


def evaluate(snapshot: Snapshot, names: Iterable[str]) -> dict[str, float]:
    """The named measures, or families of them, of one snapshot; a measure of several parts gives
    `name[part]` each."""
    values: dict[str, float] = {}
    for name in chosen(names):
        try:
            value = MEASURES[name](snapshot)
        except GrokscopeError:
            raise
        except Exception as error:
            if _is_ours(MEASURES[name]):
                raise
            at = "" if snapshot.step is None else f" at step {snapshot.step}"
            raise BadInput(
                f"the measure `{name}` failed{at}: {type(error).__name__}: {error}"
            ) from error
        try:
            if isinstance(value, Mapping):
                values |= {f"{name}[{part}]": float(v) for part, v in value.items()}
            else:
                values[name] = float(value)
        except (TypeError, ValueError, RuntimeError):
            raise BadInput(
                f"the measure `{name}` gave {type(value).__name__}; it must give a number, or a "
                "dict of numbers by their names."
            ) from None
    return values


def applicable(snapshot: Snapshot, names: Iterable[str] | None = None) -> list[str]:
    """The measures among these names, by default all, that have a meaning for this network."""
    meaningful = []
    for name in MEASURES if names is None else chosen(names):
        try:
            evaluate(snapshot, [name])
        except NotApplicable:
            continue
        meaningful.append(name)
    return meaningful

"""In what two runs differ: their settings, and the first evaluation that is not the same."""

from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from grokscope.spec import Spec
from grokscope.training.run import Run

Row = dict[str, int | float]
TIMED = "seconds"  # what is not the same twice


@dataclass(frozen=True)
class Differences:
    """Attributes:
    settings: Each that differs, with its two values.
    alike: How many evaluations are the same, from the first.
    first: The first that differ, each as far as it does; None where a run has no more, and both
        where none differs.
    """

    settings: dict[str, tuple[Any, Any]]
    alike: int
    first: tuple[Row | None, Row | None]


def differences(one: Run, other: Run) -> Differences:
    """What differs, but for the time it took. Raises `DamagedFile` and `StorageError`."""
    pairs = list(zip_longest(one.rows, other.rows))
    alike = next((i for i, (a, b) in enumerate(pairs) if not _same(a, b)), len(pairs))
    first = (None, None) if alike == len(pairs) else _apart(*pairs[alike])
    return Differences(_settings(one.spec, other.spec), alike, first)


def flat(spec: Spec) -> dict[str, Any]:
    """All settings as they are typed: `task.p` an argument of the task."""
    settings: dict[str, Any] = {}
    for name, value in asdict(spec).items():
        if name.endswith("_args"):
            settings |= {f"{name.removesuffix('_args')}.{k}": v for k, v in value.items()}
        else:
            settings[name] = value
    return settings


def _settings(one: Spec, other: Spec) -> dict[str, tuple[Any, Any]]:
    a, b = flat(one), flat(other)
    both = {name: (a.get(name), b.get(name)) for name in {**a, **b}}
    return {name: (x, y) for name, (x, y) in both.items() if x != y}


def _same(a: Row | None, b: Row | None) -> bool:
    return a is not None and b is not None and not _differing(a, b)


def _differing(a: Row, b: Row) -> list[str]:
    names = [name for name in {**a, **b} if name != TIMED]
    return [name for name in names if repr(a.get(name)) != repr(b.get(name))]


def _apart(a: Row | None, b: Row | None) -> tuple[Row | None, Row | None]:
    if a is None or b is None:
        return a, b
    names = dict.fromkeys(["step", *_differing(a, b)])
    kept = [{k: x[k] for k in names if k in x} for x in (a, b)]
    return kept[0], kept[1]

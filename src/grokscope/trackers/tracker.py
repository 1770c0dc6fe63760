"""What a tracker is: a place that takes a run's settings once, and numbers at a step.

Each stands in a file of its own. Its package is an extra, imported when it is asked for.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

from grokscope.errors import BadInput, lookup
from grokscope.training.run import Run
from grokscope.training.track import untracked

Numbers = dict[str, float]
Log = Callable[[int, Numbers], None]  # of a step, and what was measured there
Open = Callable[[Run, Path], AbstractContextManager[Log]]  # where a tracker keeps its files


@dataclass(frozen=True)
class Tracker:
    """How to open one for a run, and the package and extra that it needs."""

    open: Open
    package: str
    extra: str


TRACKERS: dict[str, Tracker] = {}


def tracker(package: str, extra: str) -> Callable[[Open], Open]:
    """Make a tracker available by the name of the function that opens it."""

    def register(opened: Open) -> Open:
        TRACKERS[getattr(opened, "__name__", package)] = Tracker(opened, package, extra)
        return opened

    return register


def found(name: str) -> Tracker:
    """The tracker called so. Raises `UnknownName`, and `BadInput` without its package."""
    one = lookup("tracker", name, TRACKERS)
    if find_spec(one.package) is None:
        raise BadInput(
            f"{name} needs the package {one.package}. Install it: pip install "
            f"'grokscope[{one.extra}]'"
        )
    return one


def settings(run: Run) -> dict[str, Any]:
    """The fields of its spec, flat: "task_args.p"."""
    flat = dict[str, Any]()
    for name, value in asdict(run.spec).items():
        inner = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else None
        flat |= {name: value} if inner is None else inner
    return flat


def numbers(row: Mapping[str, int | float]) -> tuple[int, Numbers]:
    """The step of an evaluation, and its numbers; what is none, as the test loss of a run without
    test pairs, is left out."""
    values = {k: float(v) for k, v in row.items() if k != "step" and isfinite(v)}
    return int(row["step"]), values


def tracked(run: Run, name: str, place: Path | None = None) -> Path:
    """Write every evaluation of a run to a tracker, by default in the run's folder; where they
    are. Raises as `found`."""
    at = _place(run, name, place)
    with found(name).open(run, at) as log:
        for row in run.rows:
            log(*numbers(row))
    return at


def _place(run: Run, name: str, place: Path | None) -> Path:
    """Where a tracker keeps its files: `place`, or a folder of its name in the run's."""
    at = place or run.folder / name
    if at.exists() and not at.is_dir():
        raise BadInput(f"{at} is a file, and {name} writes a folder. Choose another name.")
    return at


@contextmanager
def log_to(
    name: str | None, place: Path | None = None
) -> Iterator[Callable[[Run, Mapping[str, int | float]], None]]:
    """What `train` takes as `on_row` to log each evaluation as it is made, each run by itself; of
    no name nothing. Raises as `found`."""
    if name is None:
        yield untracked
        return
    one, logs = found(name), dict[str, Log]()
    with ExitStack() as opened:

        def on_row(run: Run, row: Mapping[str, int | float]) -> None:
            if run.name not in logs:
                logs[run.name] = opened.enter_context(one.open(run, _place(run, name, place)))
            logs[run.name](*numbers(row))

        yield on_row

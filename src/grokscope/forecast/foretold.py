"""What the locked models say of a run: its chance to generalise at each landmark that it has
passed, and whether the early warning has sounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from grokscope.forecast.locked import Locked, Model
from grokscope.forecast.pool import SCHEMA

if TYPE_CHECKING:
    from grokscope.training.run import Run

OUTSIDE = "Nothing is known for such a run: outside the pool is its {}."
Rows = Sequence[Mapping[str, Any]]  # of one network, as the table of a pool has them


@dataclass(frozen=True)
class Moment:
    """A landmark that a run has passed, and what was said there."""

    landmark: float
    step: int
    chance: float


@dataclass(frozen=True)
class Foretold:
    """What is said of a run; or, in a sentence, why nothing is."""

    why_not: str | None
    locked: Locked | None = None
    moments: tuple[Moment, ...] = ()
    steps: int = 0  # by which it is to generalise
    grokked: int | None = None
    heard: int | None = None  # the step at which the warning sounded; 0: not yet; None: not known

    @property
    def model(self) -> Model:
        """That of the last moment."""
        assert self.locked is not None
        last = self.moments[-1].landmark
        return next(x for x in self.locked.models if x.landmark == last)


def of_run(run: "Run", locked: Locked) -> Foretold:
    """What is said of a run, finished or in training. Raises as its files do."""
    from grokscope.forecast.landmarks import network_of, rows_of
    from grokscope.forecast.pools import unlike

    if run.is_imported:
        return Foretold(
            "Nothing is known of an imported network: nobody says how it was trained, nor which "
            "pairs were held out. Train it with `grokscope run`."
        )
    outside = locked.outside(network_of(run.spec)) or unlike(run.spec)
    if outside is not None:
        return Foretold(OUTSIDE.format(outside))
    signals = {locked.warning and locked.warning.signal, *(m.signal for m in locked.models)}
    return foretell(rows_of(run, names=[x for x in signals if x is not None]), locked)


def foretell(rows: Rows, locked: Locked) -> Foretold:
    """What is said of the network of these rows."""
    first = rows[0]
    outside = locked.outside(first)
    if outside is not None:
        return Foretold(OUTSIDE.format(outside))
    if first["memorised"] is None:
        return Foretold("It has not memorised yet. The first forecast comes when it has.")
    moments = []
    for model in locked.models:
        row = next((x for x in rows if x["landmark"] == model.landmark), None)
        chance = None if row is None else model.chance(_as_table(row), locked.names)
        if row is not None and chance is not None:
            moments.append(Moment(model.landmark, int(row["step"]), chance))
    if not moments:
        if first["grokked"] is not None:
            return Foretold(
                f"It generalised at step {first['grokked']:,}, before anything could be said."
            )
        return Foretold(_no_moment(rows, locked))
    heard = _heard(rows, locked)
    return Foretold(None, locked, tuple(moments), int(first["steps"]), first["grokked"], heard)


def _no_moment(rows: Rows, locked: Locked) -> str:
    if all(x["landmark"] is None for x in rows):
        return (
            f"It memorised at step {rows[0]['memorised']:,}, and training has not come to the "
            "first landmark since. Look again later, or train it longer."
        )
    return (
        f"The signals of its models ({', '.join(sorted({m.signal or '-' for m in locked.models}))})"
        " are not measured in this run. Train it with `record=2000`."
    )


def _as_table(row: Mapping[str, Any]) -> pl.DataFrame:
    kinds = {k: SCHEMA.get(k, pl.Float64()) for k, v in row.items() if k in SCHEMA or _is(v)}
    return pl.DataFrame({k: [row[k]] for k in kinds}, schema=kinds)


def _is(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _heard(rows: Rows, locked: Locked) -> int | None:
    """When the warning sounded: its signal past its threshold at two landmarks in a row."""
    w = locked.warning
    if w is None:
        return None
    landmarks = [m.landmark for m in locked.models]
    passed = {x["landmark"]: x for x in rows if x["landmark"] in landmarks}
    if all(x.get(w.signal) is None for x in passed.values()):
        return None
    past = [
        x in passed
        and (value := passed[x].get(w.signal)) is not None
        and w.sign * value > w.threshold
        for x in landmarks
    ]
    for i in range(1, len(landmarks)):
        if past[i - 1] and past[i]:
            return int(passed[landmarks[i]]["step"])
    return 0

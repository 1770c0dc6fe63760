"""The rows of one run: what each signal said at each landmark."""

import math
from collections.abc import Collection
from typing import Any

import grokscope.forecast.signals  # noqa: F401  (registers them)
from grokscope.errors import NotApplicable
from grokscope.forecast.seen import Seen, at_landmarks, last_seen
from grokscope.forecast.signal import SIGNALS
from grokscope.spec import Spec
from grokscope.sweep.table import task_text
from grokscope.training.due import LANDMARKS
from grokscope.training.run import Run

COSTLY = 100.0  # milliseconds; signals that take longer are measured at ...
COSTLY_AT = (1.0, 2.0, 4.0)  # ... these landmarks alone, and in pools ...
TENTH = 10  # ... of every tenth seed
__all__ = ["LANDMARKS", "rows_of", "signals_of", "why_not"]


def rows_of(
    run: Run, at_last: bool = False, names: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """A row for each landmark that came before the run generalised; one without a landmark where
    there is none. Or, `at_last`, one of its last evaluation whose weights were kept. The columns
    are those of `pool.SCHEMA`, and one for each signal: null where it has no meaning, and where it
    is not among `names`."""
    events, seen = at_landmarks(run)
    if at_last:
        seen = last_seen(run)
    network = network_of(run.spec) | {"memorised": events.t_memorize, "grokked": events.t_grok}
    rows = [network | {"landmark": x.landmark, "step": x.step} | signals_of(x, names) for x in seen]
    none = {"landmark": None, "step": None} | dict.fromkeys(_measured())
    return rows or [network | none]


def network_of(spec: Spec) -> dict[str, Any]:
    """What is known of a network before its first step."""
    model = "-".join([spec.model, *(f"{k}={v}" for k, v in sorted(spec.model_args.items()))])
    return {
        "pool": None,
        "kind": None,
        "id": spec.id,
        "cell": cell_of(spec),
        "seed": spec.seed,
        "task": task_text(spec),
        "model": model,
        "p": spec.task_args.get("p"),
        "train_fraction": spec.train_fraction,
        "weight_decay": spec.weight_decay,
        "lr": spec.lr,
        "steps": spec.steps,
    }


def cell_of(spec: Spec) -> str:
    """Its settings but for the seed, as a short name."""
    noise = f", noise {spec.label_noise:g}" if spec.label_noise else ""
    return (
        f"{task_text(spec)}, {spec.model}, fraction {spec.train_fraction:g}, "
        f"decay {spec.weight_decay:g}, lr {spec.lr:g}{noise}"
    )


def signals_of(x: Seen, names: Collection[str] | None = None) -> dict[str, float | None]:
    """The value of each signal; None where it has no meaning, or is no number, and where it is not
    among `names`. Costly ones are measured at the landmarks `COSTLY_AT` alone."""
    every = _measured()
    wanted = set(every if names is None else names)
    if x.landmark is not None and x.landmark not in COSTLY_AT:
        wanted -= costly()
    return {name: _value(name, x)[0] if name in wanted else None for name in every}


def costly() -> set[str]:
    """The signals that take longer than `COSTLY`."""
    return {name for name in _measured() if SIGNALS[name].cost > COSTLY}


def why_not(x: Seen) -> dict[str, str]:
    """Why signals have no value of what was seen, each with the next step."""
    told = {name: _value(name, x)[1] for name in _measured()}
    return {name: reason for name, reason in told.items() if reason is not None}


def _value(name: str, x: Seen) -> tuple[float | None, str | None]:
    measure = SIGNALS[name].of
    assert measure is not None
    try:
        value = float(measure(x))
    except NotApplicable as reason:
        return None, str(reason)
    if not math.isfinite(value):
        return None, f"`{name}` is no number at step {x.step:,}: the training diverged."
    return value, None


def _measured() -> list[str]:
    return [name for name, one in SIGNALS.items() if one.of is not None]

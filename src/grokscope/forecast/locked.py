"""Locked models: what the race leaves to be said of a run in training, as a text that travels with
the package.

For each landmark of the mixed pool there is one model of the chance to generalise: the settings
alone, or with the one signal that does most for them on the calibration cells, whole cells left
out. Its error is that on the held-out cells, which had no part in it. It applies to runs whose
settings lie within those of the pool, and to no others.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from grokscope.disk import read_regular
from grokscope.errors import BadInput, DamagedFile
from grokscope.forecast.alarms import alarms
from grokscope.forecast.chances import (
    LARGEST,
    NAMES,
    NUMBERS,
    Bin,
    Levels,
    features_of,
    gain_of,
    levels_of,
    logistic,
    settings_of,
    unfitted,
)
from grokscope.forecast.cohort import Cohort, cohort, signals_in
from grokscope.forecast.extra import check, library
from grokscope.forecast.protocol import AUROC, CALIBRATION, HELD_OUT, Rules, rules
from grokscope.forecast.race import sees_answer
from grokscope.sweep.statistics import Estimate
from grokscope.training.files import as_json, write_atomically

FILE = Path(__file__).parent / "locked.json"
MOST_BYTES = 100_000
POOL = "mixed"
FOLDS = 5


@dataclass(frozen=True)
class Model:
    """The chance at a landmark: 1 / (1 + exp(-x)), x a sum of features with their weights. What it
    is worth is on the held-out cells, as in `chances.Gain`."""

    landmark: float
    signal: str | None  # None: the settings alone
    weights: Mapping[str, float]  # by the names of the features, and of the signal
    constant: float
    auroc: Estimate
    brier: float
    brier_share: float
    reliability: tuple[Bin, ...]

    def chance(self, row: pl.DataFrame, levels: Levels) -> float | None:
        """Of the network of a table of one row, whose signal is a column; None where that is not
        known."""
        named = {name: float(x[0]) for name, x in settings_of(row, levels).items()}
        if self.signal is not None:
            value = row[self.signal][0] if self.signal in row else None
            if value is None or math.isnan(value):
                return None
            named[self.signal] = max(-LARGEST, min(value, LARGEST))
        x = self.constant + sum(w * named[name] for name, w in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(x, 50.0))))


@dataclass(frozen=True)
class Warning:
    """The alarm that covers most of the calibration cells' networks; see `alarms.Alarm`."""

    signal: str
    sign: int
    threshold: float
    coverage: Estimate
    false: Estimate
    lead: Estimate
    controls: Mapping[str, Estimate]


@dataclass(frozen=True)
class Locked:
    """The models of a pool, in the order of their landmarks, and what they are of."""

    networks: int
    cells: int
    held_out: int  # networks on which the errors were measured
    names: Levels  # the tasks and models that there were
    ranges: Mapping[str, tuple[float, float]]  # of the settings
    models: tuple[Model, ...]
    warning: Warning | None
    answer: str  # of the race, in a sentence

    def outside(self, network: Mapping[str, Any]) -> str | None:
        """Which setting of a network lies outside the pool, with what the pool has; None if none
        does."""
        for name in NAMES:
            if network[name] not in self.names[name]:
                return f"{name} {network[name]} (known: {', '.join(self.names[name])})"
        for name, (low, high) in self.ranges.items():
            value = network[name]
            if value is None or not low <= value <= high:
                return f"{name} {value} (known: {low:g} to {high:g})"
        return None


def lock(table: pl.DataFrame, answer: str, seed: int = 0) -> Locked:
    """The models of the mixed pool of a table. Raises `BadInput` where there is none, or where it
    says nothing of whether networks generalise."""
    check()
    names = signals_in(table)
    c = cohort(table, POOL, names)
    if c is None:
        raise BadInput(f"models are locked on the pool `{POOL}`, and this table has none of it.")
    r = rules(c, seed)
    if r.by != AUROC or not r.landmarks:
        raise BadInput(
            f"nearly all networks of the pool `{POOL}` came to the same end: no chance can be "
            "told. Give it configurations that generalise and others that do not."
        )
    tested = [name for name in names if not sees_answer(name)]
    models = [_model(c, r, k, tested, seed) for k, x in enumerate(c.landmarks) if r.allowed(x)]
    settings = c.networks
    return Locked(
        len(c),
        len(c.cells),
        int(r.sets[HELD_OUT].sum()),
        levels_of(settings),
        {name: (_float(settings[name].min()), _float(settings[name].max())) for name in NUMBERS},
        tuple(models),
        _warning(c, r, cohort(table, "control", names), tested),
        answer,
    )


def _float(x: Any) -> float:
    return float(x or 0)


def _model(c: Cohort, r: Rules, k: int, tested: Sequence[str], seed: int) -> Model:
    calibration, held_out = (
        x.of(x.at_risk[:, k]) for x in (c.of(r.sets[CALIBRATION]), c.of(r.sets[HELD_OUT]))
    )
    settings, n = _losses(calibration, k, []), len(calibration)
    best, least = None, settings.mean()
    for name in tested:
        better = settings - _losses(calibration, k, [name])
        if better.mean() > max(better.std() / n**0.5, settings.mean() - least):
            best, least = name, settings.mean() - better.mean()
    chosen = [] if best is None else [best]
    x = features_of(calibration, calibration, k, chosen)
    fitted = logistic(x, calibration.grokked)
    scale, linear = fitted[-2], fitted[-1]
    each = linear.coef_[0] / scale.scale_
    names = settings_of(calibration.networks, levels_of(calibration.networks))
    found = gain_of(calibration, held_out, k, chosen, np.random.default_rng(seed))
    return Model(
        c.landmarks[k],
        best,
        {name: float(w) for name, w in zip([*names, *chosen], each, strict=True)},
        float(linear.intercept_[0] - each @ scale.mean_),
        found.both,
        found.brier,
        found.brier_share,
        found.reliability,
    )


def _losses(calibration: Cohort, k: int, names: list[str]) -> Float[np.ndarray, " network"]:
    """The logarithmic loss of each network, by a model of other cells than its own."""
    selection = library("sklearn.model_selection")
    x, y = features_of(calibration, calibration, k, names), calibration.grokked
    folds = selection.StratifiedGroupKFold(min(FOLDS, len(calibration.cells)))
    said = selection.cross_val_predict(
        unfitted(), x, y, groups=calibration.cell, cv=folds, method="predict_proba"
    )[:, 1]
    return -np.log(np.clip(np.where(y, said, 1 - said), 1e-6, 1))


def _warning(c: Cohort, r: Rules, controls: Cohort | None, tested: Sequence[str]) -> Warning | None:
    """The alarm of the signal that covers most where it was locked."""
    found = [x for x in alarms(c, r, controls) if x.signal in tested]
    if not found:
        return None
    best = max(found, key=lambda x: x.calibrated.value or 0)
    return Warning(**{f.name: getattr(best, f.name) for f in fields(Warning)})


def write_locked(locked: Locked, file: Path) -> None:
    """Raises `BadInput` for more than the package may hold."""
    content = (as_json(asdict(locked)) + "\n").encode()
    if len(content) > MOST_BYTES:
        raise BadInput(f"the locked models have {len(content):,} bytes, above {MOST_BYTES:,}.")
    write_atomically(file, content)


def read_locked(file: Path = FILE) -> Locked | None:
    """What was locked; None where nothing is. Raises `DamagedFile`."""
    try:
        plain = json.loads(read_regular(file, MOST_BYTES))
        return _locked(plain)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedFile(
            f"{file} holds no locked models ({error}). `grokscope predict --pool DIR --lock FILE` "
            "writes them."
        ) from None


def _locked(plain: dict[str, Any]) -> Locked:
    models = [
        Model(
            **x
            | {
                "auroc": Estimate(**x["auroc"]),
                "reliability": tuple(Bin(**b) for b in x["reliability"]),
            }
        )
        for x in plain["models"]
    ]
    w = plain["warning"]
    warning = w and Warning(
        **w
        | {name: Estimate(**w[name]) for name in ("coverage", "false", "lead")}
        | {"controls": {kind: Estimate(**x) for kind, x in w["controls"].items()}}
    )
    ranges = {name: (float(low), float(high)) for name, (low, high) in plain["ranges"].items()}
    return Locked(**plain | {"models": tuple(models), "warning": warning, "ranges": ranges})

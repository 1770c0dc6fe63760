"""The chance that a network generalises, by logistic regression: on what was known before the first
step alone, and with a signal besides.

Both are fitted on the calibration cells and judged on the held-out ones, so that whole cells are
left out. What a signal is worth where configurations differ is what it adds to the settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from grokscope.forecast.cohort import Cohort
from grokscope.forecast.extra import library
from grokscope.forecast.ordering import Group, share
from grokscope.forecast.protocol import AUROC, CALIBRATION, HELD_OUT, Rules
from grokscope.forecast.scores import DRAWS, cells_drawn, interval, is_told, outcome
from grokscope.sweep.statistics import Estimate

SETTINGS = "settings"  # known before the first step: the baseline that each signal is to beat
NUMBERS = ("p", "train_fraction", "weight_decay", "lr", "steps")
NAMES = ("task", "model")
LEAST_DECAY = 0.1  # added before the logarithm, which 0 has none of
BINS = 8
LARGEST = 1e6  # of a feature


Levels = Mapping[str, list[str]]


@dataclass(frozen=True)
class Bin:
    """Of an eighth of the networks, by the chance that they were given: that chance, and the share
    of them that did generalise."""

    said: float
    happened: float


@dataclass(frozen=True)
class Gain:
    """What a signal adds to the settings, on the held-out cells: the AUROC over all of them, and
    the Brier score (the mean squared error of the chance), with that of saying one share always."""

    signal: str
    landmark: float
    settings: float
    both: Estimate
    gain: Estimate
    brier: float
    brier_settings: float
    brier_share: float
    reliability: tuple[Bin, ...]


def levels_of(networks: pl.DataFrame) -> Levels:
    """Which tasks and models there are."""
    return {name: sorted(networks[name].unique()) for name in NAMES}


def settings_of(networks: pl.DataFrame, levels: Levels) -> dict[str, Float[np.ndarray, " network"]]:
    """The settings of networks as numbers, by name: logarithms of decay, rate and steps, decay
    times fraction, and which of these tasks and models it is."""
    p, fraction, decay, lr, steps = (
        networks[name].cast(pl.Float64).fill_null(0.0).to_numpy() for name in NUMBERS
    )
    log_decay = np.log(decay + LEAST_DECAY)
    numbers = {
        "p": p,
        "train_fraction": fraction,
        "log decay": log_decay,
        "train_fraction * log decay": fraction * log_decay,
        "log lr": np.log(lr),
        "log steps": np.log(steps),
    }
    return numbers | {
        f"{name} {level}": (networks[name] == level).to_numpy().astype(float)
        for name, known in levels.items()
        for level in known[1:]
    }


def with_settings(c: Cohort, r: Rules) -> Cohort:
    """The cohort with one more signal: the chance by the settings alone, or, where how soon is
    asked, their order of the time."""
    calibration = c.of(r.sets[CALIBRATION])
    x, there = (_settings(calibration, other) for other in (calibration, c))
    y = calibration.grokked
    if r.by == AUROC and y.any() and not y.all():
        said = logistic(x, y).predict_proba(there)[:, 1]
    else:
        said = -ridge(x[y], np.log(calibration.time[y])).predict(there)
    return c.with_signal(SETTINGS, said)


def gains(c: Cohort, r: Rules, seed: int = 0, draws: int = DRAWS) -> list[Gain]:
    """What each signal adds at each landmark of the race; nothing where *whether* is not asked, or
    one of the halves has one outcome alone."""
    found = []
    rng = np.random.default_rng(seed)
    names = [name for name in c.signals if name != SETTINGS]
    halves = [c.of(r.sets[where]) for where in (CALIBRATION, HELD_OUT)]
    for k, landmark in enumerate(c.landmarks):
        if r.by != AUROC or not r.allowed(landmark):
            continue
        for name in names:
            fit, test = (x.of(x.known(k, name)) for x in halves)
            if all(is_told(x, k, name) and _has_both(x) for x in (fit, test)):
                found.append(gain_of(fit, test, k, [name], rng, draws))
    return found


def _has_both(c: Cohort) -> bool:
    return bool(c.grokked.any() and not c.grokked.all())


def gain_of(
    calibration: Cohort,
    held_out: Cohort,
    k: int,
    names: Sequence[str],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Gain:
    """What these signals add at the k-th landmark; cells are resampled."""
    said = [_said(calibration, held_out, k, chosen) for chosen in ([], names)]
    y = held_out.grokked
    group = Group.of(outcome(held_out, AUROC), y, np.stack(said))
    settings, both = share([group.resampled(np.ones((1, len(y))))])[0]
    drawn = share([group.resampled(cells_drawn(held_out, rng, draws))])
    brier = library("sklearn.metrics").brier_score_loss
    always = np.full(len(y), calibration.grokked.mean())
    return Gain(
        " and ".join(names),
        held_out.landmarks[k],
        float(settings),
        Estimate(float(both), *interval(drawn[:, 1])),
        Estimate(float(both - settings), *interval(drawn[:, 1] - drawn[:, 0])),
        float(brier(y, said[1])),
        float(brier(y, said[0])),
        float(brier(y, always)),
        reliability(y, said[1]),
    )


def _said(
    calibration: Cohort, others: Cohort, k: int, names: Sequence[str]
) -> Float[np.ndarray, " network"]:
    """The chance that a model of the calibration cells gives to others."""
    x, there = (features_of(calibration, c, k, names) for c in (calibration, others))
    return logistic(x, calibration.grokked).predict_proba(there)[:, 1]


def features_of(
    base: Cohort, c: Cohort, k: int, names: Sequence[str]
) -> Float[np.ndarray, "network feature"]:
    """The settings, among those of a base, and these signals at a landmark."""
    return np.column_stack([_settings(base, c), *(c.signals[name][:, k] for name in names)])


def _settings(base: Cohort, c: Cohort) -> Float[np.ndarray, "network feature"]:
    return np.column_stack([*settings_of(c.networks, levels_of(base.networks)).values()])


def logistic(x: Float[np.ndarray, "network feature"], y: Bool[np.ndarray, " network"]) -> Any:
    """Logistic regression with scikit-learn's ridge of 1, on features of variance 1."""
    return unfitted().fit(x, y)


def unfitted() -> Any:
    """The same before it has seen anything."""
    return scaled(library("sklearn.linear_model").LogisticRegression(max_iter=2_000))


def ridge(x: Float[np.ndarray, "network feature"], y: Float[np.ndarray, " network"]) -> Any:
    """Ridge regression, of 1, on features of variance 1."""
    return scaled(library("sklearn.linear_model").Ridge()).fit(x, y)


def scaled(model: Any) -> Any:
    """A model of scikit-learn on features of variance 1, each clipped to `LARGEST`, and with the
    mean where it is missing."""
    steps = (
        library("sklearn.preprocessing").FunctionTransformer(_clipped),
        library("sklearn.impute").SimpleImputer(keep_empty_features=True),
        library("sklearn.preprocessing").StandardScaler(),
    )
    return library("sklearn.pipeline").make_pipeline(*steps, model)


def _clipped(x: Float[np.ndarray, "network feature"]) -> Float[np.ndarray, "network feature"]:
    return np.clip(x, -LARGEST, LARGEST)


def reliability(
    y: Bool[np.ndarray, " network"], said: Float[np.ndarray, " network"]
) -> tuple[Bin, ...]:
    """Networks in bins of equal number, by the chance that they were given."""
    curve = library("sklearn.calibration").calibration_curve
    happened, mean = curve(y, said, n_bins=BINS, strategy="quantile")
    return tuple(Bin(float(m), float(h)) for m, h in zip(mean, happened, strict=True))

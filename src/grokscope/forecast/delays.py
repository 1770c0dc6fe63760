"""How long it takes: the steps from memorising to generalising, forecast at a landmark.

Two models are fitted on the calibration cells, on the settings alone and with signals, and judged
on the held-out ones. Which comes first? A proportional-hazards model (Cox 1972, by lifelines), in
which networks that had not generalised when training ended count as seen so long; judged by
Harrell's concordance. How long, if it generalises? A ridge regression of the logarithm, over those
that did; judged by the mean absolute error of the delay as a share of it, as it is published.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from grokscope.forecast.chances import SETTINGS, features_of, scaled
from grokscope.forecast.cohort import Cohort
from grokscope.forecast.extra import library
from grokscope.forecast.protocol import CALIBRATION, HELD_OUT, Rules
from grokscope.forecast.scores import cells_drawn, interval
from grokscope.sweep.statistics import Estimate

PENALTY = 0.1  # of the ridge of lifelines, on features of variance 1
FAR = 4.0  # standard deviations: of a feature no value counts as farther
FEWEST = 10  # that generalise, of which a model can be made
DRAWS = 500
CONSTANT, ALL = "the same for all", "settings and all signals"


@dataclass(frozen=True)
class Delay:
    """How well a model forecasts the delay at a landmark. `error` is over the `grokked` networks of
    the held-out cells; `censored` others count for the concordance."""

    model: str  # SETTINGS, a signal with them, ...
    landmark: float
    concordance: float | None
    error: Estimate  # its interval of cells resampled
    grokked: int
    censored: int


def delays(c: Cohort, r: Rules, tested: Sequence[str], seed: int = 0) -> list[Delay]:
    """The models at the first and at the last landmark of the race: each of the tested signals with
    the settings, all of them together, the settings alone, and one delay for all."""
    found = []
    chosen = [k for k, x in enumerate(c.landmarks) if r.allowed(x)]
    names = [name for name in c.signals if name in set(tested)]
    for k in dict.fromkeys([*chosen[:1], *chosen[-1:]]):
        pair = [c.of(r.sets[where]) for where in (CALIBRATION, HELD_OUT)]
        fit, test = (x.of(x.at_risk[:, k]) for x in pair)
        if fit.grokked.sum() < FEWEST or not test.grokked.any():
            continue
        known = [name for name in names if _is_known(fit, k, name) and _is_known(test, k, name)]
        models = {CONSTANT: None, SETTINGS: [], **{name: [name] for name in known}, ALL: known}
        for model, signals in models.items():
            found.append(_judged(fit, test, k, model, signals, np.random.default_rng(seed)))
    return found


def _is_known(c: Cohort, k: int, name: str) -> bool:
    """Whether most networks have the signal; the others then have its mean."""
    return bool(np.isfinite(c.signals[name][:, k]).mean() > 0.9)


def _judged(
    fit: Cohort,
    test: Cohort,
    k: int,
    model: str,
    signals: list[str] | None,
    rng: np.random.Generator,
) -> Delay:
    groks = test.grokked
    concordance, left = None, np.median(_left(fit, k)[fit.grokked])
    if signals is not None:
        x, there = _features(fit, test, k, signals)
        concordance = _concordance(x, _left(fit, k), fit.grokked, there, _left(test, k), groks)
        ridge = library("sklearn.linear_model").Ridge()
        left = np.exp(ridge.fit(x[fit.grokked], np.log(_left(fit, k)[fit.grokked])).predict(there))
    memorised = test.networks["memorised"].to_numpy()
    delay = np.maximum(test.time - memorised, 1)
    error = np.abs(left - _left(test, k)) / delay
    weights = cells_drawn(test.of(groks), rng, DRAWS)
    drawn = (weights * error[groks]).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    told = Estimate(float(error[groks].mean()), *interval(drawn))
    counts = int(groks.sum()), int((~groks).sum())
    return Delay(model, test.landmarks[k], concordance, told, *counts)


def _left(c: Cohort, k: int) -> Float[np.ndarray, " network"]:
    """The steps that were left at a landmark until it generalised, or training ended."""
    return np.maximum(c.time - c.step[:, k], 1)


def _features(
    fit: Cohort, test: Cohort, k: int, signals: Sequence[str]
) -> tuple[Float[np.ndarray, "network feature"], Float[np.ndarray, "other feature"]]:
    """The settings and these signals of both, in standard deviations of the first."""
    x, there = (features_of(fit, c, k, signals) for c in (fit, test))
    scale = scaled("passthrough").fit(x)
    return scale.transform(x).clip(-FAR, FAR), scale.transform(there).clip(-FAR, FAR)


def _concordance(
    x: Float[np.ndarray, "network feature"],
    left: Float[np.ndarray, " network"],
    grokked: Bool[np.ndarray, " network"],
    there: Float[np.ndarray, "other feature"],
    left_there: Float[np.ndarray, " other"],
    grokked_there: Bool[np.ndarray, " other"],
) -> float | None:
    """Of Cox's model of some networks on others; None where nothing varies."""
    pandas, lifelines = library("pandas"), library("lifelines")
    names = [f"x{i}" for i in range(x.shape[1])]
    table, others = (pandas.DataFrame(v, columns=names) for v in (x, there))
    table = table.loc[:, table.std() > 0]
    if not len(table.columns):
        return None
    fitter = lifelines.CoxPHFitter(penalizer=PENALTY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a feature that is nearly constant
        fitter.fit(table.assign(left=left, grokked=grokked), "left", "grokked")
        hazard = fitter.predict_log_partial_hazard(others[[*table.columns]])
    index = library("lifelines.utils").concordance_index
    return float(index(left_there, -np.asarray(hazard), grokked_there))

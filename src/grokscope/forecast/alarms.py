"""Alarms: a signal that stays above its threshold at two landmarks in a row says that its network
will generalise.

The threshold is locked on the calibration cells, as low as it can be with a false alarm for at most
one in twenty networks that never generalise there. What then happens on the other cells is told:
how many of those that will are told of, how early, and how many others are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from grokscope.forecast.cohort import Cohort
from grokscope.forecast.extra import library
from grokscope.forecast.protocol import CALIBRATION, HELD_OUT, Rules
from grokscope.sweep.statistics import Estimate, median, wilson

MOST_FALSE = 0.05
FEWEST_NEVER = 20  # that a rate of 5 % can be told of at all


@dataclass(frozen=True)
class Alarm:
    """An alarm, and what it is worth on the held-out cells. `calibrated` is its coverage on those
    where it was locked, by which alarms are chosen. `lead` is the share of t_grok that was
    left, in the median; `controls` are the false alarms on each kind of network that cannot
    generalise."""

    signal: str
    sign: int
    threshold: float
    calibrated: Estimate
    coverage: Estimate
    false: Estimate
    lead: Estimate
    controls: Mapping[str, Estimate]


def alarms(c: Cohort, r: Rules, controls: Cohort | None) -> list[Alarm]:
    """The alarm of each signal; none where too few networks of either half never generalise."""
    calibration, held_out = (c.of(r.sets[where]) for where in (CALIBRATION, HELD_OUT))
    if min((~x.grokked).sum() for x in (calibration, held_out)) < FEWEST_NEVER:
        return []
    allowed = [x for x in c.landmarks if r.allowed(x)]
    if len(allowed) < 2:
        return []
    kinds = {} if controls is None else _kinds(controls)
    found = []
    for name in c.signals:
        locked = lock(calibration, allowed, name)
        if locked is None:
            continue
        sign, threshold = locked
        early, _ = heard_at(calibration, allowed, name, sign, threshold)
        heard, lead = heard_at(held_out, allowed, name, sign, threshold)
        groks = held_out.grokked
        told = lead[heard & groks]
        found.append(
            Alarm(
                name,
                sign,
                threshold,
                _rate(early, calibration.grokked),
                _rate(heard, groks),
                _rate(heard, ~groks),
                median(told.tolist()),
                {
                    kind: _rate(heard_at(those, allowed, name, sign, threshold)[0])
                    for kind, those in kinds.items()
                    if name in those.signals
                },
            )
        )
    return found


def _rate(heard: Bool[np.ndarray, " n"], of: Bool[np.ndarray, " n"] | None = None) -> Estimate:
    """The share of these, by default all, that had an alarm."""
    chosen = heard if of is None else heard[of]
    return wilson(int(chosen.sum()), len(chosen))


def _kinds(controls: Cohort) -> dict[str, Cohort]:
    """Controls by their kind; those that did generalise are none."""
    never = controls.of(~controls.grokked)
    kind = never.networks["kind"].fill_null("unnamed")
    return {name: never.of((kind == name).to_numpy()) for name in sorted(kind.unique())}


def lock(calibration: Cohort, allowed: list[float], name: str) -> tuple[int, float] | None:
    """The sign that tells those that generalise from others better, and the threshold with the most
    alarms of which at most one in twenty others has one; None of a signal that none has twice."""
    best = {sign: sustained(calibration, allowed, name, sign) for sign in (1, -1)}
    y, auc = calibration.grokked, {}
    for sign, values in best.items():
        known = np.isfinite(values)
        if not (y[known].any() and (~y[known]).any()):
            return None
        auc[sign] = library("sklearn.metrics").roc_auc_score(y[known], values[known])
    sign = 1 if auc[1] >= auc[-1] else -1
    never = np.sort(best[sign][~y & np.isfinite(best[sign])])[::-1]
    may = int(MOST_FALSE * (~y).sum())  # so many false alarms
    return sign, float(never[may]) if may < len(never) else float(never[-1])


def sustained(
    c: Cohort, allowed: list[float], name: str, sign: int
) -> Float[np.ndarray, " network"]:
    """The highest level that the signal kept at two landmarks in a row; NaN if it never had two."""
    pairs = _kept(c, allowed, name, sign)
    is_there = np.isfinite(pairs).any(axis=1)
    best = np.where(np.isfinite(pairs), pairs, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(is_there, best, np.nan)


def heard_at(
    c: Cohort, allowed: list[float], name: str, sign: int, threshold: float
) -> tuple[Bool[np.ndarray, " network"], Float[np.ndarray, " network"]]:
    """Whether each network had an alarm, and what was left then until its end, as a share of it."""
    is_over = _kept(c, allowed, name, sign) > threshold
    heard = np.asarray(is_over.any(axis=1))
    first = np.array(_columns(c, allowed)[1:])[is_over.argmax(axis=1)]
    step = c.step[np.arange(len(c)), first]
    return heard, np.where(heard, 1 - step / c.time, np.nan)


def _kept(c: Cohort, allowed: list[float], name: str, sign: int) -> np.ndarray:
    """The signal's level at each landmark and the one before: the lower of both."""
    level = sign * c.signals[name][:, _columns(c, allowed)]
    return np.minimum(level[:, 1:], level[:, :-1])


def _columns(c: Cohort, allowed: list[float]) -> list[int]:
    return [k for k, x in enumerate(c.landmarks) if x in allowed]

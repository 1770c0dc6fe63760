"""How sure a share or a median of many networks is.

A network that has not generalised when training ends is *censored*: its delay is longer than what
was seen of it. To drop it would make delays look short, so that medians are those of Kaplan and
Meier (1958), which count it as long as it was seen.

Axes: network = one of a group; time = the times, in order, at which something happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float

LEVEL = 0.95  # of all intervals


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; None is beyond what was seen, or where there is no number."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Survival:
    """The share that has not yet generalised, after each time, with its interval, by Kaplan and
    Meier."""

    time: Float[np.ndarray, " time"]
    share: Float[np.ndarray, " time"]
    low: Float[np.ndarray, " time"]
    high: Float[np.ndarray, " time"]
    censored: Float[np.ndarray, " censored"]  # when the others were last seen

    @property
    def median(self) -> Estimate:
        """The first time at which at most half are left, with the interval of Brookmeyer and
        Crowley (1982): the times at which half may be left."""
        return Estimate(
            *(_first(self.time, line <= 0.5) for line in (self.share, self.low, self.high))
        )


def wilson(hits: int, n: int, level: float = LEVEL) -> Estimate:
    """A share with the score interval of Wilson (1927), which holds for few networks, and for none
    or all of them:

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    """
    if n == 0:
        return Estimate(None, None, None)
    p, z = hits / n, _z(level)
    middle, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = ((middle + side * half) / (1 + z**2 / n) for side in (-1, 1))
    return Estimate(p, 0.0 if hits == 0 else low, 1.0 if hits == n else high)


def kaplan_meier(
    seen: Sequence[float | int], happened: Sequence[bool], level: float = LEVEL
) -> Survival:
    """Of networks that were seen for these times, at the end of which it happened or not:

        S(t) = Π_{t_i ≤ t} (1 - d_i / n_i),    n_i still seen before t_i, d_i of them at t_i

    with the variance of Greenwood (1926), on the scale of log(-log S), where an interval stays
    within 0 and 1 (Kalbfleisch and Prentice 1980).
    """
    times, events = np.asarray(seen, dtype=float), np.asarray(happened, dtype=bool)
    time = np.unique(times[events])
    n = (times[:, None] >= time).sum(axis=0)
    d = (events[:, None] & (times[:, None] == time)).sum(axis=0)
    share = np.cumprod(1 - d / np.maximum(n, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(d / (n * (n - d)))) / np.abs(np.log(share))
        low, high = (share ** np.exp(side * _z(level) * spread) for side in (1, -1))
    is_over = share <= 0  # where all have generalised there is no variance left
    low, high = np.where(is_over, 0.0, low), np.where(is_over, 0.0, high)
    return Survival(time, share, low, high, np.sort(times[~events]))


def median(values: Sequence[float | int], level: float = LEVEL) -> Estimate:
    """The median of values that were all seen, with the interval between two of them that order
    statistics give it (exact, of at least this level)."""
    ordered, n = sorted(values), len(values)
    if n == 0:
        return Estimate(None, None, None)
    k = _rank(n, (1 - level) / 2)
    low, high = (ordered[k - 1], ordered[n - k]) if k else (None, None)
    return Estimate(float(np.median(ordered)), low, high)


def _rank(n: int, tail: float) -> int:
    """The largest k with P(Binomial(n, 1/2) < k) <= tail; 0: so few values bound no median."""
    below, term, k = 0.0, 0.5**n if n < 1000 else 0.0, 0
    if n >= 1000:
        return int(n / 2 + NormalDist().inv_cdf(tail) * n**0.5 / 2)
    while below + term <= tail:
        below, k = below + term, k + 1
        term *= (n - k + 1) / k
    return k


def _first(time: Float[np.ndarray, " time"], is_past: np.ndarray) -> float | None:
    return float(time[is_past.argmax()]) if is_past.any() else None


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)

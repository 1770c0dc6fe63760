"""Whether what we measure agrees with what was published: the one place that decides.

    interval   within the interval in which 95 % of further networks would fall (Student's t, of
               three networks or more), where that is not so wide that it holds anything
    decade     within a factor of ten of the geometric mean: for losses, which differ by so much
               between seeds that an interval says no more
    share      within Wilson's interval of the share of networks of which it is true
    at most    the median is no larger
    at least   the median is no smaller
    exact      every network, or every case, gives the number that is printed

A number that was published of a full-sized experiment says nothing of the quick size, unless the
item says that it does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any, Literal

from grokscope.papers.item import Published, Row
from grokscope.sweep.statistics import wilson

Verdict = Literal["agrees", "differs", "not comparable"]
FEWEST = 3  # networks whose spread is an interval
NARROW = 0.1  # an interval of less on either side says something, however small the number
# Student's t, .975 quantile, by degrees of freedom; from 30 on the normal one is near.
T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
     2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
     2.052, 2.048, 2.045, 2.042)  # fmt: skip


@dataclass(frozen=True)
class Ours:
    """What we have beside a published number: a value with its interval, where it has one."""

    value: float | None
    low: float | None = None
    high: float | None = None
    networks: int = 0


@dataclass(frozen=True)
class Judged:
    """A published number, ours, and whether they agree; the reason where nothing can be said."""

    published: Published
    ours: Ours
    verdict: Verdict
    reason: str = ""


def judge(published: Published, rows: Sequence[Row], size: str) -> Judged:
    """The published number beside ours, of these rows of an item at this size."""
    own = [row for row in rows if all(row.get(k) == v for k, v in published.where.items())]
    values = [x for row in own if (x := _number(row.get(published.column))) is not None]
    ours = OURS[published.rule](values)
    reason = _why_not(published, own, values, size)
    if reason:
        return Judged(published, ours, "not comparable", reason)
    if not AGREES[published.rule](published, ours):
        return Judged(published, ours, "differs")
    if published.rule == "interval" and _holds_anything(published, ours):
        return Judged(published, ours, "not comparable", "ours differ by more than the number")
    return Judged(published, ours, "agrees")


def _number(x: Any) -> float | None:
    return float(x) if isinstance(x, int | float) and math.isfinite(x) else None


def _why_not(published: Published, rows: Sequence[Row], values: list[float], size: str) -> str:
    if published.why_not:
        return published.why_not
    if size == "quick" and not published.any_size:
        return "published of the full size"
    if not values:
        return "no network has it" if rows else "nothing was measured of it"
    if published.rule == "interval" and len(values) < FEWEST:
        return f"{len(values)} of {FEWEST} networks that an interval takes"
    if published.rule == "decade" and min(values) <= 0:
        return "a value is not above 0"
    return ""


def _mean(values: list[float]) -> Ours:
    """The mean, and where one network more would fall: mean ± t s √(1 + 1/n)."""
    n = len(values)
    if n < FEWEST:
        return Ours(fmean(values) if values else None, networks=n)
    t = T[n - 2] if n - 2 < len(T) else 1.96
    half = t * stdev(values) * (1 + 1 / n) ** 0.5
    return Ours(fmean(values), fmean(values) - half, fmean(values) + half, n)


def _geometric(values: list[float]) -> Ours:
    if not values or min(values) <= 0:
        return Ours(fmean(values) if values else None, networks=len(values))
    return Ours(math.exp(fmean(map(math.log, values))), min(values), max(values), len(values))


def _share(values: list[float]) -> Ours:
    found = wilson(sum(x > 0 for x in values), len(values))
    return Ours(found.value, found.low, found.high, len(values))


def _median(values: list[float]) -> Ours:
    if not values:
        return Ours(None)
    return Ours(median(values), min(values), max(values), len(values))


OURS: dict[str, Callable[[list[float]], Ours]] = {
    "interval": _mean,
    "decade": _geometric,
    "share": _share,
    "at most": _median,
    "at least": _median,
    "exact": _median,
}


def _holds_anything(published: Published, ours: Ours) -> bool:
    """Whether an interval is wider to either side than the number that it holds is large."""
    assert ours.low is not None
    assert ours.high is not None
    return (ours.high - ours.low) / 2 > max(abs(published.value), NARROW)


def _is_within(published: Published, ours: Ours) -> bool:
    assert ours.low is not None
    assert ours.high is not None
    return ours.low <= published.value <= ours.high


def _is_same_decade(published: Published, ours: Ours) -> bool:
    assert ours.value is not None
    return abs(math.log10(ours.value / published.value)) <= 1


def _is_exact(published: Published, ours: Ours) -> bool:
    assert ours.low is not None
    assert ours.high is not None
    return max(published.value - ours.low, ours.high - published.value) <= published.tolerance


AGREES: dict[str, Callable[[Published, Ours], bool]] = {
    "interval": _is_within,
    "decade": _is_same_decade,
    "share": _is_within,
    "at most": lambda published, ours: ours.value is not None and ours.value <= published.value,
    "at least": lambda published, ours: ours.value is not None and ours.value >= published.value,
    "exact": _is_exact,
}


def verdict_of(judged: Sequence[Judged]) -> str:
    """Of an item: "differs" if one number does, "agrees" if one does and none differs, "picture"
    where no number was published, else "not comparable"."""
    if not judged:
        return "picture"
    verdicts = {x.verdict for x in judged}
    return next(x for x in ("differs", "agrees", "not comparable") if x in verdicts)

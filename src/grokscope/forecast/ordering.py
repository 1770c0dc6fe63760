"""How well numbers order networks by what became of them, pooled over groups.

Of two networks of a group one may be known to have generalised before the other: this one later, or
not by the end of its training. The share of such pairs in which the signal of the first is larger
(ties count half) is the AUROC where only *whether* is asked, and Harrell's concordance (1982) where
*when* is. Groups are weighted by their pairs.

scikit-learn and lifelines compute both one at a time, which the tests compare; here thousands of
resampled and permuted ones are products of matrices.

Axes: n (and m) = network of a group; signal; draw = a resampling, or a permutation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

CHUNK = 8_000_000  # numbers of the permuted pairs at once
Counted = tuple[Float[np.ndarray, "draw signal"], Float[np.ndarray, "draw signal"]]


@dataclass(frozen=True, eq=False)
class Group:
    """Networks that are compared with each other: which of them is known to come before which, and
    which has the larger signal."""

    sooner: Float[np.ndarray, "n m"]  # 1: network n generalised before m did, if m ever
    larger: Float[np.ndarray, "signal n m"]  # 1, 1/2 where they are equal
    known: Float[np.ndarray, "signal n m"]  # 1: both have the signal

    @classmethod
    def of(
        cls,
        time: Float[np.ndarray, " n"],
        grokked: Bool[np.ndarray, " n"],
        values: Float[np.ndarray, "signal n"],
    ) -> "Group":
        sooner = grokked[:, None] & (_seen(time, grokked)[:, None] < _seen(time, grokked)[None])
        one, other = values[:, :, None], values[:, None, :]
        known = ~(np.isnan(one) | np.isnan(other))
        larger = ((one > other) + 0.5 * (one == other)) * known
        return cls(*(x.astype(np.float32) for x in (sooner, larger, known)))

    @property
    def size(self) -> int:
        return len(self.sooner)

    def resampled(self, weights: Float[np.ndarray, "draw n"]) -> Counted:
        """The pairs that are ordered rightly, and all, with each network so many times."""

        def total(ordered: Float[np.ndarray, "signal n m"]) -> Float[np.ndarray, "draw signal"]:
            each = [((w @ (self.sooner * x)) * w).sum(axis=1) for x in ordered]
            return np.stack(each, axis=1).astype(float)

        w = weights.astype(np.float32)
        return total(self.larger), total(self.known)

    def permuted(self, orders: Int[np.ndarray, "draw n"]) -> Counted:
        """The same, where network n has what became of network `orders[draw, n]`."""
        counts = []
        larger, known = (x.reshape(len(x), -1).T for x in (self.larger, self.known))
        most = max(1, CHUNK // self.sooner.size)
        for start in range(0, len(orders), most):
            some = orders[start : start + most]
            sooner = self.sooner[some[:, :, None], some[:, None, :]].reshape(len(some), -1)
            counts.append((sooner @ larger, sooner @ known))
        right, every = (np.concatenate(x).astype(float) for x in zip(*counts, strict=True))
        return right, every


def _seen(
    time: Float[np.ndarray, " n"], grokked: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Times in which one that ends at a step is seen a little longer than one that groks there."""
    return np.where(grokked, time, time + 0.5)


def share(counts: Sequence[Counted]) -> Float[np.ndarray, "draw signal"]:
    """The share that is ordered rightly, over all groups; NaN where there are no pairs."""
    right, every = (sum(x) for x in zip(*counts, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(right) / np.asarray(every)


def shuffled(
    cell: np.ndarray,
    time: Float[np.ndarray, " n"],
    grokked: Bool[np.ndarray, " n"],
    lots: Float[np.ndarray, "draw n"],
) -> Int[np.ndarray, "draw n"]:
    """What became of the networks of a cell, dealt out by lot within it: whose lot is smallest has
    the earliest outcome. With one lot for a network at all landmarks its fate stays the same, and
    at each landmark every order is as likely."""
    orders = np.empty(lots.shape, dtype=int)
    for name in np.unique(cell):
        own = np.flatnonzero(cell == name)
        by_time = own[np.argsort(_seen(time, grokked)[own], kind="stable")]
        rank = lots[:, own].argsort(axis=1).argsort(axis=1)
        orders[:, own] = by_time[rank]
    return orders

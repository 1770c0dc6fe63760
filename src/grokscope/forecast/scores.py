"""Each signal's score at each landmark, on each set of cells, with its interval, the spread between
cells, and the chance that one as good comes of none.

The sign of a signal is locked on the calibration cells, landmark by landmark. The null deals out
what became of the networks of a cell anew, by lot, and takes the best of all signals and landmarks
each time, in units of its own spread (Westfall and Young 1993).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from grokscope.forecast.cohort import Cohort
from grokscope.forecast.ordering import Group, share, shuffled
from grokscope.forecast.protocol import (
    AUROC,
    CALIBRATION,
    HELD_OUT,
    SETS,
    Rules,
    groups,
    is_within,
)
from grokscope.sweep.statistics import LEVEL

DRAWS = 500  # resampled, and permuted
FEW_PAIRS = 20  # of a cell; with fewer its own score is not told
FEWEST, FEWEST_CELLS = 30, 4  # networks, and cells, that must have a signal for it to be scored


@dataclass(frozen=True)
class Score:
    """How well a signal orders the networks of a set that have it at a landmark: 1 is always
    right, 1/2 chance. `low` and `high` are of 95 %, seeds resampled within cells, or cells where
    these are compared; `cells` are the scores of single cells."""

    signal: str
    landmark: float
    where: str  # of `SETS`
    sign: int  # 1: more of it promises grokking; locked on the calibration cells
    value: float
    low: float | None
    high: float | None
    cells: tuple[float, ...]
    networks: int
    grokked: int
    p: float | None = None  # that the best of all signals and landmarks is as far above chance


def scores(
    c: Cohort, r: Rules, tested: Sequence[str], seed: int = 0, draws: int = DRAWS
) -> list[Score]:
    """The scores of all signals of a cohort. Those `tested` are the family of the null; others have
    no p."""
    names = list(c.signals)
    rng = np.random.default_rng(seed)
    each = {where: c.of(r.sets[where]) for where in SETS if where in r.sets and r.sets[where].any()}
    signs = [_signs(each[CALIBRATION], k, r.by) for k in range(len(c.landmarks))]
    found: list[Score] = []
    for where, those in each.items():
        weights, lots = _weights(those, rng, draws), rng.random((draws, len(those)))
        null = Null(tested, r)
        for k, landmark in enumerate(c.landmarks):
            own = _groups(those, k, r.by)
            if not own:
                continue
            known = {name: those.known(k, name) for name in names if is_told(those, k, name)}
            values = _signed(share([g.resampled(np.ones((1, g.size))) for _, g in own]), signs[k])
            drawn = _signed(share([g.resampled(weights[:, i]) for i, g in own]), signs[k])
            cells = _per_cell(those, own, k, r.by, signs[k])
            if where == HELD_OUT:
                dealt = [g.permuted(_dealt(those, i, r.by, lots)) for i, g in own]
                null.add(names, known, landmark, values[0], _signed(share(dealt), signs[k]))
            for s, name in enumerate(names):
                if name in known and np.isfinite(values[0, s]):
                    found.append(
                        Score(
                            name,
                            landmark,
                            where,
                            int(signs[k][s]),
                            float(values[0, s]),
                            *interval(drawn[:, s]),
                            tuple(float(x) for x in cells[s] if x == x),
                            int(known[name].sum()),
                            int((known[name] & those.grokked).sum()),
                        )
                    )
        if where == HELD_OUT:
            found = [null.told(score) for score in found]
    return found


class Null:
    """The best of the tested signals at the landmarks of the race, dealt by lot."""

    def __init__(self, tested: Sequence[str], r: Rules):
        self.tested, self.rules = set(tested), r
        self.above: dict[tuple[str, float], float] = {}
        self.drawn: list[Float[np.ndarray, " draw"]] = []

    def add(
        self,
        names: Sequence[str],
        known: Collection[str],
        landmark: float,
        values: Float[np.ndarray, " signal"],
        dealt: Float[np.ndarray, "draw signal"],
    ) -> None:
        if not self.rules.allowed(landmark):
            return
        for s, name in enumerate(names):
            middle, spread = dealt[:, s].mean(), dealt[:, s].std()
            if name in self.tested and name in known and spread > 0:
                self.above[name, landmark] = float((values[s] - middle) / spread)
                self.drawn.append((dealt[:, s] - middle) / spread)

    def told(self, score: Score) -> Score:
        """The score with its p."""
        above = self.above.get((score.signal, score.landmark))
        if score.where != HELD_OUT or above is None:
            return score
        best = np.max(self.drawn, axis=0)
        p = (1 + (best >= above).sum()) / (1 + len(best))
        return Score(**{**vars(score), "p": float(p)})


def is_told(c: Cohort, k: int, name: str) -> bool:
    """Whether enough networks have the signal there, and of enough cells where these are drawn."""
    known = c.known(k, name)
    return known.sum() >= FEWEST and (is_within(c.pool) or len(set(c.cell[known])) >= FEWEST_CELLS)


def outcome(c: Cohort, by: str) -> Float[np.ndarray, " network"]:
    """When they generalised, or, where only whether is asked, one time for all that did."""
    return np.where(c.grokked, 0.0, 1.0) if by == AUROC else c.time


def _signs(calibration: Cohort, k: int, by: str) -> Float[np.ndarray, " signal"]:
    own = _groups(calibration, k, by)
    if not own:
        return np.ones(len(calibration.signals))
    value = share([g.resampled(np.ones((1, g.size))) for _, g in own])[0]
    return np.where(value < 0.5, -1.0, 1.0)


def _signed(
    values: Float[np.ndarray, "draw signal"], signs: Float[np.ndarray, " signal"]
) -> Float[np.ndarray, "draw signal"]:
    return np.where(signs > 0, values, 1 - values)


def _groups(c: Cohort, k: int, by: str) -> list[tuple[np.ndarray, Group]]:
    """The groups of those at risk at a landmark, each with where in the cohort they are."""
    found = []
    for is_in in groups(c):
        i = np.flatnonzero(is_in & c.at_risk[:, k])
        if len(i) > 1:
            values = np.stack([x[i, k] for x in c.signals.values()])
            found.append((i, Group.of(outcome(c, by)[i], c.grokked[i], values)))
    return found


def _dealt(
    c: Cohort, i: np.ndarray, by: str, lots: Float[np.ndarray, "draw network"]
) -> np.ndarray:
    return shuffled(c.cell[i], outcome(c, by)[i], c.grokked[i], lots[:, i])


def _weights(c: Cohort, rng: np.random.Generator, draws: int) -> Float[np.ndarray, "draw network"]:
    """How often each network is drawn: of its cell, as many as it has; or with all of its cell,
    where cells are compared."""
    if is_within(c.pool):
        weights = np.zeros((draws, len(c)))
        for name in c.cells:
            own = np.flatnonzero(c.cell == name)
            weights[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), draws)
        return weights
    return cells_drawn(c, rng, draws)


def cells_drawn(
    c: Cohort, rng: np.random.Generator, draws: int
) -> Float[np.ndarray, "draw network"]:
    """How often each network is drawn with its cell."""
    n = len(c.cells)
    drawn = rng.multinomial(n, np.full(n, 1 / n), draws)
    return drawn[:, np.searchsorted(np.array(c.cells), c.cell)].astype(float)


def _per_cell(
    c: Cohort, own: list[tuple[np.ndarray, Group]], k: int, by: str, signs: np.ndarray
) -> Float[np.ndarray, "signal cell"]:
    """The score of each cell that has pairs enough."""
    if not is_within(c.pool):
        return np.empty((len(c.signals), 0))
    counts = [g.resampled(np.ones((1, g.size))) for _, g in own if g.sooner.sum() >= FEW_PAIRS]
    each = [_signed(share([x]), signs)[0] for x in counts]
    return np.stack(each, axis=1) if each else np.empty((len(c.signals), 0))


def interval(drawn: Float[np.ndarray, " draw"]) -> tuple[float | None, float | None]:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None, None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

"""The race: every signal by the rules of `protocol`, pool by pool, never in one number."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from grokscope.errors import BadInput
from grokscope.forecast.alarms import Alarm, alarms
from grokscope.forecast.chances import Gain, gains, with_settings
from grokscope.forecast.cohort import Cohort, cohort, signals_in
from grokscope.forecast.delays import Delay, delays
from grokscope.forecast.extra import check
from grokscope.forecast.protocol import HELD_OUT, SETS, is_within, rules
from grokscope.forecast.scores import DRAWS, Score, scores
from grokscope.forecast.signal import SIGNALS
from grokscope.training.track import Track, untracked

RACED = ("mixed", "same")  # controls have no race of their own: alarms are tried on them
GOAL = 0.6  # that the lower bound of a signal's score is to exceed


@dataclass(frozen=True)
class Raced:
    """What came of one pool. `counts` are the networks of each set, how many of them grokked, and
    how many cells they are of."""

    pool: str
    by: str
    counts: Mapping[str, tuple[int, int, int]]
    landmarks: tuple[float, ...]
    beyond: tuple[float, ...]
    scores: Sequence[Score]
    gains: Sequence[Gain]
    alarms: Sequence[Alarm]
    delays: Sequence[Delay]

    def record(self) -> dict[str, Any]:
        """It as plain data."""
        return asdict(self)

    def best(self, where: str = HELD_OUT) -> list[Score]:
        """The scores on a set at the landmarks of the race, the best first."""
        found = [x for x in self.scores if x.where == where and x.landmark in self.landmarks]
        return sorted(found, key=lambda x: -x.value)

    @property
    def winners(self) -> list[Score]:
        """Those of the tested signals whose lower bound is above the goal, with a p below 1/20."""
        return [x for x in self.best() if (x.low or 0) > GOAL and x.p is not None and x.p < 0.05]


def race(
    table: pl.DataFrame, seed: int = 0, draws: int = DRAWS, track: Track = untracked
) -> dict[str, Raced]:
    """The race in each pool of a table. Raises `BadInput` where there is none that can be raced."""
    check()
    names = signals_in(table)
    controls = cohort(table, "control", names)
    there = [pool for pool in RACED if cohort(table, pool, names) is not None]
    if not there:
        raise BadInput(
            f"no network of the pools {' and '.join(RACED)} memorised: there is nothing to race. "
            "`grokscope predict --make` makes some."
        )
    found: dict[str, Raced] = {}
    for i, pool in enumerate(there):
        track(i, len(there))
        c = cohort(table, pool, names)
        assert c is not None
        r = rules(c, seed)
        if not is_within(pool):
            c = with_settings(c, r)
        tested = [name for name in names if not sees_answer(name)]
        found[pool] = Raced(
            pool, r.by,
            {w: _count(c.of(r.sets[w])) for w in SETS if w in r.sets and r.sets[w].any()},
            r.landmarks, r.beyond,
            scores(c, r, tested, seed, draws),
            gains(c, r, seed, draws),
            alarms(c, r, controls),
            delays(c, r, tested, seed),
        )  # fmt: skip
    return found


def sees_answer(name: str) -> bool:
    """Whether a signal is of the answers that are held out."""
    return name in SIGNALS and SIGNALS[name].sees_answer


def _count(c: Cohort) -> tuple[int, int, int]:
    return len(c), int(c.grokked.sum()), len(c.cells)

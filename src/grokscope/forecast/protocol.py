"""The rules of the race, fixed before it: which cells calibrate, which are held out, at which
landmarks it is run, and what is asked.

Signs, thresholds and models are locked on half of the cells. The other half, then another task,
then another architecture, say what they are worth.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from grokscope.errors import BadInput
from grokscope.forecast.cohort import Cohort

CALIBRATION, HELD_OUT = "calibration", "held-out"
OTHER_TASK, OTHER_MODEL = "other task", "other architecture"
SETS = (CALIBRATION, HELD_OUT, OTHER_TASK, OTHER_MODEL)
HALF = "half"  # the column of a pool that says beforehand which set a cell is of, in these words:
WORDS = {
    "calibrate": CALIBRATION,
    "test": HELD_OUT,
    "task": OTHER_TASK,
    "architecture": OTHER_MODEL,
}
LEAST_SHARE = 0.05  # of each outcome: with less in most cells nearly all come to the same end
AUROC, CONCORDANCE = "AUROC", "concordance"


@dataclass(frozen=True, eq=False)
class Rules:
    """What is asked of a cohort, and of which of its networks."""

    by: str  # `AUROC`: whether it groks; `CONCORDANCE`: how soon
    sets: dict[str, Bool[np.ndarray, " network"]]  # by the names of `SETS`; disjoint
    landmarks: tuple[float, ...]  # up to half of the calibration cells' median t_grok
    beyond: tuple[float, ...]  # later ones, which are told apart

    def allowed(self, landmark: float) -> bool:
        return landmark in self.landmarks


def rules(c: Cohort, seed: int = 0) -> Rules:
    """The rules for a cohort. Raises `BadInput` where none of its networks generalised, none was at
    risk at a landmark, or it has one cell alone."""
    if not c.at_risk.any():
        raise BadInput(
            f"no network of the pool `{c.pool}` has a landmark: all had generalised, or ended, "
            "before they memorised. Make one of networks that memorise first."
        )
    if not c.grokked.any():
        raise BadInput(
            f"none of the {len(c):,} networks of the pool `{c.pool}` generalised, so nothing can "
            "be raced. Train them longer, or show them more of the table."
        )
    sets = halves(c, seed)
    for where in (CALIBRATION, HELD_OUT):
        if not c.grokked[sets[where]].any():
            raise BadInput(
                f"none of the {sets[where].sum():,} networks in the {where} cells of the pool "
                f"`{c.pool}` generalised. It needs more cells, or another --seed for its halves."
            )
    calibration = c.of(sets[CALIBRATION])
    early = up_to_half(calibration)
    return Rules(
        question(c.of(sets[CALIBRATION] | sets[HELD_OUT])),
        sets,
        tuple(x for x in c.landmarks if x in early),
        tuple(x for x in c.landmarks if x not in early),
    )


def halves(c: Cohort, seed: int) -> dict[str, Bool[np.ndarray, " network"]]:
    """Which networks each set has: what the pool says itself, or else a draw. Of a pool of many
    configurations half of all cells calibrate; of one whose cells are raced one by one, half of
    those of the commonest task and model."""
    if HALF in c.networks and not c.networks[HALF].null_count():
        return {name: (c.networks[HALF] == word).to_numpy() for word, name in WORDS.items()}
    kinds = c.networks.select("task", "model")
    is_main = np.ones(len(c), dtype=bool)
    sets: dict[str, Bool[np.ndarray, " network"]] = {}
    if is_within(c.pool):
        counted = c.networks.unique("cell").group_by("task", "model").len()
        task, model, _ = counted.sort(
            ["len", "task", "model"], descending=[True, False, False]
        ).row(0)
        is_task, is_model = (
            (kinds[k] == v).to_numpy() for k, v in (("task", task), ("model", model))
        )
        is_main = is_task & is_model
        sets = {OTHER_TASK: ~is_task & is_model, OTHER_MODEL: ~is_model}
    cells = sorted(set(c.cell[is_main]))
    if len(cells) < 2:
        raise BadInput(
            f"the pool `{c.pool}` has one cell ({cells[0]}). The race calibrates on half of the "
            "cells and tests on the others: give it two or more."
        )
    order = np.random.default_rng(seed).permutation(len(cells))
    chosen = [cells[i] for i in order[: (len(cells) + 1) // 2]]
    calibrates = np.isin(c.cell, chosen) & is_main
    return {CALIBRATION: calibrates, HELD_OUT: is_main & ~calibrates, **sets}


def is_within(pool: str) -> bool:
    """Whether networks of this pool are compared within their cells alone."""
    return pool == "same"


def groups(c: Cohort) -> list[Bool[np.ndarray, " network"]]:
    """The networks that are compared with each other: those of a cell, or all."""
    if is_within(c.pool):
        return [c.cell == name for name in c.cells]
    return [np.ones(len(c), dtype=bool)]


def question(c: Cohort) -> str:
    """Whether networks grok, where in at least half of the groups some do and some do not; else how
    soon."""
    shares = [c.grokked[group].mean() for group in groups(c)]
    both = [LEAST_SHARE <= x <= 1 - LEAST_SHARE for x in shares]
    return AUROC if 2 * sum(both) >= len(both) else CONCORDANCE


def up_to_half(calibration: Cohort) -> list[float]:
    """The landmarks that fall, in the median, before half of the median t_grok."""
    memorised = calibration.networks["memorised"].to_numpy()
    if not calibration.grokked.any():
        return list(calibration.landmarks)
    half = np.median(calibration.time[calibration.grokked]) / 2
    return [x for x in calibration.landmarks if x * np.median(memorised) <= half]

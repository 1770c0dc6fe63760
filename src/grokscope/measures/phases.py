"""The three phases of grokking, by a rule.

Nanda et al. (2023, 5.2) set their boundaries by hand: memorisation, circuit formation, cleanup.
The rule here is ours, made to be applied to any run; it refuses where the network never
generalises.
"""

import math
from collections.abc import Sequence

import polars as pl

from grokscope.errors import BadInput
from grokscope.training.events import Events, Phases, Row


def find_phases(events: Events, rows: Sequence[Row], table: pl.DataFrame) -> Phases:
    """The phases of a run, from its evaluations and its trace of `excluded_loss_sum_train`.

    Raises `BadInput` where they have no meaning: without a grok, or without excluded losses.
    """
    if events.t_grok is None:
        raise BadInput("the network never generalised, so it has no phases of doing so.")
    if "excluded_loss_sum_train" not in table.columns:
        raise BadInput("the phases are read off the excluded loss, which this task does not have.")
    half_right = [r["step"] for r in rows if r["test_accuracy"] > 0.5]
    if not half_right:
        raise BadInput("test accuracy never passed 1/2, which the rule for the phases needs.")
    before = half_right[0]
    early = table.filter(pl.col("step") < before).drop_nulls("excluded_loss_sum_train")
    early = early.sort("excluded_loss_sum_train")
    peak = max(r["test_loss"] for r in rows)
    highest = max(i for i, r in enumerate(rows) if r["test_loss"] >= 0.9 * peak)
    falling = rows[highest:]
    first, last = (math.log(max(r["test_loss"], 1e-300)) for r in (falling[0], falling[-1]))
    done = next(
        r for r in falling if math.log(max(r["test_loss"], 1e-300)) <= last + 0.05 * (first - last)
    )
    return Phases(
        memorized=int(early["step"][0]) if len(early) else 0,
        formed=int(rows[highest]["step"]),
        cleaned=int(done["step"]),
    )


SETTLED = 0.05  # of its whole range: how far a settled sparsity still moves


def find_clean(events: Events, table: pl.DataFrame, lens: str | None) -> int | None:
    """t_clean: the first checkpoint from which the sparsity of the weights in the winning lens, its
    `lens_score`, stays within 5 % of its range of where it ends. None if the network never
    generalised, no lens won, or the score was not traced: without them nothing was cleaned up."""
    column = f"lens_score[{lens}]"
    if events.t_grok is None or lens is None or column not in table.columns:
        return None
    scores = table[column].to_list()
    allowed = SETTLED * (max(scores) - min(scores))
    settled = len(scores)
    while settled and abs(scores[settled - 1] - scores[-1]) <= allowed:
        settled -= 1
    return int(table["step"][settled]) if settled < len(scores) - 1 else None

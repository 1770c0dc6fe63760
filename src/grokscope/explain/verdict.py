"""The gate: whether a network generalises, as a function of numbers alone.

No algorithm is said to be learned unless it does. A network whose split is not known and that is
right on 99 % of all pairs and more is `accurate`; only a circuit that holds, and so says in few
numbers what it does on every pair, settles that it generalised. Nothing settles it of a network
that was shown every pair, and of one whose task is not known nothing is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["generalised", "partial", "not generalised", "accurate", "task unknown"]

GENERALISES = 0.99  # of held-out pairs; of all, where none is known to be
UNSEEN = 0.9  # of those whose mirror (b, a) was held out too, at least; a memoriser has chance
PARTIAL = 0.1  # of the way from chance to all of them: memorisers had less
LUCK = 3.0  # standard deviations above guessing that an accuracy must be


@dataclass(frozen=True)
class Gate:
    """The verdict, and what stood in the way of a better one.

    Attributes:
        is_mirrored: Its right answers on the test are those of (b, a), which was shown.
        may_be_luck: Guessing could be right on as many of the test pairs.
        is_settled: A circuit has settled it, where the split does not.
        was_shown_all: It was shown every pair.
    """

    verdict: Verdict
    is_mirrored: bool = False
    may_be_luck: bool = False
    is_settled: bool = False
    was_shown_all: bool = False


def gate(
    accuracy: Mapping[str, float],
    count: Mapping[str, int],
    chance: float,
    is_settled: bool,
    was_shown_all: bool = False,
    is_task_known: bool = True,
) -> Gate:
    """The verdict on a network with this accuracy on so many pairs: "all", and where they are known
    "test" and "unseen", the test pairs that were not given away. `is_settled`: a circuit holds that
    no network has by heart."""
    if not is_task_known:
        return Gate("task unknown")
    if "unseen" not in accuracy:
        if accuracy["all"] < GENERALISES:
            return Gate("not generalised", was_shown_all=was_shown_all)
        if was_shown_all:
            return Gate("accurate", was_shown_all=True)
        return Gate("generalised" if is_settled else "accurate", is_settled=is_settled)
    may_be_luck = {x: _may_be_luck(accuracy[x], count[x], chance) for x in ("test", "unseen")}
    passes = accuracy["test"] >= GENERALISES
    is_mirrored = passes and accuracy["unseen"] < UNSEEN
    if passes and not is_mirrored and not may_be_luck["test"]:
        return Gate("generalised")
    way = (accuracy["unseen"] - chance) / max(1 - chance, 1e-9)
    is_partial = way > PARTIAL and not may_be_luck["unseen"]
    verdict: Verdict = "partial" if is_partial else "not generalised"
    return Gate(verdict, is_mirrored, may_be_luck=passes and not is_mirrored)


def _may_be_luck(accuracy: float, count: int, chance: float) -> bool:
    """Whether guessing could be right on as many of these pairs, if they are few, or their answers
    are nearly all the same: within `LUCK` standard deviations."""
    spread = (chance * (1 - chance) / max(count, 1)) ** 0.5
    return accuracy - chance <= LUCK * spread

"""The three phases of grokking, by a rule.

Nanda et al. (2023, 5.2) set their boundaries by hand: memorisation, circuit formation, cleanup.
The rule here is ours, made to be applied to any run with losses: it needs no lens and no trace. M
is the logarithm of the test loss, smoothed over 15 % of a step (`measures.smoothing`):

    memorisation ends       where M is highest, from memorising to generalising
    circuit formation ends  where M >= highest - 1 for the last time before it generalises: test
                            loss is 1/e of its highest
    cleanup ends            where M <= low + .05 (highest - low) for the first time from there on,
                            low being the least M from there on; nowhere while M still falls

Each boundary but the last has a second reading, to see how far one depends on its rule: the least
excluded loss, smoothed likewise, where there is a trace of it; and the knee, where M is highest
above the straight line from its highest point to the end of cleanup, if that is before it
generalises. A reading of the second boundary at which the test is right by chance only is not fit:
a fast recipe lowers an absurdly high test loss before anything is learned. Where neither is fit,
and where there is nothing to divide, the rule says so and gives no phases.
"""

import math
from collections.abc import Sequence

import polars as pl

from grokscope.measures.smoothing import Curve, smoothed
from grokscope.spec import Spec
from grokscope.training.events import Events, NoPhases, Phases, Row, find_events

LEFT = 0.05  # of the whole fall of M: what cleanup leaves, and what is no fall any more
LATE = 0.85  # of the last step: since then M must have stopped falling for cleanup to be over
FEWEST = 5  # evaluations from memorising to generalising: fewer cannot show an order of three
SHOWN = 0.02  # of the way from guessing to 1, on the test: less shows no circuit
LEARNED = 0.1  # nats: a loss that is learned, where losses alone were recorded
EXCLUDED = "excluded_loss_sum_train"


def find_phases(
    spec: Spec, rows: Sequence[Row], chance: float, table: pl.DataFrame | None = None
) -> Phases | NoPhases:
    """The phases of a run, or why it has none, from its evaluations in the order of their steps.

    `chance` is the accuracy of guessing. `table`, the run's trace, may have the excluded loss.
    """
    span = _delay(spec, rows, chance)
    if not isinstance(span, tuple):
        return span
    curve = smoothed((r["step"], r["test_loss"]) for r in rows)
    between = curve.within(*span)
    if len(between) < FEWEST:
        return "few evaluations"
    peak = max(between, key=lambda i: curve.values[i])
    formed = max(i for i in between if curve.values[i] >= curve.values[peak] - 1)
    if formed == between[-1]:
        return "no fall"
    done, is_over = _cleanup(curve, peak, formed)
    knee = _knee(curve, peak, done)
    if knee is not None and (knee >= span[1] or not _shows(rows, knee, chance)):
        knee = None
    if knee is None and not _shows(rows, curve.steps[formed], chance):
        return "no plateau"
    return Phases(
        memorized=curve.steps[peak],
        formed=curve.steps[formed],
        cleaned=curve.steps[done] if is_over else None,
        least_excluded=_least_excluded(table, span[0], curve.steps[formed]),
        knee=knee,
        evaluations=len(between),
    )


def _delay(spec: Spec, rows: Sequence[Row], chance: float) -> tuple[int, int] | NoPhases:
    """From which step to which there is something to divide: from memorising to generalising."""
    has_losses_alone = any(math.isnan(r["test_accuracy"]) for r in rows)
    events = _events_of_losses(spec, rows) if has_losses_alone else find_events(spec, rows)
    start, end = events.t_memorize, events.t_grok
    if end is None:
        return "never generalised"
    if start is None or start >= end:
        return "not memorised first"
    row = next(r for r in rows if r["step"] == start)
    if has_losses_alone:
        is_apart = row["test_loss"] > -math.log(chance) / 2
    else:
        is_apart = row["test_accuracy"] < (1 + chance) / 2
    return (start, end) if is_apart else "not memorised first"


def _events_of_losses(spec: Spec, rows: Sequence[Row]) -> Events:
    """When train and test loss fell below .1, of an imported network whose accuracies were not
    recorded at every evaluation."""
    learned = [
        {
            **row,
            "train_accuracy": float(row["train_loss"] < LEARNED),
            "test_accuracy": float(row["test_loss"] < LEARNED),
        }
        for row in rows
    ]
    return find_events(spec, learned)


def _shows(rows: Sequence[Row], step: int, chance: float) -> bool:
    """Whether test accuracy at a step is above that of guessing, as it must be where a circuit has
    formed; so it is taken to be where losses alone are known."""
    right = next(r["test_accuracy"] for r in rows if r["step"] == step)
    return math.isnan(right) or right - chance >= SHOWN * (1 - chance)


def _cleanup(curve: Curve, peak: int, formed: int) -> tuple[int, bool]:
    """Where 95 % of the fall is done, and whether the curve had stopped falling by its end: since
    85 % of its last step it fell by no more than the rest."""
    low = min(curve.values[formed:])
    rest = LEFT * (curve.values[peak] - low)
    done = next(i for i in range(formed, len(curve)) if curve.values[i] <= low + rest)
    late = curve.within(math.ceil(LATE * curve.steps[-1]), curve.steps[-1])
    before = late[0] if len(late) > 1 else len(curve) - 2
    return done, curve.values[before] - curve.values[-1] <= rest


def _knee(curve: Curve, peak: int, done: int) -> int | None:
    """The step at which the curve is highest above its chord; None if that is no more than what is
    no fall either."""
    steps, values = curve.steps, curve.values
    slope = (values[done] - values[peak]) / (steps[done] - steps[peak])
    above = [
        y - values[peak] - slope * (t - steps[peak]) for t, y in zip(steps, values, strict=True)
    ]
    best = max(range(peak, done + 1), key=above.__getitem__)
    return steps[best] if above[best] > LEFT * (values[peak] - values[done]) else None


def _least_excluded(table: pl.DataFrame | None, start: int, formed: int) -> int | None:
    """The step of the least excluded loss from memorising to the end of circuit formation; None
    where fewer than three checkpoints there have one."""
    if table is None or EXCLUDED not in table.columns:
        return None
    curve = smoothed(table.select("step", EXCLUDED).iter_rows())
    between = curve.within(start, formed)
    if len(between) < 3:
        return None
    return curve.steps[min(between, key=lambda i: curve.values[i])]


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

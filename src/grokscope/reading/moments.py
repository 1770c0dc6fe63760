"""What a film says of a run: its title, and what happens at a step.

The same facts as those of `sentences`, said while they happen.
"""

from grokscope.errors import brief
from grokscope.printable import printable
from grokscope.reading.facts import Facts
from grokscope.reading.sentences import inputs, percent
from grokscope.training.events import Row

LONGEST_TITLE = 64
PARTS = {"additive": "frequency", "multiplicative": "character", "group": "irrep"}  # of a lens
SHOWS, HALF = 0.2, 0.5  # of the way from guessing to all right: it is seen, and it is most


def title(f: Facts) -> str:
    """What the network was asked."""
    return f"A network learns {brief(printable(f.task.name, keep=''), LONGEST_TITLE)}"


def shares(f: Facts) -> tuple[str, str]:
    """What the curves of train and test are of."""
    return f"{inputs(f.task)} it is shown", f"{inputs(f.task)} it never saw"


def part_kind(lens: str | None) -> str:
    """What a part of a lens is called."""
    return PARTS.get(lens or "", "part")


def latest(f: Facts, step: int | float) -> Row | None:
    """The last evaluation up to a step; None where there is none."""
    return next((row for row in reversed(f.rows) if row["step"] <= step), None)


def moment(f: Facts, step: int | float) -> str:
    """What happens at a step, in a sentence; nothing where no evaluation says it."""
    row = latest(f, step)
    if row is None or not f.knows_when:
        return ""
    if row is f.rows[-1]:
        return _outcome(f, row)
    e = f.events
    if e.t_grok is not None and step >= e.t_grok:
        return _after(f, row)
    if e.t_memorize is not None and step >= e.t_memorize:
        return _between(f, row)
    return _before(f, row)


def _before(f: Facts, row: Row) -> str:
    """Until it has memorised."""
    if row["step"] == 0:
        return "It has learned nothing yet: it guesses."
    by_heart = " by heart" if f.memorised_first else ""
    return f"It learns the {inputs(f.task)} it is shown{by_heart}."


def _between(f: Facts, row: Row) -> str:
    """From memorising until it generalises."""
    what, gained, p = inputs(f.task), _gained(f, row), f.phases
    if gained >= HALF:
        return f"It answers most of the {what} that it never saw."
    if gained >= SHOWS:
        return f"It begins to answer {what} that it never saw."
    if p is not None and p.memorized < row["step"]:
        return f"Accuracy hardly shows it, but its loss on {what} it never saw falls."
    return f"It has memorised the {what} it was shown, and answers few of the others."


def _gained(f: Facts, row: Row) -> float:
    """How far the test accuracy is from guessing, 0, to all right, 1."""
    chance = f.task.chance
    return (row["test_accuracy"] - chance) / (1 - chance) if chance < 1 else 0.0


def _after(f: Facts, row: Row) -> str:
    """Once it has generalised."""
    if row["test_accuracy"] < f.spec.grok_at:
        return f"It has lost some of what it had learned of {inputs(f.task)} it never saw."
    return f"It generalised: it answers {inputs(f.task)} that it never saw."


def _outcome(f: Facts, row: Row) -> str:
    """What became of it, said at the last evaluation."""
    e, what = f.events, inputs(f.task)
    if e.t_grok is not None and f.generalises:
        if f.delay:
            return f"It generalised {f.delay:,} steps after it had memorised."
        return f"It generalised, by step {e.t_grok:,}."
    if e.t_grok is not None:
        return "It generalised, and lost it again."
    if e.t_memorize is None:
        right = whole(row["train_accuracy"])
        return f"It did not learn all it was shown: {right} of these {what} are right at the end."
    first = "It memorised. " if f.memorised_first else ""
    right = whole(row["test_accuracy"])
    return f"{first}At the end {right} of the {what} it never saw are right."


def whole(share: int | float) -> str:
    """A share in whole percent, never rounded up to 100 or down to 0."""
    if 0 < share < 1:
        return f"{min(99, max(1, round(100 * share)))} %"
    return percent(share)

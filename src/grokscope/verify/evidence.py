"""Evidence: one number for or against a circuit, as data. Whoever prints or draws it makes the
sentence, last of all.

Nothing here touches a tensor, so that words can be made of evidence where no tensor is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal


class Unit(Enum):
    """What a number counts."""

    SHARE = "share"  # from 0 to 1
    NATS = "nats"
    COUNT = "count"
    NUMBER = "number"


class Tested(Enum):
    """What a number of evidence is of. Each form of circuit has members of its own, in a class that
    inherits from this one.

    A member is its `title`, in which {of} stands for what it is about, a part say; its unit; and
    for the tests that a reader is shown first, a name of a word or two and what it means.
    """

    title: str
    unit: Unit
    short: str
    meaning: str

    def __init__(self, title: str, unit: Unit = Unit.NUMBER, short: str = "", meaning: str = ""):
        self.title, self.unit, self.short, self.meaning = title, unit, short, meaning


class OfAll(Tested):
    """What every circuit is tested on."""

    SAME_ANSWERS = (
        "the network's own answer",
        Unit.SHARE,
        "Same answers",
        "For how many inputs the explanation gives the answer that the network gives.",
    )
    SAME_LOGITS = (
        "explained variance of the logits",
        Unit.SHARE,
        "Same scores",
        "How much of the variation of the network's scores for all answers it gives.",
    )
    KEPT = (
        "accuracy kept alone, {of}",
        Unit.SHARE,
        "Enough",
        "Only what it explains is kept of the network: how many answers are right.",
    )
    LOSS_KEPT = "loss kept alone, {of}", Unit.NATS
    REMOVED = (
        "accuracy without it, all",
        Unit.SHARE,
        "Needed",
        "What it explains is taken out of the network, which should then fail.",
    )
    LOSS_REMOVED = "loss without it, train", Unit.NATS
    WITHOUT_PART = "accuracy without {of}", Unit.SHARE
    IN_ITS_PLACE = (
        "accuracy with its activations in place of the network's",
        Unit.SHARE,
        "In its place",
        "It computes the network's hidden layer: the answers should stay right.",
    )
    WITHOUT_NEURONS = (
        "accuracy without its neurons",
        Unit.SHARE,
        "Its neurons",
        "The neurons it speaks of are silenced, and the network should fail.",
    )
    SIZE = (
        "size: numbers used",
        Unit.COUNT,
        "Short",
        "How many numbers it needs: as many as it explains would explain nothing.",
    )
    PRICE = "price: bits, its numbers as coarse as keeps its answers", Unit.COUNT
    PRICE_OF_ONE = "bits a number, at that price", Unit.COUNT
    LEFT_OVER = "variance of the logits left over, at that price", Unit.SHARE


ANSWERS, VALUES = "a table of the answers", "a table of all that it says"  # beside a price


class Standing(Enum):
    """What a number says of the circuit."""

    FOR = "for"
    AGAINST = "against"
    OPEN = "open"  # it leaves the question open
    INCONCLUSIVE = "inconclusive control"  # it would be the same without such a circuit
    REPORTED = "reported"  # not judged


@dataclass(frozen=True)
class Need:
    """What a value must reach, or must not exceed; and how far short of it the question is open."""

    side: Literal["at least", "at most"]
    value: float
    open: float | None = None  # from here on, or up to here
    controls_at_most: float | None = None  # where controls are judged too

    def standing(self, value: float, controls: Iterable[float] = ()) -> Standing:
        """That of a value which is asked this, beside its controls. What is not a number is against
        the circuit."""
        if self.controls_at_most is not None and max(controls, default=0.0) > self.controls_at_most:
            return Standing.AGAINST
        sign = 1 if self.side == "at least" else -1
        if sign * value >= sign * self.value:
            return Standing.FOR
        is_open = self.open is not None and sign * value >= sign * self.open
        return Standing.OPEN if is_open else Standing.AGAINST


@dataclass(frozen=True)
class Between:
    """Which of two algorithms a value speaks for: `low` up to one number, `high` from another on;
    in between for neither."""

    low: str
    up_to: float
    high: str
    from_: float


@dataclass(frozen=True)
class Evidence:
    """One number, beside what it is where there is no such circuit.

    `of` is what it is about, where the title leaves that open; `why` is the reason for a standing
    that the number alone does not give, or what else is to be said of it.
    """

    tested: Tested
    value: float
    standing: Standing = Standing.REPORTED
    need: Need | Between | None = None
    controls: Mapping[str, float] = field(default_factory=dict)
    of: str = ""
    why: str = ""

    @property
    def name(self) -> str:
        """The title with what it is about."""
        return self.tested.title.format(of=self.of)

    @property
    def is_judged(self) -> bool:
        """Whether it is for or against the circuit."""
        return self.standing in (Standing.FOR, Standing.AGAINST)

    def inconclusive(self, why: str) -> "Evidence":
        """The same where a control shows that it proves nothing."""
        return replace(self, standing=Standing.INCONCLUSIVE, why=why)


Verdict = Literal["holds", "fails", "undetermined"]


@dataclass(frozen=True)
class Case:
    """The evidence for and against a circuit, and what follows.

    No number suffices alone. A lookup table agrees with itself and is explained in full, by a
    circuit as large as the table; a kernel that already contains the group's structure has a tiny
    loss while the network fails; recorded key parts exist for pure memorisers. So a circuit holds
    only if every number that is judged is for it, fails if one is against it, and is undetermined
    otherwise.
    """

    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> Verdict:
        if self.standing(Standing.AGAINST):
            return "fails"
        return "undetermined" if self.standing(Standing.OPEN) else "holds"

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"

    def standing(self, standing: Standing) -> tuple[Evidence, ...]:
        """The evidence that stands so."""
        return tuple(e for e in self.evidence if e.standing is standing)

    @property
    def reasons(self) -> tuple[Evidence, ...]:
        """Why it does not hold, or else the numbers that carry it."""
        order = (Standing.AGAINST, Standing.OPEN, Standing.FOR)
        return next(filter(None, map(self.standing, order)), ())

    def get(self, tested: Tested, of: str = "") -> Evidence | None:
        """The evidence of this kind, where there is some."""
        return next((e for e in self.evidence if (e.tested, e.of) == (tested, of)), None)

    def value(self, tested: Tested, of: str = "") -> float:
        """Its number."""
        return next(e.value for e in self.evidence if (e.tested, e.of) == (tested, of))


def judged(
    tested: Tested,
    value: float,
    need: Need,
    controls: Mapping[str, float] | None = None,
    of: str = "",
    why: str = "",
) -> Evidence:
    """Evidence that is for or against a circuit, or leaves it open, by its value."""
    controls = controls or {}
    return Evidence(tested, value, need.standing(value, controls.values()), need, controls, of, why)


def at_least(
    tested: Tested,
    value: float,
    need: float,
    open_from: float | None = None,
    *,
    of: str = "",
    controls: Mapping[str, float] | None = None,
) -> Evidence:
    """Evidence that must reach `need`, and leaves the question open from `open_from` on."""
    return judged(tested, value, Need("at least", need, open_from), controls, of)


def at_most(
    tested: Tested,
    value: float,
    need: float,
    open_to: float | None = None,
    *,
    of: str = "",
    controls: Mapping[str, float] | None = None,
) -> Evidence:
    """Evidence that must not exceed `need`, and leaves the question open up to `open_to`."""
    return judged(tested, value, Need("at most", need, open_to), controls, of)

"""An exam for explainers: do they name the algorithm where there is one, and refuse where not?

It has four papers, each of networks that are known: truths, impostors, truths in disguise, which
must be named as they are without it, and mixed networks, of which a name is true for a share of the
pairs alone.

An explainer is any function from a snapshot to the names of the algorithms that it says the network
has, those of any form of explanation; none if it refuses. The name of a form without algorithms,
such as `lookup`, and `undetermined` are refusals too. One that says more, a verdict, shares or a
bound, returns an `Account` instead, and is examined on these as well.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from grokscope.circuits.circuit import FORMS
from grokscope.errors import BadInput, NotApplicable, lookup, must_be
from grokscope.explain.explanation import UNDETERMINED
from grokscope.explain.explanation import explain as explained
from grokscope.explain.verdict import Verdict
from grokscope.planted.disguises import ALL, DISGUISES, disguised, permuted
from grokscope.planted.planted import ACCURATE, IMPOSTORS, MIXED, TRUTHS, Kind, Planted, accuracy
from grokscope.score import accuracy as share_right
from grokscope.snapshot import Snapshot

FIRST_SEED = 1_000_000  # of an exam; build and tune on smaller ones
LARGEST_SEED = 2**62
MOST = 100_000  # questions of a paper
ROUNDING = 1e-9  # of shares of so many pairs
ORDERS = 3  # of summation, in which a bound must hold
NEAR = 0.02  # by which a share that is said may be above the true one
LOGITS_ALONE = "convolution"  # a form of the logits, not of how a network computes them

Outcome = Literal[
    "named", "vague", "misnamed", "missed", "broken", "same", "changed", "shared", "refused",
    "accepted",
]  # fmt: skip
WRONG: tuple[Outcome, ...] = ("vague", "missed", "misnamed", "changed", "accepted")


@dataclass(frozen=True)
class Account:
    """What an explainer says of a network: names; its verdict; on which share of the pairs what is
    named is so, by name; and on how many it proves the network right. None: it does not say."""

    names: Collection[str]
    verdict: Verdict | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    bound: float | None = None


Explainer = Callable[[Snapshot], Collection[str] | Account]
EXPLAINERS: dict[str, Explainer] = {}


def explainer(explain: Explainer) -> Explainer:
    """Make an explainer available to `grokscope exam` by the name of its function."""
    EXPLAINERS[explain.__name__] = explain
    return explain


@explainer
def grokscope(snapshot: Snapshot) -> Account:
    """Our own: what `explain` says, with the algorithms of all whose circuit holds."""
    found = explained(snapshot)
    return Account(found.algorithms, found.verdict, found.shares, found.bound)


@explainer
def gullible(snapshot: Snapshot) -> list[str]:
    """A control: believes whatever is right on nearly all pairs, and names what is usual."""
    if share_right(snapshot.logits, snapshot.task.answers) < ACCURATE:
        return []
    return ["convolution" if snapshot.task.digits is None else "parity"]


def algorithms() -> frozenset[str]:
    """The names that an explainer may give: the algorithms of all forms of explanation."""
    return frozenset(name for form in FORMS.values() for name in form.circuit.algorithms)


def refusals() -> frozenset[str]:
    """What it may say of one that has none: the forms without algorithms, and undetermined."""
    null = (name for name, form in FORMS.items() if not form.circuit.algorithms)
    return frozenset({*null, UNDETERMINED})


# ---- questions -----------------------------------------------------------------------------------

PAPERS: dict[str, Mapping[str, Kind]] = {
    "truths": TRUTHS, "impostors": IMPOSTORS, "disguised": TRUTHS, "mixed": MIXED,
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One network to be asked about, which is drawn when it is asked."""

    paper: str
    kind: str
    seed: int
    noise: float
    disguise: str = ""

    def draw(self) -> Planted:
        """The network, without its disguise."""
        return PAPERS[self.paper][self.kind].draw(self.seed, self.noise)


def questions(papers: Sequence[str], seed: int, noise: float, number: int) -> Iterator[Question]:
    """`number` questions of each paper, of its kinds in turn with seeds from `seed`. Raises
    `BadInput` for a number below 1 or for very large ones, `UnknownName` for another paper."""
    if number < 1:
        raise must_be("number", "a whole number of at least 1", number)
    if number > MOST:
        raise must_be("number", f"at most {MOST:,}", number)
    if not 0 <= seed <= LARGEST_SEED:
        raise must_be("seed", f"from 0 to {LARGEST_SEED:,}", seed)
    disguises = [*DISGUISES, ALL]
    for paper in papers:
        kinds = list(lookup("paper", paper, PAPERS))
        for i in range(number):
            at = i // len(kinds)
            worn = disguises[(i + at) % len(disguises)] if paper == "disguised" else ""
            yield Question(paper, kinds[i % len(kinds)], seed + at, noise, worn)


# ---- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What an explainer said of one network.

    `truth` and `exact` are those of `Planted`, `share` is for how many pairs they are so. `lowest`
    is the least accuracy of the network's own pass in several orders of summation. `undisguised` is
    what it says of the network without its disguise.
    """

    question: Question
    accuracy: float
    lowest: float
    truth: frozenset[str]
    exact: frozenset[str]
    share: float
    claimed: frozenset[str]
    verdict: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    bound: float | None = None
    undisguised: frozenset[str] | None = None

    @property
    def outcome(self) -> Outcome:
        """An impostor is refused or accepted. A truth is named, if an exact name is among what is
        said and all of it is true; vague, if that is true but says less; misnamed, if some of it is
        false; missed, if nothing is said; broken, which is not counted, if noise has left no
        accurate network. A disguised one is the same or changed. A mixed one is refused too, or
        shared, if its share is said with every name; else accepted."""
        if not self.truth:
            return "accepted" if self._is_believed else "refused"
        if self.undisguised is not None:
            return "same" if self.claimed == self.undisguised else "changed"
        if self.share < 1:
            return self._of_a_share
        if self.accuracy < ACCURATE:
            return "broken"
        if not self.claimed:
            return "missed"
        if not self.claimed <= self.truth:
            return "misnamed"
        return "named" if self.claimed & self.exact else "vague"

    @property
    def _is_believed(self) -> bool:
        """Whether it is said to generalise or to have a mechanism. That its logits have a form is
        neither, where it is also said that it is not known to generalise."""
        if self.verdict is None:
            return bool(self.claimed)
        return self.verdict == "generalised" or not self.claimed <= {LOGITS_ALONE}

    @property
    def _of_a_share(self) -> Outcome:
        if not self.claimed:
            return "accepted" if self.verdict == "generalised" else "refused"
        is_said = all(self.shares.get(x, 1.0) <= self.share + NEAR for x in self.claimed)
        return "shared" if is_said and self.claimed <= self.truth else "accepted"

    @property
    def is_overproved(self) -> bool:
        """Whether more is said to be proved than the network gets right as it runs."""
        return self.bound is not None and self.bound > self.lowest + ROUNDING

    @property
    def is_wrong(self) -> bool:
        return self.outcome in WRONG or self.is_overproved


def asked(explain: Explainer, question: Question) -> Answer:
    """The answer of an explainer to one question."""
    bare = question.draw()
    planted, undisguised = bare, None
    if question.disguise:
        worn = tuple(DISGUISES) if question.disguise == ALL else (question.disguise,)
        planted = disguised(bare, worn, question.seed)
        undisguised = frozenset(_account(explain, bare).names)
    said = _account(explain, planted)
    return Answer(
        question,
        planted.accuracy,
        lowest_accuracy(planted),
        planted.truth,
        planted.exact,
        planted.share,
        frozenset(said.names),
        said.verdict,
        dict(said.shares),
        said.bound,
        undisguised,
    )


def lowest_accuracy(planted: Planted) -> float:
    """The least accuracy of a network's own pass over all pairs, its neurons summed in the order
    in which they are and in others."""
    found = [planted.accuracy]
    for seed in range(ORDERS - 1):
        random = torch.Generator().manual_seed(seed)
        try:
            found.append(accuracy(permuted(planted.model, random), planted.task))
        except NotApplicable:
            break
    return min(found)


def _account(explain: Explainer, planted: Planted) -> Account:
    """What it says of a network, less refusals; that it is not applicable is one."""
    try:
        said = explain(planted.snapshot)
    except NotApplicable:
        return Account(())
    except Exception as error:
        if explain.__module__.startswith("grokscope."):
            raise
        raise BadInput(
            f"the explainer failed on planted `{planted.name}`: {type(error).__name__}: {error}"
        ) from error
    account = said if isinstance(said, Account) else Account(said or ())
    names = {account.names} if isinstance(account.names, str) else set(account.names)
    for name in names - algorithms() - refusals():
        known = ", ".join(sorted(algorithms() | refusals()))
        raise BadInput(
            f"the explainer says `{name}`, which is not the name of an algorithm. Known: {known}."
        )
    return Account(names - refusals(), account.verdict, account.shares, account.bound)


# ---- the exam ------------------------------------------------------------------------------------

SHOWN: dict[str, tuple[Outcome, ...]] = {
    "truths": ("named", "vague", "misnamed", "missed", "broken"),
    "impostors": ("refused", "accepted"),
    "disguised": ("same", "changed"),
    "mixed": ("refused", "shared", "accepted"),
}


@dataclass(frozen=True)
class Exam:
    """The answers of one explainer, in the order of the questions."""

    answers: tuple[Answer, ...]

    @property
    def named(self) -> float:
        """The share of the truths that are named rightly, of those that noise has not broken."""
        return _share([x for x in self.of("truths") if x.outcome != "broken"], "named")

    @property
    def accepted(self) -> float:
        """The share of the impostors in which an algorithm is seen, or that are said to
        generalise."""
        return _share(self.of("impostors"), "accepted")

    @property
    def same(self) -> float:
        """The share of the disguised truths that are named as without their disguise."""
        return _share(self.of("disguised"), "same")

    @property
    def accepted_whole(self) -> float:
        """The share of the mixed networks of which a name is said without its share."""
        return _share(self.of("mixed"), "accepted")

    @property
    def overproved(self) -> int:
        """How many networks more is proved of than they get right."""
        return sum(x.is_overproved for x in self.answers)

    @property
    def shares(self) -> dict[str, float]:
        """These numbers by name, of the papers that were asked."""
        by_paper: dict[str, str] = {
            "truths": "named", "impostors": "accepted", "disguised": "same",
            "mixed": "accepted_whole",
        }  # fmt: skip
        there = {name: getattr(self, name) for paper, name in by_paper.items() if self.of(paper)}
        return {**there, "overproved": self.overproved}

    def of(self, paper: str) -> list[Answer]:
        """The answers to one paper."""
        return [x for x in self.answers if x.question.paper == paper]

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each paper, kind or disguise, and noise; then one for all of each paper."""
        groups: dict[tuple[str, str, float], list[Answer]] = {}
        for x in self.answers:
            q = x.question
            groups.setdefault((q.paper, q.disguise or q.kind, q.noise), []).append(x)
        for x in self.answers:
            q = x.question
            groups.setdefault((q.paper, f"all {q.paper}", q.noise), []).append(x)
        return [_row(*group, those) for group, those in groups.items()]

    @property
    def failures(self) -> list[Answer]:
        """The truths not named, the impostors accepted, ..., and what is proved and not so."""
        return [x for x in self.answers if x.is_wrong]


def exam(
    explain: Explainer,
    seed: int = FIRST_SEED,
    noise: float = 0.01,
    number: int = 300,
    papers: Sequence[str] = tuple(PAPERS),
) -> Exam:
    """Ask an explainer about `number` planted networks of each paper, of all kinds in turn and with
    seeds from `seed`, each weight matrix with this relative noise."""
    return Exam(tuple(asked(explain, x) for x in questions(papers, seed, noise, number)))


def _share(those: Sequence[Answer], outcome: Outcome) -> float:
    return sum(x.outcome == outcome for x in those) / len(those) if those else 0.0


def _row(paper: str, kind: str, noise: float, those: Sequence[Answer]) -> dict[str, Any]:
    every = dict.fromkeys(outcome for shown in SHOWN.values() for outcome in shown)
    shown = SHOWN[paper]
    counts = {x: sum(y.outcome == x for y in those) if x in shown else None for x in every}
    right = sum(x.accuracy == 1 for x in those)
    over = sum(x.is_overproved for x in those)
    row = {"kind": kind, "noise": noise, "networks": len(those), "all_right": right}
    return {**row, **counts, "overproved": over}

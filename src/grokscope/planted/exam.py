"""An exam for explainers: do they name the algorithm where there is one, and refuse where not?

An explainer is any function from a snapshot to the names of the algorithms that it says the network
has, those of any form of explanation; none if it refuses. The name of a form without algorithms,
such as `lookup`, and `undetermined` are refusals too.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from grokscope.circuits.circuit import FORMS
from grokscope.errors import BadInput, NotApplicable
from grokscope.explain.explanation import UNDETERMINED
from grokscope.explain.explanation import explain as explained
from grokscope.planted.planted import ACCURATE, IMPOSTORS, TRUTHS, Kind, Planted
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot

Explainer = Callable[[Snapshot], Collection[str]]
EXPLAINERS: dict[str, Explainer] = {}

FIRST_SEED = 1_000_000  # of an exam; build and tune on smaller ones

Outcome = Literal["named", "vague", "misnamed", "missed", "broken", "refused", "accepted"]


def explainer(explain: Explainer) -> Explainer:
    """Make an explainer available to `grokscope exam` by the name of its function."""
    EXPLAINERS[explain.__name__] = explain
    return explain


@explainer
def grokscope(snapshot: Snapshot) -> Collection[str]:
    """Our own: the algorithms of `explain`, all whose circuit holds."""
    return explained(snapshot).algorithms


@explainer
def gullible(snapshot: Snapshot) -> list[str]:
    """A control: believes whatever is right on nearly all pairs, and names what is usual."""
    if accuracy(snapshot.logits, snapshot.task.answers) < ACCURATE:
        return []
    return ["convolution" if snapshot.task.digits is None else "parity"]


def algorithms() -> frozenset[str]:
    """The names that an explainer may give: the algorithms of all forms of explanation."""
    return frozenset(name for form in FORMS.values() for name in form.circuit.algorithms)


def refusals() -> frozenset[str]:
    """What it may say of one that has none: the forms without algorithms, and undetermined."""
    null = (name for name, form in FORMS.items() if not form.circuit.algorithms)
    return frozenset({*null, UNDETERMINED})


@dataclass(frozen=True)
class Answer:
    """What an explainer said of one network. `truth` and `exact` are those of `Planted`."""

    kind: str
    seed: int
    noise: float
    accuracy: float
    truth: frozenset[str]
    exact: frozenset[str]
    claimed: frozenset[str]

    @property
    def outcome(self) -> Outcome:
        """An impostor is refused or accepted. A truth is named, if an exact name is among what is
        said and all of it is true; vague, if that is true but says less; misnamed, if some of it is
        false; missed, if nothing is said; broken, which is not counted, if noise has left no
        accurate network."""
        if not self.truth:
            return "accepted" if self.claimed else "refused"
        if self.accuracy < ACCURATE:
            return "broken"
        if not self.claimed:
            return "missed"
        if not self.claimed <= self.truth:
            return "misnamed"
        return "named" if self.claimed & self.exact else "vague"


@dataclass(frozen=True)
class Exam:
    """The answers of one explainer, in the order of the questions."""

    answers: tuple[Answer, ...]

    @property
    def named(self) -> float:
        """The share of the truths that are named rightly, of those that noise has not broken."""
        asked = [x for x in self.answers if x.truth and x.outcome != "broken"]
        return _share(asked, "named")

    @property
    def accepted(self) -> float:
        """The share of the impostors in which an algorithm is seen."""
        return _share([x for x in self.answers if not x.truth], "accepted")

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each kind and noise, then one for all truths and one for all impostors."""
        rows, groups = [], {(x.kind, x.noise): bool(x.truth) for x in self.answers}
        for (kind, noise), is_truth in groups.items():
            those = [x for x in self.answers if (x.kind, x.noise) == (kind, noise)]
            rows.append(_row(kind, noise, is_truth, those))
        for noise in dict.fromkeys(x.noise for x in self.answers):
            for is_truth, name in ((True, "all truths"), (False, "all impostors")):
                those = [x for x in self.answers if x.noise == noise and bool(x.truth) == is_truth]
                rows.append(_row(name, noise, is_truth, those))
        return rows

    @property
    def failures(self) -> list[Answer]:
        """The truths not named, and the impostors accepted."""
        return [x for x in self.answers if x.outcome in ("vague", "missed", "misnamed", "accepted")]


def exam(
    explain: Explainer, seed: int = FIRST_SEED, noise: float = 0.01, number: int = 300
) -> Exam:
    """Ask an explainer about `number` planted networks and as many impostors, of all kinds in turn
    and with seeds from `seed`, each weight matrix with this relative noise."""
    return Exam(tuple(answers(explain, seed, noise, number)))


def answers(explain: Explainer, seed: int, noise: float, number: int) -> Iterator[Answer]:
    """The answers of `exam`, one at a time."""
    if number < 1:
        raise BadInput(f"`number` must be a whole number of at least 1, not {number}.")
    for kinds in (TRUTHS, IMPOSTORS):
        for planted, at in questions(list(kinds.values()), seed, noise, number):
            claimed = _asked(explain, planted)
            yield Answer(
                planted.name, at, noise, planted.accuracy, planted.truth, planted.exact, claimed
            )


def questions(
    kinds: Sequence[Kind], seed: int, noise: float, number: int
) -> Iterator[tuple[Planted, int]]:
    """`number` networks, of these kinds in turn, and the seed of each."""
    for i in range(number):
        at = seed + i // len(kinds)
        yield kinds[i % len(kinds)].draw(at, noise), at


def _asked(explain: Explainer, planted: Planted) -> frozenset[str]:
    """What it says of a network, less refusals; that it is not applicable is one."""
    try:
        names = explain(planted.snapshot)
    except NotApplicable:
        return frozenset()
    except Exception as error:
        if explain.__module__.startswith("grokscope."):
            raise
        raise BadInput(
            f"the explainer failed on planted `{planted.name}`: {type(error).__name__}: {error}"
        ) from error
    claimed = {names} if isinstance(names, str) else set(names or ())
    for name in claimed - algorithms() - refusals():
        known = ", ".join(sorted(algorithms() | refusals()))
        raise BadInput(
            f"the explainer says `{name}`, which is not the name of an algorithm. Known: {known}."
        )
    return frozenset(claimed - refusals())


def _share(those: Sequence[Answer], outcome: Outcome) -> float:
    return sum(x.outcome == outcome for x in those) / len(those) if those else 0.0


def _row(kind: str, noise: float, is_truth: bool, those: Sequence[Answer]) -> dict[str, Any]:
    shown = get_args(Outcome)
    hidden = shown[-2:] if is_truth else shown[:-2]
    counts = {x: None if x in hidden else sum(y.outcome == x for y in those) for x in shown}
    right = sum(x.accuracy == 1 for x in those)
    return {"kind": kind, "noise": noise, "networks": len(those), "all_right": right, **counts}

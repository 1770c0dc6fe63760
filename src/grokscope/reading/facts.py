"""What there is to say of a run, as plain numbers: measured once, by `reading`, and nothing of it a
tensor. Words and figures are made of these facts alone.

None stands for what a run does not have.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from grokscope.explain.verdict import Gate
from grokscope.reading.trend import Trend, trend
from grokscope.spec import Spec
from grokscope.training.events import Events, NoPhases, Phases, Row
from grokscope.verify.evidence import Between, Case, Evidence

UNDETERMINED = "undetermined"
PER_CLASS = "cross_entropy_per_class"
UNITS = {
    "cross_entropy": "nats",
    PER_CLASS: "nats per class",
    "clipped_bce": "nats, clipped",
    "stablemax": "nats, of stablemax",
}  # of the losses whose guess is known


@dataclass(frozen=True)
class GroupFacts:
    """The group whose elements the symbols are, how many things it rearranges, and whether the
    right factor of a product acts first."""

    name: str
    order: int
    n_points: int | None
    is_opposite: bool = False


@dataclass(frozen=True)
class TaskFacts:
    """What was asked."""

    name: str
    is_of_pairs: bool
    n_operands: int
    n_answers: int
    n_read: int  # answers of one input
    chance: float  # the accuracy of giving the commonest answer always
    operators: tuple[str, ...]
    group: GroupFacts | None
    is_commutative: bool  # as far as is known
    example: str = ""  # one input with its answer, in words

    @property
    def halfway(self) -> float:
        """The accuracy half of the way from guessing to 1."""
        return (1 + self.chance) / 2


@dataclass(frozen=True)
class LensFacts:
    """How sparse the weights are in each lens, the best first, in nats above random weights."""

    scores: Mapping[str, float]
    winner: str | None
    lead: float
    margin: float  # that the lead must exceed


@dataclass(frozen=True)
class KeyFacts:
    """The parts that hold at least `threshold` of the logits' variation."""

    names: tuple[str, ...]
    shares: Mapping[str, float]  # of every part but the constants
    gap: float | None  # the smallest over the largest other, each for its dimension
    threshold: float = 0.01

    @property
    def explained(self) -> float:
        """The share of the variation that the key parts hold together."""
        return sum((self.shares[name] for name in self.names), 0.0)


@dataclass(frozen=True)
class NeuronFacts:
    """How many neurons there are, how many each part explains to 85 % or more, and the share that
    these have in what neurons add to the logits; None where they add nothing."""

    total: int
    following: Mapping[str, int]
    energy: float | None


@dataclass(frozen=True)
class BoundFacts:
    """A proved accuracy, by which proof, and its share of the work of trying every answer; what
    carries it, or why it is 0."""

    name: str
    accuracy: float
    of_brute_force: float
    reason: str = ""


@dataclass(frozen=True)
class CertificateFacts(Case):
    """A circuit and its evidence. `algorithm` is what a network does of which it is true, and `how`
    in words; None where it may be any of `algorithms`. `bound` is the best accuracy that is proved
    with it, `own` what its own account proves, where its form has such a proof."""

    form: str
    title: str
    algorithm: str | None
    how: str | None
    algorithms: tuple[str, ...]
    parts: tuple[str, ...]
    size: int
    equation: str
    is_of_neurons: bool  # it says what neurons do, and not the logits alone
    neurons: Mapping[str, int]  # how many each part claims
    bound: BoundFacts | None
    own: BoundFacts | None = None

    @property
    def is_null(self) -> bool:
        """Whether it says what the network answers, and not how."""
        return not self.algorithms

    @property
    def telling(self) -> tuple[Evidence, ...]:
        """The numbers that say which of its form's algorithms it is."""
        return tuple(e for e in self.evidence if isinstance(e.need, Between))


@dataclass(frozen=True)
class ExplanationFacts:
    """What a network does, how, and how that is known. `accuracy` and `loss` are those of
    `Explanation`, `named` has the certificate of each algorithm that is named, the best first."""

    step: int | None
    gate: Gate
    accuracy: Mapping[str, float]
    loss: Mapping[str, float]
    chance: float
    certificates: tuple[CertificateFacts, ...]
    named: Mapping[str, CertificateFacts]
    settling: int | None  # the size of the smallest circuit that settles whether it generalised
    not_found: Mapping[str, str]
    is_of_pairs: bool
    n_sampled: int | None
    lens: str | None
    keys: tuple[str, ...]
    published_keys: tuple[str, ...] | None
    embedding_keys: tuple[str, ...]
    task: str = ""  # its name
    assumed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # of `Spec`
    operators: Mapping[str, "ExplanationFacts"] = field(default_factory=dict)  # of a mixture

    @property
    def algorithm(self) -> str | None:
        """The best that holds; "undetermined" if the network generalises and none does; None if it
        does not."""
        if self.gate.verdict != "generalised":
            return None
        return next(iter(self.named), UNDETERMINED)

    @property
    def best(self) -> CertificateFacts | None:
        """The certificate of that algorithm."""
        return next(iter(self.named.values()), None)

    @property
    def simplest(self) -> CertificateFacts | None:
        """The named circuit of fewest numbers."""
        return min(self.named.values(), key=lambda c: c.size, default=None)

    @property
    def tried(self) -> tuple[CertificateFacts, ...]:
        """All but the null hypothesis."""
        return tuple(c for c in self.certificates if not c.is_null)

    @property
    def unnamed(self) -> CertificateFacts | None:
        """The first that holds without saying which algorithm it is."""
        return next((c for c in self.tried if c.holds and c.algorithm is None), None)

    @property
    def bound(self) -> BoundFacts | None:
        """The best that is proved of the accuracy over all pairs."""
        bounds = [c.bound for c in self.certificates if c.bound and c.bound.accuracy > 0]
        return max(bounds, key=lambda bound: bound.accuracy, default=None)

    @property
    def absent(self) -> dict[str, list[str]]:
        """The forms that were not found, by the reason."""
        forms: dict[str, list[str]] = {}
        for form, why in self.not_found.items():
            forms.setdefault(why, []).append(form)
        return forms


@dataclass(frozen=True)
class Facts:
    """A run at its last checkpoint. `final` is its last evaluation, or of an imported network that
    checkpoint measured; `measures` the last row of its trace."""

    name: str
    folder: str
    spec: Spec
    task: TaskFacts
    is_imported: bool
    is_finished: bool
    knows_split: bool
    was_shown_all: bool
    n_inputs: int
    n_shown: int
    step: int | None
    rows: tuple[Row, ...]
    final: Row
    events: Events
    phases: Phases | None
    no_phases: NoPhases | None  # why there are none
    t_clean: int | None
    mirrored: Mapping[str, float]  # test accuracy by whether the mirror of a pair was shown
    lenses: LensFacts | None
    keys: KeyFacts | None
    key_sets: Mapping[str, tuple[str, ...]]  # by each published rule
    neurons: NeuronFacts | None
    measures: Mapping[str, int | float | None]
    explanation: ExplanationFacts | None
    never_shown: int  # symbols that never stood at some place of an input in training
    is_small: bool  # small enough to be explained along with its reading

    @property
    def knows_task(self) -> bool:
        """Whether it is known what it was asked; else the task is the nearest that was tried."""
        return "task" not in self.spec.assumed

    @property
    def unit(self) -> str:
        """What the trained loss is counted in."""
        return UNITS.get(self.spec.loss, self.spec.loss.replace("_", " "))

    @property
    def guessing(self) -> float | None:
        """The loss of one who guesses, in that unit; None where it is no matter of chance alone."""
        if self.spec.loss not in UNITS:
            return None
        n = self.task.n_answers
        return math.log(n) / (n if self.spec.loss == PER_CLASS else 1)

    def in_nats(self, loss: float) -> float | None:
        """A trained loss that is counted for each class, in nats; None of any other."""
        return loss * self.task.n_answers if self.spec.loss == PER_CLASS else None

    @property
    def memorised_first(self) -> bool:
        """Whether it had the answers by heart: right on all it was shown, and on the test less than
        half of the way from guessing."""
        step = self.events.t_memorize
        return step is not None and self.at(step)["test_accuracy"] < self.task.halfway

    @property
    def delay(self) -> int | None:
        """How many steps after it had the answers by heart it generalised; None where it did not,
        or not later."""
        return (self.events.delay or None) if self.memorised_first else None

    @property
    def knows_when(self) -> bool:
        """Whether the evaluations say when it learned what it was shown."""
        if not self.is_imported:
            return bool(self.rows)
        return self.events.t_memorize is not None and len(self.rows) >= self.spec.grok_patience

    def at(self, step: int) -> Row:
        """The evaluation at a step."""
        return next(row for row in self.rows if row["step"] == step)

    def before(self, step: int) -> int:
        """The step of the evaluation before this one; itself if there is none."""
        return max((int(row["step"]) for row in self.rows if row["step"] < step), default=step)

    @cached_property
    def trend(self) -> Trend | None:
        """How test accuracy moved at the end, of a network that did not generalise."""
        if self.events.t_grok is not None or not self.rows or not self.knows_split:
            return None
        return trend(self.rows, "test_accuracy")

    @property
    def generalises(self) -> bool:
        """Whether the last evaluation is above the grok threshold; not so where it is not known
        which pairs are test pairs, or of which task."""
        return self.knows_task and self.final.get("test_accuracy", 0) >= self.spec.grok_at

    @property
    def is_noise(self) -> bool:
        """Whether the parts of its weights may be noise: on what it was never shown it is right
        less than half of the way from guessing to 1."""
        test = self.final.get("test_accuracy")
        return self.knows_split and test is not None and test < self.task.halfway

    @property
    def key_names(self) -> tuple[str, ...]:
        """The key parts that may be more than noise."""
        return () if self.keys is None or self.is_noise else self.keys.names

    @property
    def given_away(self) -> tuple[float, float] | None:
        """The accuracy on test pairs whose mirror was shown, and on the others, where the one gives
        the other away."""
        if not self.mirrored or not self.task.is_commutative:
            return None
        return self.mirrored["mirror seen"], self.mirrored["mirror not seen"]

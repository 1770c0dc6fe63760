"""Explain: every form of explanation that applies to a network, under one certificate, ranked.

Axes: pair = one input.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

import torch

import grokscope.circuits  # noqa: F401  (registers the forms)
from grokscope.canonical import canonical
from grokscope.circuits.circuit import FORMS, Form
from grokscope.errors import BadInput, GrokscopeError, NotApplicable, UnknownName, lookup
from grokscope.explain.verdict import Gate, Verdict, gate
from grokscope.measures.losses import pair_losses
from grokscope.measures.mixtures import by_operator
from grokscope.snapshot import Snapshot
from grokscope.tap import record
from grokscope.training import memory
from grokscope.training.machine import keep_memory
from grokscope.training.memory import MOST_LOGITS, SHARE
from grokscope.training.run import Run
from grokscope.training.track import Track, untracked
from grokscope.verify.certificate import Certificate
from grokscope.verify.evidence import OfAll
from grokscope.verify.verify import verify

PER_NEURON = 6  # pairs, at least: a table of the answers has about one for each neuron
UNDETERMINED = "undetermined"
NO_TASK = "its task is not known."


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network does, how it does it, and how that is known.

    `accuracy`, `loss` and `count` are of all pairs; where the split is known of train, test, and
    unseen: of a symmetric task, the test pairs whose mirror was not trained on either, if there
    are such.
    """

    snapshot: Snapshot
    accuracy: dict[str, float]
    loss: dict[str, float]
    count: dict[str, int]  # pairs
    certificates: tuple[Certificate, ...]  # the best first
    not_found: dict[str, str]  # form -> why there is none
    n_sampled: int | None = None  # pairs that the evidence on logits is of, where it is a sample
    operators: Mapping[str, "Explanation"] = field(default_factory=dict)  # of a mixture, by formula

    @cached_property
    def gate(self) -> Gate:
        """Whether it generalises."""
        s = self.snapshot
        return gate(
            self.accuracy,
            self.count,
            s.task.chance,
            bool(self.settling),
            was_shown_all=s.was_shown_all,
            is_task_known="task" not in s.assumed,
        )

    @property
    def verdict(self) -> Verdict:
        return self.gate.verdict

    @property
    def _holding(self) -> list[Certificate]:
        return [c for c in self.certificates if c.holds and not c.circuit.is_null]

    @cached_property
    def settling(self) -> list[Certificate]:
        """Those that hold and that no network has by heart. One of the logits alone, as a
        convolution, counts only where the hidden layer is too small for a table: random features of
        smooth embeddings, fitted to all pairs, have logits that a kernel explains."""
        n_pairs = len(self.snapshot.task.inputs)
        if not self._holding or PER_NEURON * n_neurons(self.snapshot) <= n_pairs:
            return self._holding
        return [c for c in self._holding if c.circuit.neurons()]

    @cached_property
    def named(self) -> dict[str, Certificate]:
        """The algorithms that it has, each with the best certificate that says so; none unless it
        generalises."""
        best: dict[str, Certificate] = {}
        for c in self._holding if self.verdict == "generalised" else ():
            if c.algorithm is not None:
                best.setdefault(c.algorithm.name, c)
        return best

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The names of all that hold, the best first."""
        return tuple(self.named)

    @property
    def shares(self) -> dict[str, float]:
        """On which share of the pairs, for each name, its circuit gives the network's answer. It is
        never below .99: a circuit that gives it on fewer does not hold, and is not named."""
        return {name: c.value(OfAll.SAME_ANSWERS) for name, c in self.named.items()}

    @property
    def algorithm(self) -> str | None:
        """The best that holds; "undetermined" if the network generalises and none does; None if it
        does not."""
        if self.verdict != "generalised":
            return None
        return next(iter(self.named), UNDETERMINED)

    @property
    def simplest(self) -> Certificate | None:
        """The named circuit of fewest numbers; None where no algorithm is named."""
        return min(self.named.values(), key=lambda c: c.circuit.size, default=None)

    @property
    def bound(self) -> float:
        """The best proved lower bound of the accuracy over all pairs; 0 if none is proved."""
        return max((c.bound.accuracy for c in self.certificates if c.bound), default=0.0)


def explain(snapshot: Snapshot, forms: Iterable[str] | None = None) -> Explanation:
    """Every form of explanation, or those named, found and verified in a network.

    None is looked for where the task is not known. Those that hold come first. Of these a circuit
    that accounts for the neurons too goes before one of the logits alone; then the best bound
    decides, then the size. A network of a mixture is explained on each of its formulas too, as a
    network of that one alone. Raises `UnknownName` for a form that does not exist,
    `NotApplicable` for a task with several answers an input, and `BadInput` where it would need
    more memory than is free.
    """
    if snapshot.task.answers.ndim > 1:
        raise NotApplicable(
            f"no form of explanation reads `{snapshot.task.name}`: an input has several answers."
        )
    keep_memory()
    forms = None if forms is None else tuple(forms)
    chosen = list(FORMS.values()) if forms is None else [_form(name) for name in forms]
    needed = memory.explaining(snapshot.task, snapshot.model)
    what = f"explaining this network on `{snapshot.task.name}`"
    memory.refuse(what, needed, "Close other programs, or use a larger machine.")
    scores = _scores(snapshot)
    if not snapshot.is_of_numbers:
        why = "the network's logits are not all numbers."
        return Explanation(snapshot, *scores, (), {x.circuit.form: why for x in chosen})
    if "task" in snapshot.assumed:
        return Explanation(snapshot, *scores, (), {x.circuit.form: NO_TASK for x in chosen})
    view = canonical(snapshot)
    sample = sample_of(view)
    certificates, not_found = [], {}
    for form in chosen:
        try:
            certificates.append(_certified(form, view, sample))
        except NotApplicable as reason:
            not_found[form.circuit.form] = str(reason)
    certificates.sort(key=_rank)
    n_sampled = None if sample is None else len(sample.task.inputs)
    alone = by_operator(snapshot) if snapshot.task.operators else {}
    operators = {name: explain(one, forms) for name, one in alone.items()}
    return Explanation(snapshot, *scores, tuple(certificates), not_found, n_sampled, operators)


def path(
    run: Run,
    steps: Sequence[int],
    forms: Iterable[str] | None = None,
    track: Track = untracked,
) -> list[Explanation]:
    """The explanations of a run's checkpoints at these steps: whether a circuit was there before
    the network generalised. `track` is told how many of how many are done."""
    chosen, explanations = None if forms is None else list(forms), []
    for i, step in enumerate(steps):
        explanations.append(explain(Snapshot.of(run, step), chosen))
        track(i + 1, len(steps))
    return explanations


def _form(name: str) -> Form:
    """The form of this name; that of an algorithm's name is told, and not guessed."""
    for form in () if name in FORMS else FORMS.values():
        if name in form.circuit.algorithms:
            own = form.circuit.form
            raise UnknownName(f"`{name}` is an algorithm. The form `{own}` finds it: ask for that.")
    return lookup("form", name, FORMS)


def _certified(form: Form, snapshot: Snapshot, sample: Snapshot | None) -> Certificate:
    """The circuit of this form that fits best, with its evidence."""
    some = snapshot if sample is None or form.needs_all_pairs else sample
    try:
        return verify(snapshot, form.find(some), sample)
    except GrokscopeError:
        raise
    except Exception as error:
        if form.find.__module__.startswith("grokscope."):
            raise
        raise BadInput(
            f"the form `{form.circuit.form}` failed: {type(error).__name__}: {error}"
        ) from error


def sample_of(s: Snapshot) -> Snapshot | None:
    """The network on some of its pairs, at random, where the logits of all are too many to hold
    several times over."""
    if not s.is_large:
        return None
    order = torch.randperm(len(s.task.inputs), generator=torch.Generator().manual_seed(0))
    return s.at(order[: MOST_LOGITS // (SHARE * s.task.n_answers)].sort().values)


def _rank(c: Certificate) -> tuple[bool, int, bool, float, int]:
    standing = ["holds", "undetermined", "fails"].index(c.verdict)
    of_logits_alone = c.circuit.output() is None
    bound = 0.0 if c.bound is None else c.bound.accuracy
    return c.circuit.is_null, standing, of_logits_alone, -bound, c.circuit.size


def _scores(s: Snapshot) -> tuple[dict[str, float], dict[str, float], dict[str, int]]:
    """Accuracy, loss and number of pairs, over all and each part of the split that is known."""
    losses, right, parts = pair_losses(s), s.is_right.double(), s.splits
    if s.knows_split and s.is_unseen.any():
        parts["unseen"] = s.is_unseen
    return (
        {part: float(right[here].mean()) for part, here in parts.items()},
        {part: float(losses[here].mean()) for part, here in parts.items()},
        {part: int(here.sum()) for part, here in parts.items()},
    )


def n_neurons(snapshot: Snapshot) -> float:
    """How many neurons the hidden layers have: live ones of the last, all of those before it. Where
    there is none, what the network may hold has no limit.

    Neurons are counted, and not directions of their variance: a constant, or what cancels, can hold
    all but any share of that, and the answers be in the rest."""
    s = canonical(snapshot)
    try:
        live = s.few.mlp_post.shape[1]
    except NotApplicable:
        return inf
    with torch.no_grad():
        before = record(s.model.last, s.task.inputs[:1])
    deeper = (x.shape[-1] for name, x in before.items() if name.endswith(".mlp_post"))
    return float(live + sum(deeper))

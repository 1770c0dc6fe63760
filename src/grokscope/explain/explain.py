"""Explain: every form of explanation that applies to a network, under one certificate, ranked.

First comes a gate: no algorithm is said to be learned unless the network generalises. A network
whose split is not known and that is right on all pairs is `accurate`; only a circuit that holds,
and so says in few numbers what it does on every pair, settles that it generalised.

Axes: pair = one input.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, isfinite
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Bool
from torch import Tensor

import grokscope.circuits  # noqa: F401  (registers the forms)
from grokscope.circuits.circuit import FINDERS, NEED_ALL_PAIRS, Circuit, Finder
from grokscope.circuits.fourier.circuit import Fourier
from grokscope.errors import BadInput, GrokscopeError, NotApplicable, UnknownName, lookup
from grokscope.measures.key_rules import by_embedding, by_neurons, by_similarity
from grokscope.measures.keys import key_parts
from grokscope.measures.losses import BLOCK, pair_losses
from grokscope.snapshot import Snapshot
from grokscope.training.run import Run
from grokscope.verify.certificate import Certificate
from grokscope.verify.verify import chance_of, is_right, splits, verify

Generalisation = Literal["generalised", "partial", "not generalised", "accurate"]

GENERALISES = 0.99  # of held-out pairs
UNSEEN = 0.9  # of those whose mirror (b, a) was held out too, at least; a memoriser has chance
HELD = 0.9999  # of the variance of a hidden layer, by few directions
PER_DIRECTION = 6  # pairs: interpolators have at most 5, published networks more than 20
UNDETERMINED = "undetermined"
LUCK = 3.0  # standard deviations above guessing that an accuracy must be
PARTIAL = 0.1  # of the way from chance to all of them: memorisers had less
MOST_LOGITS = 60_000_000  # of which several copies in float64 fit in memory
SHARE = 4  # a sample has a quarter of that


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network does, how it does it, and how that is known."""

    snapshot: Snapshot
    accuracy: dict[str, float]  # all, chance; where the split is known train, test, and unseen: of
    # a symmetric task, the test pairs whose mirror was not trained on either, if there are
    loss: dict[str, float]
    certificates: tuple[Certificate, ...]  # the best first
    not_found: dict[str, str]  # form -> why there is none
    n_sampled: int | None = None  # pairs that the evidence on logits is of, where it is a sample

    @cached_property
    def verdict(self) -> Generalisation:
        if "unseen" in self.accuracy:
            is_known = self.accuracy["test"] >= GENERALISES and not self._may_be_luck("test")
            if is_known and not self._is_mirrored:
                return "generalised"
            chance = self.accuracy["chance"]
            way = (self.accuracy["unseen"] - chance) / max(1 - chance, 1e-9)
            is_partial = way > PARTIAL and not self._may_be_luck("unseen")
            return "partial" if is_partial else "not generalised"
        if self.accuracy["all"] < GENERALISES:
            return "not generalised"
        return "generalised" if self._settling else "accurate"

    @property
    def _is_mirrored(self) -> bool:
        """Whether its right answers are those of (b, a), which was shown: what a table of unordered
        pairs answers."""
        return self.accuracy["unseen"] < UNSEEN and self.accuracy["test"] >= GENERALISES

    def _may_be_luck(self, part: Literal["test", "unseen"]) -> bool:
        """Whether guessing could be right on as many of these pairs, if they are few, or their
        answers are nearly all the same: within `LUCK` standard deviations."""
        pairs = int((~self.snapshot.is_train if part == "test" else _unseen(self.snapshot)).sum())
        chance = self.accuracy["chance"]
        spread = (chance * (1 - chance) / max(pairs, 1)) ** 0.5
        return self.accuracy[part] - chance <= LUCK * spread

    @property
    def reason(self) -> str:
        """The verdict in a sentence."""
        shares = {k: f"{100 * v:.3g} %" for k, v in self.accuracy.items()}
        if "unseen" in shares:
            told = f"{shares['test']} of the test pairs and {shares['train']} of the train pairs"
            if self._is_mirrored:
                return f"It is right on {told}; on {shares['unseen']} of those not shown as (b, a)."
            lucky = self.accuracy["test"] >= GENERALISES and self.verdict != "generalised"
            few = "; guessing could be right on as many of them" if lucky else ""
            return f"It is right on {told}{few}."
        given = "every test pair was shown as (b, a)"
        split = given if "test" in shares else "which it was trained on is not known"
        told = f"It is right on {shares['all']} of all pairs; {split}."
        if self.verdict == "generalised":
            fewest = min(c.circuit.size for c in self._settling)
            return f"{told} A circuit of {fewest:,} numbers settles it."
        return told

    @property
    def _holding(self) -> list[Certificate]:
        return [c for c in self.certificates if c.verdict == "holds" and c.circuit.form != "lookup"]

    @cached_property
    def _settling(self) -> list[Certificate]:
        """Those that no network has by heart. One of the logits alone, as a convolution, counts
        only where the hidden layer is too small for a table: random features of smooth embeddings,
        fitted to all pairs, have logits that a kernel explains."""
        if PER_DIRECTION * _n_directions(self.snapshot) <= len(self.snapshot.task.inputs):
            return self._holding
        return [c for c in self._holding if c.circuit.neurons()]

    @cached_property
    def named(self) -> dict[str, Certificate]:
        """The algorithms that it has, each with the best certificate that says so; none unless it
        generalises."""
        found: dict[str, Certificate] = {}
        for c in self._holding if self.verdict == "generalised" else ():
            found.setdefault(algorithm(self.snapshot, c.circuit), c)
        return {name: c for name, c in found.items() if name != UNDETERMINED}

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The names of all that hold, the best first."""
        return tuple(self.named)

    @property
    def algorithm(self) -> str | None:
        """The best that holds; "undetermined" if the network generalises and none does; None if it
        does not."""
        if self.verdict != "generalised":
            return None
        return next(iter(self.named), UNDETERMINED)

    @property
    def bound(self) -> float:
        """The best proved lower bound of the accuracy over all pairs; 0 if none is proved."""
        return max((c.bound.accuracy for c in self.certificates if c.bound), default=0.0)

    def to_json(self) -> dict[str, Any]:
        s = self.snapshot
        shown = [k for k in ("all", "train", "test") if k in self.accuracy]
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "accuracy": {k: self.accuracy[k] for k in shown},
            "loss": {k: self.loss[k] for k in shown},
            "lens": _or_none(lambda: s.lens.name),
            "pairs_sampled": self.n_sampled,
            "keys": list(_or_none(lambda: key_parts(s).names) or ()),
            "keys_published": _published_keys(s),
            "embedding_keys": list(_or_none(lambda: by_embedding(s)) or ()),
            "circuits": [c.to_json() for c in self.certificates],
            "not_found": self.not_found,
            "algorithm": self.algorithm,
            "algorithms": list(self.algorithms),
            "bound": self.bound,
        }


def explain(snapshot: Snapshot, forms: Iterable[str] | None = None) -> Explanation:
    """Every form of explanation, or those named, found and verified in a network.

    Those that hold come first. Of these a circuit that accounts for the neurons too goes before
    one of the logits alone; then the best bound decides, then the size. Raises `UnknownName` for
    a form that does not exist, `NotApplicable` for a task with several answers an input.
    """
    if snapshot.task.answers.ndim > 1:
        raise NotApplicable(
            f"no form of explanation reads `{snapshot.task.name}`: an input has several answers."
        )
    chosen = dict(FINDERS) if forms is None else {k: _form(k) for k in forms}
    accuracy, loss = _scores(snapshot)
    if not all(map(isfinite, loss.values())):
        why = "the network's logits are not all numbers."
        return Explanation(snapshot, accuracy, loss, (), dict.fromkeys(chosen, why))
    sample = _sample(snapshot)
    certificates, not_found = [], {}
    for form, find in chosen.items():
        some = snapshot if sample is None or form in NEED_ALL_PAIRS else sample
        try:
            certificates.append(verify(snapshot, find(some), sample))
        except NotApplicable as reason:
            not_found[form] = str(reason)
        except GrokscopeError:
            raise
        except Exception as error:
            if find.__module__.startswith("grokscope."):
                raise
            raise BadInput(f"the form `{form}` failed: {type(error).__name__}: {error}") from error
    certificates.sort(key=_rank)
    n_sampled = None if sample is None else len(sample.task.inputs)
    return Explanation(snapshot, accuracy, loss, tuple(certificates), not_found, n_sampled)


def path(
    run: Run,
    steps: Sequence[int],
    forms: Iterable[str] | None = None,
    track: Callable[[int, int], None] = lambda done, total: None,
) -> list[Explanation]:
    """The explanations of a run's checkpoints at these steps: whether a circuit was there before
    the network generalised. `track` is told how many of how many are done."""
    chosen, found = None if forms is None else list(forms), []
    for i, step in enumerate(steps):
        found.append(explain(Snapshot.of(run, step), chosen))
        track(i + 1, len(steps))
    return found


def spread(steps: Sequence[int], count: int) -> list[int]:
    """So many of these steps, evenly spread, the first and the last among them. Raises `BadInput`
    for a count below 1 and where there are none."""
    if count < 1 or not steps:
        raise BadInput(
            f"{count} checkpoints of {len(steps)} cannot be explained. Ask for 1 or more."
        )
    at = torch.linspace(0, len(steps) - 1, min(count, len(steps))).round().long()
    return [steps[i] for i in (at.tolist() if count > 1 else [len(steps) - 1])]


def _form(name: str) -> Finder:
    """The form called so; `clock` and `pizza` are algorithms, which the form `fourier` finds."""
    if name in ("clock", "pizza") and name not in FINDERS:
        raise UnknownName(f"`{name}` is an algorithm. The form `fourier` finds it: ask for that.")
    return lookup("form", name, FINDERS)


def _sample(s: Snapshot) -> Snapshot | None:
    """The network on some of its pairs, at random, where the logits of all are too many to hold
    several times over."""
    n = len(s.task.inputs)
    if n * s.task.n_answers <= MOST_LOGITS:
        return None
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    chosen = order[: MOST_LOGITS // (SHARE * s.task.n_answers)].sort().values
    taught = None if s.taught is None else s.taught[chosen]
    return replace(s, task=s.task.at(chosen), is_train=s.is_train[chosen], taught=taught)


def algorithm(snapshot: Snapshot, circuit: Circuit) -> str:
    """What a circuit that holds is called: its form, but of a Fourier circuit clock or pizza, or
    "undetermined" where what is measured does not say which."""
    return circuit.reading(snapshot).algorithm if isinstance(circuit, Fourier) else circuit.form


def _rank(c: Certificate) -> tuple[bool, int, bool, float, int]:
    standing = ["holds", "undetermined", "fails"].index(c.verdict)
    of_logits_alone = c.circuit.output() is None
    bound = 0.0 if c.bound is None else c.bound.accuracy
    return c.circuit.form == "lookup", standing, of_logits_alone, -bound, c.circuit.size


def _scores(s: Snapshot) -> tuple[dict[str, float], dict[str, float]]:
    """Accuracy and loss over all pairs, and over train and test where the split is known."""
    losses, blocks = pair_losses(s), s.logits.split(BLOCK)
    right = torch.cat([
        is_right(x, y) for x, y in zip(blocks, s.task.answers.split(BLOCK), strict=True)
    ]).double()  # fmt: skip
    parts = splits(s)
    if s.knows_split and (unseen := _unseen(s)).any():
        parts["unseen"] = unseen
    accuracy = {k: float(right[here].mean()) for k, here in parts.items()}
    loss = {k: float(losses[here].mean()) for k, here in parts.items()}
    return accuracy | {"chance": chance_of(s.task)}, loss


def _unseen(s: Snapshot) -> Bool[Tensor, " pair"]:
    """The test pairs, of a symmetric task those whose mirror was not trained on (of a mixture, with
    the same operator); there may be none."""
    test, n = ~s.is_train, s.task.n_symbols
    if not s.task.is_of_pairs:
        return test
    a, b = s.task.inputs[:, :2].unbind(dim=1)
    operators, kind = s.task.inputs[:, 2:].sum(dim=1).unique(return_inverse=True)
    answers = torch.full((len(operators), n, n), -1)
    answers[kind, a, b] = s.task.answers
    if not torch.equal(answers[kind, a, b], answers[kind, b, a]):
        return test
    seen = torch.zeros(answers.shape, dtype=torch.bool)
    seen[kind[s.is_train], a[s.is_train], b[s.is_train]] = True
    return test & ~seen[kind, b, a]


def _published_keys(s: Snapshot) -> list[str] | None:
    """The key parts by the rule of those who trained such networks; None where they had none."""
    rules = {"Concatenated": by_similarity, "Chughtai": by_similarity, "Transformer": by_neurons}
    for kind in type(s.model).__mro__:
        if kind.__name__ in rules:
            return list(_or_none(lambda: rules[kind.__name__](s)) or ())  # noqa: B023
    return None


def _n_directions(s: Snapshot) -> float:
    """How many hold all but 1e-4 of the variance of the last hidden layer; where there is none,
    what the network may hold has no limit."""
    post = _or_none(lambda: s.mlp_post)
    if post is None:
        return inf
    if PER_DIRECTION * post.shape[1] <= len(post):  # there are no more than neurons
        return float(post.shape[1])
    x = post.double() - post.double().mean(dim=0)
    power = torch.linalg.eigvalsh(x.T @ x if x.shape[0] > x.shape[1] else x @ x.T).flip(0)
    return float((power.cumsum(0) < HELD * power.sum()).sum() + 1)


T = TypeVar("T")


def _or_none(f: Callable[[], T]) -> T | None:
    try:
        return f()
    except NotApplicable:
        return None

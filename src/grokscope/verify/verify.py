"""Verify: what becomes of the network when a circuit is kept, removed, or put in its place.

Every number is exact over the task's table. At the level of logits any circuit can be kept and
removed; one that speaks of neurons is also put in place of the hidden layer, and then of the
weights. Beside each number stands what it is for chance, for other parts of the same size, for
other neurons, and for networks that have learned nothing or learned by heart.

Axes: pair = one input; c = an answer; neuron = a hidden unit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.canonical import canonical, digit_weights_of, weights_of
from grokscope.circuits.circuit import FORMS, Circuit
from grokscope.errors import NotApplicable
from grokscope.score import accuracy, agreeing, centred, explained_variance, is_right, said
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.loss import cross_entropy, negative_log_likelihood
from grokscope.verify.certificate import Certificate
from grokscope.verify.controls import memoriser, shuffled
from grokscope.verify.evidence import (
    Evidence,
    Need,
    OfAll,
    Standing,
    Tested,
    at_least,
    at_most,
    judged,
)
from grokscope.verify.network import Network, best
from grokscope.verify.price import price

AGREES = 0.99  # of pairs
EXPLAINED, OPEN = 0.9, 0.7  # of the variance of logits
GONE, PERHAPS = 0.5, 0.8  # of the way from chance to the network's accuracy, at most, once a
# circuit is removed: published up to .21
SHARE_OF_WEIGHTS = 0.5  # at most of the numbers it puts in order
DRAWS = 4  # of each random control
ROUNDING = 1e-6  # of the largest logit; a network's own logits are in float32

OTHER_PARTS = "other parts, as many"
WITHOUT_OTHERS = "without other parts, as many"
OTHER_NEURONS = "as many others"


def verify(snapshot: Snapshot, circuit: Circuit, sample: Snapshot | None = None) -> Certificate:
    """All the evidence for a circuit in the canonical view of a network. With a `sample` of its
    pairs the numbers on logits are of these; the bound is of all pairs, and so are the checks of a
    circuit whose form needs them."""
    snapshot = canonical(snapshot)
    some = snapshot if sample is None else sample
    if some.model is not snapshot.model:
        some = replace(some, model=snapshot.model)
    checks = circuit.checks(snapshot if _needs_all_pairs(circuit) else some)
    paid = price(some, circuit, len(snapshot.task.inputs))
    evidence = (_size(snapshot, circuit), *_of_all(some, circuit), *paid, *checks)
    network, task = Network.of(snapshot), snapshot.task
    own = None if network is None else circuit.mechanism(network, task)
    any_ = None if network is None else circuit.low_rank(network, task)
    bound = best(x for x in (any_, own) if x is not None)
    return Certificate(evidence, circuit, circuit.algorithm(snapshot), bound, own)


def _needs_all_pairs(circuit: Circuit) -> bool:
    form = FORMS.get(circuit.form)
    return form is not None and form.needs_all_pairs


def _of_all(s: Snapshot, circuit: Circuit) -> Iterator[Evidence]:
    network, claimed = _own(s), _Said.of(s, centred(circuit.logits(s.task)))
    agree, explain = _elsewhere(s, circuit)
    yield at_least(
        OfAll.SAME_ANSWERS,
        agreeing(network.answers, claimed.answers),
        AGREES,
        controls={"chance": s.task.chance, **agree},
    )
    yield at_least(
        OfAll.SAME_LOGITS,
        explained_variance(network.logits, claimed.logits),
        EXPLAINED,
        OPEN,
        controls=explain,
    )
    logits = network.logits
    others = [_Control.of(s, logits, centred(x.logits(s.task))) for x in _others(circuit)]
    yield from _kept(s, network, claimed, others)
    yield from _removed(s, circuit, network, claimed, others)
    yield from _replaced(s, circuit)


@dataclass(frozen=True, eq=False)
class _Said:
    """Centred logits, the answers they give, which of them are right, and the loss of each pair."""

    logits: Float[Tensor, "pair c"]
    answers: Int[Tensor, " pair"]
    is_right: Bool[Tensor, " pair"]
    losses: Float[Tensor, " pair"]

    @classmethod
    def of(cls, s: Snapshot, logits: Float[Tensor, "pair c"]) -> "_Said":
        answers = s.task.answers
        losses = negative_log_likelihood(logits, answers)
        return cls(logits, said(logits), is_right(logits, answers), losses)

    @property
    def accuracy(self) -> float:
        return float(self.is_right.double().mean())

    def loss(self, here: Bool[Tensor, " pair"]) -> float:
        return float(self.losses[here].mean())


@once_per_snapshot
def _own(s: Snapshot) -> _Said:
    """What the network says: the same for every circuit."""
    return _Said.of(s, centred(s.logits))


@dataclass(frozen=True, eq=False)
class _Control:
    """What is asked of other parts: which pairs are right when they are kept alone, and how many
    without them. Their logits are not held."""

    is_right: Bool[Tensor, " pair"]
    without: float

    @classmethod
    def of(
        cls, s: Snapshot, network: Float[Tensor, "pair c"], claimed: Float[Tensor, "pair c"]
    ) -> "_Control":
        answers = s.task.answers
        return cls(is_right(claimed, answers), accuracy(less(network, claimed), answers))


def _size(s: Snapshot, circuit: Circuit) -> Evidence:
    """The numbers used: of logits alone, against a table of the answers; of weights, against the
    weights they stand for."""
    size = float(circuit.size)
    if circuit.output() is None:
        table = len(s.task.inputs)
        return at_most(OfAll.SIZE, size, table / 2, controls={"lookup table": float(table)})
    weights = _n_weights(s)
    return at_most(
        OfAll.SIZE, size, SHARE_OF_WEIGHTS * weights, controls={"folded weights": float(weights)}
    )


def _n_weights(s: Snapshot) -> int:
    """How many numbers the folded weights of a network's live neurons are."""
    weights = weights_of(s).values() or digit_weights_of(s.model)
    return sum(W.numel() for W in weights or s.model.parameters())


def _kept(
    s: Snapshot, network: _Said, claimed: _Said, others: Sequence[_Control]
) -> Iterator[Evidence]:
    own, kept = network.is_right.double(), claimed.is_right.double()
    for part, here in s.splits.items():
        controls = {"network": float(own[here].mean()), "chance": s.task.chance}
        if others:
            controls[OTHER_PARTS] = max(float(x.is_right[here].double().mean()) for x in others)
        evidence = judged(
            OfAll.KEPT, float(kept[here].mean()), _as_good_as(controls["network"]), controls, part
        )
        yield _inconclusive_if(
            evidence, controls.get(OTHER_PARTS, 0.0) >= AGREES, "a control has as much"
        )
        yield Evidence(
            OfAll.LOSS_KEPT,
            claimed.loss(here),
            controls={"network": network.loss(here)},
            of=part,
        )


def _removed(
    s: Snapshot, circuit: Circuit, network: _Said, claimed: _Said, others: Sequence[_Control]
) -> Iterator[Evidence]:
    own, without = network.accuracy, less(network.logits, claimed.logits)
    controls = {"network": own, "chance": s.task.chance}
    if others:
        controls[WITHOUT_OTHERS] = min(x.without for x in others)
    yield _gone(s, OfAll.REMOVED, accuracy(without, s.task.answers), own, controls, WITHOUT_OTHERS)
    everywhere = torch.ones_like(s.is_train)
    yield Evidence(
        OfAll.LOSS_REMOVED,
        _loss(s, without, s.is_train),
        controls={"network": network.loss(s.is_train), "all": network.loss(everywhere)},
    )
    if len(circuit.parts) > 1:
        for part in circuit.parts:
            rest = less(network.logits, centred(circuit.keeping([part]).logits(s.task)))
            yield Evidence(OfAll.WITHOUT_PART, accuracy(rest, s.task.answers), of=part)


def _replaced(s: Snapshot, circuit: Circuit) -> Iterator[Evidence]:
    """The circuit's hidden layer in place of the network's, which still reads it out; and the other
    way round, its neurons at their means, against as many others."""
    hidden = circuit.hidden(s.task)
    if hidden is None:
        return
    own = _own_accuracy(s)
    replaced = accuracy(with_hidden(s, hidden), s.task.answers)
    yield judged(OfAll.IN_ITS_PLACE, replaced, _as_good_as(own), {"network": own})
    claimed = circuit.neurons()
    if not claimed:
        return
    mine = torch.stack(list(claimed.values())).any(dim=0)
    without = _without(s, mine)
    count, rest = int(mine.sum()), int((~mine).sum())
    if rest < count:
        yield Evidence(
            OfAll.WITHOUT_NEURONS,
            without,
            why=f"it has {count} of {len(mine)} neurons, so as many others are not there to "
            "compare with",
        )
        return
    control = min(_without(s, _other_neurons(mine, seed)) for seed in range(DRAWS))
    yield _gone(s, OfAll.WITHOUT_NEURONS, without, own, {OTHER_NEURONS: control}, OTHER_NEURONS)


def _as_good_as(network: float) -> Need:
    """What an accuracy must reach beside the network's own."""
    return Need("at least", max(0.0, min(AGREES, network - (1 - AGREES))))


def _gone(
    s: Snapshot,
    tested: Tested,
    without: float,
    own: float,
    controls: dict[str, float],
    control: str,
) -> Evidence:
    """Evidence that the network's `own` accuracy is lost without something: counted from chance.
    It is inconclusive where a control, too, falls as low."""
    chance = min(s.task.chance, own)
    need = Need("at most", chance + GONE * (own - chance), chance + PERHAPS * (own - chance))
    is_as_low = control in controls and controls[control] <= need.value
    evidence = judged(tested, without, need, controls)
    return _inconclusive_if(evidence, is_as_low, "a control falls as low")


def _inconclusive_if(evidence: Evidence, is_as_good: bool, why: str) -> Evidence:
    """What speaks for a circuit does not where a control is as good; what speaks against does."""
    is_for = evidence.standing is Standing.FOR
    return evidence.inconclusive(why) if is_for and is_as_good else evidence


def with_hidden(s: Snapshot, hidden: Float[Tensor, "pair neuron"]) -> Float[Tensor, "pair c"]:
    """The logits when the hidden layer at the last position is this one."""
    return s.read_out(hidden.to(s.mlp_post))


@once_per_snapshot
def _own_accuracy(s: Snapshot) -> float:
    return accuracy(s.logits, s.task.answers)


@once_per_snapshot
def _mean_hidden(s: Snapshot) -> Float[Tensor, " neuron"]:
    return s.mlp_post.mean(dim=0)


def _without(s: Snapshot, neurons: Bool[Tensor, " neuron"]) -> float:
    """The accuracy with these neurons at their means."""
    hidden = torch.where(neurons, _mean_hidden(s), s.mlp_post)
    return accuracy(with_hidden(s, hidden), s.task.answers)


def _other_neurons(mine: Bool[Tensor, " neuron"], seed: int) -> Bool[Tensor, " neuron"]:
    """As many neurons that are not claimed, at random."""
    generator = torch.Generator().manual_seed(seed)
    rest = (~mine).nonzero()[:, 0]
    chosen = rest[torch.randperm(len(rest), generator=generator)[: int(mine.sum())]]
    others = torch.zeros_like(mine)
    others[chosen] = True
    return others


def _elsewhere(s: Snapshot, circuit: Circuit) -> tuple[dict[str, float], dict[str, float]]:
    """Agreement and explained variance of the circuit of this form that fits a network that has
    learned nothing, and one that has learned by heart; 0 where none is found."""
    agree, explain = {}, {}
    for name, made in (("untrained", shuffled), ("by heart", memoriser)):
        agree[name] = explain[name] = 0.0
        try:
            other = made(s)
            like = FORMS[circuit.form].find(other)
        except (NotApplicable, KeyError):
            continue
        network, claimed = _own(other), centred(like.logits(s.task))
        agree[name] = agreeing(network.answers, said(claimed))
        explain[name] = explained_variance(network.logits, claimed)
    return agree, explain


def _others(circuit: Circuit) -> list[Circuit]:
    return [x for seed in range(DRAWS) if (x := circuit.others(seed)) is not None]


def less(
    network: Float[Tensor, "pair c"], claimed: Float[Tensor, "pair c"]
) -> Float[Tensor, "pair c"]:
    """What is left of the logits without a circuit; 0 where rounding is all that is left."""
    low, high = network.aminmax()
    rest, floor = network - claimed, float(ROUNDING * torch.maximum(-low, high))
    if rest.sum().isfinite():
        return torch.nn.functional.hardshrink(rest, floor)
    return rest.masked_fill_(~(rest.abs() > floor), 0.0)


def _loss(s: Snapshot, logits: Float[Tensor, "pair c"], here: Bool[Tensor, " pair"]) -> float:
    return float(cross_entropy(logits[here], s.task.answers[here]))

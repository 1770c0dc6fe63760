"""Verify: what becomes of the network when a circuit is kept, removed, or put in its place.

Every number is exact over the task's table. At the level of logits any circuit can be kept and
removed; one that speaks of neurons is also put in place of the hidden layer, and then of the
weights. Beside each number stands what it is for chance, for other parts of the same size, for
other neurons, and for networks that have learned nothing or learned by heart.

Axes: pair = one input; c = an answer; neuron = a hidden unit.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.circuit import (
    FINDERS,
    NEED_ALL_PAIRS,
    Circuit,
    Evidence,
    at_least,
    at_most,
)
from grokscope.errors import NotApplicable
from grokscope.measures.spectra import symbol_weights
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.training.loss import cross_entropy
from grokscope.verify.bounds import bound_of
from grokscope.verify.certificate import Certificate
from grokscope.verify.controls import memoriser, shuffled

AGREES = 0.99  # of pairs
EXPLAINED, OPEN = 0.9, 0.7  # of the variance of logits
GONE, PERHAPS = 0.5, 0.8  # of the way from chance to the network's accuracy, at most, once a
# circuit is removed: published up to .21
SHARE_OF_WEIGHTS = 0.5  # at most of the numbers it puts in order
DRAWS = 4  # of each random control
ROUNDING = 1e-6  # of the largest logit; a network's own logits are in float32


def verify(snapshot: Snapshot, circuit: Circuit, sample: Snapshot | None = None) -> Certificate:
    """All the evidence for a circuit in a network. With a `sample` of its pairs the numbers on
    logits are of these; the bound is of all pairs, and so are the checks of a circuit whose form
    needs them."""
    some = snapshot if sample is None else sample
    checks = circuit.checks(snapshot if circuit.form in NEED_ALL_PAIRS else some)
    found = (_size(snapshot, circuit), *_evidence(some, circuit), *checks)
    return Certificate(circuit, found, bound_of(snapshot, circuit))


def _evidence(s: Snapshot, circuit: Circuit) -> Iterator[Evidence]:
    network, claimed = centred(s.logits), centred(circuit.logits(s.task))
    agree, explain = _elsewhere(s, circuit)
    yield at_least(
        "the network's own answer",
        _agreement(network, claimed),
        AGREES,
        chance=chance_of(s.task),
        **agree,
    )
    yield at_least(
        "explained variance of the logits", explained(network, claimed), EXPLAINED, OPEN, **explain
    )
    others = [centred(x.logits(s.task)) for x in _others(circuit)]
    yield from _kept(s, network, claimed, others)
    yield from _removed(s, circuit, network, claimed, others)
    yield from _replaced(s, circuit)


def _size(s: Snapshot, circuit: Circuit) -> Evidence:
    """The numbers used: of logits alone, against a table of the answers; of weights, against the
    weights they stand for."""
    name, size = "size: numbers used", float(circuit.size)
    if circuit.output() is None:
        table = len(s.task.inputs)
        return at_most(name, size, table / 2, lookup_table=float(table))
    folded = [W.numel() for W in symbol_weights(s).values()]
    weights = sum(folded or [w.numel() for w in s.model.parameters()])
    return at_most(name, size, SHARE_OF_WEIGHTS * weights, folded_weights=float(weights))


def _kept(
    s: Snapshot, network: Tensor, claimed: Tensor, others: Sequence[Tensor]
) -> Iterator[Evidence]:
    own, kept, *rest = (is_right(x, s.task.answers).double() for x in (network, claimed, *others))
    for part, here in splits(s).items():
        beside = {"network": float(own[here].mean()), "chance": chance_of(s.task)}
        if others:
            beside["other parts, as many"] = max(float(x[here].mean()) for x in rest)
        yield _not_below(
            f"accuracy kept alone, {part}",
            float(kept[here].mean()),
            max(0.0, min(AGREES, beside["network"] - (1 - AGREES))),
            beside,
            is_void=beside.get("other parts, as many", 0.0) >= AGREES,
        )
        yield Evidence(
            f"loss kept alone, {part}",
            _loss(s, claimed, here),
            "told, nats",
            controls={"network": _loss(s, network, here)},
        )


def _removed(
    s: Snapshot, circuit: Circuit, network: Tensor, claimed: Tensor, others: Sequence[Tensor]
) -> Iterator[Evidence]:
    everywhere = torch.ones_like(s.is_train)
    accuracy = _accuracy(s, network)
    controls = {"network": accuracy, "chance": chance_of(s.task)}
    if others:
        controls["without other parts, as many"] = min(
            _accuracy(s, less(network, x)) for x in others
        )
    without = less(network, claimed)
    value = _accuracy(s, without)
    need, perhaps = _fallen(s, accuracy)
    found = at_most("accuracy without it, all", value, need, perhaps, **controls)
    yield _void_if_as_low(found, "without other parts, as many", need)
    yield Evidence(
        "loss without it, train",
        _loss(s, without, s.is_train),
        "told, nats",
        controls={"network": _loss(s, network, s.is_train), "all": _loss(s, network, everywhere)},
    )
    if len(circuit.parts) > 1:
        for part in circuit.parts:
            rest = less(network, centred(circuit.keeping([part]).logits(s.task)))
            value = _accuracy(s, rest)
            yield Evidence(f"accuracy without {part}", value, "told")


def _replaced(s: Snapshot, circuit: Circuit) -> Iterator[Evidence]:
    """The circuit's hidden layer in place of the network's, which still reads it out; and the other
    way round, its neurons at their means, against as many others."""
    hidden = circuit.hidden(s.task)
    if hidden is None:
        return
    accuracy = _accuracy(s, s.logits)
    yield _not_below(
        "accuracy with its activations in place of the network's",
        _accuracy(s, with_hidden(s, hidden)),
        max(0.0, min(AGREES, accuracy - (1 - AGREES))),
        {"network": accuracy},
    )
    claimed = circuit.neurons()
    if not claimed:
        return
    mine = torch.stack(list(claimed.values())).any(dim=0)
    without = _accuracy(s, with_hidden(s, _at_mean(s.mlp_post, mine)))
    rest = len(mine) - int(mine.sum())
    if rest < int(mine.sum()):
        yield Evidence(
            "accuracy without its neurons",
            without,
            f"told: it has {int(mine.sum())} of {len(mine)} neurons, so as many others are not "
            "there to compare with",
        )
        return
    draws = [_at_mean(s.mlp_post, _other_neurons(mine, seed)) for seed in range(DRAWS)]
    control = min(_accuracy(s, with_hidden(s, x)) for x in draws)
    need, perhaps = _fallen(s, accuracy)
    found = at_most(
        "accuracy without its neurons", without, need, perhaps, **{"as many others": control}
    )
    yield _void_if_as_low(found, "as many others", need)


def _fallen(s: Snapshot, accuracy: float) -> tuple[float, float]:
    """Below what an accuracy must fall, counted from chance, and up to what it is open."""
    chance = min(chance_of(s.task), accuracy)
    way = accuracy - chance
    return chance + GONE * way, chance + PERHAPS * way


def _void_if_as_low(found: Evidence, control: str, need: float) -> Evidence:
    """What speaks for a circuit does not where a control, too, falls below `need`."""
    if not found.passes or found.controls.get(control, math.inf) > need:
        return found
    return replace(found, rule=f"{found.rule}; void: a control falls as low", passes=None)


def _not_below(
    name: str, value: float, need: float, controls: dict[str, float], is_void: bool = False
) -> Evidence:
    """Evidence against a circuit where it is below `need`; for it otherwise, unless a control
    reaches as much."""
    rule = f"at least {need:.3g}" + ("; void: a control has as much" if is_void else "")
    passes = value >= need
    return Evidence(name, value, rule, None if is_void and passes else passes, controls)


def with_hidden(s: Snapshot, hidden: Float[Tensor, "pair neuron"]) -> Float[Tensor, "pair c"]:
    """The logits when the hidden layer at the last position is this one."""
    return s.read_out(hidden.to(s.mlp_post))


def _at_mean(
    hidden: Float[Tensor, "pair neuron"], neurons: Bool[Tensor, " neuron"]
) -> Float[Tensor, "pair neuron"]:
    """The hidden layer with these neurons at their means."""
    return torch.where(neurons, hidden.mean(dim=0), hidden)


def _other_neurons(mine: Bool[Tensor, " neuron"], seed: int) -> Bool[Tensor, " neuron"]:
    """As many neurons that are not claimed, at random."""
    generator = torch.Generator().manual_seed(seed)
    rest = (~mine).nonzero()[:, 0]
    chosen = rest[torch.randperm(len(rest), generator=generator)[: int(mine.sum())]]
    found = torch.zeros_like(mine)
    found[chosen] = True
    return found


def _elsewhere(s: Snapshot, circuit: Circuit) -> tuple[dict[str, float], dict[str, float]]:
    """Agreement and explained variance of the circuit of this form that fits a network that has
    learned nothing, and one that has learned by heart; 0 where none is found."""
    agree, explain = {}, {}
    for name, made in (("untrained", shuffled), ("by heart", memoriser)):
        agree[name] = explain[name] = 0.0
        try:
            other = made(s)
            like = FINDERS[circuit.form](other)
        except (NotApplicable, KeyError):
            continue
        network, claimed = centred(other.logits), centred(like.logits(s.task))
        agree[name], explain[name] = _agreement(network, claimed), explained(network, claimed)
    return agree, explain


def _others(circuit: Circuit) -> list[Circuit]:
    return [x for seed in range(DRAWS) if (x := circuit.others(seed)) is not None]


def centred(logits: Float[Tensor, "pair c"]) -> Float[Tensor, "pair c"]:
    """The logits less their mean over the answers, in float64; one column as it is."""
    x = logits.double()
    return x if x.shape[1] == 1 else x - x.mean(dim=1, keepdim=True)


def explained(network: Float[Tensor, "pair c"], claimed: Float[Tensor, "pair c"]) -> float:
    """1 - |network - claimed|² / |network|² of centred logits."""
    rest = (network - claimed).square().sum()
    return float(1 - rest / network.square().sum().clamp(min=1e-300))


def less(
    network: Float[Tensor, "pair c"], claimed: Float[Tensor, "pair c"]
) -> Float[Tensor, "pair c"]:
    """What is left of the logits without a circuit; 0 where rounding is all that is left."""
    rest = network - claimed
    return torch.where(rest.abs() > ROUNDING * network.abs().max(), rest, 0.0)


def _agreement(network: Float[Tensor, "pair c"], claimed: Float[Tensor, "pair c"]) -> float:
    return float((network.argmax(dim=1) == claimed.argmax(dim=1)).double().mean())


def is_right(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> Bool[Tensor, " pair"]:
    """Where the answer has the only largest logit: ties are wrong."""
    right = logits.gather(1, answers[:, None])
    return ((logits >= right).sum(dim=1) == 1) & right[:, 0].isfinite()


def _accuracy(s: Snapshot, logits: Float[Tensor, "pair c"]) -> float:
    """The share of all pairs that these logits answer rightly."""
    return float(is_right(logits, s.task.answers).double().mean())


def _loss(s: Snapshot, logits: Float[Tensor, "pair c"], here: Bool[Tensor, " pair"]) -> float:
    return float(cross_entropy(logits[here], s.task.answers[here]))


def chance_of(task: Task) -> float:
    """The accuracy of giving the commonest answer always."""
    counts = torch.bincount(task.answers, minlength=task.n_answers)
    return float(counts.max() / counts.sum())


def splits(s: Snapshot) -> dict[str, Bool[Tensor, " pair"]]:
    """All pairs; and train and test apart, where the split is known."""
    found = {"all": torch.ones_like(s.is_train)}
    if s.knows_split:
        found |= {"train": s.is_train, "test": ~s.is_train}
    return found

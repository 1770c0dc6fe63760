"""What a parity is tested on: its digits must decide, and the others must not matter.

Axes: pair = one input of the task; digit; neuron.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.canonical import digit_weights_of
from grokscope.circuits.parity.flips import (
    explained,
    flipped_margins,
    influences,
    margin,
    margins,
    margins_at,
    sign,
)
from grokscope.snapshot import Snapshot
from grokscope.verify.evidence import Evidence, Tested, at_least, at_most

EXPLAINED, OPEN = 0.9, 0.7  # of the logits' variance
ALWAYS, NEVER = 0.99, 0.01  # of inputs: that a flip changes the answer
DROPPED = 0.3  # weight of a digit that distracts beside one of S; of random features it is 1
SETTINGS = 1_024  # of the digits of S that are written out
FILLINGS = 16  # random values of the other digits, for each setting
DRAWS = 20  # of random digits

Digits = tuple[int, ...]


class OfDigits(Tested):
    """What a parity is tested on."""

    EXPLAINED = "logits explained by the parity of {of}"
    MINE_CHANGE = "flips of a digit of it that change the answer, least"
    OTHERS_CHANGE = "flips of another digit that change the answer, most"
    OTHERS_MOVE = "how far flipping another digit moves the logits, most"
    SETTINGS = "all settings of its digits, the others random: agreement"
    OTHER_WEIGHTS = "weight of other digits beside its own"
    NEURONS_ALONE = "agreement with its {of} neurons alone"


def checks(
    s: Snapshot, digits: Digits, height: float, carriers: Bool[Tensor, " neuron"] | None
) -> tuple[Evidence, ...]:
    """The evidence for the parity of these digits, which raises the logit of odd by `height`; and
    for these neurons as its carriers, if they are known."""
    return (
        _variance(s, digits),
        *_flips(s, digits),
        _settings(s, digits, height),
        *_weights(s, digits),
        *(() if carriers is None else (_neurons(s, carriers),)),
    )


def named(digits: Sequence[int]) -> str:
    """The digits as a set."""
    return f"{{{','.join(map(str, digits))}}}"


def other_digits(digits: Digits, n: int, seed: int) -> Digits | None:
    """As many of the n digits, at random, and not the same; None where there is no other choice."""
    if len(digits) == n:
        return None
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(n, generator=generator)
        others = tuple(sorted(order[: len(digits)].tolist()))
        if others != digits:
            return others


def _mine(s: Snapshot, digits: Digits) -> Bool[Tensor, " digit"]:
    return torch.isin(torch.arange(s.task.inputs.shape[1]), torch.tensor(digits))


def _variance(s: Snapshot, digits: Digits) -> Evidence:
    n = s.task.inputs.shape[1]
    draws = [other_digits(digits, n, seed) for seed in range(DRAWS)]
    controls = {
        "random digits, as many": [x for x in draws if x is not None],
        "one digit fewer": [[d for d in digits if d != i] for i in digits],
        "one more": [[*digits, d] for d in range(n) if d not in digits],
    }
    return at_least(
        OfDigits.EXPLAINED,
        explained(s, digits),
        EXPLAINED,
        OPEN,
        of=named(digits),
        controls={
            name: max(explained(s, x) for x in others)
            for name, others in controls.items()
            if others
        },
    )


def _flips(s: Snapshot, digits: Digits) -> tuple[Evidence, ...]:
    """How often flipping a digit changes the answer, and how far it moves the logits."""
    is_odd, moved, mine = margins(s) > 0, influences(s), _mine(s, digits)
    changed = ((flipped_margins(s) > 0) != is_odd).double().mean(dim=1)
    least = at_least(OfDigits.MINE_CHANGE, float(changed[mine].min()), ALWAYS)
    if mine.all():
        return (least,)
    return (
        replace(least, controls={"of other digits, mean": float(changed[~mine].mean())}),
        at_most(
            OfDigits.OTHERS_CHANGE,
            float(changed[~mine].max()),
            NEVER,
            controls={"of its digits": float(changed[mine].mean())},
        ),
        at_most(
            OfDigits.OTHERS_MOVE,
            float(moved[~mine].max()),
            NEVER,
            controls={"of its digits": float(moved[mine].mean())},
        ),
    )


def _settings(s: Snapshot, digits: Digits, height: float) -> Evidence:
    """How often the network answers with the parity, over all settings of its digits (or as many
    as are written out), the other digits drawn at random."""
    generator, k, n = torch.Generator().manual_seed(0), len(digits), s.task.inputs.shape[1]
    numbers = torch.arange(min(2**k, SETTINGS)).repeat_interleave(FILLINGS)
    inputs = torch.randint(2, (len(numbers), n), generator=generator)
    inputs[:, list(digits)] = (numbers[:, None] >> torch.arange(k)) & 1
    is_odd = margins_at(s, inputs) > 0
    relabelled = inputs[:, torch.randperm(n, generator=generator)]
    value, other = (
        float((is_odd == (height * sign(x, digits) > 0)).double().mean())
        for x in (inputs, relabelled)
    )
    return at_least(OfDigits.SETTINGS, value, ALWAYS, controls={"relabelled digits": other})


def _weights(s: Snapshot, digits: Digits) -> tuple[Evidence, ...]:
    """Whether the network has dropped the other digits: their weights, read out, beside its own."""
    mine, weights = _mine(s, digits), digit_weights_of(s.model)
    if not weights or mine.all():
        return ()
    into = (weights[0] * weights[1][:, 0]).double()
    power = into.square().mean(dim=1)
    value = float((power[~mine].mean() / power[mine].mean().clamp(min=1e-300)).sqrt())
    return (at_most(OfDigits.OTHER_WEIGHTS, value, DROPPED, controls={"random features": 1.0}),)


def _neurons(s: Snapshot, carriers: Bool[Tensor, " neuron"]) -> Evidence:
    """Whether the carriers alone, the others at their means, answer as the network does."""
    order = torch.randperm(len(carriers), generator=torch.Generator().manual_seed(0))
    is_odd, means = margins(s) > 0, s.mlp_post.mean(dim=0)

    def agreement(neurons: Bool[Tensor, " neuron"]) -> float:
        hidden: Float[Tensor, "pair neuron"] = torch.where(neurons, s.mlp_post, means)
        return float(((margin(s.read_out(hidden)) > 0) == is_odd).double().mean())

    return Evidence(
        OfDigits.NEURONS_ALONE,
        agreement(carriers),
        controls={"random neurons, as many": agreement(carriers[order])},
        of=f"{int(carriers.sum())} of {len(order)}",
    )

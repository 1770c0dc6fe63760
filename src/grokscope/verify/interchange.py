"""What the network answers when its hidden layer is given what it holds of another pair's product,
in the key parts: if that is what it answers from, it must give the other pair's answer (interchange
interventions, Geiger et al. 2021, with the product as the high-level variable).

Axes: pair = one input; neuron = a hidden unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.measures.keys import keys_of
from grokscope.score import is_right
from grokscope.snapshot import Snapshot


@dataclass(frozen=True)
class Interchange:
    """The share of pairs that gave the answer of the pair whose product they were given; and the
    same in as many other parts, at random, where there are so many."""

    share: float
    control: float | None


def interchange(s: Snapshot, draws: int = 8, seed: int = 0) -> Interchange:
    """Pairs given the product of others in the key parts. Each draw pairs every input with another;
    none with its own answer counts. Raises `NotApplicable` if the task is no lens's product."""
    keys = keys_of(s)
    generator = torch.Generator().manual_seed(seed)
    others = others_at_random(s, keys, generator)
    pairings = [torch.randperm(len(s.task.inputs), generator=generator) for _ in range(draws)]
    control = _exchanged(s, others, pairings) if len(others) == len(keys) else None
    return Interchange(_exchanged(s, keys, pairings), control)


def of_product(s: Snapshot, parts: Iterable[str]) -> Float[Tensor, "pair neuron"]:
    """What the hidden layer holds of the product in these parts: its projection on functions of it.
    Raises `NotApplicable` if the task is no lens's product."""
    means = s.mean_over_fibres(s.mlp_post)
    return s.fibres.project(parts, means).to(s.mlp_post)[s.fibres.product]


def others_at_random(
    s: Snapshot, parts: tuple[str, ...], generator: torch.Generator
) -> tuple[str, ...]:
    """As many other parts, none of them the constants; fewer where there are not so many."""
    rest = [k for k in s.fibres.split.names if k not in parts and k != "constant"]
    order = torch.randperm(len(rest), generator=generator).tolist()
    return tuple(rest[i] for i in order[: len(parts)])


def _exchanged(s: Snapshot, parts: tuple[str, ...], pairings: list[Int[Tensor, " pair"]]) -> float:
    own, right, total = of_product(s, parts), 0, 0
    for other in pairings:
        logits = s.read_out(s.mlp_post - own + own[other])
        apart = s.task.answers != s.task.answers[other]
        right += int(is_right(logits, s.task.answers[other])[apart].sum())
        total += int(apart.sum())
    return right / max(1, total)

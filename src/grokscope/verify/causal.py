"""Causes: what the network answers when something inside it is taken away, or taken from another
input.

Ablations put neurons, heads or parts of the hidden layer at their means over all pairs, exactly,
all paths together. An interchange gives a pair what the hidden layer holds of another pair's
product, in the key parts: if that is what the network answers from, it must give the other pair's
answer (interchange interventions, Geiger et al. 2021, with the product as the high-level variable).

Axes: pair = one input; c = an answer; neuron = a hidden unit; head.
"""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import BadInput, NotApplicable
from grokscope.measures.keys import keys_of
from grokscope.score import is_right
from grokscope.snapshot import Snapshot
from grokscope.tap import edit


def without_neurons(s: Snapshot, neurons: Sequence[int]) -> Float[Tensor, "pair c"]:
    """The logits with these neurons of the last hidden layer at their means."""
    hidden = s.mlp_post.clone()
    chosen = _indices("neuron", neurons, hidden.shape[1])
    hidden[:, chosen] = hidden[:, chosen].mean(dim=0)
    return s.read_out(hidden)


def without_heads(s: Snapshot, heads: Sequence[int]) -> Float[Tensor, "pair c"]:
    """The logits with these heads of the last layer at their means, at every position. Raises
    `NotApplicable` if the network has no attention."""
    chosen = _indices("head", heads, s.activation("z").shape[2])

    def at_mean(z: Float[Tensor, "pair query head e"]) -> Float[Tensor, "pair query head e"]:
        z = z.clone()
        z[:, :, chosen] = z[:, :, chosen].mean(dim=0)
        return z

    with torch.no_grad():
        return edit(s.model.last, s.task.inputs, {"z": at_mean})[:, : s.task.n_answers]


def without_parts(s: Snapshot, parts: Iterable[str]) -> Float[Tensor, "pair c"]:
    """The logits when the hidden layer loses what it holds of the product in these parts."""
    return s.read_out(s.mlp_post - of_product(s, parts))


def of_product(s: Snapshot, parts: Iterable[str]) -> Float[Tensor, "pair neuron"]:
    """What the hidden layer holds of the product in these parts: its projection on functions of it.
    Raises `NotApplicable` if the task is no lens's product."""
    means = s.mean_over_fibres(s.mlp_post)
    return s.fibres.project(parts, means).to(s.mlp_post)[s.fibres.product]


def interchange(
    s: Snapshot, parts: Sequence[str] | None = None, draws: int = 8, seed: int = 0
) -> dict[str, float]:
    """The share of pairs that give the answer of another pair whose product they were given, in
    these parts, by default the key parts; and "control": the same for as many other parts, at
    random. Each draw pairs every input with another; none with its own answer counts."""
    chosen = tuple(parts) if parts is not None else keys_of(s)
    rest = [k for k in s.fibres.split.names if k not in chosen and k != "constant"]
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rest), generator=generator).tolist()
    others = tuple(rest[i] for i in order[: len(chosen)])
    pairings = [
        torch.randperm(len(s.task.inputs), generator=generator) for _ in range(max(1, draws))
    ]
    found = {"interchanged": _exchanged(s, chosen, pairings)}
    if len(others) == len(chosen):
        found["control"] = _exchanged(s, others, pairings)
    return found


def _exchanged(s: Snapshot, parts: tuple[str, ...], pairings: list[Int[Tensor, " pair"]]) -> float:
    own, right, total = of_product(s, parts), 0, 0
    for other in pairings:
        logits = s.read_out(s.mlp_post - own + own[other])
        apart = s.task.answers != s.task.answers[other]
        right += int(is_right(logits, s.task.answers[other])[apart].sum())
        total += int(apart.sum())
    return right / max(1, total)


def _indices(kind: str, chosen: Sequence[int], count: int) -> Tensor:
    """These indices, or `BadInput` for one that is not there."""
    for i in chosen:
        if not 0 <= i < count:
            raise BadInput(f"there is no {kind} {i}: they are numbered 0 to {count - 1}.")
    if not chosen:
        raise NotApplicable(f"no {kind} was named. Name some, from 0 to {count - 1}.")
    return torch.tensor(list(chosen))

"""What the digits of an input do to a network of parity: how much of its logits the parity of some
explains, and how far flipping one moves them.

Axes: pair = one input of the task; digit; c = even, odd.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.snapshot import Snapshot, once_per_snapshot


def sign(inputs: Int[Tensor, "pair digit"], digits: Sequence[int]) -> Float[Tensor, " pair"]:
    """1 where an odd number of these digits is 1, else -1."""
    return (2 * (inputs[:, list(digits)].sum(dim=1) % 2) - 1).double()


def explained(s: Snapshot, digits: Sequence[int]) -> float:
    """The share of the variance of logit(1) - logit(0) that the parity of these digits explains."""
    z, x = margins(s), sign(s.task.inputs, digits)
    z, x = z - z.mean(), x - x.mean()
    scale = z.square().sum() * x.square().sum()
    return float((z @ x).square() / scale) if scale > 0 else 0.0


@once_per_snapshot
def influences(s: Snapshot) -> Float[Tensor, " digit"]:
    """How far flipping each digit moves the logits: the mean of (z(x) - z(x'))² over four times
    their variance; 1 for a digit of a parity, 0 for one that does not matter."""
    z = margins(s)
    moved = (z - flipped_margins(s)).square().mean(dim=1)
    return moved / (4 * z.var(correction=0)).clamp(min=1e-300)


@once_per_snapshot
def margins(s: Snapshot) -> Float[Tensor, " pair"]:
    """logit(1) - logit(0) of every input."""
    return margin(s.logits)


@once_per_snapshot
def flipped_margins(s: Snapshot) -> Float[Tensor, "digit pair"]:
    """The same with each digit flipped."""
    rows = []
    for i in range(s.task.inputs.shape[1]):
        inputs = s.task.inputs.clone()
        inputs[:, i] = 1 - inputs[:, i]
        rows.append(margins_at(s, inputs))
    return torch.stack(rows)


def margins_at(s: Snapshot, inputs: Int[Tensor, "pair digit"]) -> Float[Tensor, " pair"]:
    """The same of other inputs."""
    with torch.no_grad():
        return margin(s.model.last(inputs))


def margin(logits: Float[Tensor, "pair c"]) -> Float[Tensor, " pair"]:
    """logit(1) - logit(0)."""
    return logits[:, 1].double() - logits[:, 0].double()

"""What a network of a mixture makes of each operator.

Axes: pair = one input.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.losses import pair_losses
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot


@measure(invariant=True)
def test_accuracy_by_operator(s: Snapshot) -> dict[str, float]:
    """Share of the held-out inputs of each operator that are answered right (Furuta et al. 2024).
    Chance: the share of the
    commonest answer."""
    held_out = _held_out(s)
    right = s.is_right.double()
    return {name: float(right[here].mean()) for name, here in held_out.items()}


@measure(invariant=True)
def test_loss_by_operator(s: Snapshot) -> dict[str, float]:
    """Mean cross-entropy of the held-out inputs of each operator, in nats. Chance: ln(number of
    answers)."""
    held_out = _held_out(s)
    losses = pair_losses(s)
    return {name: float(losses[here].mean()) for name, here in held_out.items()}


def _held_out(s: Snapshot) -> dict[str, Bool[Tensor, " pair"]]:
    """Which inputs of each operator were not trained on."""
    if not s.task.operators:
        raise NotApplicable(f"`{s.task.name}` is not a mixture of operators.")
    operator = s.task.inputs[:, -1]
    held_out = {name: s.is_test & (operator == i) for i, name in enumerate(s.task.operators)}
    for name, here in held_out.items():
        if not torch.any(here):
            raise NotApplicable(f"the split holds out no input of `{name}`.")
    return held_out

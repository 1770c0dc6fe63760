"""An intervention: the norm of the trained weights stays below a multiple of that of the start.

Omnigrok (Liu et al. 2023) trains on a sphere of fixed weight norm; here it is a ball, so that decay
may still shrink the weights.

Axes: member = one network.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.spec import Spec
from grokscope.training.rule import Count, Rule, by_member
from grokscope.training.stack import Stack


class NormClamp(Rule):
    """Weights whose norm exceeds `norm_clamp` times that of the start are scaled back to it."""

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        super().__init__(specs, stack)
        self.state = {"start_norm": _norms(stack)}

    def update(self, stack: Stack, step: Count) -> None:
        factors = [s.norm_clamp if s.norm_clamp is not None else torch.inf for s in self.specs]
        most = self.state["start_norm"] * self.lr.new_tensor(factors)[:, None]
        norm = _norms(stack)
        stack.flat.mul_(torch.where(norm > most, most / norm, 1.0).to(stack.flat))


def _norms(stack: Stack) -> Float[Tensor, "member 1"]:
    squares = [
        by_member(lambda w: w.double().square().sum()[None], weights.detach())
        for name, weights in stack.weights.items()
        if name not in stack.held
    ]
    return torch.stack(squares).sum(dim=0).sqrt()

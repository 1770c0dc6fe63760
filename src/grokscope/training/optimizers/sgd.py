"""Gradient descent with momentum and coupled L2; of all training pairs at once, so not stochastic.

Equal to `torch.optim.SGD` without dampening.
"""

from collections.abc import Sequence

import torch

from grokscope.spec import Spec
from grokscope.training.rule import Count, Rule, optimizer, require
from grokscope.training.stack import Stack


@optimizer
class SGD(Rule):
    """Gradient descent: v = momentum v + g + weight_decay w, then w -= lr v."""

    def __init__(self, specs: Sequence[Spec], stack: Stack, momentum: float = 0.0):
        super().__init__(specs, stack)
        require(0 <= momentum < 1, "optimizer.momentum", momentum, "from 0 to less than 1")
        self.momentum = momentum
        self.state = {"velocity": torch.zeros_like(stack.flat)}

    def update(self, stack: Stack, step: Count) -> None:
        flat, velocity = stack.flat, self.state["velocity"]
        velocity.mul_(self.momentum).add_(stack.grad + self.weight_decay.to(flat) * flat)
        flat.sub_((self.ramp(step) * self.lr).to(flat) * velocity)

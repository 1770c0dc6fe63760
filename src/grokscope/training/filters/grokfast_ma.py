"""Grokfast-MA (Lee et al. 2024): the mean of the last gradients is added.

The window is state: it takes `window` times the memory of the weights (0.09 GB for Nanda et al.'s
226,816 in float32, at 100), and as much on the disk in each of the two files to resume from.

Axes: member = one network; slot = a step of the window; weight = one number of a member.
"""

from collections.abc import Sequence

import torch

from grokscope.spec import Spec
from grokscope.training.rule import Count, Rule, by_member, gradient_filter, require
from grokscope.training.stack import Stack


@gradient_filter
class Grokfast_MA(Rule):
    """Grokfast with a window: g + lamb times the mean of the last `window` gradients, g among them.

    As in their code nothing is added before the window is full.
    """

    def __init__(self, specs: Sequence[Spec], stack: Stack, window: int = 100, lamb: float = 5.0):
        super().__init__(specs, stack)
        require(
            1 <= window <= 100_000, "gradient.window", window, "a whole number from 1 to 100,000"
        )
        self.window, self.lamb = window, lamb
        members, weights = stack.grad.shape
        self.state = {
            "window": stack.grad.new_zeros(members, window, weights),
            "sum": torch.zeros_like(stack.grad, dtype=torch.float64),
        }

    def update(self, stack: Stack, step: Count) -> None:
        window, total = self.state["window"], self.state["sum"]
        slot = step % self.window
        total.sub_(window[:, slot]).add_(stack.grad)
        window[:, slot] = stack.grad
        if slot == self.window - 1:  # anew, so that no rounding of large gradients stays
            total.copy_(by_member(lambda slots: slots.sum(dim=0, dtype=torch.float64), window))
        if step >= self.window - 1:
            stack.grad.add_((total * (self.lamb / self.window)).to(stack.grad))

"""Grokfast-EMA (Lee et al. 2024): the slow part of the gradient is amplified.

A gradient that stays the same is multiplied by 1 + lamb: compare at a learning rate and a weight
decay tuned for each.
"""

from collections.abc import Sequence

import torch

from grokscope.spec import Spec
from grokscope.training.rule import Count, Rule, gradient_filter, require
from grokscope.training.stack import Stack


@gradient_filter
class Grokfast_EMA(Rule):
    """Grokfast with a moving average: g + lamb e, where e = alpha e + (1 - alpha) g.

    e begins as the first gradient, as in their code.
    """

    def __init__(self, specs: Sequence[Spec], stack: Stack, alpha: float = 0.98, lamb: float = 2.0):
        super().__init__(specs, stack)
        require(0 <= alpha < 1, "gradient.alpha", alpha, "from 0 to less than 1")
        self.alpha, self.lamb = alpha, lamb
        self.state = {"ema": torch.zeros_like(stack.grad)}

    def update(self, stack: Stack, step: Count) -> None:
        average = self.state["ema"]
        average.lerp_(stack.grad, 1.0 if step == 0 else 1 - self.alpha)
        stack.grad.add_(average, alpha=self.lamb)

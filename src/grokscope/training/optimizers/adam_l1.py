"""Adam with coupled L1, the PAIR explorable's `l1`: weight_decay · sign(w) joins the gradient.

Weights do not become 0 exactly: once the loss no longer pulls, the sign alternates, and Adam's
normalised steps leave them at tiny values (theirs are 1e-7 to 1e-11).
"""

from collections.abc import Sequence

from grokscope.spec import Spec
from grokscope.training.optimizers.moments import adam_change, no_moments
from grokscope.training.rule import Count, Rule, optimizer
from grokscope.training.stack import Stack


@optimizer
class Adam_L1(Rule):
    """Adam with coupled L1: the gradient is g + weight_decay sign(w)."""

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        super().__init__(specs, stack)
        self.state = no_moments(stack.flat)

    def update(self, stack: Stack, step: Count) -> None:
        decayed = stack.grad + self.weight_decay.to(stack.flat) * stack.flat.sign()
        stack.flat.sub_(adam_change(self, decayed, step))

"""⊥Grad (Prieto et al. 2025): no weight tensor moves along itself.

After memorisation the loss falls by scaling the weights alone, which changes no prediction. That
part of each tensor's gradient is left out, g - (w·g / w·w) w, and the rest is brought to the length
of g, as in their code. The sums are in float64, where theirs are in float32.

Axes: member = one network.
"""

from torch import Tensor

from grokscope.training.rule import Count, Rule, gradient_filter
from grokscope.training.stack import Stack

TINY = 1e-30  # added where a norm may be 0, as in their code


@gradient_filter
class Orthogonal(Rule):
    """⊥Grad: of each tensor's gradient the part orthogonal to the tensor, at the length it had."""

    def update(self, stack: Stack, step: Count) -> None:
        for name, weight in stack.weights.items():
            for w, g in zip(weight.detach(), stack.gradients[name], strict=True):
                g.copy_(orthogonal_part(w.double(), g.double()))


def orthogonal_part(w: Tensor, g: Tensor) -> Tensor:
    """g without its component along w, scaled to the norm of g."""
    part = g - (w * g).sum() / (w.square().sum() + TINY) * w
    return part * (g.norm() / (part.norm() + TINY))

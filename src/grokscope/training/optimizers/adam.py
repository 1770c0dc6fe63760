"""Adam with coupled L2, as Wu et al. 2024 train: the decay enters the gradient before the moments.

Equal to `torch.optim.Adam` with its `weight_decay`. The decay is divided by the gradient's size as
the gradient is, which AdamW's is not: no choice of weight_decay makes the two equal.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch

from grokscope.spec import Spec
from grokscope.training.optimizers.moments import adam_change, no_moments
from grokscope.training.rule import Count, Rule, optimizer
from grokscope.training.stack import Stack


@optimizer
class Adam(Rule):
    """Adam with coupled L2: the gradient is g + weight_decay w, but of weights whose names match
    `undecayed` (b_*, say) it is g."""

    def __init__(self, specs: Sequence[Spec], stack: Stack, undecayed: str = "none"):
        super().__init__(specs, stack)
        self.state = no_moments(stack.flat)
        sizes = [(fnmatchcase(name, undecayed), s.numel()) for name, s in stack.shapes.items()]
        padding = stack.flat.shape[1] - sum(size for _, size in sizes)
        row = [
            torch.full((size,), float(not is_free)) for is_free, size in (*sizes, (False, padding))
        ]
        self.is_decayed = torch.cat(row).to(stack.flat)

    def update(self, stack: Stack, step: Count) -> None:
        decay = self.weight_decay.to(stack.flat) * self.is_decayed
        decayed = stack.grad + decay * stack.flat
        stack.flat.sub_(adam_change(self, decayed, step))

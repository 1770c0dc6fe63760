"""AdamW on a stack: decoupled weight decay (Loshchilov & Hutter 2019), every member with its own
learning rate, betas and weight decay.

Equal to `torch.optim.AdamW` (a test says so), which cannot take them per row of one tensor.

Axes: member = one network; weight = one number of it.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.spec import Spec
from grokscope.training.stack import Stack


class AdamW:
    """The moments of a stack's gradients, and the update from them."""

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        self.specs = list(specs)
        self.m = torch.zeros_like(stack.flat)
        self.v = torch.zeros_like(stack.flat)
        self._scales(stack.flat)

    @property
    def moments(self) -> dict[str, Tensor]:
        """Both moments by the names under which they are saved; each member has a row."""
        return {"moment1": self.m, "moment2": self.v}

    def _scales(self, like: Tensor) -> None:
        def column(values: Sequence[float]) -> Float[Tensor, "member 1"]:
            return torch.tensor(values, dtype=torch.float64, device=like.device)[:, None]

        self.lr = column([s.lr for s in self.specs])
        self.decay = column([s.lr * s.weight_decay for s in self.specs])
        self.beta1 = column([s.betas[0] for s in self.specs])
        self.beta2 = column([s.betas[1] for s in self.specs])
        self.eps = column([s.eps for s in self.specs])
        self.warmup = column([float(s.warmup) for s in self.specs])

    @torch.no_grad()
    def update(self, stack: Stack, step: int) -> None:
        """Update number `step`, from 0; while warming up it is scaled by step / warmup."""
        flat, grad = stack.flat, stack.grad
        ramp = torch.where(self.warmup > step, step / self.warmup, 1.0)
        correct1, correct2 = 1 - self.beta1 ** (step + 1), 1 - self.beta2 ** (step + 1)
        self.m.lerp_(grad, (1 - self.beta1).to(flat))
        self.v.lerp_(grad.square(), (1 - self.beta2).to(flat))
        root = self.v.sqrt().mul_(correct2.rsqrt().to(flat)).add_(self.eps.to(flat))
        flat.mul_((1 - ramp * self.decay).to(flat))
        flat.sub_((self.m / root).mul_((ramp * self.lr / correct1).to(flat)))

    def keep(self, members: list[int]) -> None:
        """Leave out all other members."""
        self.specs = [self.specs[k] for k in members]
        self.m, self.v = self.m[members].clone(), self.v[members].clone()
        self._scales(self.m)

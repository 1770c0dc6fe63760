"""Muon (Jordan et al. 2024): the momentum of a matrix, made orthogonal, is its step.

Every weight with two axes is a matrix; one with more (the heads of W_Q) is a matrix for each index
before the last two. What is not a matrix is trained by AdamW with the same lr, vectors of several
layers (b_in, w_mid) too; and so is what `adamw_for` names. Jordan advises that for embeddings and
unembeddings: `optimizer.adamw_for=W_E,W_pos,W_U`.

Equal to `torch.optim.Muon` of each matrix but for two things. Its rows are outputs and ours inputs,
so that each sees the other's transpose. And it orthogonalises in bfloat16, to be fast on GPUs;
ours keeps the precision of the weights.

Axes: member = one network; weight = one number of it; row, column = of a matrix.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import lookup
from grokscope.spec import Spec
from grokscope.training.optimizers.moments import adam_change, no_moments
from grokscope.training.rule import Count, Rule, by_member, optimizer, require
from grokscope.training.stack import Stack

QUINTIC = (3.4445, -4.7750, 2.0315)  # of Jordan's post: steepest at 0
SCALES = {
    "original": lambda d_in, d_out: math.sqrt(max(1.0, d_out / d_in)),  # Jordan's
    "match_rms_adamw": lambda d_in, d_out: 0.2 * math.sqrt(max(d_in, d_out)),  # Liu et al. 2025
}


@optimizer
class Muon(Rule):
    """Muon for matrices, AdamW for other weights; decoupled weight decay for all."""

    def __init__(
        self,
        specs: Sequence[Spec],
        stack: Stack,
        momentum: float = 0.95,
        newton_schulz_steps: int = 5,
        scale: str = "original",
        adamw_for: str = "",
    ):
        super().__init__(specs, stack)
        require(0 <= momentum < 1, "optimizer.momentum", momentum, "from 0 to less than 1")
        require(
            0 < newton_schulz_steps < 100,
            "optimizer.newton_schulz_steps", newton_schulz_steps, "from 1 to 99",
        )  # fmt: skip
        self.momentum, self.n_steps = momentum, newton_schulz_steps
        self.scale = lookup("scale of muon", scale, SCALES)
        excepted = adamw_for.replace(" ", "").split(",") if adamw_for else []
        for name in excepted:
            lookup("weight for optimizer.adamw_for", name, stack.weights)
        self.matrices = [
            name
            for name, shape in stack.shapes.items()
            if len(shape) > 1 and not is_vector(name) and name not in excepted
        ]
        sizes = {name: shape.numel() for name, shape in stack.shapes.items()}
        owner = [name in self.matrices for name in sizes]
        is_matrix = torch.repeat_interleave(torch.tensor(owner), torch.tensor([*sizes.values()]))
        self.others = (~is_matrix).nonzero()[:, 0].to(stack.flat.device)
        self.state = no_moments(stack.flat[:, self.others])
        for name in self.matrices:
            self.state[f"momentum.{name}"] = torch.zeros_like(stack.gradients[name])

    def update(self, stack: Stack, step: Count) -> None:
        rate = self.ramp(step) * self.lr
        keep = (1 - self.ramp(step) * (self.lr * self.weight_decay)).to(stack.flat)
        change = adam_change(self, stack.grad[:, self.others], step)
        stack.flat.mul_(keep)
        stack.flat[:, self.others] -= change
        for name in self.matrices:
            gradient, momentum = stack.gradients[name], self.state[f"momentum.{name}"]
            momentum.lerp_(gradient, 1 - self.momentum)
            ahead = gradient.lerp(momentum, self.momentum)  # Nesterov's
            turned = by_member(lambda g: orthogonalized(g, self.n_steps), ahead)
            size = (rate * self.scale(*gradient.shape[-2:])).to(turned)
            stack.weights[name].sub_(turned * size.view(-1, *[1] * (turned.ndim - 1)))


def is_vector(name: str) -> bool:
    """Whether a weight is a bias or a gain by its name, in the notation of the field."""
    return name.split(".")[-1].startswith(("b_", "w_", "bias"))


def orthogonalized(
    G: Float[Tensor, "*matrix row column"], n_steps: int = 5
) -> Float[Tensor, "*matrix row column"]:
    """About U V' of G = U S V', by Newton-Schulz: singular values come to between 0.7 and 1.2."""
    a, b, c = QUINTIC
    X = G.mT if G.shape[-2] > G.shape[-1] else G
    X = X / X.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(n_steps):
        square = X @ X.mT
        X = a * X + (b * square + c * square @ square) @ X
    return X.mT if G.shape[-2] > G.shape[-1] else X

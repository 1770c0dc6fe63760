"""The logits, or neurons, over (a, b) in the two-dimensional Fourier basis (Nanda et al. 2023, Fig.
4c; Furuta et al. 2024: "norm of logits in the 2-D Fourier basis").

Axes: pair = one input; unit = a neuron or an answer; i, j = basis functions of a and of b.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.splits import fourier
from grokscope.errors import NotApplicable
from grokscope.snapshot import Snapshot


def plane_norms(s: Snapshot, x: Float[Tensor, "pair unit"]) -> Float[Tensor, "i j"]:
    """The norm over units of the coefficients of x along F_i(a) F_j(b), F the additive Fourier
    basis, whatever the task: the constant, then cos 1, sin 1, cos 2, ... The mean of each unit is
    taken away. Raises `NotApplicable` unless every pair of symbols is there."""
    if not s.task.is_table:
        raise NotApplicable(
            f"`{s.task.name}` has not every pair (a, b), so no two-dimensional basis."
        )
    F = fourier(s.task.n_symbols).basis
    cube = x.double().view(len(F), len(F), -1)
    there = torch.einsum("ai,bj,abu->iju", F, F, cube - cube.mean(dim=(0, 1)))
    return there.square().sum(dim=2).sqrt()


def on_diagonals(norms: Float[Tensor, "i j"]) -> float:
    """The share of the squared norm in products of one frequency with itself, cos or sin of each:
    where functions of a + b and of a - b lie. Chance: about 2 over the number of symbols."""
    frequency = (torch.arange(len(norms)) + 1) // 2  # the constant is 0
    is_same = (frequency[:, None] == frequency) & (frequency > 0)
    squares = norms.square()
    return float(squares[is_same].sum() / squares.sum().clamp(min=1e-300))

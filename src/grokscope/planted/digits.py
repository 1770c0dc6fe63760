"""Planted solutions of sparse parity.

Axes: pair = one input; operand = its digits; neuron.
"""

import torch
from torch import Generator

from grokscope.models.parity import ParityMLP
from grokscope.planted.planted import Draft, task_of, truth

DISTRACTION = 1e-3  # the weights of digits that do not matter, beside 1


@truth(n=(8, 10, 12), k=(2, 3, 4), patterns=(1, 2, 4))
def parity(random: Generator, n: int = 10, k: int = 3, patterns: int = 2) -> Draft:
    """The parity of the first k of n digits by counting: of the number s of digits that differ from
    a pattern σ, the piecewise linear function

        -1 + 2 relu(s) - 4 relu(s - 1) + 4 relu(s - 2) - ... = -1, 1, -1, ... at s = 0, 1, 2, ...

    times ±1, as σ has an even or an odd number of ones. The sum over several patterns; each neuron
    has a random scale, which its output undoes.
    """
    task = task_of("sparse_parity", n=n, k=k)
    model = counting(random, n, k, patterns)
    return Draft(task, model, frozenset({"parity"}), notes=f"digits 0 to {k - 1}")


def counting(random: Generator, n: int, k: int, patterns: int) -> ParityMLP:
    """The network of `parity`."""
    model = ParityMLP(2, 2, n, d_mlp=patterns * (k + 1))
    columns, outs = [], []
    for _ in range(patterns):
        pattern = torch.randint(2, (k,), generator=random)
        sign = 1 - 2 * int(pattern.sum() % 2)
        for j in range(-1, k):  # -1: the constant
            column = DISTRACTION * torch.randn(n + 1, generator=random)
            column[:k] = 0 if j < 0 else 1 - 2 * pattern
            column[n] = 1 if j < 0 else pattern.sum() - j
            slope = -1 if j < 0 else 2 if j == 0 else 4 * (-1) ** j
            scale = 0.5 + torch.rand((), generator=random)
            columns.append(column * scale)
            outs.append(sign * slope / scale)
    with torch.no_grad():
        model.W_in.copy_(torch.stack(columns, dim=1))
        model.W_out.copy_(torch.stack(outs)[:, None])
    return model

"""Numbers that are compared: the second argmax and the argmedian of the Alignment Research Center's
AlgZoo.

Theirs are real numbers, drawn from the standard normal. A task here is written out, so a number is
one of so many quantiles: symbol s is the one below which (s + 1/2) / levels of all numbers lie.

Axes: symbol; operand = the numbers of a row, in their order; pair = one row.
"""

import math
import random
from itertools import permutations

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.task import LARGEST_TABLE, Task, check_whole, task

LEVELS = 200


@task
def nth_argmax(
    length: int = 3, rank: int = 2, levels: int = LEVELS, samples: int = 5000, data_seed: int = 0
) -> Task:
    """The place, from 0, of the number that is `rank`-th largest of `length` different ones.

    rank=2 is AlgZoo's second argmax, rank=(length+1)/2 its argmedian. The numbers of a row are
    drawn from `levels` quantiles of the standard normal, no two of them equal. Where there are
    more rows than `samples`, so many different ones are drawn, and every number is one over this
    sample.
    """
    check_whole("length", length, 2, 1000)
    check_whole("rank", rank, 1, length, "the length")
    check_whole("levels", levels, length, 10_000, "the length")
    check_whole("samples", samples, 2, LARGEST_TABLE // length, "so that they can be written out")
    check_whole("data_seed", data_seed, 0, 2**63 - 1)
    if math.perm(levels, length) <= samples:
        rows = list(permutations(range(levels), length))
    else:
        drawn, generator = dict[tuple[int, ...], None](), random.Random(data_seed)
        while len(drawn) < samples:
            drawn[tuple(generator.sample(range(levels), length))] = None
        rows = list(drawn)
    inputs = torch.tensor(rows)
    answers = inputs.argsort(dim=1, descending=True)[:, rank - 1]
    place = {1: "the largest", 2: "the second largest"}.get(rank, f"number {rank} by size")
    return Task(f"where {place} of {length} numbers stands", inputs, answers, levels, length)


def normal_numbers(levels: int = LEVELS) -> Float[Tensor, " symbol"]:
    """The numbers that the symbols stand for, ascending, in float64."""
    return torch.special.ndtri((torch.arange(levels, dtype=torch.float64) + 0.5) / levels)

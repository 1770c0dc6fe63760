"""Sparse parity: Barak et al. 2022, Merrill et al. 2023, and "1s and 0s" of the PAIR explorable."""

import random

import torch

from grokscope.task import LARGEST_TABLE, Task, check_whole, task


@task
def sparse_parity(n: int = 30, k: int = 3, samples: int = 6200, data_seed: int = 0) -> Task:
    """The parity of the first k of n digits 0 or 1; the others distract.

    There are 2^n inputs. Where that is more than `samples`, so many different ones are drawn, and
    every number is one over this sample. The defaults are PAIR's sizes: with train_fraction 0.1936,
    1200 to train on and 5000 to test on.
    """
    check_whole("n", n, 2, 62, "so that an input is a machine number")
    check_whole("k", k, 1, n, "the number of digits")
    check_whole("samples", samples, 2, LARGEST_TABLE // n, "so that they can be written out")
    check_whole("data_seed", data_seed, 0, 2**63 - 1)
    if 2**n <= samples:
        numbers = range(2**n)
    else:
        numbers = random.Random(data_seed).sample(range(2**n), samples)
    place = torch.arange(n).flip(0)
    inputs = (torch.tensor(numbers)[:, None] >> place) & 1
    answers = inputs[:, :k].sum(dim=1) % 2
    return Task(f"parity of {k} of {n} digits", inputs, answers, 2, 2, digits=k)

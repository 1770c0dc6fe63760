"""A table without structure: a control that can be learned by heart alone."""

from dataclasses import replace

import torch

from grokscope.task import Task, check_whole, task
from grokscope.tasks.formula import formula


@task
def shuffled(text: str = "a+b", p: int = 113, triangle: bool = False, data_seed: int = 0) -> Task:
    """The answers of a formula modulo p, dealt anew to its inputs at random: as often each, and of
    nothing in particular, so that no pair says anything of another.

    No lens describes it: those of the residues read its weights alone. `triangle`: the inputs with
    a <= b.
    """
    check_whole("data_seed", data_seed, 0, 2**63 - 1)
    task = formula(text, p, triangle=triangle)
    generator = torch.Generator().manual_seed(data_seed)
    order = torch.randperm(len(task.answers), generator=generator)
    name = f"answers of {task.name}, shuffled"
    return replace(task, name=name, answers=task.answers[order], group=None, modulus=p)

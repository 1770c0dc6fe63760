"""A kernel of a⁻¹ c b⁻¹: at which element of the group each pair and answer stand, and the kernel
that fits logits best there.

Axes: g = an element; pair = one input; c = an answer.
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens
from grokscope.algebra.splits import Split
from grokscope.task import Task

MOST_HELD = 2_000_000  # pairs and answers: p = 113 and S5, but not S6

Ends = tuple[float, float, float]


def lens_for(task: Task, lens: Lens) -> Lens:
    """The lens as it reads this task's inputs, which may be some of those it was made for."""
    if lens.product is not None and len(lens.product) == len(task.inputs):
        return lens
    return next(x for x in task.lenses if x.name == lens.name)


def places(task: Task, lens: Lens, group: Group | None = None) -> Int[Tensor, "pair c"]:
    """The element a⁻¹ c b⁻¹ of each pair and answer, by default in the lens's own group. Where
    there is none: the order n of the group if neither product nor answer has an element, n + 1 if
    only the answer has, n + 2 if only the product has."""
    chosen = group or lens.group
    assert chosen is not None
    is_small = len(task.inputs) * task.n_answers <= MOST_HELD
    return (_held_places if is_small else _places)(task, lens, chosen)


def _places(task: Task, lens: Lens, group: Group) -> Int[Tensor, "pair c"]:
    if task.group is not None:
        a, b = (group.inverse[x] for x in task.inputs.unbind(dim=1))
        return group.table[group.table[a], b[:, None]]
    assert lens.product is not None
    x = torch.arange(len(lens.answers))
    element = x if lens.element is None else lens.element
    c = torch.full((task.n_answers,), -1)
    c[lens.answers] = element
    s = element[lens.product][:, None]
    inside = group.quotient.T[s.clamp(min=0), c.clamp(min=0)]  # c s⁻¹
    outside = group.order + torch.where(s < 0, (c >= 0).long(), 2)
    return torch.where((s >= 0) & (c >= 0), inside, outside)


@lru_cache(maxsize=4)
def _held_places(task: Task, lens: Lens, group: Group) -> Int[Tensor, "pair c"]:
    """The same, which networks of one task share."""
    return _places(task, lens, group)


def fit_kernel(
    x: Float[Tensor, "pair c"], where: Int[Tensor, "pair c"], order: int
) -> tuple[Float[Tensor, " g"], Ends]:
    """The mean of the centred logits at each place: of the group, and of the three outside it."""
    total, count = x.new_zeros(order + 3), x.new_zeros(order + 3)
    total.index_add_(0, where.flatten(), x.flatten())
    count.index_add_(0, where.flatten(), torch.ones((), dtype=x.dtype).expand(x.numel()))
    mean = total / count.clamp(min=1)
    first, second, third = mean[order:].tolist()
    return mean[:order], (first, second, third)


def at_places(
    kernel: Float[Tensor, " g"], ends: Ends, where: Int[Tensor, "pair c"]
) -> Float[Tensor, "pair c"]:
    """The logits of a kernel."""
    return torch.cat([kernel, kernel.new_tensor(ends)])[where]


def drawn(split: Split, keys: tuple[str, ...], seed: int) -> tuple[str, ...] | None:
    """Other parts, at random, of at least as many dimensions; None if there are too few."""
    need = split.part(keys).shape[1]
    rest = [name for name in split.names if name not in keys and name != "constant"]
    order = torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed)).tolist()
    names, dimensions = [], 0
    for i in order:
        if dimensions >= need:
            break
        names.append(rest[i])
        dimensions += split.parts[rest[i]].shape[1]
    return tuple(names) if dimensions >= need else None

"""Young's theory of the symmetric group: partitions, characters, matrices.

James & Kerber, The Representation Theory of the Symmetric Group (1981): 2.4.7 for the characters,
3.4 for the orthogonal form.

Axes: g = an element; d = a standard tableau.
"""

import math
from collections.abc import Iterator
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.errors import BadInput

Partition = tuple[int, ...]


def is_symmetric(group: Group) -> bool:
    """Whether the group is given as all permutations of its points."""
    return group.points is not None and group.order == math.factorial(group.points.shape[1])


def partitions(n: int, largest: int | None = None) -> Iterator[Partition]:
    """The partitions of n with parts up to `largest`, from (n) down."""
    if n == 0:
        yield ()
    for first in range(min(n, n if largest is None else largest), 0, -1):
        for rest in partitions(n - first, first):
            yield (first, *rest)


def character(partition: Partition, group: Group) -> Float[Tensor, " g"]:
    """The character of a symmetric group that belongs to `partition`; whole numbers."""
    assert group.points is not None
    beads = frozenset(part + i for i, part in enumerate(reversed(partition)))
    values = [_hooks(beads, cycle_type(x)) for x in group.points.tolist()]
    return torch.tensor(values, dtype=torch.float64)


def cycle_type(permutation: list[int]) -> Partition:
    """The lengths of a permutation's cycles, the longest first."""
    lengths, seen = [], set()
    for start in range(len(permutation)):
        i, length = start, 0
        while i not in seen:
            seen.add(i)
            i, length = permutation[i], length + 1
        lengths.append(length)
    return tuple(sorted((x for x in lengths if x), reverse=True))


@cache
def _hooks(beads: frozenset[int], cycles: Partition) -> int:
    """Murnaghan-Nakayama: remove a rim hook for each cycle. Beads are the partition's first-column
    hook lengths; a rim hook moves one bead down."""
    if not cycles:
        return 1
    total = 0
    for bead in beads:
        to = bead - cycles[0]
        if to >= 0 and to not in beads:
            passed = sum(to < other < bead for other in beads)
            total += (-1) ** passed * _hooks(beads - {bead} | {to}, cycles[1:])
    return total


def orthogonal_form(partition: Partition, group: Group) -> Float[Tensor, "g d d"]:
    """Young's orthogonal form of the irrep of `partition`, for a symmetric group in any order.

    On standard tableaux t, with r the axial distance of k and k+1 (content of k+1 less that of k),
    the transposition (k, k+1) has 1/r at (t, t) and √(1 - 1/r²) at (t, the tableau with k and k+1
    exchanged). Other elements are products along the Cayley graph. Raises `BadInput` for another
    group, and for what is not a partition of its degree.
    """
    if not is_symmetric(group):
        raise BadInput(f"{group.name} is not given as all permutations of some points.")
    assert group.points is not None
    n = group.points.shape[1]
    if tuple(sorted(partition, reverse=True)) not in partitions(n):
        raise BadInput(f"{partition} is not a partition of {n}.")
    steps = [_transposition(k, list(_tableaux(tuple(partition)))) for k in range(n - 1)]
    swaps = [_swap(k, group) for k in range(n - 1)]
    d = len(steps[0]) if steps else 1
    matrices = torch.zeros(group.order, d, d, dtype=torch.float64)
    matrices[group.identity] = torch.eye(d, dtype=torch.float64)
    is_reached = torch.zeros(group.order, dtype=torch.bool)
    is_reached[group.identity] = True
    frontier = torch.tensor([group.identity])
    while len(frontier):
        more = []
        for swap, step in zip(swaps, steps, strict=True):
            to = group.table[frontier, swap]
            fresh = ~is_reached[to]
            matrices[to[fresh]] = matrices[frontier[fresh]] @ step
            is_reached[to] = True
            more.append(to[fresh])
        frontier = torch.cat(more) if more else frontier[:0]
    return matrices


def _swap(k: int, group: Group) -> int:
    """The element that exchanges the points k and k+1."""
    assert group.points is not None
    wanted = torch.arange(group.points.shape[1])
    wanted[[k, k + 1]] = wanted[[k + 1, k]]
    return int((group.points == wanted).all(dim=1).nonzero()[0])


@cache
def _tableaux(shape: Partition) -> tuple[tuple[int, ...], ...]:
    """The standard tableaux of a shape, each as the row of every number from the smallest."""
    if not any(shape):
        return ((),)
    tableaux = []
    for row, length in enumerate(shape):
        below = shape[row + 1] if row + 1 < len(shape) else 0
        if length > below:
            rest = (*shape[:row], length - 1, *shape[row + 1 :])
            tableaux += [(*t, row) for t in _tableaux(rest)]
    return tuple(tableaux)


def _transposition(k: int, tableaux: list[tuple[int, ...]]) -> Float[Tensor, "d d"]:
    """The matrix of (k, k+1)."""
    place = {t: i for i, t in enumerate(tableaux)}
    matrix = torch.zeros(len(tableaux), len(tableaux), dtype=torch.float64)
    for t, i in place.items():
        contents = [t[:j].count(t[j]) - t[j] for j in (k, k + 1)]  # column less row
        r = contents[1] - contents[0]
        matrix[i, i] = 1 / r
        exchanged = (*t[:k], t[k + 1], t[k], *t[k + 2 :])
        if exchanged in place and exchanged != t:
            matrix[i, place[exchanged]] = math.sqrt(1 - 1 / r**2)
    return matrix

"""What a neuron of a coset circuit asks of a product, in the group's words: "does ab send 4 to 2?"

Axes: g = an element; point = one of those that permutations move.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.names import element_names
from grokscope.algebra.subgroups import Subset


def question(group: Group, name: str, H: Subset, z: int) -> str:
    """Whether ab is in Hz, H being called `name`: of permutations, where a point or a set of points
    is sent; else by the name of z."""
    moves = _moves(group)
    if moves is not None and torch.equal(H, _is_even(moves)) and not H.all():
        return f"{name}: is ab {'even' if H[z] else 'odd'}?"
    kept = None if moves is None else _kept(moves, H)
    if moves is not None and kept is not None:
        there = moves[z][kept].sort().values
        return f"{name}: does ab send {_listed(kept)} to {_listed(there)}?"
    if H[z]:
        return f"{name}: is ab in it?"
    return f"{name}: is ab in its coset that has {element_names(group)[z]}?"


def _moves(group: Group) -> Int[Tensor, "g point"] | None:
    """What each element does to points, a product being its left factor's moves first; None of
    groups that are not written as permutations so."""
    x = group.points
    if x is None or not torch.equal(x[:, x], x[group.table.T]):
        return None
    return x


def _is_even(moves: Int[Tensor, "g point"]) -> Subset:
    """Which permutations have an even number of pairs out of order."""
    i, j = torch.triu_indices(moves.shape[1], moves.shape[1], 1)
    return (moves[:, i] > moves[:, j]).sum(dim=1) % 2 == 0


def _kept(moves: Int[Tensor, "g point"], H: Subset) -> Int[Tensor, " some"] | None:
    """The smallest set of points whose permutations into itself are H; None where there is none."""
    best = None
    for orbit in _orbits(moves[H]):
        stays = torch.isin(moves[:, orbit], orbit).all(dim=1)
        is_it = torch.equal(stays, H)
        if is_it and (best is None or len(orbit) < len(best)):
            best = orbit
    return best


def _orbits(moves: Int[Tensor, "h point"]) -> list[Int[Tensor, " some"]]:
    return [torch.tensor(x) for x in {tuple(column.unique().tolist()) for column in moves.T}]


def _listed(points: Int[Tensor, " some"]) -> str:
    names = [str(i + 1) for i in points.tolist()]
    return names[0] if len(names) == 1 else f"{{{', '.join(names)}}}"

"""Finite sets of vectors that an irrep permutes.

Axes: g = an element of the group; d = a vector of the irrep's space; vector; point = a member of a
finite set.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import Irrep
from grokscope.algebra.subgroups import left_cosets, stabiliser
from grokscope.circuits.rho_set.factors import unit
from grokscope.errors import BadInput
from grokscope.measures.cosets import CONSTANT, proper_subgroups

NEAR = 0.98  # the cosine of vectors that are taken for one: |b - b'|² < .04 (Wu et al. 2024: .2-.3)
EXACT = 1e-6  # distances below it are rounding
FEWER = 0.25  # at most: the numbers that a finite set takes, of those of the vectors in it
AT_ONCE = 10_000_000  # distances held at a time


@dataclass(frozen=True, eq=False)
class Orbits:
    """Finite sets of unit vectors that an irrep permutes, one after the other, and how many numbers
    they take."""

    points: Float[Tensor, "point d"]
    sizes: tuple[int, ...]
    free: int

    @property
    def owner(self) -> Int[Tensor, " point"]:
        return torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))


def orbits(
    v: Float[Tensor, "vector d"],
    H: Bool[Tensor, "vector g"],
    weight: Float[Tensor, " vector"],
    irrep: Irrep,
    group: Group,
) -> Orbits:
    """The orbits that unit vectors v lie near to, each vector near to what its subgroup H fixes;
    each orbit is followed by its negative where that is another.

    One vector after the other is put into its subgroup's space and gives an orbit, until none is
    left that lies near to no orbit, the heaviest first. The orbit is then moved to the mean of the
    vectors near to it.
    """
    left = torch.ones(len(v), dtype=torch.bool)
    sets, free = [], 0
    while left.any() and free <= FEWER * v.numel():
        i = int(torch.where(left, weight, -1.0).argmax())
        project = irrep.matrices[H[i]].mean(dim=0)
        cosines = v @ (irrep.matrices @ unit(project @ v[i])).T
        best = cosines.abs().argmax(dim=1)
        sign = cosines.gather(1, best[:, None]).sign()
        near = left & (cosines.abs().amax(dim=1) > NEAR)
        near[i] = True
        back = torch.einsum("mdi,md->mi", irrep.matrices[best], sign * v)[near]
        orbit = _orbit(unit(project @ (weight[near, None] * back).sum(dim=0)), irrep, group)
        sets.append(orbit)
        if float((orbit @ -orbit[0]).max()) < 1 - EXACT:
            sets.append(-orbit)
        free += round(float(project.trace()))
        left &= ~near
    return Orbits(torch.cat(sets), tuple(len(x) for x in sets), free)


def _orbit(v: Float[Tensor, " d"], irrep: Irrep, group: Group) -> Float[Tensor, "point d"]:
    """The different ρ(g)v."""
    cosets = left_cosets(group, stabiliser(irrep, v))
    first = torch.full((int(cosets.max()) + 1,), len(cosets))
    first.scatter_reduce_(0, cosets, torch.arange(len(cosets)), "amin")
    return irrep.matrices[first] @ v


def stabilisers(
    v: Float[Tensor, "vector d"], irrep: Irrep, group: Group
) -> Bool[Tensor, "vector g"]:
    """For each unit vector the largest subgroup that fixes a vector within 1 % of its squared
    length, of equally large ones the nearest; none where there is none. Subgroups that fix every
    vector do not count."""
    H = torch.zeros(len(v), group.order, dtype=torch.bool)
    try:
        proper = proper_subgroups(group)
    except BadInput:  # there are none, or more than are listed
        return H
    of_use = ~(proper.members <= kernel(irrep)).all(dim=1)
    members, order = proper.members[of_use], proper.order[of_use]
    overlap = torch.einsum("md,gmd->mg", v, torch.einsum("gde,me->gmd", irrep.matrices, v))
    distance = 1 - overlap @ members.to(overlap).T / order
    rank = torch.where(distance < CONSTANT, order - distance, 0.0)
    for i in (rank > 0).any(dim=1).nonzero()[:, 0].tolist():
        H[i] = members[rank[i].argmax()]
    return H


def kernel(irrep: Irrep) -> Bool[Tensor, " g"]:
    """The elements that leave every vector where it is."""
    return irrep.character > irrep.d - 0.5


def closure_error(points: Float[Tensor, "point d"], irrep: Irrep) -> float:
    """The largest distance of ρ(g)b from its nearest member, over all g and b of a set."""
    furthest = 0.0
    for some in irrep.matrices.split(max(1, AT_ONCE // len(points) ** 2)):
        moved = torch.einsum("gij,pj->gpi", some, points).flatten(end_dim=1)
        furthest = max(furthest, float(torch.cdist(moved, points).amin(dim=1).max()))
    return furthest

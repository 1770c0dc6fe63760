"""A bound by cosets: the double sums of a ρ-set's proof, on cosets instead of vectors.

G permutes the cosets gH of a subgroup. A neuron that is constant on the right cosets of H and the
left cosets of a conjugate K stands for two of them, b = aH with aHa⁻¹ for its subgroup, and c, with
zc = b where its output stands out most. Nothing else is claimed: no irrep, no vector. What the
proof does with it is told in `circuits/rho_set/bound.py`. A subgroup of two cosets gives the irrep
that is 1 on it and -1 elsewhere.

Axes: g = an element; neuron; point = a coset.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.subgroups import Subset, left_cosets
from grokscope.circuits.rho_set.bound import MOST_PAIRS
from grokscope.circuits.rho_set.claim import Claim
from grokscope.measures.cosets import Proper

NAME = "cosets"


def claims(
    group: Group,
    proper: Proper,
    neurons: Int[Tensor, " neuron"],
    H: Int[Tensor, " neuron"],
    z: Int[Tensor, " neuron"],
) -> Iterator[Claim]:
    """For each class of subgroups that neurons follow what it claims of them: `neurons` are their
    numbers in the network, `H` those of their subgroups among the proper ones. Subgroups of too
    many cosets for the proof are left out."""
    of_class = proper.of_class[H]
    for one in of_class.unique().tolist():
        mine = of_class == one
        members = (proper.of_class == one).nonzero()[:, 0]
        cosets = left_cosets(group, proper.members[members[0]])
        count = int(cosets.max()) + 1
        if count == 2:
            yield _sign(cosets == cosets[group.identity], neurons[mine])
        elif count**2 <= MOST_PAIRS:
            yield _permuted(group, proper, cosets, neurons[mine], H[mine], z[mine])


def _sign(H: Subset, neurons: Int[Tensor, " neuron"]) -> Claim:
    sigma = torch.where(H, 1.0, -1.0).double()
    none = torch.zeros(len(neurons), dtype=torch.long)
    one = torch.ones(1, 1, dtype=torch.float64)
    return Claim(sigma[:, None, None], one, one, neurons, none, none)


def _permuted(
    group: Group,
    proper: Proper,
    cosets: Int[Tensor, " g"],
    neurons: Int[Tensor, " neuron"],
    H: Int[Tensor, " neuron"],
    z: Int[Tensor, " neuron"],
) -> Claim:
    first = torch.stack([(cosets == p).nonzero()[0, 0] for p in range(int(cosets.max()) + 1)])
    moved = cosets[group.table[:, first]]  # of each g and point its image
    rho = torch.nn.functional.one_hot(moved).double().transpose(1, 2)
    fixes = (moved == torch.arange(len(first))).T  # of each point its stabiliser
    b = torch.stack([_point(fixes, proper.members[h]) for h in H])
    c = moved[group.inverse[z], b]
    eye = torch.eye(len(first), dtype=torch.float64)
    return Claim(rho, eye, eye, neurons, b, c)


def _point(fixes: Tensor, H: Subset) -> Int[Tensor, ""]:
    """The first point whose stabiliser is H."""
    return (fixes == H).all(dim=1).nonzero()[0, 0]

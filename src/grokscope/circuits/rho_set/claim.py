"""What a ρ-set circuit claims, as its proof takes it: double sums over finite sets.

Axes: neuron; d = a vector of the irrep's space.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.circuits.rho_set.factors import Factors
from grokscope.circuits.rho_set.orbits import NEAR


@dataclass(frozen=True, eq=False)
class Claim:
    """What the proof takes of an explanation: an irrep ρ by its matrices (g, d, d), a finite set of
    vectors (point, d) for each side, B and C, and for some neurons the points b = B[i] and c = C[j]
    that they stand for: l(x) ~ bᵀρ(x)a, r(y) ~ a'ᵀρ(y)c, u(z) ~ bᵀρ(z)c, with any a and a'. Of
    dimension one, the irrep and the neurons alone.

    The proof trusts nobody, so these may be of any sizes: `rho_set` checks them.
    """

    rho: Float[Tensor, "_ _ _"]
    B: Float[Tensor, "_ _"]
    C: Float[Tensor, "_ _"]
    neurons: Int[Tensor, " _"]
    i: Int[Tensor, " _"]
    j: Int[Tensor, " _"]


def claims(f: Factors) -> tuple[Claim, ...]:
    """The neurons of one irrep by the orbits of b and of c and by the vector a, one for those that
    are near; none without a finite set."""
    if f.points is None or f.b_of is None or f.c_of is None:
        return ()
    start = torch.tensor([0, *f.sizes]).cumsum(0).tolist()
    kinds = torch.stack([f.orbit[f.b_of], f.orbit[f.c_of], _alike(f.a)], dim=1)
    each = []
    for kind in kinds.unique(dim=0):
        m, (p, q, _) = (kinds == kind).all(dim=1), kind.tolist()
        B, C = f.points[start[p] : start[p + 1]], f.points[start[q] : start[q + 1]]
        i, j = f.b_of[m] - start[p], f.c_of[m] - start[q]
        each.append(Claim(f.irrep.matrices, B, C, f.index[m], i, j))
    return tuple(each)


def _alike(v: Float[Tensor, "neuron d"]) -> Int[Tensor, " neuron"]:
    """A number for each vector, one for all that are near to the first that has it."""
    number = torch.full((len(v),), -1)
    for i in range(len(v)):
        if number[i] < 0:
            number[(v @ v[i] > NEAR) & (number < 0)] = i
    return number

"""Characters of the real irreducible representations, without their matrices.

A real irrep of degree d has ⟨χ,χ⟩ = 1, 2 or 4: it is of real type, or over the complex numbers the
sum of an irrep and its conjugate (complex type) or of an irrep twice (quaternionic type). Its part
of R^G, the span of its matrix elements, has dimension d²/⟨χ,χ⟩.

Axes: g = an element of the group.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group

Kind = Literal["real", "complex", "quaternionic"]
KINDS: dict[int, Kind] = {1: "real", 0: "complex", -1: "quaternionic"}  # by the indicator
NORMS: dict[Kind, int] = {"real": 1, "complex": 2, "quaternionic": 4}


@dataclass(frozen=True, eq=False)
class Character:
    """The trace of a real irrep at each element, and the irrep's type."""

    values: Float[Tensor, " g"]
    kind: Kind

    @property
    def degree(self) -> int:
        return round(float(self.values.max()))  # at the identity

    @property
    def norm(self) -> int:
        """⟨χ,χ⟩."""
        return NORMS[self.kind]


def character(basis: Float[Tensor, "g _"], group: Group) -> Character:
    """The character of the real irrep whose part of R^G has this orthonormal basis.

    The projection on the part is convolution by ψ/|G| with ψ = d χ/⟨χ,χ⟩, which at the identity is
    the part's dimension; the mean of ψ(g²) is the Frobenius-Schur indicator, by its sign.
    """
    size = basis.shape[1]
    psi = basis @ basis[group.identity] * group.order
    squares = group.table.diagonal()
    indicator = round(float(psi[squares].mean()) / math.sqrt(size))
    kind = KINDS[indicator]
    degree = math.sqrt(size * NORMS[kind])
    return Character(psi * NORMS[kind] / degree, kind)


def isotypic_bases(group: Group) -> list[Float[Tensor, "g _"]]:
    """An orthonormal basis of each real isotypic part of R^G, in no particular order.

    Convolution by a symmetric class function commutes with the whole group, so by Schur's lemma it
    is a scalar on each part; a random one tells the parts apart. There are as many parts as classes
    of elements under conjugation and inversion. Of a few random functions the one that parts them
    best is taken.
    """
    classes = torch.minimum(group.conjugacy, group.conjugacy[group.inverse]).unique()
    best, bases = 0.0, []
    for seed in range(5):
        values = _random(group, seed)[group.conjugacy]
        symmetric = values + values[group.inverse]
        scalars, vectors = torch.linalg.eigh(symmetric[group.quotient])
        gaps, places = scalars.diff().sort(descending=True)
        gap = float(gaps[len(classes) - 2])
        if gap > best:
            breaks = places[: len(classes) - 1].sort().values + 1
            best, bases = gap, list(vectors.tensor_split(breaks.tolist(), dim=1))
        if best > 1e-3:
            break
    assert best > 1e-8, f"the parts of R^G of {group.name} were not told apart"
    return bases


def _random(group: Group, seed: int) -> Float[Tensor, " g"]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(group.order, generator=generator, dtype=torch.float64)

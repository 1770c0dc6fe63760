"""Real irreducible representations: orthogonal matrices, computed from the multiplication table.

Axes: g = an element of the group; d = a vector of the representation's space.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra import young as young_form
from grokscope.algebra.cache import cached
from grokscope.algebra.characters import NORMS, Kind, character
from grokscope.algebra.groups import Group
from grokscope.algebra.names import partition_name
from grokscope.algebra.splits import isotypic, part_characters

TOLERANCE = 1e-10  # to which matrices multiply as their elements do


@dataclass(frozen=True, eq=False)
class Irrep:
    """A real irrep ρ: `matrices[g]` is orthogonal, and ρ(gh) = ρ(g) ρ(h).

    Over the complex numbers it stays irreducible (`kind` real), or is an irrep and its conjugate
    (complex), or an irrep twice (quaternionic).
    """

    name: str
    matrices: Float[Tensor, "g d d"]
    kind: Kind

    @property
    def d(self) -> int:
        return self.matrices.shape[1]

    @property
    def character(self) -> Float[Tensor, " g"]:
        return self.matrices.diagonal(dim1=1, dim2=2).sum(dim=1)

    @property
    def basis(self) -> Float[Tensor, "g _"]:
        """An orthonormal basis of the span of the matrix elements, the irrep's part of R^G; its
        dimension is d²/⟨χ,χ⟩."""
        elements = self.matrices.flatten(start_dim=1) * math.sqrt(self.d / len(self.matrices))
        if self.kind == "real":
            return elements  # orthonormal, by Schur's orthogonality
        left, _, _ = torch.linalg.svd(elements, full_matrices=False)
        return left[:, : self.d**2 // NORMS[self.kind]]


@lru_cache(maxsize=8)
def irreps(group: Group) -> tuple[Irrep, ...]:
    """All real irreps, in the order and with the names of `isotypic(group)`, the trivial first."""
    if young_form.is_symmetric(group):
        assert group.points is not None
        every = {partition_name(x): x for x in young_form.partitions(group.points.shape[1])}
        return tuple(young(every[name], group) for name in isotypic(group).names)
    return _of_parts(group, cached("irreps", group, lambda: _matrices(group)))


def young(partition: tuple[int, ...], group: Group) -> Irrep:
    """The irrep of a symmetric group that belongs to a partition, in Young's orthogonal form."""
    matrices = young_form.orthogonal_form(partition, group)
    return Irrep(partition_name(partition), matrices, "real")


def generic(group: Group) -> tuple[Irrep, ...]:
    """All real irreps by the way that works for every group, without the cache."""
    return _of_parts(group, _matrices(group))


def character_table(group: Group) -> Float[Tensor, "irrep class"]:
    """The character of each part of `isotypic(group)` at each class of `group.classes`."""
    some = torch.stack([members[0] for members in group.classes])
    return torch.stack([x.values[some] for x in part_characters(group).values()])


def _of_parts(group: Group, matrices: dict[str, Tensor]) -> tuple[Irrep, ...]:
    parts = enumerate(part_characters(group).items())
    return tuple(Irrep(name, matrices[str(i)], x.kind) for i, (name, x) in parts)


def _matrices(group: Group) -> dict[str, Float[Tensor, "g d d"]]:
    """The matrices of the irrep of each part, by the part's number.

    A random symmetric matrix M[x,y] = a(x⁻¹y) commutes with left translation, so within a part its
    eigenspaces are irreducible, all of them copies of one irrep; the copy taken is the one whose
    eigenvalue stands farthest from the others.
    """
    parts = isotypic(group).parts.values()
    for seed in range(10):
        values = torch.randn(
            group.order, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        symmetric = values + values[group.inverse]
        M = symmetric[group.table[group.inverse]]
        spaces = [_eigenspace(M, Q, character(Q, group).degree) for Q in parts]
        candidates = [_translation(V, group) for V in spaces]
        if all(_is_representation(rho, group) for rho in candidates):
            return {str(i): rho for i, rho in enumerate(candidates)}
    raise AssertionError(f"no irreps of {group.name} were found")


def _eigenspace(
    M: Float[Tensor, "g g"], Q: Float[Tensor, "g part"], d: int
) -> Float[Tensor, "g d"]:
    """The best isolated eigenspace of M within a part; each has dimension d."""
    if Q.shape[1] == d:
        return _fixed_basis(Q)
    scalars, vectors = torch.linalg.eigh(Q.T @ (M @ Q))
    means = scalars.reshape(-1, d).mean(dim=1)
    gaps = torch.nn.functional.pad(means.diff(), (1, 1), value=math.inf)
    at = int(torch.minimum(gaps[:-1], gaps[1:]).argmax()) * d
    return _fixed_basis(Q @ vectors[:, at : at + d])


def _fixed_basis(V: Float[Tensor, "g d"]) -> Float[Tensor, "g d"]:
    """The same space in a basis that the space alone decides: the first elements whose rows are
    well independent see it in triangular form."""
    d = V.shape[1]
    enough = 0.53 / math.sqrt(d) * float(V[0].norm())  # all rows are equally long
    rows, rest = [], V.clone()
    for x in range(len(V)):
        size = rest[x].norm()
        if size > enough:
            rows.append(x)
            direction = rest[x] / size
            rest = rest - (rest @ direction)[:, None] * direction
        if len(rows) == d:
            break
    turn, triangle = torch.linalg.qr(V[rows].T)
    return V @ (turn * triangle.diagonal().sign())


def _translation(V: Float[Tensor, "g d"], group: Group) -> Float[Tensor, "g d d"]:
    """The matrices of left translation, (L_h f)(x) = f(h⁻¹x), on an invariant space."""
    blocks = [V.T @ V[group.table[h]] for h in group.inverse.split(64)]
    return torch.cat(blocks)


def _is_representation(rho: Float[Tensor, "g d d"], group: Group) -> bool:
    errors = [(rho[s] @ rho - rho[group.table[s]]).abs().max() for s in group.generators]
    square = rho @ rho.mT - torch.eye(rho.shape[1], dtype=rho.dtype)
    return float(torch.stack([*errors, square.abs().max()]).max()) < TOLERANCE

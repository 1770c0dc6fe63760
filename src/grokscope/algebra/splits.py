"""Splits of R^G, the functions on a group, into orthogonal named parts.

The Fourier basis of modular addition and the irreducible representations of a permutation group
are two answers to one question: which subspace of R^G does this weight live in? Each answer is a
`Split`.

Axes: g = an element of the group; coefficient = a basis vector, as many as elements.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.errors import unknown


@dataclass(frozen=True, eq=False)
class Split:
    """Named orthogonal parts of R^G; each is a float64 matrix with orthonormal columns."""

    parts: dict[str, Float[Tensor, "g _"]]

    @property
    def names(self) -> list[str]:
        return list(self.parts)

    @cached_property
    def basis(self) -> Float[Tensor, "g coefficient"]:
        """All parts side by side: an orthogonal matrix."""
        return torch.cat(list(self.parts.values()), dim=1)

    @cached_property
    def owner(self) -> Int[Tensor, " coefficient"]:
        """Which part each column of `basis` belongs to, as an index into `names`."""
        sizes = torch.tensor([part.shape[1] for part in self.parts.values()])
        return torch.repeat_interleave(torch.arange(len(sizes)), sizes)

    def part(self, names: Iterable[str]) -> Float[Tensor, "g _"]:
        """The columns of the named parts, side by side."""
        chosen = list(names)
        for name in chosen:
            if name not in self.parts:
                raise unknown("part", name, self.parts)
        blocks = [self.parts[name] for name in chosen]
        return torch.cat(blocks, dim=1) if blocks else self.basis[:, :0]

    def project(self, names: Iterable[str], x: Float[Tensor, "g _"]) -> Float[Tensor, "g _"]:
        """The component of the columns of `x` in the named parts."""
        Q = self.part(names).to(x)
        return Q @ (Q.T @ x)

    def power(self, x: Float[Tensor, "g _"]) -> Float[Tensor, " part"]:
        """The squared norm of `x` in each part, in the order of `names`; they sum to |x|²."""
        squares = (self.basis.T @ x.double()).square().sum(dim=1)
        return torch.zeros(len(self.parts), dtype=torch.float64).index_add_(0, self.owner, squares)


def fourier(n: int) -> Split:
    """The Fourier split of R^(Z/n): the constants and a pair {cos, sin} for each frequency.

    "frequency k" is spanned by cos(2πkx/n) and sin(2πkx/n), k = 1..n//2, each normalised; for even
    n the last frequency has no sine.
    """
    x = torch.arange(n, dtype=torch.float64)
    parts = {"constant": torch.full((n, 1), 1 / math.sqrt(n), dtype=torch.float64)}
    for k in range(1, n // 2 + 1):
        angle = 2 * math.pi * ((k * x) % n) / n
        waves = [angle.cos()] if 2 * k == n else [angle.cos(), angle.sin()]
        pair = torch.stack(waves, dim=1)
        parts[f"frequency {k}"] = pair / pair.norm(dim=0)
    return Split(parts)


@lru_cache(maxsize=8)
def isotypic(group: Group) -> Split:
    """The real isotypic split of R^G, one part for each real irreducible representation.

    Convolution by a class function commutes with the whole group, so by Schur's lemma it is a
    scalar on each isotypic part; a random symmetric class function tells the parts apart. For a
    cyclic group this is the Fourier split, and is named as such. Elsewhere a part is named by its
    dimension d² in R^G and, among equals, a letter: "16a".
    """
    if _is_addition(group):
        return fourier(group.order)
    values = torch.rand(
        group.order, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    symmetric = values[group.conjugacy] + values[group.conjugacy[group.inverse]]
    scalars, vectors = torch.linalg.eigh(symmetric[group.quotient])
    breaks = (scalars.diff() > 1e-8 * group.order).nonzero().flatten() + 1
    blocks = vectors.tensor_split(breaks.tolist(), dim=1)
    ordered = sorted(blocks, key=lambda block: _character_key(block, group))
    parts, letters = {}, {}
    for block in ordered:
        size = block.shape[1]
        if "constant" not in parts and float(block.std()) < 1e-9:
            parts["constant"] = block
            continue
        letters[size] = chr(ord(letters.get(size, "`")) + 1)
        parts[f"{size}{letters[size]}"] = block
    return Split(parts)


def _is_addition(group: Group) -> bool:
    x = torch.arange(group.order)
    return bool((group.table == (x[:, None] + x) % group.order).all())


def _character_key(block: Tensor, group: Group) -> tuple[int, list[float]]:
    """Orders parts by size and then by character, the constants first, the same every time."""
    character = (block @ block[group.identity]) * group.order / block.shape[1] ** 0.5
    return block.shape[1], [-round(float(x), 6) for x in character]

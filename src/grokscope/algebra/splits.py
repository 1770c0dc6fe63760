"""Splits of R^G, the functions on a group, into orthogonal named parts.

The Fourier basis of modular addition and the irreducible representations of a permutation group
are two answers to one question: which subspace of R^G does this weight live in? Each answer is a
`Split`.

Axes: g = an element of the group; coefficient = a basis vector, as many as elements; many = any
others.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra import young
from grokscope.algebra.characters import Character, character, isotypic_bases
from grokscope.algebra.groups import Group
from grokscope.algebra.names import part_names
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

    def power(self, x: Float[Tensor, "*many g _"]) -> Float[Tensor, "*many part"]:
        """The squared norm of each `x` in each part, in the order of `names`; they sum to |x|²."""
        squares = (self.basis.T @ x.double()).square().sum(dim=-1)
        powers = squares.new_zeros(*squares.shape[:-1], len(self.parts))
        return powers.index_add_(-1, self.owner, squares)


@lru_cache(maxsize=16)
def fourier(n: int) -> Split:
    """The Fourier split of R^(Z/n): the constants and a pair {cos, sin} for each frequency.

    "frequency k" is spanned by cos(2πkx/n) and sin(2πkx/n), k = 1..n//2, each normalised; for even
    n the last frequency has no sine.
    """
    return _waves([n], torch.arange(n)[:, None], lambda k: f"frequency {k[0]}")


def walsh(n: int) -> Split:
    """The Walsh split of R^(Z₂ⁿ): one function for each set of digits, its part named by them.

    "{0,2}" is spanned by the parity of the digits 0 and 2, counted from the left, as ±1.
    """
    digits = (torch.arange(2**n)[:, None] >> torch.arange(n - 1, -1, -1)) & 1
    return _waves([2] * n, digits, lambda k: f"{{{','.join(str(i) for i in range(n) if k[i])}}}")


@lru_cache(maxsize=8)
def isotypic(group: Group) -> Split:
    """The real isotypic split of R^G, one part for each real irreducible representation.

    For Z/n in order this is the Fourier split, for Z₂ⁿ the Walsh split. A product of cyclic groups
    has "frequencies (k,l)"; a cyclic group in another order, such as the units of a prime, has
    "character k" in the discrete logarithm to the first generator (for the units: the smallest
    primitive root). k and -k are one part. Other groups' names are in `names.py`.
    """
    waves = None if young.is_symmetric(group) else _abelian(group)
    if waves is not None:
        return waves
    bases = [(character(basis, group), basis) for basis in isotypic_bases(group)]
    order = _canonical_order(group)
    bases.sort(key=lambda pair: _key(pair[0], order))
    factors = [part_characters(factor) for factor in group.factors]
    names = part_names(group, [x for x, _ in bases], factors)
    return Split({name: basis for name, (_, basis) in zip(names, bases, strict=True)})


def part_characters(group: Group) -> dict[str, Character]:
    """The character of the real irrep of each part of `isotypic(group)`."""
    return {name: character(Q, group) for name, Q in isotypic(group).parts.items()}


def _waves(
    moduli: Sequence[int], x: Int[Tensor, "g axis"], name: Callable[[tuple[int, ...]], str]
) -> Split:
    """The Fourier split of a product of cyclic groups; `x` are the coordinates of each element."""
    n, period = len(x), math.lcm(*moduli)
    parts = {}
    for k in product(*map(range, moduli)):
        opposite = tuple(-i % m for i, m in zip(k, moduli, strict=True))
        if opposite < k:
            continue
        if not any(k):
            parts["constant"] = torch.full((n, 1), 1 / math.sqrt(n), dtype=torch.float64)
            continue
        steps = torch.tensor([i * (period // m) for i, m in zip(k, moduli, strict=True)])
        angle = 2 * math.pi * ((x * steps).sum(dim=1) % period).double() / period
        waves = [angle.cos()] if opposite == k else [angle.cos(), angle.sin()]
        pair = torch.stack(waves, dim=1)
        parts[name(k)] = pair / pair.norm(dim=0)
    return Split(parts)


def _abelian(group: Group) -> Split | None:
    """The Fourier split of a group that is seen to be a product of cyclic ones."""
    n, x = group.order, torch.arange(group.order)
    if group.is_addition:
        return fourier(n)
    if n & (n - 1) == 0 and torch.equal(group.table.long(), x[:, None] ^ x):
        return walsh(n.bit_length() - 1)
    if group.factors and all(factor.is_addition for factor in group.factors):
        moduli = [factor.order for factor in group.factors]
        places = torch.stack(torch.unravel_index(x, moduli), dim=1)
        return _waves(moduli, places, lambda k: f"frequencies ({','.join(map(str, k))})")
    generators = (group.orders == n).nonzero()[:, 0].tolist()
    if not generators:
        return None
    logarithm, power = torch.zeros_like(x), group.identity
    for j in range(n):
        logarithm[power], power = j, int(group.table[power, generators[0]])
    return _waves([n], logarithm[:, None], lambda k: f"character {k[0]}")


def _canonical_order(group: Group) -> Int[Tensor, " g"]:
    """The elements of a permutation group in lexicographic order, so that the order of its parts
    does not hang on how its elements are numbered; of others, as they are."""
    everyone = list(range(group.order))
    if group.points is not None:
        everyone.sort(key=group.points.tolist().__getitem__)
    return torch.tensor(everyone)


def _key(x: Character, order: Int[Tensor, " g"]) -> tuple[bool, int, list[float]]:
    """Orders parts by degree and then by character, the constants first."""
    is_trivial = bool((x.values - 1).abs().max() < 1e-6)
    return not is_trivial, x.degree, [-round(v, 6) for v in x.values[order].tolist()]

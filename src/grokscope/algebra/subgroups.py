"""All subgroups of a finite group, by conjugacy class; cosets, and the sets that irreps permute.

Axes: g = an element of the group; member = a subgroup of a conjugacy class.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from grokscope.algebra.cache import cached
from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import Irrep
from grokscope.algebra.names import abstract_name, is_prime, letter
from grokscope.algebra.splits import part_characters
from grokscope.errors import BadInput

MOST = 10_000  # subgroups; Z₂⁷ has 29,212

Subset = Bool[Tensor, " g"]


@dataclass(frozen=True, eq=False)
class SubgroupClass:
    """A subgroup and its conjugates: `members[i]` is x⁻¹Hx with x = `conjugators[i]`, and H itself
    is the first. `normaliser` is that of H."""

    name: str
    members: Bool[Tensor, "member g"]
    conjugators: Int[Tensor, " member"]
    normaliser: Bool[Tensor, " g"]

    @property
    def representative(self) -> Subset:
        return self.members[0]

    @property
    def order(self) -> int:
        return int(self.representative.sum())

    @property
    def index(self) -> int:
        return self.members.shape[1] // self.order

    @property
    def is_normal(self) -> bool:
        return len(self.members) == 1


@dataclass(frozen=True)
class RhoSet:
    """A smallest set of vectors that an irrep ρ permutes (a ρ-set, Wu et al. 2024): the orbit of a
    vector that a proper subgroup H fixes. Its size is |G|/|H|."""

    size: int
    subgroup: SubgroupClass


@lru_cache(maxsize=8)
def subgroups(group: Group) -> tuple[SubgroupClass, ...]:
    """All subgroups by conjugacy class, by their order; 1 is the first and G the last.

    Names are isomorphism types ("A4", "D5", "S3xC2"), else "order 16"; where several classes have
    one name they get a letter each, and those that fix more points come first. Raises `BadInput`
    beyond 10,000 subgroups.
    """
    classes = _unpack(cached("subgroups", group, lambda: _pack(_search(group))), group.order)
    return tuple(_named(group, sorted(classes, key=lambda c: _key(group, c))))


def right_cosets(group: Group, H: Subset) -> Int[Tensor, " g"]:
    """The number of the coset Hg that each g lies in."""
    return _numbered(group.table[H].amin(dim=0))


def left_cosets(group: Group, H: Subset) -> Int[Tensor, " g"]:
    """The number of the coset gH that each g lies in."""
    return _numbered(group.table[:, H].amin(dim=1))


def double_cosets(group: Group, H: Subset, K: Subset) -> Int[Tensor, " g"]:
    """The number of the double coset HgK that each g lies in."""
    return _numbered(right_cosets(group, H)[group.table[:, K]].amin(dim=1))


def conjugate(group: Group, H: Subset, x: int) -> Subset:
    """x⁻¹Hx."""
    image = torch.zeros_like(H)
    image[group.table[group.table[group.inverse[x]][H], x]] = True
    return image


def core(group: Group, H: Subset) -> Subset:
    """The intersection of H's conjugates: the largest normal subgroup in H."""
    shared = H
    for s in range(group.order):
        shared = shared & conjugate(group, H, s)
    return shared


def is_normal(group: Group, H: Subset) -> bool:
    """Whether x⁻¹Hx = H for every x."""
    return all(torch.equal(conjugate(group, H, s), H) for s in group.generators)


def stabiliser(irrep: Irrep, vector: Float[Tensor, " d"], tolerance: float = 1e-6) -> Subset:
    """The elements whose matrices leave the vector where it is, to `tolerance` of its length."""
    v = vector.double()
    return (irrep.matrices @ v - v).norm(dim=1) <= tolerance * v.norm()


def rho_sets(group: Group) -> dict[str, RhoSet]:
    """For each irrep but the trivial one, its smallest ρ-set."""
    characters = part_characters(group)
    return {n: _rho_set(group, x.values) for n, x in characters.items() if n != "constant"}


def minimal_rho_set(group: Group, irrep: Irrep) -> RhoSet:
    """The smallest ρ-set of an irrep."""
    return _rho_set(group, irrep.character)


def _rho_set(group: Group, character: Float[Tensor, " g"]) -> RhoSet:
    """H fixes as many dimensions as the mean of χ over H."""
    proper = [c for c in subgroups(group) if c.index > 1]
    fixing = [c for c in proper if character[c.representative].mean() > 0.5]
    largest = max(fixing, key=lambda c: c.order)
    return RhoSet(largest.index, largest)


def _numbered(smallest: Int[Tensor, " g"]) -> Int[Tensor, " g"]:
    return smallest.unique(return_inverse=True)[1]


# Subgroups are many and small, and the search is of many small steps: numpy is the faster here.
Mask = np.ndarray  # of booleans, one for each element


class _Tables:
    """What the search looks up: products, x⁻¹gx, and the cyclic subgroups of prime-power order,
    each by its smallest generator."""

    def __init__(self, group: Group):
        self.products = group.table.long().numpy()
        self.identity, self.n = group.identity, group.order
        everyone = np.arange(self.n)
        inverse = group.inverse.numpy()
        self.conjugates = self.products[self.products[inverse], everyone[:, None]]
        orders = group.orders.numpy()
        primes = np.array([_prime_of_power(int(k)) for k in orders])
        power, self.smallest, self.root = everyone, everyone.copy(), everyone.copy()
        for k in range(1, int(orders.max())):
            generates = np.gcd(k, orders) == 1
            self.smallest = np.where(generates, np.minimum(self.smallest, power), self.smallest)
            self.root = np.where(primes == k, power, self.root)  # z to the power of its prime
            power = self.products[power, everyone]
        self.root = np.where(primes == orders, self.identity, self.root)
        self.steps = np.flatnonzero((primes > 0) & (self.smallest == everyone))


def _search(group: Group) -> list[SubgroupClass]:
    """From the trivial subgroup upwards, extend one of each class by one cyclic subgroup of
    prime-power order from each orbit under its normaliser.

    Every subgroup is reached: it is generated by such elements, and can be built up by always
    adding one of smallest order, whose power of its prime is then there already.
    """
    tables = _Tables(group)
    trivial = np.zeros(tables.n, dtype=bool)
    trivial[tables.identity] = True
    seen: set[bytes] = set()
    classes = [_class(tables, trivial, [], seen)]
    generators: list[list[int]] = [[]]
    for one, its_generators in zip(classes, generators, strict=False):  # both grow
        mask = one.representative.numpy()
        fresh = tables.steps[~mask[tables.steps] & mask[tables.root[tables.steps]]]
        if not len(fresh):
            continue
        moved = tables.conjugates[np.ix_(one.normaliser.numpy(), fresh)]
        for z in np.unique(tables.smallest[moved].min(axis=0)):
            extended = [*its_generators, int(z)]
            larger = _closure(tables, mask, extended)
            if np.packbits(larger).tobytes() in seen:
                continue
            classes.append(_class(tables, larger, extended, seen))
            generators.append(extended)
            if len(seen) > MOST:
                raise BadInput(
                    f"{group.name} has more than {MOST:,} subgroups. Choose a smaller group, or "
                    "one that is less commutative."
                )
    return classes


def _class(
    tables: _Tables, mask: Mask, generators: Sequence[int], seen: set[bytes]
) -> SubgroupClass:
    """The class of a subgroup; all its members are marked as seen."""
    normaliser: Mask = np.all(mask[tables.conjugates[:, list(generators)]], axis=1)
    cosets = np.unique(tables.products[normaliser].min(axis=0))
    conjugators = np.concatenate([[tables.identity], cosets[~normaliser[cosets]]])
    members = np.zeros((len(conjugators), tables.n), dtype=bool)
    images = tables.conjugates[np.ix_(conjugators, np.flatnonzero(mask))]
    members[np.arange(len(conjugators))[:, None], images] = True
    seen.update(row.tobytes() for row in np.packbits(members, axis=1))
    every = (members, conjugators, normaliser)
    return SubgroupClass("", *(torch.from_numpy(x) for x in every))


def _closure(tables: _Tables, mask: Mask, generators: Sequence[int]) -> Mask:
    """The subgroup that H and the generators generate: cosets of H are added until none is new."""
    members, closure = np.flatnonzero(mask), mask.copy()
    frontier = np.array([tables.identity])
    while len(frontier):
        reached = tables.products[frontier[:, None], list(generators)].ravel()
        reached = reached[~closure[reached]]
        cosets = tables.products[np.ix_(members, reached)]
        frontier, first = np.unique(cosets.min(axis=0), return_index=True)
        closure[cosets[:, first]] = True
        if 2 * closure.sum() > tables.n:
            return np.ones_like(closure)
    return closure


def _prime_of_power(k: int) -> int:
    """The prime that k is a power of, or 0."""
    p = next((p for p in range(2, k + 1) if k % p == 0), 0)
    return p if p and p ** round(math.log(k, p)) == k else 0


def _key(group: Group, one: SubgroupClass) -> tuple[int, int]:
    """Orders classes by order, and among equals by how many points the elements fix."""
    if group.points is None:
        return one.order, 0
    fixed = group.points == torch.arange(group.points.shape[1])
    return one.order, -int(fixed[one.representative].sum())


def _pack(classes: Sequence[SubgroupClass]) -> dict[str, Tensor]:
    """The classes as a few arrays, the masks as bits."""
    return {
        "members": _bits(torch.cat([c.members for c in classes])),
        "conjugators": torch.cat([c.conjugators for c in classes]),
        "normalisers": _bits(torch.stack([c.normaliser for c in classes])),
        "sizes": torch.tensor([len(c.members) for c in classes]),
    }


def _unpack(arrays: dict[str, Tensor], order: int) -> list[SubgroupClass]:
    sizes = arrays["sizes"].tolist()
    members = _masks(arrays["members"], order).split(sizes)
    conjugators = arrays["conjugators"].split(sizes)
    normalisers = _masks(arrays["normalisers"], order)
    parts = zip(members, conjugators, normalisers, strict=True)
    return [SubgroupClass("", *part) for part in parts]


def _bits(masks: Bool[Tensor, "row g"]) -> UInt8[Tensor, "row byte"]:
    return torch.from_numpy(np.packbits(masks.numpy(), axis=1))


def _masks(bits: UInt8[Tensor, "row byte"], order: int) -> Bool[Tensor, "row g"]:
    return torch.from_numpy(np.unpackbits(bits.numpy(), axis=1, count=order).astype(bool))


def _named(group: Group, classes: Sequence[SubgroupClass]) -> list[SubgroupClass]:
    names: list[str] = []
    for i, one in enumerate(classes):
        smaller = list(zip(names, classes[:i], strict=True))
        names.append(group.name if one.index == 1 else _type(group, one.representative, smaller))
    counts, seen, named = Counter(names), Counter(), []
    for name, one in zip(names, classes, strict=True):
        seen[name] += 1
        suffix = f" {letter(seen[name])}" if counts[name] > 1 else ""
        named.append(replace(one, name=name + suffix))
    return named


def _type(group: Group, H: Subset, smaller: Sequence[tuple[str, SubgroupClass]]) -> str:
    """The isomorphism type of a subgroup, for which those of its own subgroups are known."""
    inner = _as_group(group, H)
    if bool(inner.centre.all()):
        return abstract_name(inner) or ""
    normal = _normal_in(group, H, smaller)
    for name, A in reversed(normal):
        for other, B in normal:
            whole = int(A.sum()) * int(B.sum()) == int(H.sum())
            if whole and A.sum() >= B.sum() > 1 and int((A & B).sum()) == 1:
                return f"{_factor(name, '⋊.')}x{_factor(other, '⋊.')}"
    return abstract_name(inner) or _extension(H, normal, smaller)


def _extension(
    H: Subset,
    normal: Sequence[tuple[str, Subset]],
    smaller: Sequence[tuple[str, SubgroupClass]],
) -> str:
    """The shortest name of a semidirect product A⋊B that it is, A normal; where it is none, A.Cp of
    a normal subgroup of prime index p; else its order."""
    order, split = int(H.sum()), []
    for name, A in normal:
        for other, one in smaller:
            if one.order * int(A.sum()) != order or one.order == order:
                continue
            within = (one.members & ~H).sum(dim=1) == 0
            if bool((within & ((one.members & A).sum(dim=1) == 1)).any()):
                split.append(f"{_factor(name)}⋊{_factor(other)}")
    over = [
        f"{_factor(name)}.C{order // int(A.sum())}"
        for name, A in normal
        if is_prime(order // int(A.sum()))
    ]
    return min(split or over, key=lambda name: (len(name), name), default=f"order {order}")


def _factor(name: str, binds_less: str = "x⋊.") -> str:
    """A name as part of a longer one, in brackets where it has one of these signs."""
    return f"({name})" if any(sign in name for sign in binds_less) else name


def _normal_in(
    group: Group, H: Subset, smaller: Sequence[tuple[str, SubgroupClass]]
) -> list[tuple[str, Subset]]:
    """The normal subgroups of H, from the smallest, with their types."""
    elements = H.nonzero()[:, 0]
    normal = []
    for name, one in smaller:
        for A in one.members[(one.members & ~H).sum(dim=1) == 0]:
            inside = A.nonzero()[:, 0]
            conjugates = group.table[
                group.table[group.inverse[elements]][:, inside], elements[:, None]
            ]
            if A[conjugates].all():
                normal.append((name, A))
    return normal


def _as_group(group: Group, H: Subset) -> Group:
    elements = H.nonzero()[:, 0]
    number = H.long().cumsum(dim=0) - 1
    table = number[group.table[elements][:, elements]]
    return Group("subgroup", table, tuple(group.labels[i] for i in elements.tolist()))

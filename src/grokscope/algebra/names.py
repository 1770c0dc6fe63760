"""Human names: of elements, of the parts of R^G, and of groups by their isomorphism type.

Axes: g = an element of the group.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.algebra import young
from grokscope.algebra.characters import Character
from grokscope.algebra.groups import Group

TURN = re.compile(r"([ar])(\d+)([sx]?)")  # how `families.py` labels D_n and Dic_n
MOST_NAMED = 12  # elements of a subgroup
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def element_names(group: Group) -> tuple[str, ...]:
    """What a reader calls the elements: permutations by their cycles, of the points 1 to n, as in
    "(1 2 3)(4 5)"; products of turns and a flip as in "r²s"; "e" for the identity of both; in a
    direct product a tuple of such; else the group's own labels."""
    if group.points is not None:
        own = group.points[group.inverse] if group.is_opposite else group.points
        return tuple(_cycles(x) for x in own.tolist())
    if group.factors:
        tuples = product(*(element_names(factor) for factor in group.factors))
        return tuple(f"({', '.join(x)})" for x in tuples)
    turns = [TURN.fullmatch(label) for label in group.labels]
    return tuple(
        label if turn is None else _turned(*turn.groups())
        for label, turn in zip(group.labels, turns, strict=True)
    )


def subgroup_in_words(group: Group, name: str, H: Bool[Tensor, " g"]) -> str:
    """A subgroup by its name and its elements, or some of many."""
    inside = [element_names(group)[g] for g in H.nonzero()[:, 0].tolist()]
    some = inside[:MOST_NAMED] + (["..."] if len(inside) > MOST_NAMED else [])
    return f"{name}: {', '.join(some)}"


def _cycles(images: Sequence[int]) -> str:
    """A permutation of 0..n-1 by its cycles, with 1 added to each point."""
    cycles, seen = [], set[int]()
    for start in range(len(images)):
        cycle, at = [], start
        while at not in seen:
            seen.add(at)
            cycle.append(str(at + 1))
            at = images[at]
        if len(cycle) > 1:
            cycles.append(f"({' '.join(cycle)})")
    return "".join(cycles) or "e"


def _turned(turn: str, times: str, flip: str) -> str:
    power = "" if times == "0" else turn if times == "1" else turn + times.translate(SUPERSCRIPTS)
    return power + flip or "e"


def part_names(
    group: Group, characters: Sequence[Character], factors: Sequence[Mapping[str, Character]] = ()
) -> list[str]:
    """A name for each real irrep of a group; the trivial one is always "constant".

    S_n: "sign", "standard" = (n-1,1), "standard sign" = (2,1,...), others by partition, "(3,2)".
    A_n: "standard". D_n: "sign" (-1 on reflections), "frequency k" with r the rotation, and for
    even n "frequency n/2" and "frequency n/2 sign" (±1 by the parity of r; the latter -1 at s).
    Products: the names of the factors' irreps joined by "⊗", "1" for a constant one. Others: the
    degree and a letter, "3a". For S5, Chughtai et al. 2023 call (3,2) 5d_b, (2,2,1) 5d_a and
    (3,1,1) 6d.
    """
    if factors:
        stems = [_product_name(group, x, factors) for x in characters]
        return _lettered(["constant" if x is None else x for x in stems])
    named = _named_characters(group)
    stems = []
    for x in characters:
        close = (name for name, values in named.items() if (values - x.values).abs().max() < 1e-6)
        stems.append(next(close, None))
    letters, names = Counter(), []
    for stem, x in zip(stems, characters, strict=True):
        if stem is None:
            letters[x.degree] += 1
            stem = f"{x.degree}{letter(letters[x.degree])}"
        names.append(stem)
    return names


def letter(count: int) -> str:
    """a, b, ..., z, aa, ab, ... for 1, 2, ..."""
    more, last = divmod(count - 1, 26)
    return (letter(more) if more else "") + chr(ord("a") + last)


def partition_name(partition: Sequence[int]) -> str:
    """What the irrep of S_n that belongs to a partition is called here."""
    n = sum(partition)
    special = {
        (2,) + (1,) * (n - 2): "standard sign",
        (n - 1, 1): "standard",
        (1,) * n: "sign",
        (n,): "constant",
    }
    return special.get(tuple(partition), f"({','.join(map(str, partition))})")


def _lettered(stems: Sequence[str]) -> list[str]:
    """The names, of which those that occur several times get a letter each."""
    counts, seen, names = Counter(stems), Counter(), []
    for stem in stems:
        seen[stem] += 1
        names.append(stem if counts[stem] == 1 else f"{stem} {letter(seen[stem])}")
    return names


def _named_characters(group: Group) -> dict[str, Float[Tensor, " g"]]:
    """The characters that have names."""
    characters = {"constant": torch.ones(group.order, dtype=torch.float64)}
    if young.is_symmetric(group):
        assert group.points is not None
        every = young.partitions(group.points.shape[1])
        return {partition_name(x): young.character(x, group) for x in every}
    if group.points is not None:
        degree = group.points.shape[1]
        if 2 * group.order == math.factorial(degree):
            fixed = (group.points == torch.arange(degree)).sum(dim=1)
            characters["standard"] = fixed.double() - 1
    return characters | _dihedral(group)


def _dihedral(group: Group) -> dict[str, Float[Tensor, " g"]]:
    r = rotation(group)
    if r is None:
        return {}
    n = group.order // 2
    turns = torch.full((group.order,), -1)  # r to which power; -1: a reflection
    x = group.identity
    for j in range(n):
        turns[x], x = j, int(group.table[x, r])
    is_turn = turns >= 0
    sign = torch.where(is_turn, 1.0, -1.0).double()
    characters = {"sign": sign}
    for k in range(1, (n + 1) // 2):
        wave = 2 * torch.cos(2 * math.pi * (k * turns % n).double() / n)
        characters[f"frequency {k}"] = torch.where(is_turn, wave, 0.0)
    if n % 2 == 0:
        s = int((~is_turn).nonzero()[0])
        even = turns % 2 == 0
        of_s = turns[group.table[:, s]] % 2 == 0  # whether g = rʲs with even j
        characters[f"frequency {n // 2}"] = torch.where(is_turn, even, of_s).double() * 2 - 1
        characters[f"frequency {n // 2} sign"] = characters[f"frequency {n // 2}"] * sign
    return characters


def rotation(group: Group) -> int | None:
    """The first element that generates the rotations, if the group is dihedral of order above 4."""
    n, half = group.order, group.order // 2
    if n % 2 or n < 6:
        return None
    for r in (group.orders == half).nonzero()[:, 0].tolist():
        is_turn = torch.zeros(n, dtype=torch.bool)
        x = group.identity
        for _ in range(half):
            is_turn[x], x = True, int(group.table[x, r])
        if (group.orders[~is_turn] == 2).all():
            return r
    return None


def _product_name(
    group: Group, x: Character, factors: Sequence[Mapping[str, Character]]
) -> str | None:
    """Restricted to a factor, a real irrep is a multiple of one real irrep of the factor."""
    names, stride = [], group.order
    at = group.identity
    for factor, irreps in zip(group.factors, factors, strict=True):
        stride //= factor.order
        start = at - at // stride % factor.order * stride
        restricted = x.values[start + stride * torch.arange(factor.order)] / x.degree
        far = {
            name: float((y.values / y.degree - restricted).abs().max())
            for name, y in irreps.items()
        }
        names.append(min(far, key=far.__getitem__))
    if all(name == "constant" for name in names):
        return None
    return " ⊗ ".join("1" if name == "constant" else name for name in names)


def abstract_name(group: Group) -> str | None:
    """The isomorphism type, where it is one of those known here and no direct product of others.

    Each test decides: among the groups of its order there is no other with the property.
    """
    n, orders = group.order, group.orders
    if n == 1:
        return "1"
    if bool(group.centre.all()):
        return _abelian_name(group)
    if rotation(group) is not None:
        return "S3" if n == 6 else f"D{n // 2}"
    if _is_dicyclic(group):
        return "Q8" if n == 8 else f"Dic{n // 4}"
    fifth, is_centreless = int((orders == 5).sum()), int(group.centre.sum()) == 1
    tests = {
        "A4": n == 12 and not (orders == 6).any(),
        "F20": n == 20 and is_centreless,
        "S4": n == 24 and is_centreless,
        "F42": n == 42 and is_centreless and bool((orders == 6).any()),
        "A5": n == 60 and fifth == 24,
        "S5": n == 120 and fifth == 24 and is_centreless,
        "A6": n == 360 and fifth == 144,
        "S6": n == 720 and fifth == 144 and int(orders.max()) == 6,
    }
    return next((name for name, holds in tests.items() if holds), None)


def _is_dicyclic(group: Group) -> bool:
    """Whether half of its elements are the powers of one, and all others are of order 4: squares of
    these are then the one involution, so that they invert the powers."""
    n, orders = group.order, group.orders
    halves = (orders == n // 2).nonzero()[:, 0] if n % 4 == 0 else orders.new_zeros(0)
    if not len(halves):
        return False
    outside, x = torch.ones(n, dtype=torch.bool), group.identity
    for _ in range(n // 2):
        outside[x] = False
        x = int(group.table[x, halves[0]])
    return bool((orders[outside] == 4).all())


def _abelian_name(group: Group) -> str:
    """The name by the invariant factors d₁ | d₂ | ..., which the orders of the elements give."""
    invariants = Counter()
    for p in (p for p in range(2, group.order + 1) if group.order % p == 0 and is_prime(p)):
        place, k, before = 0, 1, 1
        while True:
            among = int((p**k % group.orders == 0).sum())  # of order dividing pᵏ
            cyclic_parts = round(math.log(among / before, p))  # cyclic parts of order at least pᵏ
            if cyclic_parts == 0:
                break
            for place in range(cyclic_parts):
                invariants[place] = max(invariants[place], 1) * p
            before, k = among, k + 1
    orders = Counter(invariants.values())
    terms = [f"C{d}" if times == 1 else f"C{d}^{times}" for d, times in sorted(orders.items())]
    return "x".join(terms)


def is_prime(p: int) -> bool:
    return p > 1 and all(p % d for d in range(2, math.isqrt(p) + 1))

"""The families of finite groups, and the one called by a name.

A family is a function from a whole number to a group, under `@family` with its letter.

Axes: g = an element of the group; point = what a permutation moves.
"""

import inspect
import math
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.algebra.groups import LARGEST_ORDER, Group
from grokscope.algebra.orders import permutations_in
from grokscope.errors import BadInput

Build = Callable[..., Group]  # of a number, and of an order of its elements where there are several


@dataclass(frozen=True)
class Family:
    """Groups of one kind, one for each whole number from `smallest`."""

    build: Build
    order: Callable[[int], int]
    smallest: int

    @property
    def has_orders(self) -> bool:
        """Whether its elements can be numbered in one of the orders of `orders.py`."""
        return "elements" in inspect.signature(self.build).parameters


FAMILIES: dict[str, Family] = {}


def family(
    letter: str, *, order: Callable[[int], int], smallest: int = 2
) -> Callable[[Build], Build]:
    """Make the groups that a function builds available by a letter and their number, as in `C7`.

    `order(n)` is how many elements number n has; it is asked before the group is built. Raises
    `BadInput` for a letter that could not be told from a product in a name.
    """
    if not re.fullmatch("[A-Za-z]+", letter) or "x" in letter or "wr" in letter:
        raise BadInput(
            f"a family of groups cannot be called `{letter}`. Choose letters, without the x and wr "
            "of products, as in `Dic`."
        )

    def add(build: Build) -> Build:
        FAMILIES[letter] = Family(build, order, smallest)
        return build

    return add


def from_table(rows: Any, name: str = "group", labels: Sequence[str] | None = None) -> Group:
    """The group with this multiplication table: rows of element numbers from 0."""
    try:
        table = torch.as_tensor(rows)
    except (TypeError, ValueError, OverflowError, RuntimeError) as why:
        raise BadInput(f"{name} is not a table of whole numbers ({why}).") from None
    if table.is_floating_point() or table.is_complex() or table.dtype == torch.bool:
        raise BadInput(f"{name}: a table holds the numbers of elements, not {table.dtype}.")
    if table.ndim != 2:
        raise BadInput(f"{name}: a table is square, not {tuple(table.shape)}.")
    n = len(table)
    return Group(name, table.long(), tuple(map(str, range(n) if labels is None else labels)))


def from_elements(
    name: str, elements: Sequence[Hashable], product: Callable[..., Hashable]
) -> Group:
    """The group of these elements under `product`."""
    index = {x: i for i, x in enumerate(elements)}
    table = torch.tensor([[index[product(a, b)] for b in elements] for a in elements])
    return Group(name, table, tuple(map(str, elements)))


@family("C", order=lambda n: n)
def cyclic(n: int) -> Group:
    """Addition mod n."""
    x = torch.arange(n)
    return Group(f"C{n}", (x[:, None] + x) % n, tuple(map(str, range(n))))


def _totient(n: int) -> int:
    return sum(math.gcd(x, n) == 1 for x in range(n))


@family("U", order=_totient, smallest=3)
def units(n: int) -> Group:
    """Multiplication of the residues mod n that are prime to n, in increasing order."""
    residues = torch.tensor([x for x in range(n) if math.gcd(x, n) == 1])
    products = residues[:, None] * residues % n
    table = torch.searchsorted(residues, products)
    return Group(f"U{n}", table, tuple(map(str, residues.tolist())))


@family("D", order=lambda n: 2 * n)
def dihedral(n: int) -> Group:
    """The 2n symmetries of an n-gon: element r + n·s, where (r₁,s₁)(r₂,s₂) = (r₁ ± r₂, s₁+s₂),
    minus when s₁ = 1 (as in the data of Chughtai et al. 2023)."""
    r, s = torch.arange(2 * n) % n, torch.arange(2 * n) // n
    turn = (r[:, None] + torch.where(s == 1, -1, 1)[:, None] * r) % n
    flip = (s[:, None] + s) % 2
    return Group(f"D{n}", turn + n * flip, _turns("r", "s", r, s))


@family("Dic", order=lambda n: 4 * n)
def dicyclic(n: int) -> Group:
    """The 4n elements aᵏxˢ with a²ⁿ = 1, x² = aⁿ, xa = a⁻¹x, numbered k + 2n·s; the quaternion
    group is `dicyclic(2)`."""
    k, s = torch.arange(4 * n) % (2 * n), torch.arange(4 * n) // (2 * n)
    turn = k[:, None] + torch.where(s == 1, -1, 1)[:, None] * k + n * (s[:, None] * s)
    flip = (s[:, None] + s) % 2
    name = "Q8" if n == 2 else f"Dic{n}"
    return Group(name, turn % (2 * n) + 2 * n * flip, _turns("a", "x", k, s))


@family("Q", order=lambda n: n, smallest=8)
def quaternion(n: int) -> Group:
    """The dicyclic group of n elements; Q8 is that of the quaternions ±1, ±i, ±j, ±k."""
    if n % 4:
        raise BadInput(f"Q{n} is not a group: n must be a multiple of 4. Choose Q{n - n % 4}.")
    return dicyclic(n // 4)


def _turns(turn: str, flip: str, k: Tensor, s: Tensor) -> tuple[str, ...]:
    return tuple(f"{turn}{i}{flip * j}" for i, j in zip(k.tolist(), s.tolist(), strict=True))


@family("S", order=lambda n: math.factorial(min(n, 7)))
def symmetric(n: int, elements: str = "lexicographic") -> Group:
    """Permutations of n things, in an order of `orders.py`; in ab, a acts first (as in the data of
    Chughtai et al. and Stander et al.)."""
    return permutation_group(f"S{n}", permutations_in(elements, n))


@family("A", order=lambda n: math.factorial(min(n, 7)) // 2, smallest=3)
def alternating(n: int, elements: str = "lexicographic") -> Group:
    """The even permutations of n things, multiplied and ordered as in `symmetric`."""
    return permutation_group(f"A{n}", permutations_in(elements, n, "even"))


def permutation_group(name: str, points: Int[Tensor, "g point"]) -> Group:
    """The group of these permutations, one a row; they must be closed under products."""
    n, degree = points.shape
    if degree > 15:
        raise BadInput(f"{name}: {degree} points are more than the 15 that are numbered here.")
    weights = degree ** torch.arange(degree)
    codes, place = (points * weights).sum(dim=1).sort()
    products = (points[:, points] * weights).sum(dim=2).T  # [b, a, i] = b(a(i))
    index = torch.searchsorted(codes, products.contiguous()).clamp(max=n - 1)
    if not torch.equal(codes[index], products):
        raise BadInput(f"{name}: the product of two of these permutations is not among them.")
    return Group(name, place[index], tuple(str(tuple(x)) for x in points.tolist()), points)


def direct_product(*groups: Group) -> Group:
    """The tuples of elements, multiplied place by place; the last place runs fastest."""
    if not groups:
        raise BadInput("a direct product needs at least one group.")
    table, labels = groups[0].table, [[x] for x in groups[0].labels]
    for g in groups[1:]:
        n = len(table) * g.order
        table = (table[:, None, :, None] * g.order + g.table[None, :, None, :]).reshape(n, n)
        labels = [[*x, y] for x in labels for y in g.labels]
    name = "x".join(g.name for g in groups)
    return Group(name, table, tuple(f"({', '.join(x)})" for x in labels), factors=groups)


def wreath_product(base: Group, top: Group | int) -> Group:
    """base wr top: tuples of elements of `base`, and a permutation of their places.

    (b, t)(c, u) = (i ↦ bᵢ c_{t(i)}, tu). A number stands for the symmetric group of so many places;
    a group that is not given by permutations permutes itself by multiplication from the right.
    """
    top = symmetric(top) if isinstance(top, int) else top
    moves = top.table.T if top.points is None else top.points  # [t, i] = t(i)
    places = moves.shape[1]
    order = base.order**places * top.order
    if order > LARGEST_ORDER:
        raise too_large(f"{base.name}wr{top.name}")
    x = torch.arange(order)
    scales = base.order ** torch.arange(places - 1, -1, -1)
    b, t = x[:, None] // top.order // scales % base.order, x % top.order
    moved = b[:, moves[t]].transpose(0, 1)  # [x, y, i] = c at t(i)
    first = (base.table[b[:, None], moved] * scales).sum(dim=2)
    table = first * top.order + top.table[t[:, None], t]
    labels = tuple(
        f"({', '.join(base.labels[i] for i in digits)}; {top.labels[k]})"
        for digits, k in zip(b.tolist(), t.tolist(), strict=True)
    )
    return Group(f"{base.name}wr{top.name}", table, labels)


def opposite(g: Group) -> Group:
    """The same elements under the opposite product: ab is what ba is in `g`. Permutations in the
    textbook convention, (ab)(x) = a(b(x)), multiply so."""
    name = g.name.removesuffix(OPPOSITE) if g.is_opposite else g.name + OPPOSITE
    return Group(
        name,
        g.table.T.contiguous(),
        g.labels,
        None if g.points is None else g.points[g.inverse],
        tuple(map(opposite, g.factors)),
        is_opposite=not g.is_opposite,
    )


def cube(n: int) -> Group:
    """Z₂ⁿ: tuples of n bits, in the order of binary numbers, added bit by bit."""
    x = torch.arange(2**n)
    digits = (x[:, None] >> torch.arange(n - 1, -1, -1)) & 1
    labels = tuple(str(tuple(bits)) for bits in digits.tolist())
    return Group(f"C2^{n}", x[:, None] ^ x, labels)


# Other spellings, by what they stand for; those of the letters in another case go without saying.
SPELLINGS = {"z": "C", "alt": "A", "sym": "S", "dih": "D", "x": "x", "wr": "wr"}


OPPOSITE = "op"  # at the end of a group's name


def group(name: str, elements: str = "lexicographic") -> Group:
    """The group called `name`.

    A name is a family's letter and a number (C113, U97, D59, Dic3, Q8, S5, A5), a product of such
    (C2xC4), a power (C2^5) or a wreath product (S3wrC2). With op at its end (S4op) the product ab
    is that of b and a. `elements` is the order of S_n and A_n, of `orders.py`. Raises `BadInput`
    for another name and for a group that is too large.
    """
    if name.endswith(OPPOSITE):
        return opposite(group(name.removesuffix(OPPOSITE), elements))
    terms = _parse(name)
    if elements != "lexicographic":
        return _ordered(name, terms, elements)
    factors: list[Group] = []
    for base, top in terms:
        factors.append(_build(base) if top is None else wreath_product(_build(base), _build(top)))
        if math.prod(g.order for g in factors) > LARGEST_ORDER:
            raise too_large(name)
    if len(terms) == 1:
        return factors[0]
    is_cube = set(terms) == {(("C", 2), None)}
    return cube(len(terms)) if is_cube else direct_product(*factors)


def too_large(name: str) -> BadInput:
    """The error for a group whose table would not fit."""
    return BadInput(
        f"the group {name} has more than {LARGEST_ORDER:,} elements, and its table would not "
        "fit. Choose a smaller number."
    )


Atom = tuple[str, int]  # a family's letter, and a number
Term = tuple[Atom, Atom | None]  # a group, and the top of its wreath product
ATOM = re.compile(r"([A-Za-z]+?)([0-9]{1,6})")
TERM = re.compile(rf"{ATOM.pattern}(?:wr{ATOM.pattern})?(?:\^([0-9]{{1,6}}))?")


def _parse(name: str) -> list[Term]:
    """The direct factors of a name; a power stands for as many of them."""
    terms: list[Term] = []
    for text in name.replace("×", "x").split("x"):
        match = TERM.fullmatch(text)
        if match is None:
            raise _unknown(name)
        letter, number, top_letter, top_number, power = match.groups()
        base, times = (letter, int(number)), int(power or 1)
        top = (top_letter, int(top_number)) if top_letter else None
        if times < 1 or not all(atom is None or _is_known(atom) for atom in (base, top)):
            raise _unknown(name)
        terms += [(base, top)] * min(times, 10)  # 2¹⁰ elements are too many already
    return terms


def _is_known(atom: Atom) -> bool:
    letter, n = atom
    return letter in FAMILIES and n >= FAMILIES[letter].smallest


def _build(atom: Atom, **elements: str) -> Group:
    letter, n = atom
    if FAMILIES[letter].order(n) > LARGEST_ORDER:
        raise too_large(f"{letter}{n}")
    return FAMILIES[letter].build(n, **elements)


def _ordered(name: str, terms: list[Term], elements: str) -> Group:
    """S_n and A_n in a published order; C_n and D_n of Chughtai et al. are numbered as ours."""
    (base, top), *others = terms
    is_family = top is None and not others
    if is_family and FAMILIES[base[0]].has_orders:
        return _build(base, elements=elements)
    if is_family and elements == "chughtai2023" and base[0] in ("C", "D"):
        return _build(base)
    raise BadInput(
        f"`{elements}` is an order of permutations, and {name} has none. Leave elements at "
        "`lexicographic`."
    )


def _unknown(name: str) -> BadInput:
    spellings = {letter.lower(): letter for letter in FAMILIES} | SPELLINGS
    words: list[str] = re.findall(r"[A-Za-z]+|[^A-Za-z\s]+", name.replace("×", "x"))
    near = "".join(spellings.get(word.lower(), word) for word in words)
    if near != name:
        try:
            _parse(near)
        except BadInput:
            pass
        else:
            return BadInput(f"no group is called `{name}`. Did you mean `{near}`?")
    smallest = ", ".join(f"{letter}{family.smallest}" for letter, family in FAMILIES.items())
    return BadInput(
        f"no group is called `{name}`. Write a letter and a number, as in {smallest} (the smallest "
        "of each), a product as in C2xC4, a power as in C2^5, or S3wrC2; with op at the end (S4op) "
        "b acts first in ab."
    )

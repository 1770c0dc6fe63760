"""Finite groups as multiplication tables.

A group is its table: identity, inverses and conjugacy classes are computed from it, so a new group
is one function that returns a table.

Axes: g = an element of the group.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from math import factorial

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope.errors import BadInput

LARGEST_ORDER = 1_000  # beyond it the functions of all pairs would not fit in memory


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group: `table[a, b]` is the index of the product ab.

    Raises `BadInput`, naming where it fails, if the table is no group.
    """

    name: str
    table: Int[Tensor, "g h"]  # square
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.table.ndim != 2 or self.table.shape[0] != self.table.shape[1]:
            raise BadInput(f"{self.name}: a table is square, not {tuple(self.table.shape)}.")
        everyone = torch.arange(self.order)
        for axis, line in ((1, "row"), (0, "column")):
            wrong = (self.table.sort(dim=axis).values != _along(everyone, axis)).any(dim=axis)
            if wrong.any():
                at = int(wrong.nonzero()[0])
                raise BadInput(
                    f"{self.name} is no group: {line} {at} of its table does not hold every "
                    "element once."
                )
        if not self._identities.any():
            raise BadInput(f"{self.name} is no group: no element e has ex = x for every x.")
        for s in self.generators:  # Light's test: associativity need only hold around generators
            wrong = self.table[self.table[:, s]] != self.table[:, self.table[s]]
            if wrong.any():
                x, y = wrong.nonzero()[0].tolist()
                raise BadInput(f"{self.name} is no group: (xs)y is not x(sy) at {x}, {s}, {y}.")

    @property
    def order(self) -> int:
        return len(self.table)

    @property
    def _identities(self) -> Bool[Tensor, " g"]:
        return (self.table == torch.arange(self.order)).all(dim=1)

    @cached_property
    def identity(self) -> int:
        return int(self._identities.nonzero()[0])

    @cached_property
    def inverse(self) -> Int[Tensor, " g"]:
        return (self.table == self.identity).int().argmax(dim=1)

    @cached_property
    def quotient(self) -> Int[Tensor, "g g"]:
        """`quotient[x, c]` is xc⁻¹."""
        return self.table[:, self.inverse]

    @cached_property
    def conjugacy(self) -> Int[Tensor, " g"]:
        """The smallest member of each element's conjugacy class."""
        return self.table[self.table, self.inverse[:, None]].amin(dim=0)

    @cached_property
    def generators(self) -> list[int]:
        """A few elements whose products reach every element, found greedily."""
        chosen: list[int] = []
        reached = torch.zeros(self.order, dtype=torch.bool)
        reached[self.identity] = True
        while not reached.all():
            chosen.append(int((~reached).nonzero()[0]))
            frontier = reached.clone()
            frontier[chosen[-1]] = True
            while frontier.any():
                reached |= frontier
                step = self.table[frontier.nonzero()[:, 0]][:, chosen].flatten()
                frontier = torch.zeros_like(reached)
                frontier[step] = True
                frontier &= ~reached
        return chosen


def _along(x: Tensor, axis: int) -> Tensor:
    return x[None, :] if axis == 1 else x[:, None]


def from_elements(
    name: str, elements: Sequence[Hashable], product: Callable[..., Hashable]
) -> Group:
    """The group of these elements under `product`."""
    index = {x: i for i, x in enumerate(elements)}
    table = torch.tensor([[index[product(a, b)] for b in elements] for a in elements])
    return Group(name, table, tuple(map(str, elements)))


def cyclic(n: int) -> Group:
    """Addition mod n."""
    x = torch.arange(n)
    return Group(f"C{n}", (x[:, None] + x) % n, tuple(map(str, range(n))))


def symmetric(n: int) -> Group:
    """Permutations of n things in lexicographic order; in ab, a acts first (as in the data of
    Chughtai et al. and Stander et al.)."""
    return from_elements(f"S{n}", list(permutations(range(n))), lambda a, b: tuple(b[i] for i in a))


FAMILIES: dict[str, tuple[Callable[[int], Group], Callable[[int], int]]] = {
    "C": (cyclic, lambda n: n),
    "S": (symmetric, factorial),
}


def group(name: str) -> Group:
    """The group called `name`: a family's letter and a number, as in C113 or S5."""
    match = re.fullmatch(r"([A-Z]+)([0-9]{1,6})", name)
    if not match or match[1] not in FAMILIES or int(match[2]) < 2:
        raise BadInput(
            f"no group is called `{name}`. Write C or S and a number from 2, as in C113 or S5."
        )
    build, order = FAMILIES[match[1]]
    n = int(match[2])
    if (match[1] == "S" and n > 6) or order(n) > LARGEST_ORDER:
        raise BadInput(
            f"the group {name} has more than {LARGEST_ORDER:,} elements, and its table would not "
            "fit. Choose a smaller number."
        )
    return build(n)

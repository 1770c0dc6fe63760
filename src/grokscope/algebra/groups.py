"""Finite groups as multiplication tables.

A group is its table: identity, inverses, orders and conjugacy classes are computed from it, so a
new group is one function that returns a table. The named families are in `families.py`.

Axes: g = an element of the group; point = what a permutation moves.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope.errors import BadInput

LARGEST_ORDER = 1_000  # beyond it the functions of all pairs would not fit in memory


@dataclass(frozen=True, eq=False)
class Group:
    """A finite group: `table[a, b]` is the index of the product ab.

    `points` is there where the elements are permutations: element g sends i to `points[g, i]`, and
    in ab the left factor moves first. Where the product is the opposite of that (`is_opposite`),
    `points` are those of the inverse elements, so that the law still holds.
    `factors` are there where it is a direct product; its elements are then numbered with the last
    factor running fastest. Both serve to name things, and need not be given.

    Raises `BadInput`, naming where it fails, if the table is not a group.
    """

    name: str
    table: Int[Tensor, "g h"]  # square
    labels: tuple[str, ...]
    points: Int[Tensor, "g point"] | None = None
    factors: tuple["Group", ...] = ()
    is_opposite: bool = False

    def __post_init__(self) -> None:
        if self.table.ndim != 2 or self.table.shape[0] != self.table.shape[1]:
            raise BadInput(f"{self.name}: a table is square, not {tuple(self.table.shape)}.")
        if len(self.labels) != self.order:
            raise BadInput(f"{self.name}: {self.order} elements need as many labels.")
        everyone = torch.arange(self.order)
        for axis, line in ((1, "row"), (0, "column")):
            wrong = (self.table.sort(dim=axis).values != _along(everyone, axis)).any(dim=axis)
            if wrong.any():
                at = int(wrong.nonzero()[0])
                raise BadInput(
                    f"{self.name} is not a group: {line} {at} of its table, that of "
                    f"{self.labels[at]}, does not hold every element once."
                )
        if not self._identities.any():
            raise BadInput(f"{self.name} is not a group: no element e has ex = x for every x.")
        for s in self.generators:  # Light's test: associativity need only hold around generators
            left, right = self.table[self.table[:, s]], self.table[:, self.table[s]]
            if not torch.equal(left, right):
                x, y = (left != right).nonzero()[0].tolist()
                at = ", ".join(self.labels[i] for i in (x, s, y))
                one, other = (self.labels[int(product[x, y])] for product in (left, right))
                raise BadInput(
                    f"{self.name} is not a group: at (x, s, y) = ({at}), (xs)y is {one} but x(sy) "
                    f"is {other}."
                )

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
    def classes(self) -> tuple[Int[Tensor, " _"], ...]:
        """The conjugacy classes, in the order of their smallest members."""
        return tuple((self.conjugacy == c).nonzero()[:, 0] for c in self.conjugacy.unique())

    @cached_property
    def orders(self) -> Int[Tensor, " g"]:
        """The order of each element."""
        everyone = torch.arange(self.order)
        power, orders, k = everyone, torch.zeros_like(everyone), 1
        while (orders == 0).any():
            orders[(power == self.identity) & (orders == 0)] = k
            power, k = self.table[power, everyone], k + 1
        return orders

    @cached_property
    def centre(self) -> Bool[Tensor, " g"]:
        """Which elements commute with all."""
        return (self.table == self.table.T).all(dim=1)

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

    @property
    def is_addition(self) -> bool:
        """Whether its elements are the residues in order, under addition."""
        x = torch.arange(self.order)
        return torch.equal(self.table.long(), (x[:, None] + x) % self.order)


def _along(x: Tensor, axis: int) -> Tensor:
    return x[None, :] if axis == 1 else x[:, None]

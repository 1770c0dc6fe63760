"""A circle on which symbols and answers stand, where a task is a product in a cyclic group: the
residues of a sum, the discrete logarithms of a product.

Axes: symbol = an operand's value; point = a product; column = cos, sin; c = an answer; pair.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens
from grokscope.algebra.splits import isotypic
from grokscope.task import Task

MOST_HELD = 8_000_000  # numbers of `Columns`: all frequencies of p = 113


@dataclass(frozen=True, eq=False)
class Circle:
    """Where symbols and answers stand: places 0..n-1, and -1 for none (0 in a product)."""

    n: int
    a: Int[Tensor, " symbol"]
    b: Int[Tensor, " symbol"]
    points: Int[Tensor, " point"]  # the place of each point
    answers: Int[Tensor, " point"]  # the answer it stands for, -1 for none
    n_answers: int
    kind: str  # of the names of its frequencies: "frequency" or "character"
    tables: dict[int, Float[Tensor, "place column"]] = field(default_factory=dict, init=False)
    seen: dict[int, Float[Tensor, "c column"]] = field(default_factory=dict, init=False)
    columns: "Columns" = field(default_factory=lambda: Columns(), init=False)

    def name(self, k: int) -> str:
        """The lens's name of the part; k = 0 is what has no place."""
        return f"{self.kind} {k}" if k else "{0}"

    def wave(self, k: int, place: Int[Tensor, " x"]) -> Float[Tensor, "x column"]:
        """cos and sin of w_k at these places, 0 where there is none; of k = 0, which have none."""
        if k not in self.tables:
            self.tables[k] = self._table(k)
        return self.tables[k][place]  # the place -1 of none is the last row

    def _table(self, k: int) -> Float[Tensor, "place column"]:
        """The wave at every place, then where there is none."""
        place = torch.cat([torch.arange(self.n), torch.tensor([-1])])
        if k == 0:
            return (place < 0).double()[:, None]
        angle = 2 * math.pi * (k * place % self.n).double() / self.n
        return torch.stack([angle.cos(), angle.sin()], dim=1) * (place >= 0)[:, None]

    def waves(self, ks: Sequence[int], place: Int[Tensor, " x"]) -> Float[Tensor, "x column"]:
        """Those of several frequencies, side by side."""
        return torch.cat([self.wave(k, place) for k in ks], dim=1)

    def of_answers(self, k: int) -> Float[Tensor, "c column"]:
        """The wave as a function of the answer: the sum over the points it stands for."""
        if k not in self.seen:
            here = self.answers >= 0
            wave = self.wave(k, self.points[here])
            zero = wave.new_zeros(self.n_answers, wave.shape[1])
            self.seen[k] = zero.index_add(0, self.answers[here], wave)
        return self.seen[k]

    def points_of(self, answer: int) -> list[int]:
        """The places of the points that an answer stands for."""
        return self.points[self.answers == answer].tolist()

    @property
    def unreached(self) -> Bool[Tensor, " c"]:
        """Which answers no point stands for."""
        unreached = torch.ones(self.n_answers, dtype=torch.bool)
        unreached[self.answers[self.answers >= 0]] = False
        return unreached

    @property
    def has_outsiders(self) -> bool:
        """Whether some answer stands for a point that has no place."""
        return bool(((self.points < 0) & (self.answers >= 0)).any())

    @property
    def is_one_to_one(self) -> bool:
        """Whether every answer stands for one point."""
        reached = self.answers[self.answers >= 0]
        return len(reached.unique()) == len(reached) == self.n_answers

    def places(self, task: Task) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
        """Where the operands of each pair stand."""
        return self.a[task.inputs[:, 0]], self.b[task.inputs[:, 1]]


class Columns:
    """A wave's functions of the pairs of one task, computed once: many networks are fitted with
    the same ones. Of the largest tasks none are held."""

    def __init__(self) -> None:
        self.inputs: Tensor | None = None
        self.held: dict[tuple[int, bool], Float[Tensor, "pair _"]] = {}

    def get(
        self,
        task: Task,
        key: tuple[int, bool],
        compute: Callable[[], Float[Tensor, "pair _"]],
    ) -> Float[Tensor, "pair _"]:
        """`compute()`, or what it gave for this key and task before."""
        if self.inputs is not task.inputs:
            self.inputs, self.held = task.inputs, {}
        if key not in self.held:
            found = compute()
            if (len(self.held) + 1) * found.numel() > MOST_HELD:
                return found
            self.held[key] = found
        return self.held[key]


@lru_cache(maxsize=8)
def circle_of(lens: Lens, n_answers: int) -> Circle | None:
    """The circle of a lens whose group is cyclic; None of any other."""
    log = None if lens.group is None else logarithm(lens.group)
    if lens.group is None or log is None:
        return None
    point = torch.arange(len(lens.answers))
    element = point if lens.element is None else lens.element
    place = torch.where(element >= 0, log[element.clamp(min=0)], torch.tensor(-1))
    a, b = (place[x] for x in operand_points(lens))
    kind = "frequency" if lens.group.is_addition else "character"
    return Circle(lens.group.order, a, b, place, lens.answers, n_answers, kind)


def operand_points(lens: Lens) -> tuple[Int[Tensor, " symbol"], Int[Tensor, " symbol"]]:
    """The point of each value of a, and of b."""
    x = torch.arange(len(lens.answers))
    a, b = (lens.views[role].matrix for role in "ab")
    return x if a is None else a.argmax(dim=0), x if b is None else b.argmax(dim=0)


def logarithm(group: Group) -> Int[Tensor, " g"] | None:
    """Where each element stands, to the generator that names the group's parts; None if the group
    is not cyclic."""
    if group.is_addition:
        return torch.arange(group.order)
    generators = (group.orders == group.order).nonzero()[:, 0].tolist()
    if not generators or "character 1" not in isotypic(group).names:
        return None
    log, power = torch.zeros(group.order, dtype=torch.long), group.identity
    for j in range(group.order):
        log[power], power = j, int(group.table[power, generators[0]])
    return log

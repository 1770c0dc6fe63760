"""Least squares on blocks of columns: which of them a unit has, and its coefficients there.

What is of the columns alone is a `Design`. Where the pairs of a task are a table of all symbols, a
function of a times one of b needs no column of all pairs: its products with a hidden layer are
taken operand by operand.

Axes: row = a pair or an answer; unit = a neuron or a row of the output map; column = a function of
the row; block = the columns of a wave; symbol = an operand's value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.circle import Circle
from grokscope.circuits.fourier.waves import functions_of_pairs
from grokscope.task import Task

SHARE = 0.001  # of a unit's variance: fewer waves are then kept where the logits allow it
MOST_WAVES = 8  # of a unit, where waves must be taken one by one

Along = Callable[[Float[Tensor, "row unit"]], Float[Tensor, "column unit"]]


@dataclass(frozen=True, eq=False)
class Design:
    """Blocks of columns X, `widths` of them in each: X'1, X'X less that of the columns' means, and
    what gives X'x of any x."""

    n_rows: int
    sums: Float[Tensor, " column"]
    gram: Float[Tensor, "column column"]
    widths: tuple[int, ...]
    along: Along

    @classmethod
    def of(cls, columns: Sequence[Float[Tensor, "row _"]]) -> "Design":
        X = torch.cat(list(columns), dim=1)
        sums = X.sum(dim=0)
        gram = X.T @ X - torch.outer(sums, sums) / len(X)
        return cls(len(X), sums, gram, tuple(x.shape[1] for x in columns), lambda x: X.T @ x)

    @property
    def means(self) -> Float[Tensor, " column"]:
        return self.sums / self.n_rows

    @cached_property
    def owner(self) -> Int[Tensor, " column"]:
        """The block of each column."""
        return torch.repeat_interleave(torch.tensor(self.widths))

    @cached_property
    def is_apart(self) -> bool:
        """Whether no block overlaps another."""
        across = self.gram * (self.owner[:, None] != self.owner)
        return bool(across.abs().max() <= 1e-9 * self.gram.abs().max())

    @cached_property
    def by_width(
        self,
    ) -> list[tuple[Int[Tensor, " _"], Int[Tensor, "_ _"], Float[Tensor, "_ _ _"]]]:
        """The blocks of each width: which they are, their columns, and the inverses of their
        products with themselves."""
        widths, found = self.owner.bincount(), []
        starts = widths.cumsum(0) - widths
        for width in widths.unique().tolist():
            these = (widths == width).nonzero()[:, 0]
            columns = starts[these][:, None] + torch.arange(width)
            squares = self.gram[columns[:, :, None], columns[:, None]]
            found.append((these, columns, torch.linalg.pinv(squares, hermitian=True)))
        return found


def least_squares(
    design: Design, x: Float[Tensor, "row unit"]
) -> tuple[Float[Tensor, "one_and_column unit"], Float[Tensor, " unit"]]:
    """The coefficients of each unit on 1 and on the blocks that hold at least .1 % of its variance,
    those on others being 0; and the sum of the squares that are left. Where blocks overlap, as
    over the pairs a <= b, they are taken one by one, the best first, up to eight."""
    means, mean = design.means, x.mean(dim=0)
    along = design.along(x) - len(x) * torch.outer(means, mean)
    total = (x.square().sum(dim=0) - len(x) * mean.square()).clamp(min=0)
    need = torch.where(total > 1e-12 * total.max(), SHARE * total, torch.inf)
    fit = _at_once if design.is_apart else _one_by_one
    coefficients = fit(design, along, need)
    missed = total - (coefficients * along).sum(dim=0)
    return torch.cat([(mean - means @ coefficients)[None], coefficients]), missed


def _at_once(
    design: Design, along: Float[Tensor, "column unit"], need: Float[Tensor, " unit"]
) -> Float[Tensor, "column unit"]:
    """Of blocks that do not overlap: each as if it were alone."""
    coefficients = torch.zeros_like(along)
    for _, columns, inverse in design.by_width:
        alone = inverse @ along[columns]
        gain = (along[columns] * alone).sum(dim=1, keepdim=True)
        coefficients[columns] = torch.where(gain >= need, alone, 0.0)
    return coefficients


def _one_by_one(
    design: Design, along: Float[Tensor, "column unit"], need: Float[Tensor, " unit"]
) -> Float[Tensor, "column unit"]:
    """The best block first, since others may explain the same."""
    is_held = torch.zeros(len(design.widths), along.shape[1], dtype=torch.bool)
    coefficients = torch.zeros_like(along)
    for _ in range(MOST_WAVES):
        gain = _gains(design, along - design.gram @ coefficients).masked_fill(is_held, 0)
        best = torch.nn.functional.one_hot(gain.argmax(dim=0), len(gain)).T.bool()
        adds = (gain >= need) & best
        if not adds.any():
            break
        is_held |= adds
        _solve(design, along, is_held, coefficients)
    return coefficients


def _gains(design: Design, along: Float[Tensor, "column unit"]) -> Float[Tensor, "block unit"]:
    """How much of what is left of each unit each block would explain."""
    gains = along.new_zeros(len(design.widths), along.shape[1])
    for these, columns, inverse in design.by_width:
        x = along[columns]
        gains[these] = (x * (inverse @ x)).sum(dim=1)
    return gains


def _solve(
    design: Design,
    along: Float[Tensor, "column unit"],
    is_held: Bool[Tensor, "block unit"],
    coefficients: Float[Tensor, "column unit"],
) -> None:
    """Write the coefficients of each unit on the blocks that it holds: those of as many columns
    together."""
    patterns, of_unit = is_held.unique(dim=1, return_inverse=True)
    chosen = patterns[design.owner]  # column x pattern
    widths = chosen.sum(dim=0)
    for width in widths.unique().tolist():
        some = (widths == width).nonzero()[:, 0]
        columns = chosen[:, some].T.nonzero()[:, 1].view(len(some), width)
        squares = design.gram[columns[:, :, None], columns[:, None]]
        inverse = torch.linalg.pinv(squares, hermitian=True)
        units = (widths[of_unit] == width).nonzero()[:, 0]
        place = torch.searchsorted(some, of_unit[units])
        mine = columns[place]
        found = inverse[place] @ along[mine, units[:, None]][:, :, None]
        coefficients[mine, units[:, None]] = found[:, :, 0]


# ---- of the pairs of a task ----------------------------------------------------------------------


def design_of_pairs(
    circle: Circle, frequencies: Sequence[int], task: Task, has_products: bool
) -> Design:
    """That of the functions of pairs at these frequencies; see `functions_of_pairs`."""
    if not task.is_table:
        return Design.of(functions_of_pairs(circle, frequencies, task, has_products))
    of_a, of_b = ([circle.wave(k, place) for k in frequencies] for place in (circle.a, circle.b))
    blocks = [_factors(u, v, has_products) for u, v in zip(of_a, of_b, strict=True)]
    f, g = (torch.cat(x, dim=1) for x in zip(*blocks, strict=True))
    sums = f.sum(dim=0) * g.sum(dim=0)
    gram = (f.T @ f) * (g.T @ g) - torch.outer(sums, sums) / len(task.inputs)
    along = partial(_along, of_a, of_b, has_products)
    return Design(len(task.inputs), sums, gram, tuple(x.shape[1] for x, _ in blocks), along)


def _factors(
    u: Float[Tensor, "symbol _"], v: Float[Tensor, "symbol _"], has_products: bool
) -> tuple[Float[Tensor, "symbol column"], Float[Tensor, "symbol column"]]:
    """Of each column of a wave its function of a and its function of b: u 1, 1 v, and u v."""
    ones = torch.ones_like(u), torch.ones_like(v)
    d, e = u.shape[1], v.shape[1] * has_products
    f = [u, ones[1], u.repeat_interleave(e, dim=1)]
    return torch.cat(f, dim=1), torch.cat([ones[0], v, v.repeat(1, d * has_products)], dim=1)


def _along(
    of_a: Sequence[Float[Tensor, "symbol _"]],
    of_b: Sequence[Float[Tensor, "symbol _"]],
    has_products: bool,
    x: Float[Tensor, "pair unit"],
) -> Float[Tensor, "column unit"]:
    """X'x over a table of pairs: first over b, then over a."""
    n, u = len(of_a[0]), x.shape[1]
    table = x.unflatten(0, (n, n))
    a, b = table.sum(dim=1), table.sum(dim=0)
    found = [[u.T @ a, v.T @ b] for u, v in zip(of_a, of_b, strict=True)]
    if has_products:
        over_b = torch.cat(list(of_b), dim=1).T @ table  # a, column, unit
        each = over_b.split([v.shape[1] for v in of_b], dim=1)
        for columns, f, y in zip(found, of_a, each, strict=True):
            columns.append((f.T @ y.flatten(1)).view(-1, u))
    return torch.cat([part for columns in found for part in columns])

"""Running error analysis: a number beside how far from it a machine's result can be.

Every operation gives its value in float64 and an upper bound of the distance from there to what a
run in another format gives, for any order in which sums are taken, with or without fused
multiplication and addition, with or without subnormal numbers (Higham 2002, sections 2.2, 3.1 and
3.3): a sum of n products is off by at most γ_n Σ|x||y|, γ_n = nu/(1-nu), and what its factors were
off by is carried on. The float64 value is itself rounded, so each γ_n has float64's added. Errors
need no more than a few digits: they are kept in float32, rounded outward.

Through a chain of matrices an error is carried by their product, |d| |W W'|, which is far less than
|d| |W| |W'|: see `Carried`. The steps are those of docs/bounds.md.

Axes: any, unless named; k = rows of a matrix, n = its columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import NotApplicable

FORMATS = (torch.float32, torch.float64)
EXP = 4  # ulps that exp may be off by: torch's are within 1 or 2, and a test measures them
EXACT_U = 2.0**-53  # of float64, in which values are computed
MOST = 2**13  # terms of a sum
UP = 1 + 2.0**-10  # outward: float32 sums so many numbers that are not negative to within half that
TINY = 2.0**-126  # below it float32 may lose a number


@dataclass(frozen=True)
class Format:
    """The numbers in which a network runs. Raises `NotApplicable` for those that no error is
    stated for."""

    dtype: torch.dtype

    def __post_init__(self):
        precision = torch.get_float32_matmul_precision()
        if self.dtype not in FORMATS:
            raise NotApplicable(f"no rounding error is stated for a network of {self.dtype}")
        if self.dtype is torch.float32 and precision != "highest":
            raise NotApplicable(
                f'with torch.get_float32_matmul_precision() = "{precision}" products need not be '
                "of float32, and their error is not known"
            )

    @property
    def u(self) -> float:
        """The unit roundoff: 2⁻²⁴ in float32."""
        return torch.finfo(self.dtype).eps / 2

    def gamma(self, n: int) -> float:
        """γ_n of this format and of float64 together; infinite where it says nothing."""
        if n > MOST:
            return inf
        return sum(n * u / (1 - n * u) for u in (self.u, EXACT_U))

    def limited(self, error: Tensor, n: int) -> Tensor:
        """This error of n products that were summed, rounded outward, and what may be lost below
        TINY; infinite where a partial sum may be too large for the format, or where it is no
        number. An error is at least γ_n times the absolute values of what was summed, so half of
        γ_n times the largest number is far enough below."""
        largest = 0.5 * self.gamma(n) * torch.finfo(self.dtype).max
        largest = min(largest, torch.finfo(torch.float32).max)
        return torch.where(error < largest, UP * error + 4 * n * TINY, inf)


def upper(x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """|x| in float32, rounded outward."""
    return UP * x.abs().float() + TINY


@dataclass(frozen=True, eq=False)
class Carried:
    """An error d A of which |d| ≤ `most` is known and A, and so d A ≤ most |A|. A was computed to
    within `off`."""

    most: Float[Tensor, "*any k"]
    A: Float[Tensor, "k n"]
    off: Float[Tensor, "k n"]

    @cached_property
    def total(self) -> Float[Tensor, "*any n"]:
        """Entry by entry."""
        return UP * (self.most @ upper(self.A.abs() + self.off))

    @cached_property
    def largest(self) -> Float[Tensor, "*any 1"]:
        """For all entries of a row at once, which is less work."""
        return UP * (self.most @ upper((self.A.abs() + self.off).amax(dim=1, keepdim=True)))

    def on(self, W: Float[Tensor, "n m"]) -> "Carried":
        """d A W."""
        gamma, size = Format(torch.float64).gamma(len(W)), self.A.abs() + self.off
        return Carried(self.most, self.A @ W, UP * ((self.off + gamma * size) @ W.abs()))

    def at(self, take: Callable[[Tensor], Tensor]) -> "Carried":
        """Some of them, by an index of other axes than the last."""
        return Carried(take(self.most), self.A, self.off)


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a matrix, often the same: its product with another is taken once for all."""

    of: Float[Tensor, "row k"]
    index: Int[Tensor, " some"]

    def times(self, W: Float[Tensor, "k n"]) -> Float[Tensor, "some n"]:
        return (self.of @ W)[self.index]


@dataclass(frozen=True, eq=False)
class Rounded:
    """A value, and how far from it the run's may be: `own`, entry by entry (None: it is exact), and
    what was carried here by matrices."""

    value: Tensor
    own: Tensor | None = None
    carried: tuple[Carried, ...] = ()
    rows: tuple[Rows, ...] = ()  # where it is rows of exact matrices side by side: these

    @cached_property
    def error(self) -> Tensor | None:
        """All of it, entry by entry; None: exact."""
        parts = [c.total for c in self.carried] + ([] if self.own is None else [self.own])
        return UP * _sum(parts).expand_as(self.value) if parts else None

    @property
    def off(self) -> Tensor:
        """The same, as numbers."""
        return torch.zeros_like(self.value).float() if self.error is None else self.error

    @cached_property
    def size(self) -> Tensor:
        """No run's value is larger than this."""
        parts = [c.largest for c in self.carried] + ([] if self.own is None else [self.own])
        return UP * _sum([upper(self.value), *parts])


def _sum(parts: list[Tensor]) -> Tensor:
    first, *others = parts
    return sum(others, first)


Bilinear = Callable[[Tensor, Tensor], Tensor]


def given(x: Tensor | float | int, format: Format) -> Rounded:
    """What a run is given: exact if the format has it. Subnormal numbers may be taken for zero."""
    value = x.double() if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64)
    unlike = (value.to(format.dtype).double() - value).abs() > 0
    small = (value.abs() < torch.finfo(format.dtype).tiny) & (value != 0)
    if not bool((unlike | small).any()):
        return Rounded(value)
    return Rounded(value, format.limited(torch.where(unlike, format.u * upper(value), 0.0), 1))


def moved(f: Callable[..., Tensor], *xs: Rounded) -> Rounded:
    """Entries put elsewhere, by a function that computes nothing."""
    exact = all(x.error is None for x in xs)
    return Rounded(f(*(x.value for x in xs)), None if exact else f(*(x.off for x in xs)))


def taken(take: Callable[[Tensor], Tensor], x: Rounded) -> Rounded:
    """`moved` by an index that leaves the last axis alone: what was carried stays so."""
    own = None if x.own is None else take(x.own.expand_as(x.value))
    return Rounded(take(x.value), own, tuple(c.at(take) for c in x.carried))


def add(x: Rounded, y: Rounded, format: Format) -> Rounded:
    """x + y: each error, and γ_1 |x + y|."""
    value = x.value + y.value
    parts = [upper(value), *(c.largest for c in x.carried + y.carried)]
    own = [e for e in (x.own, y.own) if e is not None]
    local = format.gamma(1) * _sum([*parts, *own])
    return Rounded(value, _sum([format.limited(local, 1), *own]), x.carried + y.carried)


def bilinear(f: Bilinear, x: Rounded, y: Rounded, n: int, format: Format) -> Rounded:
    """f(x, y), in which each entry is a sum of n products: with x̂ and ŷ the sizes, e the errors,
    f(e_x + γ_n x̂, ŷ) + f(x̂, e_y)."""
    at_x = format.gamma(n) * x.size
    error = f(at_x if x.error is None else x.error + at_x, y.size)
    if y.error is not None:
        error = error + f(x.size, y.error)
    return Rounded(f(x.value, y.value), format.limited(error, n))


def linear(x: Rounded, W: Rounded, format: Format, start: Rounded | None = None) -> Rounded:
    """x W, W a matrix: γ_n x̂ Ŵ + x̂ e_W are new, x's own error is carried by W, and what A carried
    to x is by A W. With `start` the sum begins there, which is one product more."""
    n = len(W.value) + (start is not None)
    error = _sizes(x, W, format.gamma(n))
    if W.error is not None:
        error = error + x.size @ W.error
    carried = tuple(c.on(W.value) for c in x.carried)
    if x.own is not None:
        carried += (Carried(x.own.expand_as(x.value), W.value, torch.zeros_like(W.value)),)
    product = _product(x, W)
    if start is None:
        return Rounded(product, format.limited(error, n), carried)
    own = format.limited(error + format.gamma(n) * start.size, n)
    return Rounded(start.value + product, own + start.off, carried)


def _product(x: Rounded, W: Rounded) -> Float[Tensor, "*any n"]:
    """The values of x W; of rows side by side each with its own part of W."""
    if x.value.ndim > 2 or not x.rows:
        return x.value @ W.value
    parts = W.value.split([r.of.shape[1] for r in x.rows])
    return _sum([r.times(part) for r, part in zip(x.rows, parts, strict=True)])


def _sizes(x: Rounded, W: Rounded, gamma: float) -> Float[Tensor, "*any n"]:
    """γ x̂ Ŵ, in the same way."""
    if x.value.ndim > 2 or not x.rows:
        return (gamma * x.size) @ W.size
    parts = W.size.split([r.of.shape[1] for r in x.rows])
    sizes = [Rows(gamma * Rounded(r.of).size, r.index) for r in x.rows]
    return _sum([r.times(part) for r, part in zip(sizes, parts, strict=True)])


def divided(x: Rounded, by: Rounded, format: Format) -> Rounded:
    """x / c of a c that is given, or x times 1/c: three roundings and c's own at most."""
    value = 1 / by.value
    return bilinear(torch.mul, x, Rounded(value, 5 * format.u * upper(value)), 1, format)


def relu(x: Rounded) -> Rounded:
    """No further off than x is, and where x is below 0 only by what may be above."""
    if x.error is None:
        return Rounded(x.value.relu())
    above = x.error + x.value.clamp(max=0).float() / UP
    return Rounded(x.value.relu(), UP * above.relu() + TINY)


def total(x: Rounded, dim: int, keepdim: bool, format: Format) -> Rounded:
    """Σ x along an axis."""
    n = x.value.shape[dim]
    error = (x.off + format.gamma(n) * x.size).sum(dim=dim, keepdim=keepdim)
    return Rounded(x.value.sum(dim=dim, keepdim=keepdim), format.limited(error, n))


def softmax(x: Rounded, dim: int, format: Format) -> Rounded:
    """exp(x_i - m) / Σ_j exp(x_j - m), m the largest of the run's.

    A run's x, off by e, changes each share by a factor within exp(e_i + max e). Its x_i - m is off
    by u |x_i - m|, which is the logarithm of a factor; exp itself is off by EXP ulps of at most 2u
    each. The numerator has these factors, the denominator at most the worst of them and those of a
    sum of n, the division 3u. A share is at most 1, and may be flushed to zero."""
    value = x.value.softmax(dim)
    off, n = x.off.double(), x.value.shape[dim]
    seen = (x.value != -inf) | (off > 0)
    e = torch.where(seen, off, 0.0)
    worst = e.amax(dim, keepdim=True)
    below = torch.where(seen, x.value.amax(dim, keepdim=True) - x.value, 0.0) + e + worst
    apart = format.gamma(1) * below
    log = e + worst + apart + apart.amax(dim, keepdim=True)
    log = log + (2 * n + 4 * EXP + 8) * format.gamma(1)
    most = torch.fmin(upper(value * torch.expm1(log)), torch.tensor(1.01))
    return Rounded(value, torch.where(worst < inf, most + 4 * (n + 1) * TINY, inf))

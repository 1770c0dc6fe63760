"""Running error analysis: a number beside how far from it a machine's result can be.

Every operation gives its value in float64 and an upper bound of the distance from there to what a
run in another format gives, for any order in which sums are taken, with or without fused
multiplication and addition, with or without subnormal numbers (Higham 2002, sections 2.2, 3.1 and
3.3): a sum of n products is off by at most γ_n Σ|x||y|, γ_n = nu/(1-nu), and what its factors were
off by is carried on. The float64 value is itself rounded, so each γ_n has float64's added.

Through a chain of matrices an error is carried by their product, |d| |W W'|, which is far less than
|d| |W| |W'|: see `Carried`. The steps are those of docs/bounds.md.

Axes: any, unless named; k = rows of a matrix, n = its columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import NotApplicable

EXP = 4  # ulps that exp may be off by: torch's are within 1 or 2, and a test measures them
UP = 1 + 2.0**-30  # outward: float64 sums no more than MOST numbers that are not negative
MOST = 2**20
EXACT_U = 2.0**-53  # of float64, in which all this is computed
FORMATS = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Format:
    """The numbers in which a network runs. Raises `NotApplicable` for those that no error is
    stated for."""

    dtype: torch.dtype

    def __post_init__(self):
        if self.dtype not in FORMATS:
            raise NotApplicable(
                f"no rounding error is stated for networks that run in {self.dtype}"
            )
        if self.dtype is torch.float32 and torch.get_float32_matmul_precision() != "highest":
            raise NotApplicable(
                "torch.get_float32_matmul_precision() is "
                f'"{torch.get_float32_matmul_precision()}", so products need not be of float32. '
                'Call torch.set_float32_matmul_precision("highest")'
            )

    @property
    def u(self) -> float:
        """The unit roundoff: 2⁻²⁴ in float32."""
        return torch.finfo(self.dtype).eps / 2

    @property
    def tiny(self) -> float:
        """What lies below it may be flushed to zero: 2⁻¹²⁶ in float32."""
        return torch.finfo(self.dtype).tiny

    def gamma(self, n: int) -> float:
        """γ_n of this format and of float64 together; infinite where it says nothing."""
        if n * self.u >= 1 or n > MOST:
            return inf
        return sum(n * u / (1 - n * u) for u in (self.u, EXACT_U))

    def limited(self, error: Tensor, n: int) -> Tensor:
        """This error, rounded outward, of n products that were summed; infinite where a partial sum
        may be too large for the format, or where it is no number. Errors are at least γ_n times the
        absolute values of what was summed, so half of γ_n times the largest number is far enough
        below."""
        most = 0.5 * self.gamma(n) * torch.finfo(self.dtype).max
        return torch.where(error < most, UP * error + 2 * n * self.tiny, inf)


@dataclass(frozen=True, eq=False)
class Carried:
    """An error d A of which |d| ≤ `most` is known and A, and so d A ≤ most |A|. A was computed to
    within `off`."""

    most: Float[Tensor, "*any k"]
    A: Float[Tensor, "k n"]
    off: Float[Tensor, "k n"]
    total: Float[Tensor, "*any n"]

    @classmethod
    def by(cls, most: Tensor, A: Tensor, off: Tensor) -> "Carried":
        return cls(most, A, off, UP * (most @ (A.abs() + off)))

    def on(self, W: Float[Tensor, "n m"]) -> "Carried":
        """d A W."""
        gamma, size = Format(torch.float64).gamma(len(W)), self.A.abs() + self.off
        return Carried.by(self.most, self.A @ W, UP * ((self.off + gamma * size) @ W.abs()))

    def at(self, take: Callable[[Tensor], Tensor]) -> "Carried":
        """Some of them, by an index of other axes than the last."""
        return Carried(take(self.most), self.A, self.off, take(self.total))


@dataclass(frozen=True, eq=False)
class Rounded:
    """A value, and how far from it the run's may be: `own`, entry by entry (None: it is exact), and
    what was carried here by matrices."""

    value: Tensor
    own: Tensor | None = None
    carried: tuple[Carried, ...] = ()

    @cached_property
    def error(self) -> Tensor | None:
        """All of it, entry by entry; None: exact."""
        parts = [c.total for c in self.carried] + ([] if self.own is None else [self.own])
        return UP * torch.stack(torch.broadcast_tensors(*parts)).sum(dim=0) if parts else None

    @property
    def off(self) -> Tensor:
        """The same, as numbers."""
        return torch.zeros_like(self.value) if self.error is None else self.error

    @cached_property
    def size(self) -> Tensor:
        """No run's value is larger than this."""
        return self.value.abs() if self.error is None else self.value.abs() + self.error


Bilinear = Callable[[Tensor, Tensor], Tensor]


def given(x: Tensor | float, format: Format) -> Rounded:
    """What a run is given: exact if the format has it. Subnormal numbers may be taken for zero."""
    value = x.double() if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64)
    unlike = (value.to(format.dtype).double() - value).abs() > 0
    small = (value.abs() < format.tiny) & (value != 0)
    if not bool((unlike | small).any()):
        return Rounded(value)
    off = torch.where(unlike, format.u * value.abs(), 0.0) + torch.where(small, format.tiny, 0.0)
    return Rounded(value, format.limited(off, 1))


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
    errors = [e for e in (x.error, y.error) if e is not None]
    local = format.gamma(1) * sum(errors, value.abs())
    own = sum((e for e in (x.own, y.own) if e is not None), format.limited(local, 1))
    return Rounded(value, own, x.carried + y.carried)


def bilinear(f: Bilinear, x: Rounded, y: Rounded, n: int, format: Format) -> Rounded:
    """f(x, y), in which each entry is a sum of n products: with x̂ and ŷ the sizes, e the errors,
    f(e_x + γ_n x̂, ŷ) + f(|x|, e_y)."""
    at_x = format.gamma(n) * x.size
    error = f(at_x if x.error is None else x.error + at_x, y.size)
    if y.error is not None:
        error = error + f(x.value.abs(), y.error)
    return Rounded(f(x.value, y.value), format.limited(error, n))


def linear(x: Rounded, W: Rounded, format: Format) -> Rounded:
    """x W, W a matrix: γ_n x̂ Ŵ + x̂ e_W are new, x's own error is carried by W, and what A carried to
    x is by A W."""
    n = len(W.value)
    error = (format.gamma(n) * x.size) @ W.size
    if W.error is not None:
        error = error + x.size @ W.error
    carried = tuple(c.on(W.value) for c in x.carried)
    if x.own is not None:
        own = x.own.expand_as(x.value)
        carried += (Carried.by(own, W.value, torch.zeros_like(W.value)),)
    return Rounded(x.value @ W.value, format.limited(error, n), carried)


def divided(x: Rounded, by: Rounded, format: Format) -> Rounded:
    """x / c of a c that is given, or x times 1/c: three roundings and c's own at most."""
    value = 1 / by.value
    return bilinear(torch.mul, x, Rounded(value, 5 * format.u * value.abs()), 1, format)


def relu(x: Rounded) -> Rounded:
    """No further off than x is, and where x is below 0 only by what may be above."""
    if x.error is None:
        return Rounded(x.value.relu())
    return Rounded(x.value.relu(), (x.value.clamp(max=0) + x.error).relu())


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
    n, seen = x.value.shape[dim], (x.value != -inf) | (x.off > 0)
    e = torch.where(seen, x.off, 0.0)
    worst = e.amax(dim, keepdim=True)
    below = torch.where(seen, x.value.amax(dim, keepdim=True) - x.value, 0.0) + e + worst
    apart = format.gamma(1) * below
    log = e + worst + apart + apart.amax(dim, keepdim=True)
    log = log + (2 * n + 4 * EXP + 8) * format.gamma(1)
    off = UP * value * torch.expm1(log) + 4 * (n + 1) * format.tiny
    return Rounded(value, torch.where(worst < inf, torch.fmin(off, value.new_tensor(1.01)), inf))

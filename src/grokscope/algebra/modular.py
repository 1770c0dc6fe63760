"""The lenses of a function of two residues mod n, found in its table of answers.

A table is a sum g(a) + g'(b), a product g(a)·g'(b) - t, or a function h of a sum or a product of
the operands themselves; each is solved for and then checked on every pair, so it does not matter
how a formula was written. What has none of these forms keeps the two plain lenses, for its weights.

Axes: point = a residue; symbol = an operand's value or an answer; pair = one input.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope.algebra.families import cyclic, units
from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens, View
from grokscope.algebra.names import is_prime
from grokscope.algebra.splits import Split, fourier, isotypic

Points = Int[Tensor, " symbol"]  # the point of each symbol, -1 where it has none


@dataclass(frozen=True, eq=False)
class Operation:
    """A product of residues: its name and sign, and the parts of the functions it respects."""

    name: str
    sign: str
    combine: Callable[[Tensor, Tensor], Tensor]
    split: Split
    group: Group | None
    element: Int[Tensor, " point"] | None


@dataclass(frozen=True, eq=False)
class Law:
    """c = answers[a ∘ b]: the point of each operand's values, and the answer at each point."""

    a: Points
    b: Points
    answers: Int[Tensor, " point"]
    text: str

    @property
    def is_faithful(self) -> bool:
        """Whether different operands have different points."""
        here = [x[x >= 0] for x in (self.a, self.b)]
        return all(len(x.unique()) == len(x) for x in here)


@dataclass(frozen=True, eq=False)
class Table:
    """The answers mod n of every pair of these values of a and b."""

    n: int
    a: Int[Tensor, " row"]
    b: Int[Tensor, " column"]
    answers: Int[Tensor, "row column"]

    def equals(self, other: Int[Tensor, "row column"]) -> bool:
        return bool(((other - self.answers) % self.n == 0).all())

    def law(self, a: Tensor, b: Tensor, answers: Tensor, text: str) -> Law:
        """The law with these points at the rows and columns, and none elsewhere."""
        points = [torch.full((self.n,), -1) for _ in "ab"]
        points[0][self.a], points[1][self.b] = a, b
        return Law(points[0], points[1], answers, text)


def modular_lenses(
    n: int, inputs: Int[Tensor, "pair operand"], answers: Int[Tensor, " pair"]
) -> list[Lens]:
    """The lenses of this function mod n, the additive and the multiplicative: first what describes
    its answers, with every operand a point of its own if it can be; last what reads weights alone.

    Of a function that is given on pairs a <= b only, this is what describes it and its mirror: a+b
    is found, a-b is not. A mixture, whose inputs are more than a pair, has weights alone.
    """
    additive, multiplicative = operations(n)
    laws: dict[Operation, Law | None] = {additive: None, multiplicative: None}
    table = _written_out(n, inputs, answers)
    if table is not None:
        laws[additive] = _best(as_sum(table), of_sum(table))
        laws[multiplicative] = _best(as_product(table), of_product(table))
    if n == 2:  # its only unit is 1: no functions to tell apart
        del laws[multiplicative]
    ordered = sorted(laws.items(), key=lambda x: 2 if x[1] is None else not x[1].is_faithful)
    return [_lens(operation, law, n, inputs) for operation, law in ordered]


def _written_out(
    n: int, inputs: Int[Tensor, "pair operand"], answers: Int[Tensor, " pair"]
) -> Table | None:
    """The answers by rows and columns, where a missing pair has its mirror's; None if that is
    missing too, or if the inputs are not pairs."""
    if inputs.shape[1] != 2:
        return None
    grid = torch.full((n, n), -1)
    for a, b in (inputs.flip(1).unbind(dim=1), inputs.unbind(dim=1)):
        grid[a, b] = answers
    a, b = (x.unique() for x in inputs.unbind(dim=1))
    grid = grid[a][:, b]
    return Table(n, a, b, grid) if bool((grid >= 0).all()) else None


def _best(*laws: Law | None) -> Law | None:
    """The first that tells all operands apart, or else the first."""
    present = [law for law in laws if law is not None]
    return next((law for law in present if law.is_faithful), present[0] if present else None)


def _lens(
    operation: Operation, law: Law | None, n: int, inputs: Int[Tensor, "pair operand"]
) -> Lens:
    x = torch.arange(n)
    chosen = law or Law(x, x, x, "weights alone")
    view = {"a": _view(operation.split, chosen.a)}
    view["b"] = view["a"] if torch.equal(chosen.a, chosen.b) else _view(operation.split, chosen.b)
    is_same = torch.equal(chosen.answers, x)
    repeated = (chosen.answers[:, None] == x).double()
    view["c"] = View(operation.split, None if is_same else repeated)
    product = None
    if law is not None:
        product = operation.combine(law.a[inputs[:, 0]], law.b[inputs[:, 1]])
    return Lens(
        operation.name,
        chosen.text,
        view,
        chosen.answers,
        product,
        operation.group,
        operation.element,
    )


def _view(split: Split, points: Points) -> View:
    """Functions of a symbol as functions of its point: their mean over the symbols there."""
    n = len(points)
    if torch.equal(points, torch.arange(n)):
        return View(split)
    here = (points[None, :] == torch.arange(n)[:, None]).double()
    return View(split, here / here.sum(dim=1, keepdim=True).clamp(min=1))


@lru_cache(maxsize=8)
def operations(n: int) -> tuple[Operation, Operation]:
    """Addition and multiplication mod n."""
    x = torch.arange(n)
    prime = is_prime(n)
    return (
        Operation("additive", "+", lambda a, b: (a + b) % n, fourier(n), cyclic(n), x),
        Operation(
            "multiplicative",
            "·",
            lambda a, b: a * b % n,
            characters(n),
            units(n) if prime else None,
            x - 1 if prime else None,
        ),
    )


@lru_cache(maxsize=8)
def characters(n: int) -> Split:
    """The functions of a residue mod n in parts that multiplication respects.

    The residues with one greatest common divisor d with n are d times the units of Z/(n/d), and
    have those units' characters. For a prime: "{0}" tells 0 from the others, and "character k" is
    the pair of cos and sin of 2πk log(x)/(n - 1), the logarithm to the smallest primitive root.
    For other n each part says its divisor, and "divisors" tells these classes apart.
    """
    x = torch.arange(n)
    shared = torch.gcd(x, torch.tensor(n))
    one = torch.full((n, 1), n**-0.5, dtype=torch.float64)
    classes = torch.stack([(shared == d).double() for d in shared.unique()], dim=1)
    classes = classes / classes.norm(dim=0)
    contrasts = torch.linalg.svd(classes - one @ (one.T @ classes), full_matrices=False)[0]
    divisors = contrasts[:, : classes.shape[1] - 1]
    prime = is_prime(n)
    parts = {"constant": one, "{0}" if prime else "divisors": divisors}
    for d in sorted(int(d) for d in shared.unique() if int(d) < n):
        m = n // d
        if m <= 2:
            continue
        here = x[shared == d] // d  # ascending, as the elements of `units`
        for name, Q in isotypic(units(m)).parts.items():
            if name != "constant":
                placed = torch.zeros(n, Q.shape[1], dtype=torch.float64)
                placed[here * d] = Q
                parts[name if d == 1 and prime else f"{name} at gcd {d}"] = placed
    return Split(parts)


def as_sum(table: Table) -> Law | None:
    """c = g(a) + g'(b)."""
    n, F = table.n, table.answers
    a, b = (F[:, 0] - F[0, 0]) % n, F[0]
    if not _vary(a, b) or not table.equals(a[:, None] + b):
        return None
    moved = _offset(a, b, table)
    a, b = (a + moved) % n, (b - moved) % n
    law = _plus(_said(a, table.a, "a", n), _said(b, table.b, "b", n))
    return table.law(a, b, torch.arange(n), f"c = {law}")


def as_product(table: Table) -> Law | None:
    """c = g(a)·g'(b) - t. At the corners of a rectangle the products of opposite values of c + t
    are equal: one linear equation for t."""
    n, F = table.n, table.answers
    slope = (F[0, 0] + F - F[:1] - F[:, :1]) % n
    solvable = _units(slope, n).nonzero()
    if not len(solvable):
        return None
    i, j = solvable[0].tolist()
    t = int(F[0, j] * F[i, 0] - F[0, 0] * F[i, j]) * pow(int(slope[i, j]), -1, n) % n
    moved = (F + t) % n
    invertible = _units(moved, n).nonzero()
    if not len(invertible):
        return None
    i, j = invertible[0].tolist()
    a, b = moved[:, j], moved[i] * pow(int(moved[i, j]), -1, n) % n
    if not _vary(a, b) or not table.equals(a[:, None] * b - t):
        return None
    slope = _slope(a, table.a, n)
    if slope is not None and gcd(slope, n) == 1:
        a, b = a * pow(slope, -1, n) % n, b * slope % n
    law = f"c = {_said(a, table.a, 'a', n, True)}·{_said(b, table.b, 'b', n, True)}"
    if t:
        law = _plus(law, str(n - t if t > n // 2 else -t))
    return table.law(a, b, (torch.arange(n) - t) % n, law)


def of_sum(table: Table) -> Law | None:
    """c = h(a + rb), for a unit r: along each line of equal a + rb the answer does not change."""
    n, F = table.n, table.answers
    if len(F.unique()) == 1:
        return None
    for r in (r for k in range(1, n // 2 + 1) for r in (k, n - k) if gcd(k, n) == 1):
        total = (table.a[:, None] + r * table.b) % n
        if _read_off(total[:3], F[:3], n) is None:  # most fail here
            continue
        h = _read_off(total, F, n)
        if h is not None:
            b = r * table.b % n
            law = _plus("a", _said(b, table.b, "b", n))
            return table.law(table.a, b, h, f"c = h({law})")
    return None


def of_product(table: Table) -> Law | None:
    """c = h(ab)."""
    n, F = table.n, table.answers
    h = _read_off(table.a[:, None] * table.b % n, F, n)
    if len(F.unique()) == 1 or h is None:
        return None
    return table.law(table.a, table.b, h, "c = h(a·b)")


def _read_off(points: Tensor, answers: Tensor, n: int) -> Tensor | None:
    """The function of the point that gives these answers, -1 where no pair has the point; None if
    one point has several."""
    h = torch.full((n,), -1)
    h[points] = answers
    return h if torch.equal(h[points], answers) else None


def _slope(f: Tensor, x: Tensor, n: int) -> int | None:
    """The r of f = rx + s, if f is so."""
    for r in range(1, n):
        if torch.equal((r * (x - x[0]) + f[0]) % n, f):
            return r
    return None


def _offset(a: Tensor, b: Tensor, table: Table) -> int:
    """What to add to g, and take from g', in c = g(a) + g'(b): so that both are alike where they
    can be, and else so that a linear g has g(0) = 0."""
    n = table.n
    if n % 2 and torch.equal(table.a, table.b):
        apart = (b - a) % n
        if bool((apart == apart[0]).all()):
            return int(apart[0]) * pow(2, -1, n) % n
    slope = _slope(a, table.a, n)
    return 0 if slope is None else int(slope * table.a[0] - a[0]) % n


def _vary(*functions: Tensor) -> bool:
    """Whether none of these is constant."""
    return all(bool((f != f[0]).any()) for f in functions)


def _units(x: Tensor, n: int) -> Bool[Tensor, "*shape"]:
    return torch.gcd(x, torch.tensor(n)) == 1


def _plus(left: str, right: str) -> str:
    return f"{left} - {right[1:]}" if right.startswith("-") else f"{left} + {right}"


def _said(f: Tensor, x: Tensor, name: str, n: int, factor: bool = False) -> str:
    """A function of a residue in words: ra + s or a power, if it is one; else g(a)."""
    for r in (1, -1, 2, -2, 3, -3, *range(4, n)):
        s = int(f[0] - r * x[0]) % n
        if torch.equal((r * x + s) % n, f):
            s = s - n if s > n // 2 else s
            times = {1: "", -1: "-"}.get(r, str(r)) + name
            moved = f"{times} {'+' if s > 0 else '-'} {abs(s)}" if s else times
            return f"({moved})" if factor and s else moved
    if bool((f * x % n == 1).all()):
        return f"{name}^-1"
    power = x.clone()
    for e in range(2, 9):
        power = power * x % n
        if torch.equal(power, f):
            return f"{name}^{e}"
    return f"g({name})"

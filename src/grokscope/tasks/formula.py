"""Formulas in a and b modulo p: the operations of Furuta et al. 2024 and of Power et al. 2022.

A formula is parsed into Python's syntax tree and computed from a whitelist of nodes; nothing is
ever evaluated as code.
"""

import ast
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope.algebra.families import cyclic
from grokscope.errors import BadInput
from grokscope.task import Task, binary, check_size

LONGEST, DEEPEST, LARGEST_POWER = 200, 30, 10_000
FURUTA_TOKENS = 5  # "=", "+", "-", "*" and "/", which their data takes for numbers
Residues = Int[Tensor, " pair"]


def is_formula(text: str) -> bool:
    """Whether `text` is meant as a formula rather than as a task's name."""
    return bool(set(text) & set("+-*/^()% ")) or text in ("a", "b") or text.isdigit()


def formula(
    text: str,
    p: int = 113,
    zero: bool = True,
    triangle: bool = False,
    furuta_compat: bool = False,
) -> Task:
    """The task of computing `text`, such as a+b, a**3+a*b, (a-b)**4 or a/b, modulo p.

    Division is by the inverse mod p. An operand that the formula divides by does not take the
    value 0, as in Power et al. 2022; with `zero=False` no operand does. Raises `BadInput` for
    anything but + - * / ** of a, b and whole numbers, and for an impossible division.

    `triangle`: the inputs with a <= b alone (the PAIR explorable), so that no mirror gives an
    answer away. `furuta_compat`: as in the data that Furuta et al. 2024 released, the operands go
    to p+4, each meaning its residue, so that five residues have two symbols each. Their text has no
    such symbols; a task with them has no lens.
    """
    name = f"{text} mod {p}"
    check_size(name, p)
    n = p + FURUTA_TOKENS if furuta_compat else p
    name += ", operands to p+4" * furuta_compat + ", a <= b" * triangle
    check_size(name, n)
    tree = _parse(text)
    a, b = torch.cartesian_prod(torch.arange(n), torch.arange(n)).unbind(dim=1)
    divisors = _divisors(tree)
    keep = a <= b if triangle else torch.ones(n * n, dtype=torch.bool)
    for operand, values in (("a", a), ("b", b)):
        if not zero or operand in divisors:
            keep &= values % p != 0

    def f(a: Residues, b: Residues) -> Residues:
        return _compute(tree, {"a": a % p, "b": b % p}, p, text)

    task = binary(name, n, f, modulus=None if furuta_compat else p, keep=keep)
    return _with_group(replace(task, n_answers=p))


def _with_group(task: Task) -> Task:
    """The task with Z/p as its group, where it is addition on all pairs, however it is written."""
    p = task.n_symbols
    a, b = task.inputs.unbind(dim=1)
    if len(a) < p * p or not torch.equal(task.answers, (a + b) % p):
        return task
    return replace(task, group=cyclic(p))


def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise BadInput(f"the formula has {len(text)} characters; at most {LONGEST} are read.")
    for letter in text:
        if letter == "#" or not letter.isascii():  # to the parser some others are an a or a b
            raise _not_allowed(text, letter)
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadInput(f"`{text}` is not a formula. Write it as in a**2 + a*b.") from None
    _check(tree, text, depth=0)
    return tree


def _check(node: ast.AST, text: str, depth: int) -> None:
    """Refuse every node that is not on the whitelist."""
    match node:
        case _ if depth > DEEPEST:
            raise BadInput(f"`{text}` is nested more than {DEEPEST} deep.")
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            if not (isinstance(right, ast.Constant) and type(right.value) is int):
                raise BadInput(f"`{text}`: a power must be a whole number, as in a**3.")
            if right.value > LARGEST_POWER:
                raise BadInput(f"`{text}`: powers above {LARGEST_POWER} are not computed.")
            _check(left, text, depth + 1)
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), left=left, right=right):
            _check(left, text, depth + 1)
            _check(right, text, depth + 1)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, text, depth + 1)
        case ast.Constant(value=value) if type(value) is int and abs(value) < 2**31:
            pass
        case ast.Name(id="a" | "b"):
            pass
        case _:
            part = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise _not_allowed(text, part)


def _not_allowed(text: str, part: str) -> BadInput:
    return BadInput(
        f"`{text}`: `{part}` is not allowed. A formula holds a, b, whole numbers and "
        "+ - * / ** alone."
    )


def _divisors(tree: ast.expr) -> set[str]:
    """The operands that stand alone under a division."""
    divisions = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and type(n.op) is ast.Div]
    return {n.right.id for n in divisions if isinstance(n.right, ast.Name)}


def _compute(node: ast.AST, operands: dict[str, Residues], p: int, text: str) -> Residues:
    def value(child: ast.AST) -> Residues:
        return _compute(child, operands, p, text)

    match node:
        case ast.Name(id=name):
            return operands[name]
        case ast.Constant(value=int(number)):
            return torch.full_like(operands["a"], number % p)
        case ast.UnaryOp(op=op, operand=operand):
            return -value(operand) % p if isinstance(op, ast.USub) else value(operand)
        case ast.BinOp(op=ast.Pow(), left=left, right=ast.Constant(value=int(exponent))):
            return _power(value(left), exponent, p)
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return value(left) * _inverse(value(right), operands, p, text) % p
        case ast.BinOp(op=op, left=left, right=right):
            return _SUMS[type(op)](value(left), value(right)) % p
        case _:
            raise AssertionError(ast.dump(node))


_SUMS: dict[type[ast.operator], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: torch.add,
    ast.Sub: torch.sub,
    ast.Mult: torch.mul,
}


def _power(x: Residues, exponent: int, p: int) -> Residues:
    result = torch.ones_like(x) % p
    for bit in f"{exponent:b}":
        result = result * result % p
        if bit == "1":
            result = result * x % p
    return result


def _inverse(x: Residues, operands: dict[str, Residues], p: int, text: str) -> Residues:
    inverses = torch.zeros(p, dtype=torch.long)
    invertible: Bool[Tensor, " p"] = torch.gcd(torch.arange(p), torch.tensor(p)) == 1
    for residue in invertible.nonzero()[:, 0].tolist():
        inverses[residue] = pow(residue, -1, p)
    bad = ~invertible[x]
    if bad.any():
        at = int(bad.nonzero()[0])
        a, b, by = (int(v[at]) for v in (operands["a"], operands["b"], x))
        why = "divides by zero" if by == 0 else f"divides by {by}, which has no inverse,"
        raise BadInput(
            f"`{text}` mod {p} {why} at (a, b) = ({a}, {b}). Divide by a or b alone, with a prime "
            + ("p, or leave zero out with task.zero=false." if by == 0 else "p.")
        )
    return inverses[x]

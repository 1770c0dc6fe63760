"""Circuits as Python that anyone can run: sources that need nothing but Python itself.

The program of a form is a file in its folder, a module whose constants are a small true example.
What a circuit prints is that file with its own numbers in place of the example's.

Axes: g = an element of a group.
"""

import ast
import math
from collections.abc import Iterable, Sequence
from inspect import getsource
from textwrap import fill, indent
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group

WIDTH = 96  # of a printed line
DIGITS = 6  # significant, of a printed number
HALF = 1e-4  # of a step, from there on a number is above its half


def program(example: ModuleType, equation: str, **values: str) -> str:
    """The source of a program with these values, themselves source, in place of the example's: of a
    constant what it is, of a function what it returns, if it does nothing else. The equation stands
    in place of the docstring."""
    source, imported, replaced = getsource(example), set[str](), set[str]()
    lines = [line.encode() for line in source.splitlines()]  # columns are counted in bytes
    docstring, *statements = ast.parse(source).body
    for node in reversed(statements):  # so that what comes before keeps its lines
        match node:
            case ast.ImportFrom(module="math", names=names):
                wanted = sorted({x.name for x in names} | imported)
                lines[node.lineno - 1] = f"from math import {', '.join(wanted)}".encode()
                imported.clear()
            case (
                ast.Assign(targets=[ast.Name(name)], value=ast.expr() as old)
                | ast.FunctionDef(name=name, body=[ast.Return(ast.expr() as old)])
            ) if name in values:
                first, last = old.lineno - 1, (old.end_lineno or old.lineno) - 1
                before, after = lines[first][: old.col_offset], lines[last][old.end_col_offset :]
                lines[first : last + 1] = [before + values[name].encode() + after]
                replaced.add(name)
                if isinstance(node, ast.FunctionDef):
                    imported |= _names(values[name]) & set(dir(math))
            case _:
                pass
    assert replaced == set(values), f"{example.__name__} has no {set(values) - replaced}"
    heading = fill(equation, WIDTH, initial_indent="# ", subsequent_indent="# ")
    body = b"\n".join(lines[docstring.end_lineno :]).decode().strip()
    first = [f"from math import {', '.join(sorted(imported))}"] if imported else []
    return "\n\n".join([heading, *first, body]) + "\n"


def _names(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


def listed(values: Sequence[object]) -> str:
    """Numbers, or lists of them, as the source of a list, or of a range where they are one."""
    numbers = list(values)
    if numbers == list(range(len(numbers))):
        return f"list(range({len(numbers)}))"
    return wrapped(str(numbers))


def wrapped(text: str) -> str:
    """In lines of the width that is printed."""
    return fill(text, WIDTH, subsequent_indent="    ", break_long_words=False)


def in_lines(rows: Iterable[str], brackets: str = "[]") -> str:
    """The source of a list, or of what else has these brackets, with a line for each item."""
    return "\n".join([brackets[0], *(indent(f"{row},", "    ") for row in rows), brackets[1]])


def round_(x: float) -> float:
    """To the digits that are printed."""
    return float(f"{x:.{DIGITS}g}")


def to_bits(x: Float[Tensor, "*shape"], bits: int) -> Float[Tensor, "*shape"]:
    """Numbers of one kind as whole numbers of so many bits, the sign's among them, times one step,
    of which the largest takes as many as there are. Halves go towards 0, and so does what is above
    a half by no more than rounding: else the last digit of a number would decide."""
    if not x.any():
        return x
    step = x.abs().max() / (2 ** (bits - 1) - 1)
    return x.sign() * (x.abs() / step - 0.5 - HALF).ceil() * step


def moves_of(group: Group) -> dict[str, str]:
    """The sources of MOVES, what each element does to points, a product being its left factor's
    moves first, and of BASE, points that tell all elements apart: the group's own, or its elements
    as they are multiplied from the right."""
    moves, base = group.table.T, [group.identity]
    x = group.points
    if x is not None and torch.equal(x[:, x], x[group.table.T]):  # b(a(i)), for each b and a
        moves, base = x, list(range(x.shape[1]))
    rows = (f"({','.join(map(str, row))})" for row in moves.tolist())
    return {"MOVES": wrapped(f"[{', '.join(rows)}]"), "BASE": listed(base)}

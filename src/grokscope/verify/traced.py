"""Tensors that carry their rounding error through the code of a model as it stands.

A `Traced` goes where a weight goes, and what torch is asked to do with it is done by `rounding`. An
operation of no stated error raises `NotApplicable`, so that a model whose code is not understood
proves nothing.

Axes: any.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.verify.rounding import (
    Format,
    Rounded,
    Rows,
    add,
    bilinear,
    divided,
    given,
    linear,
    moved,
    relu,
    softmax,
    taken,
    total,
)


class Traced(Tensor):
    """A tensor of which `held` is the value and its error. It says that its type is the run's, so
    that what a model makes of it has the run's numbers, and keeps float64."""

    held: Rounded
    format: Format

    @classmethod
    def of(cls, held: Rounded, format: Format) -> "Traced":
        traced = held.value.as_subclass(cls)
        traced.held, traced.format = held, format
        return traced

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            return _done(func, args, kwargs or {})


Operation = Callable[..., Any]  # of the format, then what torch's is of, with `Rounded` for tensors
OPERATIONS: dict[str, Operation] = {}


def operation(*names: str) -> Callable[[Operation], Operation]:
    """Make known what torch calls by these names."""

    def register(f: Operation) -> Operation:
        OPERATIONS.update(dict.fromkeys(names, f))
        return f

    return register


MOVES = [
    "view", "reshape", "flatten", "transpose", "permute", "unsqueeze", "squeeze", "expand",
    "unbind", "chunk", "split", "contiguous", "clone", "detach", "T", "mT", "__iter__",
]  # fmt: skip
SAID = [
    "shape", "ndim", "device", "requires_grad", "size", "dim", "numel", "__len__",
    "is_floating_point",
]  # fmt: skip
MADE = ["new_zeros", "new_ones", "zeros_like", "ones_like"]  # exact, and no part of the weights


def _done(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name, format = _name(func), _format(args, kwargs)
    if name == "dtype":
        return format.dtype
    if name in SAID:
        return func(*_plain(args, None), **_plain(kwargs, None))
    if name in MADE:
        return func(*_plain(args, format), **_plain(kwargs, format))
    if name in MOVES:
        return _traced(_moves(func, name, args[0].held, *args[1:], **kwargs), format)
    if name not in OPERATIONS:
        raise NotApplicable(f"no rounding error is stated for what torch calls `{name}`")
    return _traced(OPERATIONS[name](format, *_held(args), **_held(kwargs)), format)


def _name(func: Callable[..., Any]) -> str:
    """What torch calls this; of a property its own name."""
    name = getattr(func, "__name__", str(func))
    return getattr(getattr(func, "__self__", None), "__name__", name) if name == "__get__" else name


def _each(f: Callable[[Any], Any], x: Any) -> Any:
    """f of each tensor of a call's arguments, all else as it is."""
    if type(x) in (tuple, list):
        return type(x)(_each(f, v) for v in x)
    if type(x) is dict:
        return {k: _each(f, v) for k, v in x.items()}
    return f(x)


def _format(*calls: Any) -> Format:
    found: list[Format] = []
    _each(lambda x: found.append(x.format) if isinstance(x, Traced) else None, calls)
    return found[0]


def _held(x: Any) -> Any:
    return _each(lambda v: v.held if isinstance(v, Traced) else v, x)


def _plain(x: Any, format: Format | None) -> Any:
    """The values, as numbers of the run."""

    def of(v: Any) -> Any:
        if not isinstance(v, Traced):
            return v
        return v.held.value if format is None else v.held.value.to(format.dtype)

    return _each(of, x)


def _traced(x: Any, format: Format) -> Any:
    if isinstance(x, Iterator):
        return iter([_traced(v, format) for v in x])
    return _each(lambda v: Traced.of(v, format) if isinstance(v, Rounded) else v, x)


def _moves(func: Callable[..., Any], name: str, x: Rounded, *args: Any, **kwargs: Any) -> Any:
    values = func(x.value, *args, **kwargs)
    if isinstance(values, Tensor):
        found = moved(lambda v: func(v, *args, **kwargs), x)
        is_same = name == "flatten" and args == (1,)
        return replace(found, rows=x.rows) if is_same else found
    if x.error is None:
        found = [Rounded(v) for v in values]
    else:
        found = list(map(Rounded, values, func(x.error, *args, **kwargs)))
    return iter(found) if name == "__iter__" else tuple(found)


def _number(x: Any, format: Format) -> Rounded:
    return x if isinstance(x, Rounded) else given(x, format)


# ---- what may be done with them ------------------------------------------------------------------


@operation("add", "__add__", "__radd__")
def _add(format: Format, x: Any, y: Any) -> Rounded:
    return add(_number(x, format), _number(y, format), format)


@operation("neg", "__neg__")
def _neg(format: Format, x: Rounded) -> Rounded:
    return Rounded(-x.value, x.error)


@operation("sub", "__sub__")
def _sub(format: Format, x: Any, y: Any) -> Rounded:
    return add(_number(x, format), _neg(format, _number(y, format)), format)


@operation("rsub", "__rsub__")
def _rsub(format: Format, x: Any, y: Any) -> Rounded:
    return _sub(format, y, x)


@operation("mul", "__mul__", "__rmul__")
def _mul(format: Format, x: Any, y: Any) -> Rounded:
    return bilinear(torch.mul, _number(x, format), _number(y, format), 1, format)


@operation("div", "__truediv__", "true_divide")
def _div(format: Format, x: Any, y: Any) -> Rounded:
    if isinstance(y, Rounded):
        raise NotApplicable("no rounding error is stated for a division by what was computed")
    return divided(_number(x, format), given(y, format), format)


@operation("matmul", "__matmul__", "__rmatmul__")
def _matmul(format: Format, x: Any, y: Any) -> Rounded:
    x, y = _number(x, format), _number(y, format)
    if y.value.ndim == 2:
        return linear(x, y, format)
    return bilinear(torch.matmul, x, y, x.value.shape[-1], format)


@operation("addmm")
def _addmm(format: Format, start: Any, x: Any, y: Any) -> Rounded:
    """start + x y, which may be one sum."""
    start, x, y = (_number(v, format) for v in (start, x, y))
    return linear(x, y, format, start)


@operation("einsum")
def _einsum(format: Format, equation: str, *operands: Any) -> Rounded:
    """Of two tensors; as a product with a matrix where it is one."""
    x, y = (_number(v, format) for v in (operands[0] if len(operands) == 1 else operands))
    left, right, out = equation.replace(" ", "").replace("->", ",").split(",")
    sizes = dict(zip(left + right, x.value.shape + y.value.shape, strict=True))
    summed = "".join(c for c in sizes if c not in out)
    if right == summed + out[-1:] and left == out[:-1] + summed and out[-1] not in left:
        flat = moved(lambda v: v.flatten(len(out) - 1), x)
        return linear(flat, moved(lambda v: v.flatten(0, -2), y), format)
    return bilinear(partial(torch.einsum, equation), x, y, prod(sizes[c] for c in summed), format)


@operation("embedding_bag")
def _embedding_bag(
    format: Format,
    rows: Tensor,
    table: Rounded,
    *_: Any,
    per_sample_weights: Rounded | None = None,
    mode: str = "mean",
    **__: Any,
) -> Rounded:
    if mode != "sum":
        raise NotApplicable(f"no rounding error is stated for an embedding_bag of mode {mode}")

    def bag(weights: Tensor, values: Tensor) -> Tensor:
        bags = torch.nn.functional.embedding_bag
        values = values.contiguous()
        return bags(rows, values, per_sample_weights=weights.to(values), mode="sum")

    weights = per_sample_weights or Rounded(torch.ones(rows.shape, dtype=torch.float64))
    return bilinear(bag, _number(weights, format), table, rows.shape[1], format)


@operation("relu")
def _relu(format: Format, x: Rounded, inplace: bool = False) -> Rounded:
    return relu(x)


@operation("square")
def _square(format: Format, x: Rounded) -> Rounded:
    return bilinear(torch.mul, x, x, 1, format)


@operation("softmax")
def _softmax(format: Format, x: Rounded, dim: int, **_: Any) -> Rounded:
    return softmax(x, dim, format)


@operation("sum")
def _sum(format: Format, x: Rounded, dim: int, keepdim: bool = False) -> Rounded:
    return total(x, dim, keepdim, format)


@operation("mean")
def _mean(format: Format, x: Rounded, dim: int, keepdim: bool = False) -> Rounded:
    return divided(total(x, dim, keepdim, format), given(x.value.shape[dim], format), format)


@operation("masked_fill")
def _masked_fill(format: Format, x: Rounded, mask: Tensor, value: float) -> Rounded:
    return Rounded(x.value.masked_fill(mask, value), x.off.masked_fill(mask, 0.0))


@operation("__getitem__")
def _getitem(format: Format, x: Rounded, index: Any) -> Rounded:
    each = index if isinstance(index, tuple) else (index,)
    leaves_the_last = len(each) < x.value.ndim and not any(i is None or i is ... for i in each)
    found = (taken if leaves_the_last else moved)(lambda v: v[index], x)
    if x.value.ndim != 2 or x.error is not None or not isinstance(index, Tensor):
        return found
    is_rows = index.ndim == 1 and index.dtype == torch.long
    return replace(found, rows=(Rows(x.value, index),)) if is_rows else found


@operation("cat", "concat")
def _cat(format: Format, xs: Any, dim: int = 0) -> Rounded:
    each = [_number(x, format) for x in xs]
    found = moved(lambda *vs: torch.cat(vs, dim=dim), *each)
    return replace(found, rows=_side_by_side(each)) if dim == 1 else found


def _side_by_side(xs: Sequence[Rounded]) -> tuple[Rows, ...]:
    """The rows of matrices that stand beside each other; none unless all are such."""
    return tuple(r for x in xs for r in x.rows) if all(x.rows for x in xs) else ()


@operation("stack")
def _stack(format: Format, xs: Any, dim: int = 0) -> Rounded:
    each = [_number(x, format) for x in xs]
    found = moved(lambda *vs: torch.stack(vs, dim=dim), *each)
    return replace(found, rows=_side_by_side(each)) if dim == 1 else found


@operation("pad")
def _pad(format: Format, x: Rounded, by: Any, mode: str = "constant", value: Any = None) -> Rounded:
    if mode != "constant" or value:
        raise NotApplicable("no rounding error is stated for padding other than by zeros")
    return moved(lambda v: torch.nn.functional.pad(v, by), x)


@operation("to")
def _to(format: Format, x: Any, to: Any, **_: Any) -> Any:
    """What is not computed becomes the run's; what is may not change its numbers."""
    if not isinstance(x, Rounded):
        return x.to(format.dtype)
    if isinstance(to, torch.dtype) and to != format.dtype:
        raise NotApplicable(f"no rounding error is stated for a cast to {to}")
    return x

"""Tensors of which only the size is wanted.

Torch's device "meta" has such tensors, but to draw one, to multiply it by a number or to make one
like another, it imports its compiler: a second of CPU. None of that changes a size, so here none of
it is done.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

DRAWN = {torch.randn, torch.rand}
LIKE = {torch.zeros_like, torch.ones_like, torch.empty_like, torch.randn_like, torch.rand_like}
SAME_SIZE = {
    Tensor.uniform_, Tensor.normal_, Tensor.bernoulli_, Tensor.erfinv_, Tensor.clamp_,
    Tensor.mul_, Tensor.div_, Tensor.add_, Tensor.sub_,
}  # fmt: skip
SCALED = {Tensor.mul, Tensor.__mul__, Tensor.__rmul__, Tensor.div, Tensor.__truediv__, Tensor.neg}


class SizesAlone(TorchFunctionMode):
    """Around `torch.device("meta")`: tensors there have their size, and no numbers. What it does
    not know is left to torch."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in DRAWN:
            return torch.empty(*args, **{k: v for k, v in kwargs.items() if k != "generator"})
        if not args or not _is_without_numbers(args[0]):
            return func(*args, **kwargs)
        if func in LIKE:
            return args[0].new_empty(args[0].shape, dtype=kwargs.get("dtype"))
        if func in SAME_SIZE or (func in SCALED and not any(map(_is_sized, args[1:]))):
            return args[0]
        return func(*args, **kwargs)


def _is_without_numbers(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_meta


def _is_sized(value: Any) -> bool:
    """Whether its own size can change that of a product."""
    return isinstance(value, Tensor) and value.ndim > 0

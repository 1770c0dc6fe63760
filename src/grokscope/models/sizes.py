"""Tensors of which only the size is wanted.

Torch's device "meta" has such tensors, but to draw one, or to multiply it by a number, it imports
its compiler: a second of CPU. Neither changes a size, so here neither is done.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

DRAWN = {torch.randn, torch.rand}
SAME_SIZE = {
    Tensor.uniform_, Tensor.normal_, Tensor.bernoulli_, Tensor.erfinv_, Tensor.clamp_,
    Tensor.mul_, Tensor.div_, Tensor.add_, Tensor.sub_,
}  # fmt: skip
SCALED = {Tensor.mul, Tensor.__mul__, Tensor.__rmul__, Tensor.div, Tensor.__truediv__, Tensor.neg}


class SizesAlone(TorchFunctionMode):
    """Within `torch.device("meta")`: weights are given their size, and no numbers. What it does not
    know is left to torch."""

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
        if func in SAME_SIZE or (func in SCALED and not any(map(_is_sized, args[1:]))):
            return args[0]
        return func(*args, **kwargs)


def _is_sized(value: Any) -> bool:
    """Whether its own size can change that of a product."""
    return isinstance(value, Tensor) and value.ndim > 0

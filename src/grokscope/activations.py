"""Nonlinearities: what varies between them is a value, a row of `ACTIVATIONS`.

Models, folds and circuits carry one; a form of circuit, or a bound, says what it needs of it.

Axes: none; everything acts entry by entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import lookup

Entrywise = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Activation:
    """A nonlinearity with all that is asked of one.

    Attributes:
        function, slope: act(x) and its derivative, both of x. At a kink the slope is 0.
        degree: act(cx) = c^degree act(x) for every c > 0; None where it is not homogeneous.
        python, javascript: act(x) as source in x, with erf and, in Python, tanh at hand.
        least: No act(x) is below this.
        steepest: No slope is larger than this in size; infinite where there is no such number.
        in_place: A cheaper `vjp`, where there is one.
    """

    name: str
    function: Entrywise
    slope: Entrywise
    degree: int | None
    python: str
    javascript: str
    least: float
    steepest: float
    in_place: Callable[[Tensor], tuple[Tensor, Entrywise]] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

    @property
    def is_even(self) -> bool:
        """Whether act(-x) = act(x)."""
        x = torch.linspace(0.5, 2, 4)
        return torch.equal(self(x), self(-x))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Activation":
        return self  # so that a copied model's activation is still the same row

    def vjp(self, x: Tensor) -> tuple[Tensor, Entrywise]:
        """act(x), and the function that takes the gradient at act(x) to the one at x. Both may
        overwrite what they are given."""
        if self.in_place is not None:
            return self.in_place(x)
        return self.function(x), lambda gradient: gradient.mul_(self.slope(x))


def _relu_in_place(x: Tensor) -> tuple[Tensor, Entrywise]:
    """relu(x) over x itself: where it is 0, so is the slope."""
    post, masked = x.clamp_(min=0), torch.ops.aten.threshold_backward.grad_input
    return post, lambda gradient: masked(gradient, post, 0.0, grad_input=gradient)


def _gelu_slope(x: Tensor) -> Tensor:
    density = (-x.square() / 2).exp() / (2 * pi) ** 0.5
    return (1 + torch.erf(x / 2**0.5)) / 2 + x * density


def _silu_slope(x: Tensor) -> Tensor:
    s = x.sigmoid()
    return s * (1 + x * (1 - s))


RELU = Activation(
    "relu", torch.relu, lambda x: (x > 0).to(x), 1,
    "max(0.0, x)", "Math.max(0, x)", least=0.0, steepest=1.0, in_place=_relu_in_place,
)  # fmt: skip
SQUARE = Activation(
    "square", torch.square, lambda x: 2 * x, 2,
    "x * x", "x * x", least=0.0, steepest=inf,
)  # fmt: skip
IDENTITY = Activation(
    "identity", lambda x: x, torch.ones_like, 1,
    "x", "x", least=-inf, steepest=1.0,
)  # fmt: skip
GELU = Activation(
    "gelu", torch.nn.functional.gelu, _gelu_slope, None,
    "x * (1 + erf(x / 2**0.5)) / 2", "x * (1 + erf(x / Math.SQRT2)) / 2",
    least=-0.17, steepest=1.129,
)  # fmt: skip
SILU = Activation(
    "silu", torch.nn.functional.silu, _silu_slope, None,
    "x * (1 + tanh(x / 2)) / 2", "x * (1 + Math.tanh(x / 2)) / 2", least=-0.2785, steepest=1.1,
)  # fmt: skip
TANH = Activation(
    "tanh", torch.tanh, lambda x: 1 - torch.tanh(x).square(), None,
    "tanh(x)", "Math.tanh(x)", least=-1.0, steepest=1.0,
)  # fmt: skip

ACTIVATIONS: dict[str, Activation] = {
    row.name: row for row in (RELU, SQUARE, IDENTITY, GELU, SILU, TANH)
}


def activation(name: str) -> Activation:
    """The activation called so. Raises `UnknownName`, with the nearest, for another."""
    return lookup("activation", name, ACTIVATIONS)

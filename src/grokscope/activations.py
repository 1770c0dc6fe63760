"""Nonlinearities: what varies between them is a value, a row of `ACTIVATIONS`.

Models, folds and circuits carry one; a form of circuit, or a bound, says what it needs of it.

Axes: none; everything acts entry by entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi

import torch
from torch import Tensor

from grokscope.errors import BadInput, lookup

Entrywise = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Activation:
    """A nonlinearity with all that is asked of one.

    Attributes:
        function, slope: act(x) and its derivative, both of x. At a kink the slope is that of 0.
        degree: act(cx) = c^degree act(x) for every c > 0; None where it is not homogeneous.
        python, javascript: act(x) as source in x, with exp, tanh and erf at hand in Python's.
        least: No act(x) is below this.
        steepest: No slope is larger than this in size; infinite where there is no such number.
    """

    name: str
    function: Entrywise
    slope: Entrywise
    degree: int | None
    python: str
    javascript: str
    least: float
    steepest: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

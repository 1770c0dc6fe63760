"""A network over digits as a sum of rows of a table: what bounds are of, where training needs none.

    z = act([digits | 1] W_in) W_out,  logits = [0, z]

has a row of W_in for each digit that is 1, one for the bias, and a row of zeros for the others.

Axes: pair = one input; operand = its digits; neuron; c = even, odd; symbol = a value of an operand.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.models.model import Fold, Model, View
from grokscope.tap import Tap, no_tap


class Digits(View):
    """A model of one hidden layer over digits and one output unit (`Model.one_unit`), with a fold;
    its table ends in the bias and in the zeros."""

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self.base(inputs, tap)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self.base.last(inputs, tap)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        unit = self.base.one_unit()
        assert unit is not None
        W_in, W_out = getattr(self.base, unit.W_in), getattr(self.base, unit.W_out)
        n = inputs.shape[1]
        rows = torch.where(inputs == 1, torch.arange(n), n + 1)
        rows = torch.cat([rows, torch.full((len(inputs), 1), n)], dim=1)
        table = torch.cat([W_in, W_in.new_zeros(1, W_in.shape[1])])
        W_L = torch.cat([torch.zeros_like(W_out), W_out], dim=1)
        return Fold(table, rows, None, W_L, 2, self.act)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return self.base.symbol_weights()


def is_of_digits(model: Model) -> bool:
    """Whether it is such a network."""
    return model.one_unit() is not None

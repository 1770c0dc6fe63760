"""The MLP of the sparse parity task (the PAIR explorable, "1s and 0s"; Merrill et al. 2023).

Axes: pair = one input; operand = its digits; neuron; c = even, odd.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import BadInput
from grokscope.models.model import Model, OneUnit, model, randn
from grokscope.tap import Tap, no_tap


@model
class ParityMLP(Model):
    """logits = [0, z], z = act([digits | 1] W_in) W_out: one hidden layer, one output unit.

    The bias is one digit more that is always 1, the last row of W_in. With logits [0, z] the
    cross-entropy is the binary cross-entropy of z. The sources do not give the number of neurons of
    the run they show (64 is one of their sweep's), nor how weights were drawn: ours are normal with
    standard deviation 1/sqrt(inputs).
    """

    def __init__(
        self, n_symbols: int, n_answers: int, n_operands: int, d_mlp: int = 64, act: str = "relu"
    ):
        super().__init__()
        if (n_symbols, n_answers) != (2, 2):
            raise BadInput(
                f"model `paritymlp` reads digits 0 and 1 and answers 0 or 1, and this task has "
                f"{n_symbols} symbols and {n_answers} answers. Choose task=sparse_parity, say."
            )
        self.n_answers, self.act = n_answers, activation(act)
        self.W_in = randn(n_operands + 1, d_mlp, std=(n_operands + 1) ** -0.5)
        self.W_out = randn(d_mlp, 1, std=d_mlp**-0.5)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        x = nn.functional.pad(inputs.to(self.W_in.dtype), (0, 1), value=1.0)
        h = tap("mlp_post", self.act(tap("mlp_pre", x @ self.W_in)))
        z = h @ self.W_out
        return tap("logits", torch.cat([torch.zeros_like(z), z], dim=1))

    def one_unit(self) -> OneUnit:
        return OneUnit("W_in", "W_out")

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {}  # a digit's value is a number here, not one symbol of several

"""The 20-parameter model of the PAIR explorable: a fixed circle, five neurons.

Axes: pair = one input; operand = a, b; neuron; c = an answer; symbol.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.activations import activation
from grokscope.errors import BadInput
from grokscope.models.model import Fold, Model, model, pad_classes
from grokscope.models.pair import cut_normal
from grokscope.tap import Tap, no_tap


@model
class FiveNeurons(Model):
    """logits = act((E[a] + E[b]) W_in) W_out Eᵀ, where E is fixed: row t is sqrt(2/p) (cos 2πt/p,
    sin 2πt/p), columns of norm 1. W_in is 2 x 5 and W_out 5 x 2.

    How the page draws the two is not verified: ours is haiku's default, as in its larger model.
    About half of the seeds stick at an accuracy below .2.
    """

    def __init__(self, n_symbols: int, n_answers: int, d_mlp: int = 5, act: str = "relu"):
        super().__init__()
        if n_symbols != n_answers:
            raise BadInput(
                f"model `fiveneurons` has one circle for symbols and answers, and this task has "
                f"{n_symbols} symbols and {n_answers} answers. Choose model=pair."
            )
        self.n_answers, self.act = n_answers, activation(act)
        self.W_in = cut_normal(2, d_mlp, std=2**-0.5)
        self.W_out = cut_normal(d_mlp, 2, std=d_mlp**-0.5)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        E = self._circle()
        x = tap("embed", E[inputs])
        h = tap("mlp_post", self.act(tap("mlp_pre", x.sum(dim=1) @ self.W_in)))
        return tap("logits", h @ self.W_out @ E.T)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The hidden layer is a row for a plus a row for b, of one table."""
        E = self._circle()
        W_L = pad_classes(self.W_out @ E.T)
        return Fold(E @ self.W_in, inputs, None, W_L, self.n_answers, self.act)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        E = self._circle()
        return {"ab": E @ self.W_in, "c": (self.W_out @ E.T).T}

    def _circle(self) -> Float[Tensor, "symbol 2"]:
        p = self.n_answers
        angle = 2 * math.pi / p * torch.arange(p, device=self.W_in.device).double()
        circle = torch.stack([angle.cos(), angle.sin()], dim=1) * (2 / p) ** 0.5
        return circle.to(self.W_in.dtype)

"""The MLP of Prieto et al. 2025 (Grokking at the Edge of Numerical Stability): one-hot inputs.

Axes: pair = one input; operand = a, b; neuron; c = an answer; symbol = an operand's value.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.activations import activation
from grokscope.models.mlp import uniform
from grokscope.models.model import Fold, Model, model, pad_classes
from grokscope.tap import Tap, no_tap


@model
class Prieto(Model):
    """h_0 = act([one-hot a | one-hot b] W_E), h = act(h_0 W_in), logits = h W_U, without biases:
    107,800 weights at p = 113 (their `models.py` and the defaults of its callers).

    The rows of W_E are those of a, then those of b: one tensor, which matters to ⊥Grad. Each matrix
    is drawn as torch's nn.Linear draws its own, W_E within 1/sqrt(2 n_symbols). Activations of the
    first hidden layer are "layer0.mlp_pre" and "layer0.mlp_post".
    """

    def __init__(self, n_symbols: int, n_answers: int, d_mlp: int = 200, act: str = "relu"):
        super().__init__()
        self.n_symbols, self.n_answers, self.act = n_symbols, n_answers, activation(act)
        self.W_E = uniform(2 * n_symbols, d_mlp, fan_in=2 * n_symbols)
        self.W_in = uniform(d_mlp, d_mlp, fan_in=d_mlp)
        self.W_U = uniform(d_mlp, n_answers, fan_in=d_mlp)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        x = tap("embed", self.W_E[torch.stack([a, b + self.n_symbols], dim=1)])
        h = tap("layer0.mlp_post", self.act(tap("layer0.mlp_pre", x.sum(dim=1))))
        h = tap("mlp_post", self.act(tap("mlp_pre", h @ self.W_in)))
        return tap("logits", h @ self.W_U)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The second hidden layer depends on the pair: a row for each."""
        a, b = self.W_E.split(self.n_symbols)
        table = self.act(a[inputs[:, 0]] + b[inputs[:, 1]]) @ self.W_in
        rows = torch.arange(len(inputs), device=inputs.device)[:, None]
        return Fold(table, rows, None, pad_classes(self.W_U), self.n_answers, self.act)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        a, b = self.W_E.split(self.n_symbols)
        return {"a": a, "b": b, "c": self.W_U.T}

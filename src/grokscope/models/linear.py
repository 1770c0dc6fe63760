"""The networks without attention of Zhong et al. 2023 (The Clock and the Pizza, 5): A, B, C, D, X.

Axes: pair = one input; operand = a, b; d = an embedding's width; neuron; c = an answer; symbol.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import lookup
from grokscope.models.model import Fold, Model, fold_sides, model, pad_classes, randn
from grokscope.tap import Tap, no_tap

KINDS = {
    "A": "embeddings added, one hidden layer",
    "B": "embeddings added, two hidden layers (their model β)",
    "C": "embeddings added after the first map, so that b_1 counts twice; two hidden layers",
    "D": "embeddings of half the width side by side, one hidden layer (their model δ)",
    "X": "separate embeddings of a and b, added; one hidden layer",
}


@model
class Linear(Model):
    """h = act(x W_1 + b_1), in B and C then act(h W_2 + b_2); logits = h W_U, without a bias.

    x is E_a + E_b, or in D [E_a | E_b]. Drawn as in their train-linear.py: embeddings with standard
    deviation 1/sqrt(d_model / 2), W_U with 1/sqrt(d_model), and the maps as torch's nn.Linear,
    uniformly within 1/sqrt(d_model), biases too.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        kind: str = "B",
        d_model: int = 256,
        act: str = "relu",
    ):
        super().__init__()
        lookup("kind of `linear`", kind, KINDS)
        self.n_answers, self.kind, self.act = n_answers, kind, activation(act)
        half = max(1, d_model // 2)
        d_embed = half if kind == "D" else d_model
        d_in = 2 * half if kind == "D" else d_model
        if kind == "X":
            self.W_x = randn(n_symbols, d_embed, std=half**-0.5)
            self.W_y = randn(n_symbols, d_embed, std=half**-0.5)
        else:
            self.W_E = randn(n_symbols, d_embed, std=half**-0.5)
        self.W_1, self.b_1 = _linear(d_in, d_model)
        if self._has_two_layers:
            self.W_2, self.b_2 = _linear(d_model, d_model)
        self.W_U = randn(d_model, n_answers, std=d_model**-0.5)

    @property
    def _has_two_layers(self) -> bool:
        return self.kind in "BC"

    def _embeddings(self) -> tuple[Float[Tensor, "symbol d"], Float[Tensor, "symbol d"]]:
        return (self.W_x, self.W_y) if self.kind == "X" else (self.W_E, self.W_E)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        W_a, W_b = self._embeddings()
        x = tap("embed", torch.stack([W_a[inputs[:, 0]], W_b[inputs[:, 1]]], dim=1))
        if self.kind == "D":
            pre = x.flatten(1) @ self.W_1 + self.b_1
        else:
            pre = x.sum(dim=1) @ self.W_1 + self._first_bias()
        if self._has_two_layers:
            h = tap("layer0.mlp_post", self.act(tap("layer0.mlp_pre", pre)))
            pre = h @ self.W_2 + self.b_2
        h = tap("mlp_post", self.act(tap("mlp_pre", pre)))
        return tap("logits", h @ self.W_U)

    def _first_bias(self) -> Float[Tensor, " neuron"]:
        return 2 * self.b_1 if self.kind == "C" else self.b_1

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The first hidden layer is a row for a plus a row for b; where there is a second, its
        table has a row for each pair."""
        W_a, W_b = self._embeddings()
        first, second = self.W_1.chunk(2) if self.kind == "D" else (self.W_1, self.W_1)
        L, R = W_a @ first + self._first_bias(), W_b @ second
        if not self._has_two_layers:
            return fold_sides(L, R, inputs, self.W_U, self.act)
        table = self.act(L[inputs[:, 0]] + R[inputs[:, 1]]) @ self.W_2 + self.b_2
        rows = torch.arange(len(inputs), device=inputs.device)[:, None]
        return Fold(table, rows, None, pad_classes(self.W_U), self.n_answers, self.act)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        if self.kind == "X":
            return {"a": self.W_x, "b": self.W_y, "c": self.W_U.T}
        return {"ab": self.W_E, "c": self.W_U.T}


def _linear(d_in: int, d_out: int) -> tuple[nn.Parameter, nn.Parameter]:
    """A matrix and a bias, drawn as those of torch's nn.Linear."""
    bound = d_in**-0.5
    W, b = torch.empty(d_in, d_out), torch.empty(d_out)
    return nn.Parameter(W.uniform_(-bound, bound)), nn.Parameter(b.uniform_(-bound, bound))

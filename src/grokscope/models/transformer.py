"""The Transformer of Nanda et al. 2023: no normalisation, read at the final "=".

The input is [a, b, =] with "=" the last token of the vocabulary; embedding and unembedding are
untied and both know "=", so there is one output class more than answers. Attention is causal and
has no biases; the MLP has both.

Axes: pair = one input; operand = a, b; d_model, d_mlp, d_head; c = an output class; symbol = an
operand's value.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.models.layers import (
    embedded,
    fold_at_equals,
    fold_pairs,
    last_mid,
    layers_of,
    read,
    toward_uniform,
    width_of_heads,
)
from grokscope.models.model import Fold, Model, model, randn
from grokscope.tap import Tap, no_tap


@model
class Transformer(Model):
    """Nanda et al. 2023, appendix A: 226,816 weights at p = 113.

    Every weight is drawn with standard deviation 1/sqrt(d_model), W_out too, but W_U with
    1/sqrt(vocabulary); biases start at 0. The expected sum of squares is 1,781. With several layers
    (their 2-layer variant), the weights of a layer have a leading layer axis, and the activations
    of all but the last are called "layer0.mlp_post" and so on. `attention_rate` below 1
    mixes uniform attention in (`toward_uniform`), in every layer.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        d_model: int = 128,
        n_heads: int = 4,
        d_mlp: int = 512,
        n_layers: int = 1,
        attention_rate: int | float = 1.0,
        act: str = "relu",
    ):
        super().__init__()
        d_head, std = width_of_heads(d_model, n_heads), d_model**-0.5
        layers = () if n_layers == 1 else (n_layers,)
        vocabulary = max(n_symbols, n_answers) + 1
        self.act, self.mix = activation(act), toward_uniform(attention_rate)
        self.n_answers = n_answers
        self.equals = vocabulary - 1
        self.W_E = randn(vocabulary, d_model, std=std)
        self.W_pos = randn(3, d_model, std=std)
        self.W_Q = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_K = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_V = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_O = randn(*layers, n_heads, d_head, d_model, std=std)
        self.W_in = randn(*layers, d_model, d_mlp, std=std)
        self.b_in = nn.Parameter(torch.zeros(*layers, d_mlp))
        self.W_out = randn(*layers, d_mlp, d_model, std=std)
        self.b_out = nn.Parameter(torch.zeros(*layers, d_model))
        self.W_U = randn(d_model, vocabulary, std=vocabulary**-0.5)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        mid = self._last_mid(inputs, tap, first_query=0)
        return read(mid, layers_of(self)[-1], self.W_U, tap)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        mid = self._last_mid(inputs, tap, first_query=2)
        return read(mid, layers_of(self)[-1], self.W_U, tap)

    def _last_mid(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap, first_query: int
    ) -> Float[Tensor, "pair query d"]:
        """The residual stream before the last MLP."""
        x = embedded(self.tokens(inputs), self.W_E, self.W_pos, tap)
        return last_mid(x, layers_of(self), tap, first_query, mix=self.mix)

    def tokens(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair 3"]:
        """[a, b, =]."""
        return nn.functional.pad(inputs, (0, 1), value=self.equals)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """One layer has tables over (position, symbol); several have a row for each pair."""
        *earlier, layer = layers_of(self)
        if earlier:
            return fold_pairs(self._last_mid(inputs, no_tap, first_query=2), layer, self.W_U)
        return fold_at_equals(inputs, self.W_E, self.W_pos, layer, self.W_U, self.mix)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {
            "ab": self.W_E[: self.equals],
            "c": (layers_of(self)[-1].W_out @ self.W_U).T[: self.n_answers],
        }

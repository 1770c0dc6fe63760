"""The Transformer of Chughtai et al. 2023: Nanda's without biases, its classes the answers alone.

Axes: pair = one input; operand = a, b; d; c = an answer; symbol = an operand's value.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.models.layers import (
    embedded,
    fold_at_equals,
    last_mid,
    layers_of,
    read,
    toward_uniform,
    width_of_heads,
)
from grokscope.models.model import Fold, Model, model, randn
from grokscope.tap import Tap, no_tap


@model
class Chughtai(Model):
    """One layer, no normalisation, input [a, b, =], read at "=", causal attention with learned
    positions (Chughtai et al. 2023: a HookedTransformer whose biases are frozen at 0, so that here
    there are none).

    Every weight is drawn with standard deviation 0.8/sqrt(d_model), the default of TransformerLens
    since its first versions. That their configuration leaves it so is not verified.
    `attention_rate` below 1 mixes uniform attention in (`toward_uniform`).
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        d_model: int = 128,
        n_heads: int = 4,
        d_mlp: int = 512,
        attention_rate: int | float = 1.0,
        act: str = "relu",
    ):
        super().__init__()
        d_head, std = width_of_heads(d_model, n_heads), 0.8 * d_model**-0.5
        self.n_answers, self.equals = n_answers, n_symbols
        self.act, self.mix = activation(act), toward_uniform(attention_rate)
        self.W_E = randn(n_symbols + 1, d_model, std=std)
        self.W_pos = randn(3, d_model, std=std)
        self.W_Q = randn(n_heads, d_model, d_head, std=std)
        self.W_K = randn(n_heads, d_model, d_head, std=std)
        self.W_V = randn(n_heads, d_model, d_head, std=std)
        self.W_O = randn(n_heads, d_head, d_model, std=std)
        self.W_in = randn(d_model, d_mlp, std=std)
        self.W_out = randn(d_mlp, d_model, std=std)
        self.W_U = randn(d_model, n_answers, std=std)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self._logits(inputs, tap, first_query=0)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self._logits(inputs, tap, first_query=2)

    def _logits(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap, first_query: int
    ) -> Float[Tensor, "pair c"]:
        """The logits at "=", computing the positions from `first_query` on."""
        layers, x = layers_of(self), embedded(self.tokens(inputs), self.W_E, self.W_pos, tap)
        mid = last_mid(x, layers, tap, first_query, mix=self.mix)
        return read(mid, layers[0], self.W_U, tap)

    def tokens(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair 3"]:
        """[a, b, =]."""
        return nn.functional.pad(inputs, (0, 1), value=self.equals)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        (layer,) = layers_of(self)
        return fold_at_equals(inputs, self.W_E, self.W_pos, layer, self.W_U, self.mix)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {"ab": self.W_E[: self.equals], "c": (self.W_out @ self.W_U).T}

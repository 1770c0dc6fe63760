"""The two-layer decoder of Power et al. 2022, where grokking was found.

The sequence is [a, operator, b, =], read at "=". Activations hold its positions in the order a, b,
"=", operator, so that a and b come first and "=" third as elsewhere; masks and positions are those
of the sequence. Of the last layer only "=" asks, since nothing else reaches the logits.

Axes: pair = one input; operand = a, b; pos = position, query = a position that asks; d = d_model;
c = an output class; symbol = an operand's value.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from grokscope.activations import activation
from grokscope.models.layers import attention, layers_of, mlp, toward_uniform, width_of_heads
from grokscope.models.mlp import uniform
from grokscope.models.model import Model, model, randn
from grokscope.tap import Tap, no_tap

PLACES = (0, 2, 3, 1)  # in the sequence, of a, b, "=", operator


@model
class Power(Model):
    """LayerNorm after each sum, sinusoidal positions, no biases but the norms' (their
    `grok/transformer.py`, without dropout and noise, which are off by default): 394,240 weights
    besides the embeddings; the paper says about 4e5.

    Embeddings are drawn from N(0, 1) and maps uniformly within 1/sqrt(inputs), as torch's Embedding
    and Linear are. The vocabulary is that of the task and two tokens; theirs is of all their tasks,
    and their sequences have one more token before a. Not verified: that the figures of the paper
    were made with the published code's defaults. Weights have a leading layer axis, and activations
    of all layers but the last are called "layer0.mlp_post" and so on. `attention_rate` below 1
    mixes uniform attention in (`toward_uniform`), in every layer.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        d_model: int = 128,
        n_heads: int = 4,
        n_layers: int = 2,
        attention_rate: int | float = 1.0,
        act: str = "relu",
    ):
        super().__init__()
        d_head, d_mlp = width_of_heads(d_model, n_heads), 4 * d_model
        layers = () if n_layers == 1 else (n_layers,)
        self.n_symbols, self.n_answers = n_symbols, n_answers
        self.act, self.mix = activation(act), toward_uniform(attention_rate)
        self.operator = max(n_symbols, n_answers)
        self.W_E = randn(self.operator + 2, d_model, std=1.0)
        self.W_Q = uniform(*layers, n_heads, d_model, d_head, fan_in=d_model)
        self.W_K = uniform(*layers, n_heads, d_model, d_head, fan_in=d_model)
        self.W_V = uniform(*layers, n_heads, d_model, d_head, fan_in=d_model)
        self.W_O = uniform(*layers, n_heads, d_head, d_model, fan_in=d_model)
        self.w_mid, self.b_mid = _norm(n_layers, d_model)
        self.W_in = uniform(*layers, d_model, d_mlp, fan_in=d_model)
        self.W_out = uniform(*layers, d_mlp, d_model, fan_in=d_mlp)
        self.w_post, self.b_post = _norm(n_layers, d_model)
        self.W_U = uniform(d_model, self.operator + 2, fan_in=d_model)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        x = tap("embed", self.W_E[self._tokens(inputs)]) + self._positions()
        place = torch.tensor(PLACES, device=x.device)
        layers = layers_of(self)
        for i, layer in enumerate(layers):
            is_last = i == len(layers) - 1
            prefix, asks = ("", slice(2, 3)) if is_last else (f"layer{i}.", slice(None))
            x = tap(prefix + "resid_pre", x)
            unseen = place[None, :] > place[asks, None]
            x = x[:, asks] + attention(x[:, asks], x, layer, tap, prefix, unseen, self.mix)
            mid = layer_norm(x, x.shape[-1:], self.w_mid[i], self.b_mid[i])
            mid = tap(prefix + "resid_mid", mid)
            x = mid + mlp(mid, layer, tap, prefix)
            post = layer_norm(x, x.shape[-1:], self.w_post[i], self.b_post[i])
            x = tap(prefix + "resid_post", post)
        return tap("logits", x[:, -1] @ self.W_U)

    def _tokens(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair pos"]:
        with_equals = nn.functional.pad(inputs, (0, 1), value=self.operator + 1)
        return nn.functional.pad(with_equals, (0, 1), value=self.operator)

    def _positions(self) -> Float[Tensor, "pos d"]:
        """sin(place / 10000^(i/d)) for even i, cos(place / 10000^((i-1)/d)) for odd i."""
        d, device = self.W_E.shape[1], self.W_E.device
        i = torch.arange(d, device=device)
        place = torch.tensor(PLACES, dtype=torch.float64, device=device)[:, None]
        angle = place / 10000 ** ((i - i % 2).double() / d)
        return torch.where(i % 2 == 0, angle.sin(), angle.cos()).to(self.W_E.dtype)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {"ab": self.W_E[: self.n_symbols], "c": self.W_U.T[: self.n_answers]}


def _norm(n_layers: int, d: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Scales and shifts of a LayerNorm, as torch's begin."""
    return nn.Parameter(torch.ones(n_layers, d)), nn.Parameter(torch.zeros(n_layers, d))

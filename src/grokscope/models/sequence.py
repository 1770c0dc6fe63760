"""A Transformer over sequences: the one of Nanda et al. 2023's other tasks, with or without MLPs.

No normalisation, learned positions, causal attention without biases; the logits are read at the
last positions, one for each answer that an input has.

Axes: pair = one sequence; operand = its tokens; answer = one of several; query = a position that
asks; d = d_model; c = an output class; symbol = a token.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import BadInput
from grokscope.models.layers import embedded, last_mid, layers_of, past_mlp, width_of_heads
from grokscope.models.model import Model, model, randn
from grokscope.tap import Tap, no_tap


@model
class Sequence(Model):
    """Nanda et al. 2023, their code for sums of long numbers: weights drawn with standard deviation
    1/sqrt(d_model), W_U with 1/sqrt(classes), biases at 0.

    `attention_only` leaves out the MLPs, so that `d_mlp` and `act` count for nothing; with
    n_layers=2, d_model=48 it has the sizes of their network of repeated subsequences. The classes
    are the answers alone, so that readings drop none. With several layers, weights have a leading
    layer axis, and the activations of all but the last are called "layer0.pattern" and so on.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        n_operands: int,
        n_operators: int,
        n_read: int,
        d_model: int = 128,
        n_heads: int = 4,
        d_mlp: int = 512,
        n_layers: int = 1,
        attention_only: bool = False,
        act: str = "relu",
    ):
        super().__init__()
        if n_operands < 3 or n_operators > 1:
            raise BadInput(
                "model `sequence` reads three symbols or more, all of one kind, and an input of "
                f"this task has {n_operands}{', one of them its operator' * (n_operators > 1)}. "
                "Choose model=transformer for pairs, model=furuta for a mixture, or "
                "task=digit_addition, say."
            )
        d_head, std = width_of_heads(d_model, n_heads), d_model**-0.5
        layers = () if n_layers == 1 else (n_layers,)
        self.n_answers, self.n_read, self.has_mlp = n_answers, n_read, not attention_only
        self.act = activation(act)
        self.W_E = randn(n_symbols, d_model, std=std)
        self.W_pos = randn(n_operands, d_model, std=std)
        self.W_Q = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_K = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_V = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_O = randn(*layers, n_heads, d_head, d_model, std=std)
        if self.has_mlp:
            self.W_in = randn(*layers, d_model, d_mlp, std=std)
            self.b_in = nn.Parameter(torch.zeros(*layers, d_mlp))
            self.W_out = randn(*layers, d_mlp, d_model, std=std)
            self.b_out = nn.Parameter(torch.zeros(*layers, d_model))
        self.W_U = randn(d_model, n_answers, std=n_answers**-0.5)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair *answer c"]:
        return self._logits(inputs, tap, first_query=0)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair *answer c"]:
        return self._logits(inputs, tap, first_query=inputs.shape[1] - self.n_read)

    def _logits(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap, first_query: int
    ) -> Float[Tensor, "pair *answer c"]:
        """The logits, computing of the last layer the positions from `first_query` on."""
        layers, x = layers_of(self), embedded(inputs, self.W_E, self.W_pos, tap)
        mid = last_mid(x, layers, tap, first_query, has_mlp=self.has_mlp)
        post = tap("resid_post", past_mlp(mid, layers[-1], tap) if self.has_mlp else mid)
        logits = post[:, -self.n_read :] @ self.W_U
        return tap("logits", logits if self.n_read > 1 else logits[:, 0])

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        out = layers_of(self)[-1].W_out @ self.W_U if self.has_mlp else self.W_U
        return {"ab": self.W_E, "c": out.T}

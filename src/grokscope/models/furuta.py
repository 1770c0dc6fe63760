"""The Transformer of Furuta et al. 2024: no positions, no "=" at the end, read at b.

The sequence is [a, operator, b]. Attention is causal, but its last position sees all; there are no
positions and one layer, so the order of the others is of no consequence. Activations hold them in
the order a, b, operator, so that a and b come first as elsewhere, and only b asks.

Axes: pair = one input; operand = a, b and, of a mixture of tasks, the operator; d; c = an output
class; symbol = an operand's value.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import BadInput, lookup
from grokscope.models.layers import (
    attention,
    fold_rows,
    layers_of,
    read,
    toward_uniform,
    width_of_heads,
)
from grokscope.models.model import Fold, Model, model, randn
from grokscope.tap import Tap, no_tap

OPERATORS = "=+-*/"


@model
class Furuta(Model):
    """Furuta et al. 2024, appendix A, with the 1/sqrt(d_head) of their code: 222,720 weights at
    p = 97, no biases.

    The vocabulary, of input and output, has `specials` tokens more than symbols: = + - * / and
    further ones. Of one formula the operator is `operator`: "=" in most of theirs (their "_short"
    encodings), + - * for these. Of a mixture it is the token after "=" that the third column says.
    `furuta_compat`, for a task with the same: the symbols above the answers *are* the special
    tokens, as in the released data.

    Weights are drawn as their code does: W_E with standard deviation 1/sqrt(vocabulary), all
    others, W_out too, with 1/sqrt(d_model). (Their paper, table A.2: 1/sqrt(d_out).)

    `attention_rate` below 1 mixes uniform attention in (`toward_uniform`).
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        n_operands: int,
        n_operators: int,
        specials: int = 5,
        operator: str = "=",
        furuta_compat: bool = False,
        d_model: int = 128,
        n_heads: int = 4,
        d_mlp: int = 512,
        attention_rate: int | float = 1.0,
        act: str = "relu",
    ):
        super().__init__()
        if n_operands not in (2, 3):
            raise BadInput(
                "model `furuta` reads (a, b), or (a, b, operator), and an input of this task has "
                f"{n_operands} symbols. Choose task=a+b, say."
            )
        lookup("operator of `furuta`", operator, dict.fromkeys(OPERATORS))
        needed = n_operators + 1 if n_operands == 3 else OPERATORS.index(operator) + 1
        if specials < needed:
            raise BadInput(
                f"model.specials={specials} are too few tokens for the operators of this task. "
                f"Choose model.specials={needed}."
            )
        self.equals = n_answers if furuta_compat else max(n_symbols, n_answers)
        vocabulary = self.equals + specials
        if n_symbols > vocabulary:
            raise BadInput(
                f"model.furuta_compat=true takes the symbols above the answers for specials, and "
                f"{n_symbols} symbols are more than {n_answers} answers and model.specials="
                f"{specials}. Choose a task with furuta_compat=true."
            )
        d_head, std = width_of_heads(d_model, n_heads), d_model**-0.5
        self.n_symbols, self.n_answers = n_symbols, n_answers
        self.act, self.mix = activation(act), toward_uniform(attention_rate)
        self.operator = self.equals + OPERATORS.index(operator)
        self.W_E = randn(vocabulary, d_model, std=vocabulary**-0.5)
        self.W_Q = randn(n_heads, d_model, d_head, std=std)
        self.W_K = randn(n_heads, d_model, d_head, std=std)
        self.W_V = randn(n_heads, d_model, d_head, std=std)
        self.W_O = randn(n_heads, d_head, d_model, std=std)
        self.W_in = randn(d_model, d_mlp, std=std)
        self.W_out = randn(d_mlp, d_model, std=std)
        self.W_U = randn(d_model, vocabulary, std=std)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        (layer,) = layers_of(self)
        x = tap("resid_pre", tap("embed", self.W_E[self._tokens(inputs)]))
        at_b = x[:, 1:2]
        mid = tap("resid_mid", at_b + attention(at_b, x, layer, tap, mix=self.mix))
        return read(mid, layer, self.W_U, tap)

    def _tokens(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair 3"]:
        """a, b, operator."""
        if inputs.shape[1] == 2:
            return nn.functional.pad(inputs, (0, 1), value=self.operator)
        return torch.cat([inputs[:, :2], inputs[:, 2:] + self.equals + 1], dim=1)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """Without positions, scores and values are tables over the vocabulary."""
        (layer,) = layers_of(self)
        return fold_rows(self.W_E, self._tokens(inputs), 1, 0, layer, self.W_U, self.mix)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {
            "ab": self.W_E[: self.n_symbols],
            "c": (self.W_out @ self.W_U).T[: self.n_answers],
        }

"""The Transformer of Zhong et al. 2023 (The Clock and the Pizza): attention that can be turned off.

The input is [a, b], without "=": the answer is read at the position of b, which therefore also
reaches the logits through the skip path. Attention is not masked and has no biases; the MLP has
both. Without normalisation, as in Nanda et al. 2023.

Axes: pair = one input; operand = a, b; pos = position, query = a position that asks; d_model,
d_mlp, d_head; c = an output class; symbol = an operand's value.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import BadInput
from grokscope.models.layers import (
    embedded,
    fold_pairs,
    fold_rows,
    last_mid,
    layers_of,
    rate_of,
    read,
)
from grokscope.models.model import Fold, Model, model, randn
from grokscope.tap import Tap, no_tap


@model
class Pizza(Model):
    """Zhong et al. 2023: attention is A' = rate softmax(q k / sqrt(d_head)) + (1 - rate) ones.

    The rows of A' sum to rate + 2 (1 - rate), not to 1: at `attention_rate` 0 the values of a and b
    are added. (In the other Transformers the rows keep their sum: `toward_uniform`.) d_head is
    d_model // n_heads, d_mlp is 4 d_model. Weights are drawn with standard deviation
    1/sqrt(d_model), but W_in with 1/sqrt(d_mlp) and W_U with 1/sqrt(classes); biases start at 0
    (their train-main.py). With several layers, the weights of a layer have a leading layer axis,
    and the activations of all but the last are called "layer0.mlp_post" and so on.

    With `separate_vocabularies` b has embeddings of its own, the second half of W_E (their
    diff_vocab); with `equals` the input is [a, b, =], read at "=", the last of W_E (their
    eqn_sign). W_U has a class for every token, as in their code: at p = 59 118 classes, 60, or 119
    with both; readings drop those that are no answers.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        attention_rate: int | float = 1.0,
        n_layers: int = 1,
        d_model: int = 128,
        n_heads: int = 4,
        separate_vocabularies: bool = False,
        equals: bool = False,
        act: str = "relu",
    ):
        super().__init__()
        if n_heads > d_model:
            raise BadInput(
                f"model.n_heads={n_heads} is more than model.d_model={d_model}. "
                f"Choose at most model.n_heads={d_model}."
            )
        self.n_symbols, self.n_answers, self.act = n_symbols, n_answers, activation(act)
        self.shift = n_symbols if separate_vocabularies else 0  # from b to its row of W_E
        self.n_pos = 3 if equals else 2
        self.attention_rate = rate_of(attention_rate)
        d_head, d_mlp, std = d_model // n_heads, 4 * d_model, d_model**-0.5
        layers = () if n_layers == 1 else (n_layers,)
        vocabulary = n_symbols + self.shift + int(equals)
        classes = max(vocabulary, n_answers)
        self.W_E = randn(vocabulary, d_model, std=std)
        self.W_pos = randn(self.n_pos, d_model, std=std)
        self.W_Q = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_K = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_V = randn(*layers, n_heads, d_model, d_head, std=std)
        self.W_O = randn(*layers, n_heads, d_head, d_model, std=std)
        self.W_in = randn(*layers, d_model, d_mlp, std=d_mlp**-0.5)
        self.b_in = nn.Parameter(torch.zeros(*layers, d_mlp))
        self.W_out = randn(*layers, d_mlp, d_model, std=std)
        self.b_out = nn.Parameter(torch.zeros(*layers, d_model))
        self.W_U = randn(d_model, classes, std=classes**-0.5)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        mid = self._last_mid(inputs, tap, first_query=0)
        return read(mid, layers_of(self)[-1], self.W_U, tap)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        mid = self._last_mid(inputs, tap, first_query=self.n_pos - 1)
        return read(mid, layers_of(self)[-1], self.W_U, tap)

    def _last_mid(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap, first_query: int
    ) -> Float[Tensor, "pair query d"]:
        """The residual stream before the last MLP."""
        x = embedded(self.tokens(inputs), self.W_E, self.W_pos, tap)
        return last_mid(x, layers_of(self), tap, first_query, is_causal=False, mix=self._mixed)

    def _mixed(self, attention: Tensor, _: Tensor | float) -> Tensor:
        """A' of the softmax of the scores."""
        return self.attention_rate * attention + (1 - self.attention_rate)

    def tokens(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair pos"]:
        """[a, b], or [a, b, =]."""
        a, b = inputs.unbind(dim=1)
        tokens = torch.stack([a, b + self.shift], dim=1)
        return nn.functional.pad(tokens, (0, self.n_pos - 2), value=len(self.W_E) - 1)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """One layer has tables over (position, symbol); several have a row for each pair."""
        *earlier, layer = layers_of(self)
        if earlier:
            mid = self._last_mid(inputs, no_tap, first_query=self.n_pos - 1)
            return fold_pairs(mid, layer, self.W_U)
        n, (a, b) = self.n_symbols, inputs.unbind(dim=1)
        x = [self.W_E[:n] + self.W_pos[0], self._of_b() + self.W_pos[1]]
        rows, first = torch.stack([a, b + n], dim=1), n
        if self.n_pos == 3:
            x.append((self.W_E[-1] + self.W_pos[2])[None])
            rows, first = nn.functional.pad(rows, (0, 1), value=2 * n), 2 * n
        return fold_rows(torch.cat(x), rows, -1, first, layer, self.W_U, self._mixed)

    def _of_b(self) -> Float[Tensor, "symbol d"]:
        return self.W_E[self.shift : self.shift + self.n_symbols]

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        c = (layers_of(self)[-1].W_out @ self.W_U).T[: self.n_answers]
        if self.shift:
            return {"a": self.W_E[: self.n_symbols], "b": self._of_b(), "c": c}
        return {"ab": self.W_E[: self.n_symbols], "c": c}

"""The MLP that people write with nn.Embedding and nn.Linear: embeddings or none, maps, biases.

The other MLPs of this package are what their papers trained; this one is what a table of fields
can state.

Axes: pair = one input; operand = a, b; d = an embedding's width; neuron; c = an answer; symbol.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.activations import activation
from grokscope.errors import BadInput, lookup
from grokscope.models.mlp import uniform
from grokscope.models.model import Fold, Model, fold_sides, model, pad_classes, randn
from grokscope.tap import Tap, no_tap

EMBEDS = {
    "shared": "one embedding of a and b",
    "separate": "an embedding each",
    "onehot": "none: the first map reads the symbols themselves",
}
JOINS = {"concat": "side by side", "add": "added"}


@model
class Dense(Model):
    """logits = h_k W_U + b_U, h_i = act(h_{i-1} W_i + b_i), and h_0 the embeddings of a and b,
    side by side or added.

    `hidden` are the widths of the hidden layers, as in "128" or "64 64". With embed="onehot" W_1
    has a row for each symbol: of a and then of b, or if they are added one for both. With
    `tied_output` the last map is W_U W_Eᵀ. Biases are left out by `hidden_bias` and `output_bias`.
    Embeddings are drawn from N(0, 1) and maps as torch's nn.Embedding and nn.Linear draw them.
    Activations of all hidden layers but the last are called "layer0.mlp_post" and so on.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        hidden: str = "128",
        embed: str = "shared",
        join: str = "concat",
        d_embed: int = 128,
        hidden_bias: bool = True,
        output_bias: bool = True,
        tied_output: bool = False,
        act: str = "relu",
    ):
        super().__init__()
        lookup("embed of `dense`", embed, EMBEDS)
        lookup("join of `dense`", join, JOINS)
        if tied_output and embed != "shared":
            raise BadInput(f"model.tied_output=true needs model.embed=shared, not {embed}.")
        self.n_symbols, self.n_answers, self.act = n_symbols, n_answers, activation(act)
        self.is_added, self.is_tied = join == "add", tied_output
        self.W_E = randn(n_symbols, d_embed, std=1.0) if embed == "shared" else None
        self.W_x = randn(n_symbols, d_embed, std=1.0) if embed == "separate" else None
        self.W_y = randn(n_symbols, d_embed, std=1.0) if embed == "separate" else None
        width = (n_symbols if embed == "onehot" else d_embed) * (1 if self.is_added else 2)
        self.widths = _widths(hidden)
        for i, neurons in enumerate(self.widths, start=1):
            setattr(self, f"W_{i}", uniform(width, neurons, fan_in=width))
            setattr(self, f"b_{i}", uniform(neurons, fan_in=width) if hidden_bias else None)
            width = neurons
        self.W_U = uniform(width, d_embed if tied_output else n_answers, fan_in=width)
        self.b_U = uniform(n_answers, fan_in=width) if output_bias else None

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        if self._embeddings is None:
            of_a, of_b = self._maps_of_operands()
            pre = tap("embed", torch.stack([of_a[a], of_b[b]], dim=1)).sum(dim=1)
        else:
            of_a, of_b = self._embeddings
            x = tap("embed", torch.stack([of_a[a], of_b[b]], dim=1))
            pre = (x.sum(dim=1) if self.is_added else x.flatten(1)) @ self._map(1)
        logits = self._last_hidden(self._biased(pre, 1), tap) @ self.outward()
        return tap("logits", logits if self.b_U is None else logits + self.b_U)

    def _last_hidden(self, pre: Float[Tensor, "pair neuron"], tap: Tap) -> Tensor:
        """The last hidden layer, from the first before its nonlinearity."""
        for i in range(1, len(self.widths)):
            h = tap(f"layer{i - 1}.mlp_post", self.act(tap(f"layer{i - 1}.mlp_pre", pre)))
            pre = self._biased(h @ self._map(i + 1), i + 1)
        return tap("mlp_post", self.act(tap("mlp_pre", pre)))

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The first hidden layer is a row for a plus a row for b; where there are more, the table
        of the last has a row for each pair."""
        L, R = self.sides()
        if len(self.widths) == 1:
            return fold_sides(L, R, inputs, self.outward(), self.act, self.b_U)
        seen: dict[str, Tensor] = {}
        self._last_hidden(L[inputs[:, 0]] + R[inputs[:, 1]], lambda k, x: seen.setdefault(k, x))
        table, rows = seen["mlp_pre"], torch.arange(len(inputs), device=inputs.device)[:, None]
        if self.b_U is not None:
            table = torch.cat([table, pad_classes(self.b_U[None]).expand(len(table), -1)], dim=1)
        return Fold(table, rows, None, pad_classes(self.outward()), self.n_answers, self.act)

    @property
    def _embeddings(self) -> tuple[Tensor, Tensor] | None:
        if self.W_x is not None and self.W_y is not None:
            return self.W_x, self.W_y
        return None if self.W_E is None else (self.W_E, self.W_E)

    def _map(self, i: int) -> Float[Tensor, "d neuron"]:
        return getattr(self, f"W_{i}")

    def _biased(self, pre: Float[Tensor, "row neuron"], i: int) -> Float[Tensor, "row neuron"]:
        b = getattr(self, f"b_{i}")
        return pre if b is None else pre + b

    def _maps_of_operands(self) -> tuple[Tensor, Tensor]:
        """The first map as it reads a, and as it reads b."""
        if self.is_added:
            return self._map(1), self._map(1)
        of_a, of_b = self._map(1).chunk(2)
        return of_a, of_b

    def sides(self) -> tuple[Float[Tensor, "symbol neuron"], Float[Tensor, "symbol neuron"]]:
        """What each symbol adds to the first hidden layer, as a (with the bias) and as b."""
        L, R = self._maps_of_operands()
        if self._embeddings is not None:
            L, R = self._embeddings[0] @ L, self._embeddings[1] @ R
        return self._biased(L, 1), R

    def outward(self) -> Float[Tensor, "neuron c"]:
        """From the last hidden layer to the logits."""
        if not self.is_tied or self.W_E is None:
            return self.W_U
        return self.W_U @ self.W_E.T

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        (L, R), c = self.sides(), self.outward().T
        return {"ab": R, "c": c} if self.is_added and self.W_x is None else {"a": L, "b": R, "c": c}


def _widths(hidden: str) -> list[int]:
    """The widths of hidden layers, such as "64 64". Raises `BadInput` for what are none."""
    words = hidden.split()
    if not words or not all(x.isdecimal() and 0 < int(x) <= 10**6 for x in words):
        raise BadInput(
            f"cannot apply `model.hidden={hidden}`. Write the width of each hidden layer, as in "
            '"128" or "64 64".'
        )
    return [int(x) for x in words]

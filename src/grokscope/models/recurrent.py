"""A recurrent network, as torch's nn.RNN: it reads an input token by token and answers at the last.

Axes: pair = one input; operand = its symbols, in the order in which they are read; row = an input
or a symbol; d = an embedding's width, or a symbol where it is one-hot; neuron = a unit of the
state; c = an output class; symbol = a value of an operand.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.activations import activation
from grokscope.errors import BadInput
from grokscope.models.mlp import uniform
from grokscope.models.model import Fold, Model, fold_sides, model, pad_classes, randn
from grokscope.tap import Tap, no_tap

MOST_LAYERS = 8


@model
class Recurrent(Model):
    """h_t = act(x_t W_x + h_{t-1} W_h + b_h) with h_0 = 0, and logits = h_T W_U + b_U (Elman 1990,
    as torch's nn.RNN has it, whose bias_ih and bias_hh are one here: their sum).

    x_t is the embedding of token t, or with `one_hot` the token itself; `equals` adds a last token
    "=". A layer above another reads that one's states. There are as many classes as answers, or
    `classes`, of which the answers come first. Embeddings are drawn from N(0, 1), the rest
    uniformly within 1/sqrt(d_hidden), as torch draws them.

    The last state of the last layer is "mlp_post" ("mlp_pre" before its nonlinearity), that at
    token t of layer i is "layer<i>.state<t>". On pairs and with one layer, "mlp_pre" is a function
    of a plus one of b: the network is then an MLP of one hidden layer whose table of a has gone
    through the nonlinearity once.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        n_operands: int,
        n_operators: int,
        d_hidden: int = 128,
        d_embed: int = 128,
        n_layers: int = 1,
        one_hot: bool = False,
        equals: bool = False,
        classes: int = 0,
        hidden_bias: bool = True,
        output_bias: bool = True,
        act: str = "relu",
    ):
        super().__init__()
        if n_operators > 1:
            raise BadInput(
                "model `recurrent` reads symbols of one kind, and an input of this task has its "
                "operator too. Choose model=furuta for a mixture."
            )
        if n_layers > MOST_LAYERS:
            raise BadInput(f"model.n_layers={n_layers}: a `recurrent` has at most {MOST_LAYERS}.")
        self.n_answers, self.n_operands, self.act = n_answers, n_operands, activation(act)
        self.n_layers, self.equals = n_layers, equals
        n_tokens, n_classes = n_symbols + equals, max(classes, n_answers)
        self.n_symbols, self.n_classes = n_symbols, n_classes
        self.W_E = None if one_hot else randn(n_tokens, d_embed, std=1.0)
        width = n_tokens if one_hot else d_embed
        for i in range(n_layers):
            setattr(self, f"W_x_{i}", uniform(width, d_hidden, fan_in=d_hidden))
            setattr(self, f"W_h_{i}", uniform(d_hidden, d_hidden, fan_in=d_hidden))
            bias = uniform(d_hidden, fan_in=d_hidden) if hidden_bias else None
            setattr(self, f"b_h_{i}", bias)
            width = d_hidden
        self.W_U = uniform(d_hidden, n_classes, fan_in=d_hidden)
        self.b_U = uniform(n_classes, fan_in=d_hidden) if output_bias else None

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        logits = tap("mlp_post", self.act(tap("mlp_pre", self._last_pre(inputs, tap)))) @ self.W_U
        return tap("logits", logits if self.b_U is None else logits + self.b_U)

    def _last_pre(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap
    ) -> Float[Tensor, "pair neuron"]:
        """The last state of the last layer, before its nonlinearity."""
        if self.equals:
            inputs = torch.nn.functional.pad(inputs, (0, 1), value=self.n_symbols)
        tokens, top, last = inputs.unbind(dim=1), self.n_layers - 1, inputs.shape[1] - 1
        symbols = self._read_symbols()
        pres = [symbols[token] for token in tokens]
        for i in range(self.n_layers):
            states: list[Tensor] = []
            for t, pre in enumerate(pres):
                pre = pre + states[-1] @ self._map("h", i) if states else pre
                if (i, t) == (top, last):
                    return pre
                states.append(tap(f"layer{i}.state{t}", self.act(pre)))
            pres = [self._biased(h @ self._map("x", i + 1), i + 1) for h in states]
        raise AssertionError("the last state returns")

    def _read_symbols(self) -> Float[Tensor, "symbol neuron"]:
        """What each token adds to the first layer, with the bias."""
        W_x = self._map("x", 0)
        return self._biased(W_x if self.W_E is None else self.W_E @ W_x, 0)

    def _map(self, of: str, i: int) -> Float[Tensor, "d neuron"]:
        """W_x or W_h of layer i."""
        return getattr(self, f"W_{of}_{i}")

    def _biased(self, pre: Float[Tensor, "row neuron"], i: int) -> Float[Tensor, "row neuron"]:
        b = getattr(self, f"b_h_{i}")
        return pre if b is None else pre + b

    def sides(self) -> tuple[Tensor, Tensor] | None:
        """What a and b add to the last state before its nonlinearity, (symbol, neuron) each; None
        where that is no sum."""
        if self.n_operands != 2 or self.n_layers > 1 or self.equals:
            return None
        symbols = self._read_symbols()
        return self.act(symbols) @ self._map("h", 0), symbols

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The last state is a row for a plus a row for b, or else a row for each input."""
        sides = self.sides()
        if sides is not None:
            return fold_sides(*sides, inputs, self.W_U, self.act, self.b_U)
        table = self._last_pre(inputs, no_tap)
        rows = torch.arange(len(inputs), device=inputs.device)[:, None]
        if self.b_U is not None:
            table = torch.cat([table, pad_classes(self.b_U[None]).expand(len(table), -1)], dim=1)
        return Fold(table, rows, None, pad_classes(self.W_U), self.n_classes, self.act)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        c, sides = self.W_U.T[: self.n_answers], self.sides()
        if sides is not None:
            return {"a": sides[0], "b": sides[1], "c": c}
        return {"ab": self._read_symbols()[: self.n_symbols], "c": c}

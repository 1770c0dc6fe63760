"""The factored MLP of the PAIR explorable (Do Machine Learning Models Memorize or Generalize?).

logits = act(E[a] W_in + E[b] W_in) W_out Eᵀ, no biases: the page's W_embed, W_in-proj, W_out-proj.

Axes: pair = one input; operand = a, b; d = an embedding's width; neuron; c = an output class;
symbol.
"""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import lookup
from grokscope.models.model import MODELS, Factor, Factors, Fold, Model, fold_sides, model
from grokscope.tap import Tap, no_tap

EMBEDS = {
    "tied": "one matrix for a, b and, transposed, the answers",
    "input_tied": "one matrix for a and b, another for the answers",
    "untied": "a matrix each for a, b and the answers",
}
CUT = 0.87962566103423978  # standard deviation of a standard normal cut at two


@model
class Pair(Model):
    """The page's MLP: 57,500 weights at p = 67, of norm 37.5 at the start (their notebook: 37.39).

    `embed` says whether a, b and the answers share an embedding; without `tied_hidden`, b has a
    W_in of its own. `collapsed_hidden` drops W_in, so that the hidden layer is as wide as the
    embeddings; `collapsed_out` drops W_out: the logits are h Eᵀ if tied and as wide, else h times
    a free map W_U. A weight that is None is another's, or dropped.

    With `act` "square" the page's constructed solution is exact (Gromov 2023).

    Embeddings are drawn by haiku's VarianceScaling(2), normal within two deviations and with
    variance 2/n_symbols; maps by haiku's default, normal of deviation 1/sqrt(inputs) before it is
    cut at twice that. An unembedding of its own is drawn as an embedding, with variance 2/d_embed;
    where W_out is dropped, as a map.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        embed: str = "tied",
        tied_hidden: bool = True,
        collapsed_hidden: bool = False,
        collapsed_out: bool = False,
        d_embed: int = 500,
        d_mlp: int = 24,
        act: str = "relu",
    ):
        super().__init__()
        lookup("embed of `pair`", embed, EMBEDS)
        self.n_symbols, self.n_answers, self.act = n_symbols, n_answers, activation(act)
        width = d_embed if collapsed_hidden else d_mlp  # of the hidden layer
        is_tied = embed == "tied" and (width == d_embed or not collapsed_out)
        self.W_E = _embedding(max(n_symbols, n_answers) if is_tied else n_symbols, d_embed)
        self.W_E_b = _embedding(n_symbols, d_embed) if embed == "untied" else None
        self.W_in = None if collapsed_hidden else _map(d_embed, width)
        self.W_in_b = None if collapsed_hidden or tied_hidden else _map(d_embed, width)
        self.W_out = None if collapsed_out else _map(width, d_embed)
        self.W_U = None
        if not is_tied:
            draw = _map if collapsed_out else _embedding
            self.W_U = draw(width if collapsed_out else d_embed, n_answers)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        x = tap("embed", torch.stack([self.W_E[a], self._of_b(self.W_E, self.W_E_b)[b]], dim=1))
        if self.W_in is None:
            pre = x.sum(dim=1)
        else:
            pre = x[:, 0] @ self.W_in + x[:, 1] @ self._of_b(self.W_in, self.W_in_b)
        h = tap("mlp_post", self.act(tap("mlp_pre", pre)))
        return tap("logits", (h if self.W_out is None else h @ self.W_out) @ self._unembed())

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The hidden layer is a row for a plus a row for b."""
        return fold_sides(*self.sides(), inputs, self.outward(), self.act)

    def factors(self) -> Factors:
        def side(embedding: str, hidden: str) -> tuple[Factor, ...]:
            embed = Factor(embedding, stop=self.n_symbols)
            return (embed,) if self.W_in is None else (embed, Factor(hidden))

        own_W_E, own_W_in = self.W_E_b is not None, self.W_in_b is not None
        unembed = Factor("W_E", is_transposed=True) if self.W_U is None else Factor("W_U")
        return Factors(
            left=side("W_E", "W_in"),
            right=side("W_E_b" if own_W_E else "W_E", "W_in_b" if own_W_in else "W_in"),
            W_L=(unembed,) if self.W_out is None else (Factor("W_out"), unembed),
        )

    def _of_b(self, of_a: Tensor, own: Tensor | None) -> Tensor:
        return of_a if own is None else own

    def _unembed(self) -> Float[Tensor, "d c"]:
        return self.W_E.T if self.W_U is None else self.W_U

    def sides(self) -> tuple[Float[Tensor, "symbol neuron"], Float[Tensor, "symbol neuron"]]:
        """The page's W_input, for a and for b: what each symbol adds to the hidden layer."""
        L, R = self.W_E, self._of_b(self.W_E, self.W_E_b)
        if self.W_in is not None:
            L, R = L @ self.W_in, R @ self._of_b(self.W_in, self.W_in_b)
        return L[: self.n_symbols], R[: self.n_symbols]

    def outward(self) -> Float[Tensor, "neuron c"]:
        """The page's W_output: from the hidden layer to the logits."""
        return self._unembed() if self.W_out is None else self.W_out @ self._unembed()

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        (L, R), c = self.sides(), self.outward().T[: self.n_answers]
        is_shared = self.W_E_b is None and self.W_in_b is None
        return {"ab": L, "c": c} if is_shared else {"a": L, "b": R, "c": c}


SQUARED = partial(Pair, act="square")
SQUARED.__doc__ = "`pair` with act=square, under a name of its own."
MODELS["pairsquare"] = SQUARED


def _embedding(n: int, d: int) -> nn.Parameter:
    return cut_normal(n, d, std=(2 / n) ** 0.5 / CUT)


def _map(d_in: int, d_out: int) -> nn.Parameter:
    return cut_normal(d_in, d_out, std=d_in**-0.5)


def cut_normal(*shape: int, std: float) -> nn.Parameter:
    """A weight drawn from a normal distribution cut at two standard deviations, which leaves .88 of
    `std` (the default of haiku's hk.Linear)."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=std, a=-2 * std, b=2 * std))

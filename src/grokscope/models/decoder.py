"""The Transformer that people train with a library: every part that a table of fields can state.

Biases everywhere, LayerNorm or RMSNorm before or after, gated MLPs or none, any sequence of the
operands and fixed tokens. The other Transformers of this package are what their papers trained;
this one is what TransformerLens, PyTorch and GPT-like code make of their settings.

Axes: pair = one input; operand = a, b; pos = position, query = a position that asks; d = d_model;
c = an output class; symbol = a token.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.errors import BadInput, lookup
from grokscope.models.layers import (
    NORMS,
    Norm,
    embedded,
    fold_pairs,
    fold_rows,
    last_mid,
    layers_of,
    past_mlp,
    width_of_heads,
)
from grokscope.models.model import Fold, Model, model, randn
from grokscope.tap import Tap, no_tap


@model
class Decoder(Model):
    """A Transformer on the tokens of `sequence`, read at the last: "a" and "b" are the operands,
    "=" the last token of the vocabulary, and a number is the token of that number.

    The vocabulary is the symbols and the fixed tokens, or `vocabulary` of them; with
    `separate_vocabularies` b's symbols come after a's. There are as many output classes as answers,
    or `classes`, of which the answers come first. `norm` is none, layer or rms, of what attention
    and MLP read, or with `norm_after` of the sum they add to; `final_norm` is one more before the
    output map. `d_head` is d_model / n_heads unless it is given. Without `positions` there are no
    embeddings of them, without `causal` every position sees all. `gated` and its b_in are as in
    `layers.mlp`; `attention_only` leaves out the MLPs, so that `d_mlp` and `act` count for nothing.

    Weights are drawn with standard deviation 0.8/sqrt(d_model), biases are 0 and norms 1 at first:
    TransformerLens's defaults. With several layers, weights have a leading layer axis, and the
    activations of all but the last are called "layer0.mlp_post" and so on.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        sequence: str = "a b =",
        d_model: int = 128,
        n_heads: int = 4,
        d_head: int = 0,
        d_mlp: int = 512,
        n_layers: int = 1,
        attention_only: bool = False,
        gated: bool = False,
        causal: bool = True,
        positions: bool = True,
        norm: str = "none",
        norm_after: bool = False,
        final_norm: bool = True,
        norm_eps: float = 1e-5,
        separate_vocabularies: bool = False,
        vocabulary: int = 0,
        classes: int = 0,
        act: str = "relu",
    ):
        super().__init__()
        self.n_symbols, self.n_answers, self.act = n_symbols, n_answers, activation(act)
        self.shift = n_symbols if separate_vocabularies else 0  # from b to its row of W_E
        self.places = parsed(sequence)
        size = self._vocabulary(vocabulary)
        normalise = lookup("norm of `decoder`", norm, NORMS)
        self.norm = normalise and Norm(normalise, norm_after, norm_eps)
        self.causal, self.has_mlp, n_pos = causal, not attention_only, len(self.places)
        e, std = d_head or width_of_heads(d_model, n_heads), 0.8 * d_model**-0.5
        layers = () if n_layers == 1 else (n_layers,)
        self.W_E = randn(size, d_model, std=std)
        self.W_pos = randn(n_pos, d_model, std=std) if positions else None
        for name in ("W_Q", "W_K", "W_V"):
            self.register_parameter(name, randn(*layers, n_heads, d_model, e, std=std))
        self.W_O = randn(*layers, n_heads, e, d_model, std=std)
        for name in ("b_Q", "b_K", "b_V"):
            self.register_parameter(name, _zeros(*layers, n_heads, e))
        self.b_O = _zeros(*layers, d_model)
        if self.has_mlp:
            self.W_gate = randn(*layers, d_model, d_mlp, std=std) if gated else None
            self.W_in, self.b_in = randn(*layers, d_model, d_mlp, std=std), _zeros(*layers, d_mlp)
            self.W_out = randn(*layers, d_mlp, d_model, std=std)
            self.b_out = _zeros(*layers, d_model)
        has_shift = norm == "layer"
        for name in ("ln1", "ln2") if self.norm else ():
            if name == "ln1" or self.has_mlp:
                _register(self, name, has_shift, *layers, d_model)
        self.has_final_norm = self.norm is not None and final_norm
        if self.has_final_norm:
            _register(self, "ln_final", has_shift, d_model)
        n_classes = max(classes, n_answers)
        self.W_U, self.b_U = randn(d_model, n_classes, std=std), _zeros(n_classes)

    def _vocabulary(self, asked: int) -> int:
        """How many tokens there are. Raises `BadInput` where they are more than are asked for."""
        n = self.n_symbols + self.shift
        needed = n_tokens(self.places, n)
        if asked and asked < needed:
            raise BadInput(
                f"model.vocabulary={asked} are too few tokens for {n} symbols and the others of "
                f"model.sequence. Choose model.vocabulary={needed}."
            )
        return asked or needed

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self._logits(inputs, tap, first_query=0)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self._logits(inputs, tap, first_query=len(self.places) - 1)

    def _logits(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap, first_query: int
    ) -> Float[Tensor, "pair c"]:
        """The logits, computing of the last layer the positions from `first_query` on."""
        mid, layer = self._last_mid(inputs, tap, first_query), layers_of(self)[-1]
        post = tap("resid_post", past_mlp(mid, layer, tap) if self.has_mlp else mid)[:, -1]
        if self.has_final_norm:
            assert self.norm is not None
            w, b = self.get_parameter("ln_final_w"), getattr(self, "ln_final_b", None)
            post = self.norm.normalise(post, w, b, self.norm.eps)
        return tap("logits", post @ self.W_U + self.b_U)

    def _last_mid(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap, first_query: int
    ) -> Float[Tensor, "pair query d"]:
        """The residual stream before the last MLP, or where it would be."""
        x, layers = embedded(self.tokens(inputs), self.W_E, self.W_pos, tap), layers_of(self)
        return last_mid(x, layers, tap, first_query, self.causal, has_mlp=self.has_mlp)

    def tokens(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair pos"]:
        """The tokens that these operands are fed as."""
        a, b = inputs.unbind(dim=1)
        of = {"a": a, "b": b + self.shift, "=": torch.full_like(a, len(self.W_E) - 1)}
        return torch.stack(
            [of[x] if isinstance(x, str) else torch.full_like(a, x) for x in self.places], dim=1
        )

    @property
    def folds(self) -> bool:
        return self.norm is None and self.has_mlp and self.W_gate is None

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold | None:
        """One layer has tables over (position, symbol); several have a row for each pair. None
        with a norm, a gate or no MLP."""
        if not self.folds:
            return None
        *earlier, layer = layers_of(self)
        if earlier:
            mid = self._last_mid(inputs, no_tap, first_query=len(self.places) - 1)
            return fold_pairs(mid, layer, self.W_U, self.b_U)
        x, rows, first = self._rows(inputs)
        return fold_rows(x, rows, -1, first, layer, self.W_U, b_U=self.b_U)

    def _rows(
        self, inputs: Int[Tensor, "pair operand"]
    ) -> tuple[Float[Tensor, "row d"], Int[Tensor, "pair pos"], int]:
        """The embeddings that each position can have, one position after the other; which of them
        each pair has; and where those of the last begin."""
        n, x, rows, start = self.n_symbols, [], [], 0
        for i, (place, tokens) in enumerate(
            zip(self.places, self.tokens(inputs).unbind(dim=1), strict=True)
        ):
            begin = {"a": 0, "b": self.shift}.get(str(place))
            if begin is None:
                here, row = self.W_E[tokens[:1]], torch.zeros_like(tokens)
            else:
                here, row = self.W_E[begin : begin + n], tokens - begin
            x.append(here if self.W_pos is None else here + self.W_pos[i])
            rows.append(row + start)
            start += len(here)
        return torch.cat(x), torch.stack(rows, dim=1), start - len(x[-1])

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        W_U = self.W_U
        if self.has_final_norm:  # its scale is of the map that reads it: see `models.norms`
            W_U = self.get_parameter("ln_final_w")[:, None] * W_U
        out = layers_of(self)[-1].W_out @ W_U if self.has_mlp else W_U
        n, c = self.n_symbols, out.T[: self.n_answers]
        if self.shift:
            return {"a": self.W_E[:n], "b": self.W_E[n : 2 * n], "c": c}
        return {"ab": self.W_E[:n], "c": c}


def parsed(sequence: str) -> tuple[str | int, ...]:
    """The places of a sequence such as "a 7 b =". Raises `BadInput` unless a and b are in it, once
    each, and all else is "=" or the number of a token."""
    places = sequence.split()
    is_good = all(x in ("a", "b", "=") or (x.isdecimal() and len(x) < 7) for x in places)
    if not is_good or places.count("a") != 1 or places.count("b") != 1:
        raise BadInput(
            f"cannot apply `model.sequence={sequence}`. Write a and b once each, and between them "
            'the fixed tokens by their numbers, or = for the last of the vocabulary, as in "a b =".'
        )
    return tuple(int(x) if x.isdecimal() else x for x in places)


def n_tokens(places: tuple[str | int, ...], n_symbols: int) -> int:
    """How many tokens a sequence on so many symbols needs."""
    fixed = [place for place in places if isinstance(place, int)]
    return max([n_symbols + ("=" in places), *(token + 1 for token in fixed)])


def _zeros(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape))


def _register(model: nn.Module, name: str, has_shift: bool, *shape: int) -> None:
    """Scales and, where there are any, shifts of a norm, as they begin."""
    model.register_parameter(f"{name}_w", nn.Parameter(torch.ones(shape)))
    if has_shift:
        model.register_parameter(f"{name}_b", _zeros(*shape))

"""MLPs on two embeddings side by side: Chughtai et al. 2023, Stander et al. 2023, Wu et al. 2024.

Axes: pair = one input; operand = a, b; d = an embedding's width; neuron; c = an answer; symbol.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.models.model import Factor, Factors, Fold, Model, fold_sides, model, randn
from grokscope.tap import Tap, no_tap


class Concatenated(Model):
    """logits = act([W_x[a] | W_y[b]] W) W_U + b_U; each source draws the weights otherwise."""

    def __init__(
        self,
        W_x: nn.Parameter,
        W_y: nn.Parameter,
        W: nn.Parameter,
        W_U: nn.Parameter,
        b_U: nn.Parameter | None = None,
        act: str = "relu",
    ):
        super().__init__()
        self.n_answers, self.act = W_U.shape[1], activation(act)
        self.W_x, self.W_y, self.W, self.W_U, self.b_U = W_x, W_y, W, W_U, b_U

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        x = tap("embed", torch.stack([self.W_x[a], self.W_y[b]], dim=1))
        h = tap("mlp_post", self.act(tap("mlp_pre", x.flatten(1) @ self.W)))
        return tap("logits", h @ self.W_U if self.b_U is None else h @ self.W_U + self.b_U)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The hidden layer is a row for a plus a row for b."""
        return fold_sides(*self._sides(), inputs, self.W_U, self.act, self.b_U)

    def factors(self) -> Factors:
        half = len(self.W) // 2
        return Factors(
            left=(Factor("W_x"), Factor("W", stop=half)),
            right=(Factor("W_y"), Factor("W", start=half)),
            W_L=(Factor("W_U"),),
            bias=None if self.b_U is None else "b_U",
        )

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        L, R = self._sides()
        return {"a": L, "b": R, "c": self.W_U.T}

    def _sides(self) -> tuple[Float[Tensor, "symbol neuron"], Float[Tensor, "symbol neuron"]]:
        W_a, W_b = self.W.chunk(2)
        return self.W_x @ W_a, self.W_y @ W_b


@model
class MLP(Concatenated):
    """Chughtai et al. 2023: no biases; weights drawn in their order, each with standard deviation
    1/sqrt(inputs), the embeddings with 1/sqrt(d_embed)."""

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        d_embed: int = 256,
        d_mlp: int = 128,
        act: str = "relu",
    ):
        super().__init__(
            W_x=randn(n_symbols, d_embed, std=d_embed**-0.5),
            W_y=randn(n_symbols, d_embed, std=d_embed**-0.5),
            W=randn(2 * d_embed, d_mlp, std=(2 * d_embed) ** -0.5),
            W_U=randn(d_mlp, n_answers, std=d_mlp**-0.5),
            act=act,
        )


@model
class Stander(Concatenated):
    """Stander et al. 2023 (`SnMLP`): embeddings from N(0, 1), maps and the output's bias as torch's
    nn.Linear draws them. Theirs of S5; of S6, d_embed is 512 and d_mlp 256."""

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        d_embed: int = 256,
        d_mlp: int = 128,
        act: str = "relu",
    ):
        super().__init__(
            W_x=randn(n_symbols, d_embed, std=1.0),
            W_y=randn(n_symbols, d_embed, std=1.0),
            W=uniform(2 * d_embed, d_mlp, fan_in=2 * d_embed),
            W_U=uniform(d_mlp, n_answers, fan_in=d_mlp),
            b_U=uniform(n_answers, fan_in=d_mlp),
            act=act,
        )


@model
class Wu(Concatenated):
    """Wu et al. 2024 (`MLP2`): embeddings from N(0, 1); linear_left and linear_right, here the
    halves of W, uniform within sqrt(1/d_embed)/sqrt(2), which is Stander's bound.

    Their runs on S5 have the bias of the output, and no weight decay on it (`optimizer.undecayed`).
    Not verified: their d_embed there.
    """

    def __init__(
        self,
        n_symbols: int,
        n_answers: int,
        d_embed: int = 256,
        d_mlp: int = 128,
        output_bias: bool = True,
        act: str = "relu",
    ):
        super().__init__(
            W_x=randn(n_symbols, d_embed, std=1.0),
            W_y=randn(n_symbols, d_embed, std=1.0),
            W=uniform(2 * d_embed, d_mlp, fan_in=2 * d_embed),
            W_U=uniform(d_mlp, n_answers, fan_in=d_mlp),
            b_U=uniform(n_answers, fan_in=d_mlp) if output_bias else None,
            act=act,
        )


def uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """A weight or bias drawn as torch's nn.Linear draws its own: within 1/sqrt(fan_in)."""
    return nn.Parameter(torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5))

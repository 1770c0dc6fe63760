"""MLPs on two embeddings side by side: Chughtai et al. 2023, Stander et al. 2023, Wu et al. 2024.

Axes: pair = one input; operand = a, b; d = an embedding's width; neuron; c = an answer; symbol.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.models.model import Fold, Model, model, pad_classes, randn
from grokscope.tap import Tap, no_tap


class Concatenated(Model):
    """logits = relu([W_x[a] | W_y[b]] W) W_U + b_U; each source draws the weights otherwise."""

    def __init__(
        self,
        W_x: nn.Parameter,
        W_y: nn.Parameter,
        W: nn.Parameter,
        W_U: nn.Parameter,
        b_U: nn.Parameter | None = None,
    ):
        super().__init__()
        self.n_answers = W_U.shape[1]
        self.W_x, self.W_y, self.W, self.W_U, self.b_U = W_x, W_y, W, W_U, b_U

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        x = tap("embed", torch.stack([self.W_x[a], self.W_y[b]], dim=1))
        h = tap("mlp_post", tap("mlp_pre", x.flatten(1) @ self.W).relu())
        return tap("logits", h @ self.W_U if self.b_U is None else h @ self.W_U + self.b_U)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The hidden layer is a row for a plus a row for b; b_U is the direct path, from a."""
        (L, R), W_U = self._sides(), pad_classes(self.W_U)
        rows = torch.stack([inputs[:, 0], inputs[:, 1] + len(L)], dim=1)
        if self.b_U is not None:
            bias = pad_classes(self.b_U[None])
            L = torch.cat([L, bias.expand(len(L), -1)], dim=1)
            R = nn.functional.pad(R, (0, bias.shape[1]))
        return Fold(torch.cat([L, R]), rows, None, W_L=W_U, n_classes=self.n_answers)

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

    def __init__(self, n_symbols: int, n_answers: int, d_embed: int = 256, d_mlp: int = 128):
        super().__init__(
            W_x=randn(n_symbols, d_embed, std=d_embed**-0.5),
            W_y=randn(n_symbols, d_embed, std=d_embed**-0.5),
            W=randn(2 * d_embed, d_mlp, std=(2 * d_embed) ** -0.5),
            W_U=randn(d_mlp, n_answers, std=d_mlp**-0.5),
        )


@model
class Stander(Concatenated):
    """Stander et al. 2023 (`SnMLP`): embeddings from N(0, 1), maps and the output's bias as torch's
    nn.Linear draws them. Theirs of S5; of S6, d_embed is 512 and d_mlp 256."""

    def __init__(self, n_symbols: int, n_answers: int, d_embed: int = 256, d_mlp: int = 128):
        super().__init__(
            W_x=randn(n_symbols, d_embed, std=1.0),
            W_y=randn(n_symbols, d_embed, std=1.0),
            W=uniform(2 * d_embed, d_mlp, fan_in=2 * d_embed),
            W_U=uniform(d_mlp, n_answers, fan_in=d_mlp),
            b_U=uniform(n_answers, fan_in=d_mlp),
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
    ):
        super().__init__(
            W_x=randn(n_symbols, d_embed, std=1.0),
            W_y=randn(n_symbols, d_embed, std=1.0),
            W=uniform(2 * d_embed, d_mlp, fan_in=2 * d_embed),
            W_U=uniform(d_mlp, n_answers, fan_in=d_mlp),
            b_U=uniform(n_answers, fan_in=d_mlp) if output_bias else None,
        )


def uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """A weight or bias drawn as torch's nn.Linear draws its own: within 1/sqrt(fan_in)."""
    return nn.Parameter(torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5))

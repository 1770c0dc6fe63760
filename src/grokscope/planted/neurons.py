"""A layer of neurons whose weights are set by hand: what planted networks are made of.

logits = act(L[a] + R[b]) W_U + b_U, the folded form of an MLP on two one-hot operands.

Axes: pair = one input; operand = a, b; symbol; neuron; c = an answer.
"""

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.models.model import Fold, Model, pad_classes
from grokscope.tap import Tap, no_tap


class Layer(Model):
    """What the two nonlinearities share. A bias of the neurons is part of L."""

    def __init__(
        self,
        L: Float[Tensor, "symbol neuron"],
        R: Float[Tensor, "symbol neuron"],
        W_U: Float[Tensor, "neuron c"],
        b_U: Float[Tensor, " c"] | None = None,
    ):
        super().__init__()
        self.n_answers = W_U.shape[1]
        self.L, self.R, self.W_U = (nn.Parameter(x.float()) for x in (L, R, W_U))
        self.b_U = None if b_U is None else nn.Parameter(b_U.float())

    @abstractmethod
    def act(self, pre: Float[Tensor, "pair neuron"]) -> Float[Tensor, "pair neuron"]:
        """The nonlinearity."""

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        h = tap("mlp_post", self.act(tap("mlp_pre", self.L[a] + self.R[b])))
        return tap("logits", h @ self.W_U if self.b_U is None else h @ self.W_U + self.b_U)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {"a": self.L, "b": self.R, "c": self.W_U.T}


class Neurons(Layer):
    """act(x) = relu(x)."""

    def act(self, pre: Float[Tensor, "pair neuron"]) -> Float[Tensor, "pair neuron"]:
        return pre.relu()

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """A row for a plus a row for b; b_U is the direct path, from a."""
        L, R, rows = self.L, self.R, torch.stack([inputs[:, 0], inputs[:, 1] + len(self.L)], dim=1)
        if self.b_U is not None:
            bias = pad_classes(self.b_U[None])
            L = torch.cat([L, bias.expand(len(L), -1)], dim=1)
            R = nn.functional.pad(R, (0, bias.shape[1]))
        return Fold(torch.cat([L, R]), rows, None, pad_classes(self.W_U), self.n_answers)


class SquareNeurons(Layer):
    """act(x) = x². A class of its own, since it does not fold: a fold's hidden layer is a relu."""

    def act(self, pre: Float[Tensor, "pair neuron"]) -> Float[Tensor, "pair neuron"]:
        return pre.square()

"""A layer of neurons whose weights are set by hand: what planted networks are made of.

logits = act(L[a] + R[b]) W_U + b_U, the folded form of an MLP on two one-hot operands.

Axes: pair = one input; operand = a, b; symbol; neuron; c = an answer.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import activation
from grokscope.models.model import Fold, Model, fold_sides
from grokscope.tap import Tap, no_tap


class Neurons(Model):
    """One hidden layer. A bias of the neurons is part of L."""

    def __init__(
        self,
        L: Float[Tensor, "symbol neuron"],
        R: Float[Tensor, "symbol neuron"],
        W_U: Float[Tensor, "neuron c"],
        b_U: Float[Tensor, " c"] | None = None,
        act: str = "relu",
    ):
        super().__init__()
        self.n_answers, self.act = W_U.shape[1], activation(act)
        self.L, self.R, self.W_U = (nn.Parameter(x.float()) for x in (L, R, W_U))
        self.b_U = None if b_U is None else nn.Parameter(b_U.float())

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        a, b = inputs.unbind(dim=1)
        h = tap("mlp_post", self.act(tap("mlp_pre", self.L[a] + self.R[b])))
        return tap("logits", h @ self.W_U if self.b_U is None else h @ self.W_U + self.b_U)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        """The hidden layer is a row for a plus a row for b."""
        return fold_sides(self.L, self.R, inputs, self.W_U, self.act, self.b_U)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {"a": self.L, "b": self.R, "c": self.W_U.T}

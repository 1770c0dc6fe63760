"""What a model is: a network from pairs of symbols to logits, seen through a tap.

Weights carry the names of the field (W_E, W_U, W_in, ...) and are stored input axis first, so that
`x @ W` reads left to right.

Axes: pair = one input; operand = its symbols; answer = where an input has several; c = an output
class; symbol = a value of an operand; row = a row of a table; width = neurons, then classes; term =
one summand; neuron = a hidden unit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.activations import RELU, Activation
from grokscope.tap import Tap, no_tap


class Model(nn.Module, ABC):
    """A network from pairs of symbols to logits over at least `n_answers` classes, or from a longer
    input with several answers to so many rows of logits each.

    Readings drop the classes beyond `n_answers` (Nanda's "=" among them); the loss keeps them. The
    architectures of this package take `act`, the name of a nonlinearity; in their sources it is
    relu.
    """

    n_answers: int
    act: Activation = RELU  # of the hidden layers

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return type(self).__name__

    @property
    def folds(self) -> bool:
        """Whether it says how it folds; see `fold`."""
        return type(self).fold is not Model.fold

    @property
    def written(self) -> "Model":
        """The architecture as it was written: itself, or what it is a view of."""
        return self

    @abstractmethod
    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair *answer c"]:
        """The logits, computed as a reader would write it; of several answers (pair, answer, c)."""

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair *answer c"]:
        """The same logits from no more than they need: of the last layer, the last position."""
        return self(inputs, tap)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> "Fold | None":
        """The network as a table of its symbols, where it has that form; see `Fold`."""
        return None

    def factors(self) -> "Factors | None":
        """Of which weights the tables of `fold` are products, where they are; see `Factors`."""
        return None

    def one_unit(self) -> "OneUnit | None":
        """Which weights it is made of, where it is one hidden layer over digits and one output
        unit; see `OneUnit`."""
        return None

    @abstractmethod
    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        """The weights that are functions of one symbol, symbols along the first axis.

        Keys are the roles "a", "b" (operands) and "c" (answer), or "ab" for a shared embedding;
        empty where the operands are numbers rather than symbols.
        """


class View(Model):
    """Another network, read in another way: its name, and the architecture that was written, are
    that network's."""

    def __init__(self, base: Model):
        super().__init__()
        self.base, self.n_answers, self.act = base, base.n_answers, base.act

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def written(self) -> Model:
        return self.base.written


@dataclass(frozen=True, eq=False)
class Fold:
    """A network whose hidden layer is a short weighted sum of rows of a table.

        [pre | direct] = Σ_term weights[:, term] · table[rows[:, term]]
        logits         = direct + act(pre) @ W_L

    The table depends on the weights alone, not on the pair, so it is computed once a step: this is
    exact, and most of a small network's arithmetic goes away. Classes are padded with zeros to a
    multiple of 16, which suits the matrix product; `n_classes` are real.
    """

    table: Float[Tensor, "row width"]  # width = neurons, or neurons + padded classes
    rows: Int[Tensor, "pair term"]
    weights: Float[Tensor, "pair term"] | None  # None: all one
    W_L: Float[Tensor, "neuron padded"]
    n_classes: int
    act: Activation = RELU

    @property
    def n_neurons(self) -> int:
        return self.W_L.shape[0]

    def at(self, pairs: slice) -> "Fold":
        """The same of these pairs alone."""
        weights = None if self.weights is None else self.weights[pairs]
        return replace(self, rows=self.rows[pairs], weights=weights)

    def mixed(self) -> tuple[Float[Tensor, "pair neuron"], Float[Tensor, "pair padded"] | None]:
        """The hidden layer before its nonlinearity, and the direct path to the logits where there
        is one."""
        mixed = nn.functional.embedding_bag(
            self.rows, self.table, per_sample_weights=self.weights, mode="sum"
        )
        direct = mixed[:, self.n_neurons :] if mixed.shape[1] > self.n_neurons else None
        return mixed[:, : self.n_neurons], direct

    def hidden(self) -> tuple[Float[Tensor, "pair neuron"], Float[Tensor, "pair padded"] | None]:
        """act(pre), and the direct path."""
        pre, direct = self.mixed()
        return self.act(pre), direct

    def logits(self) -> Float[Tensor, "pair c"]:
        """The logits of the network, padding dropped."""
        return self.read_out(*self.hidden())

    def read_out(
        self, post: Float[Tensor, "pair neuron"], direct: Float[Tensor, "pair padded"] | None
    ) -> Float[Tensor, "pair c"]:
        """The last, linear map. Linear: means of `hidden` give means of the logits."""
        logits = post @ self.W_L if direct is None else torch.addmm(direct, post, self.W_L)
        return logits[:, : self.n_classes]


def fold_sides(
    L: Float[Tensor, "symbol neuron"],
    R: Float[Tensor, "symbol neuron"],
    inputs: Int[Tensor, "pair 2"],
    W_U: Float[Tensor, "neuron c"],
    act: Activation,
    b_U: Float[Tensor, " c"] | None = None,
) -> Fold:
    """The fold of act(L[a] + R[b]) W_U + b_U. The bias is the direct path, from a."""
    rows = torch.stack([inputs[:, 0], inputs[:, 1] + len(L)], dim=1)
    if b_U is not None:
        bias = pad_classes(b_U[None])
        L = torch.cat([L, bias.expand(len(L), -1)], dim=1)
        R = nn.functional.pad(R, (0, bias.shape[1]))
    return Fold(torch.cat([L, R]), rows, None, pad_classes(W_U), W_U.shape[1], act)


@dataclass(frozen=True)
class Factor:
    """A weight in a product, or its rows from `start` to `stop`; transposed, they are the
    product's columns."""

    name: str
    start: int = 0
    stop: int | None = None
    is_transposed: bool = False


@dataclass(frozen=True)
class Factors:
    """How a fold of two tables, whose terms are a row of `left` and one of `right`, is made of a
    network's weights: each is one of them or the product of two.

        pre = left[a] + right[b],  logits = act(pre) @ W_L + bias

    Where a model says so, a native core takes the gradients down to the weights themselves.
    """

    left: tuple[Factor, ...]
    right: tuple[Factor, ...]
    W_L: tuple[Factor, ...]
    bias: str | None = None


@dataclass(frozen=True)
class OneUnit:
    """The weights of a network of one hidden layer over digits 0 and 1, and one output unit:

        z = act([digits | 1] W_in) W_out,  logits = [0, z]

    Where a model says so, a native core takes its steps.
    """

    W_in: str
    W_out: str


M = TypeVar("M", bound=type[Model])
MODELS: dict[str, Callable[..., Model]] = {}


def model(cls: M) -> M:
    """Make an architecture available by the name of its class, in lower case."""
    MODELS[cls.__name__.lower()] = cls
    return cls


def randn(*shape: int, std: float) -> nn.Parameter:
    """A weight drawn from a normal distribution."""
    return nn.Parameter(torch.randn(shape) * std)


def pad_classes(W: Float[Tensor, "d c"]) -> Float[Tensor, "d padded"]:
    """`W` with zero columns up to a multiple of 16."""
    return nn.functional.pad(W, (0, -W.shape[1] % 16))

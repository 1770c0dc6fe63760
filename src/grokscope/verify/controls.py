"""Networks to compare with: what the same numbers are where there is nothing to be found.

`shuffled` is the network with the entries of every weight in random order, as good as untrained.
`memoriser` keeps that network's hidden layer, whose features are random, and fits the output map to
the answers it is shown: a network of the same shape that has learned them by heart.

Axes: pair = one input; neuron = a hidden unit; c = an answer; symbol; operand.
"""

from copy import deepcopy
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.canonical import canonical
from grokscope.errors import NotApplicable
from grokscope.models.model import Fold, Model, View, pad_classes
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.tap import Tap, no_tap

HIDDEN = ("mlp_pre", "mlp_post")
RIDGE = 1e-6  # of the largest eigenvalue: keeps the fit stable, and right on what it is shown


class Fitted(Model):
    """The hidden layer of another network at its last position, and an output map of its own."""

    def __init__(self, base: Model, W_L: Float[Tensor, "neuron c"]):
        super().__init__()
        self.n_answers = W_L.shape[1]
        self.base = base
        self.register_buffer("W_L", W_L)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        W_L, seen = self.get_buffer("W_L"), dict[str, Tensor]()
        if self.base.folds:  # what it would read out itself is not needed
            fold = self.base.fold(inputs)
            assert fold is not None
            post = tap("mlp_post", fold.act(tap("mlp_pre", fold.mixed()[0])))
            return tap("logits", post.to(W_L) @ W_L)

        def hidden_alone(name: str, x: Tensor) -> Tensor:
            if name not in HIDDEN:
                return x
            seen[name] = tap(name, x[:, -1] if x.ndim == 3 else x)
            return x if x.ndim == 3 else seen[name]

        self.base.last(inputs, hidden_alone)
        return tap("logits", seen["mlp_post"].to(W_L) @ W_L)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return {**self.base.symbol_weights(), "c": self.get_buffer("W_L").T}


class Shuffled(View):
    """A network whose folded weights, those of a direct path too, have their entries in random
    order; and what mixes them, as attention does, its pairs."""

    def __init__(self, base: Model, inputs: Int[Tensor, "pair operand"]):
        super().__init__(base)
        self.some = inputs[:1]
        self.last_fold: tuple[Tensor, Fold] | None = None  # its W_L is the same for all inputs

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        if self.last_fold is None or self.last_fold[0] is not inputs:
            self.last_fold = inputs, self._in_random_order(inputs)
        return self.last_fold[1]

    def _in_random_order(self, inputs: Int[Tensor, "pair operand"]) -> Fold:
        whole, generator = self.base.fold(inputs), torch.Generator().manual_seed(0)
        assert whole is not None
        m, n, weights = whole.n_neurons, whole.n_classes, whole.weights
        W_L = pad_classes(_entries(whole.W_L[:, :n], generator))
        if weights is not None:
            weights = weights[torch.randperm(len(weights), generator=generator)]
        table = [_entries(x, generator) for x in (whole.table[:, :m], whole.table[:, m:])]
        return replace(whole, table=torch.cat(table, dim=1), weights=weights, W_L=W_L)

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        fold = self.fold(inputs)
        pre, direct = fold.mixed()
        post = tap("mlp_post", fold.act(tap("mlp_pre", pre)))
        return tap("logits", fold.read_out(post, direct))

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        fold = self.fold(self.some) if self.last_fold is None else self.last_fold[1]
        return {"c": fold.W_L[:, : self.n_answers].T}


def _entries(x: Float[Tensor, "row column"], generator: torch.Generator) -> Tensor:
    """The same entries in random order."""
    return x.flatten()[torch.randperm(x.numel(), generator=generator)].view(x.shape)


@once_per_snapshot
def shuffled(snapshot: Snapshot) -> Snapshot:
    """The network with each weight's entries in random order; where it folds, with those of the
    fold of its canonical view, so that it is as good a control whatever size its neurons have.
    Raises `NotApplicable` where its logits are then not all numbers."""
    view = canonical(snapshot)
    untrained = replace(view, model=_shuffled(view), keys=None)
    if not untrained.is_of_numbers:
        raise NotApplicable("with its weights in random order the network's logits overflow.")
    return untrained


def _shuffled(view: Snapshot) -> Model:
    if view.model.folds:
        return Shuffled(view.model, view.task.inputs)
    model, generator = deepcopy(view.model.written), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for w in model.parameters():
            order = torch.randperm(w.numel(), generator=generator)
            w.copy_(w.flatten()[order].view(w.shape))
    return model


@once_per_snapshot
def memoriser(snapshot: Snapshot) -> Snapshot:
    """Random features, and an output map fitted to the training answers; where all pairs may have
    been trained on, to half of them. Raises `NotApplicable` where `shuffled` does."""
    H = shuffled(snapshot).exact_post
    shown = _shown(snapshot.is_train)
    X, y = H[shown], snapshot.task.answers[shown]
    target = torch.nn.functional.one_hot(y, snapshot.task.n_answers).double()
    gram = X.T @ X
    ridge = RIDGE * torch.linalg.matrix_norm(gram, 2).clamp(min=1e-300)
    W = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), X.T @ target)
    model = Fitted(shuffled(snapshot).model, W)
    fitted = replace(snapshot, model=model, is_train=shown, keys=None)
    if not fitted.is_large:
        _ = fitted.activations  # in one pass: hidden layer and logits
    return fitted


def _shown(is_train: Bool[Tensor, " pair"]) -> Bool[Tensor, " pair"]:
    if not is_train.all():
        return is_train
    order = torch.randperm(len(is_train), generator=torch.Generator().manual_seed(0))
    return order < len(order) / 2

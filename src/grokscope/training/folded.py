"""The fast step: loss and gradients of a folded network (see `Fold`) in one pass.

Everything up to the table stays with autograd; from the table to the loss, the gradients are
written out, because the sparse mixing, the saturated softmax and the masked product are each much
cheaper together than as a graph. A test holds it to the plain twin, 1e-10 in float64.

Axes: pair = one training input; the rest as in `grokscope.models.model`.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from grokscope.activations import Activation
from grokscope.models.model import Fold, pad_classes
from grokscope.training.losses import (
    CROSS_ENTROPY,
    Objective,
    cross_entropy,
    cross_entropy_per_class,
)

# Logits (which it may overwrite), answers, number of classes -> mean loss, its gradient.
Head = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]


class Plan:
    """Which table rows make which pair of one training set, both ways."""

    def __init__(self, rows: Int[Tensor, "pair term"], n_rows: int):
        n_pairs, n_terms = rows.shape
        column = rows.flatten()
        self.rows, self.order = rows, column.sort(stable=True).indices
        self.pair = self.order // n_terms  # of each entry, sorted by table row
        counts = torch.bincount(column, minlength=n_rows)
        self.starts = counts.cumsum(0) - counts
        self.size = (n_pairs, n_rows)
        self.crow = torch.arange(0, n_pairs * n_terms + 1, n_terms, device=rows.device).int()
        self.column = column.int()
        with warnings.catch_warnings():  # torch says once that its sparse matrices are in beta
            warnings.simplefilter("ignore")
            self._pattern(torch.zeros(column.shape, device=rows.device))

    def scatter(
        self, weights: Float[Tensor, "pair term"] | None, x: Float[Tensor, "pair width"]
    ) -> Float[Tensor, "row width"]:
        """Every pair's row of `x`, times its weight, added to each table row it was made of."""
        scale = None if weights is None else weights.flatten()[self.order]
        return embedding_bag(self.pair, x, self.starts, per_sample_weights=scale, mode="sum")

    def gather_dot(
        self, x: Float[Tensor, "pair width"], table: Float[Tensor, "row width"]
    ) -> Float[Tensor, "pair term"]:
        """The inner product of each pair's row of `x` with the table rows it was made of."""
        if x.is_cuda or torch.backends.mkl.is_available():
            pattern = self._pattern(x.new_zeros(self.rows.numel()))
            return torch.sparse.sampled_addmm(pattern, x, table.T).values().view(self.rows.shape)
        terms = [(x * table[term]).sum(dim=1) for term in self.rows.unbind(dim=1)]
        return torch.stack(terms, dim=1)

    def _pattern(self, values: Float[Tensor, " entry"]) -> Tensor:
        return torch.sparse_csr_tensor(self.crow, self.column, values, self.size)


def folded_loss(
    fold: Fold,
    plan: Plan,
    answers: Int[Tensor, " pair"],
    loss_precision: str,
    objective: Objective = CROSS_ENTROPY,
) -> Float[Tensor, ""]:
    """The mean loss of a fold, differentiable in its table, weights and W_L.

    The gradient at the logits is written out for cross-entropy; other losses leave it to autograd.
    """
    is_per_class = False
    if is_written_out(objective):
        is_per_class = objective.loss is cross_entropy_per_class
        head: Head = _mean_faithful if loss_precision == "float64" else _mean_plain
    else:
        head = partial(_by_autograd, objective, loss_precision)
    loss: Tensor = _FoldedLoss.apply(  # pyright: ignore[reportAssignmentType]
        fold.table, fold.weights, fold.W_L, plan, answers, fold.n_classes, fold.act, head
    )
    return loss / fold.n_classes if is_per_class else loss


def is_written_out(objective: Objective) -> bool:
    """Whether the gradient of a loss at the logits is written out: that of cross-entropy."""
    is_plain = objective.loss in (cross_entropy, cross_entropy_per_class)
    return is_plain and objective.temperature == 1


class _FoldedLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        table: Tensor,
        weights: Tensor | None,
        W_L: Tensor,
        plan: Plan,
        answers: Tensor,
        n_classes: int,
        act: Activation,
        head: Head,
    ) -> Tensor:
        n_neurons = W_L.shape[0]
        mixed = embedding_bag(plan.rows, table, per_sample_weights=weights, mode="sum")
        post, pull_back = act.vjp(mixed[:, :n_neurons])
        has_direct = table.shape[1] > n_neurons
        logits = torch.addmm(mixed[:, n_neurons:], post, W_L) if has_direct else post @ W_L
        loss, d_logits = head(logits, answers, n_classes)

        grad = torch.empty_like(mixed)
        pull_back(torch.mm(d_logits, W_L.T, out=grad[:, :n_neurons]))
        if has_direct:
            grad[:, n_neurons:] = d_logits
        d_weights = None if weights is None else plan.gather_dot(grad, table)
        ctx.gradients = plan.scatter(weights, grad), d_weights, post.T @ d_logits
        return loss

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        scale = grad_outputs[0]
        scaled = [None if g is None else g.mul_(scale.to(g)) for g in ctx.gradients]
        return *scaled, None, None, None, None, None


def _mean_faithful(
    logits: Float[Tensor, "pair padded"], answers: Int[Tensor, " pair"], n_classes: int
) -> tuple[Float[Tensor, ""], Float[Tensor, "pair padded"]]:
    losses, gradient = faithful(logits, answers, n_classes, len(logits))
    return losses.double().mean(), gradient


def _mean_plain(
    logits: Float[Tensor, "pair padded"], answers: Int[Tensor, " pair"], n_classes: int
) -> tuple[Float[Tensor, ""], Float[Tensor, "pair padded"]]:
    losses, gradient = plain(logits, answers, n_classes, len(logits))
    return losses.mean(), gradient


def faithful(
    logits: Float[Tensor, "pair padded"],
    answers: Int[Tensor, " pair"],
    n_classes: int,
    divisor: int | Float[Tensor, "pair 1"],
) -> tuple[Float[Tensor, " pair"], Float[Tensor, "pair padded"]]:
    """Cross-entropy of each pair over the first `n_classes`, and its gradient divided by `divisor`,
    overwriting `logits`.

    Where the answer's probability rounds to 1, 1 - probability is still exact: it is summed over
    the *other* classes. In float32 this is as good as a float64 softmax, at a float32 one's cost.
    """
    y = answers[:, None]
    top = logits[:, :n_classes].amax(dim=1, keepdim=True)
    below = top - logits.gather(1, y)  # of the answer, in nats
    others = logits.sub_(top).exp_()
    others[:, n_classes:] = 0
    others.scatter_(1, y, 0)
    rest = others.sum(dim=1, keepdim=True)
    total = rest + (-below).exp()
    losses = torch.where(below == 0, rest.log1p(), total.log() + below)
    total.mul_(divisor)
    gradient = others.div_(total).scatter_(1, y, -rest / total)
    return losses[:, 0], gradient


def plain(
    logits: Float[Tensor, "pair padded"],
    answers: Int[Tensor, " pair"],
    n_classes: int,
    divisor: int | Float[Tensor, "pair 1"],
) -> tuple[Float[Tensor, " pair"], Float[Tensor, "pair padded"]]:
    """The same as an ordinary softmax in the precision of the weights, for experiments on it."""
    y = answers[:, None]
    log_probability = logits[:, :n_classes].log_softmax(dim=1)
    losses = -log_probability.gather(1, y)[:, 0]
    gradient = torch.zeros_like(logits)
    gradient[:, :n_classes] = log_probability.exp_()
    gradient.scatter_add_(1, y, torch.full_like(y, -1, dtype=gradient.dtype))
    return losses, gradient.div_(divisor)


def _by_autograd(
    objective: Objective,
    loss_precision: str,
    logits: Float[Tensor, "pair padded"],
    answers: Int[Tensor, " pair"],
    n_classes: int,
) -> tuple[Float[Tensor, ""], Float[Tensor, "pair padded"]]:
    """The same of any loss."""
    with torch.enable_grad():
        real = logits[:, :n_classes].detach().requires_grad_()
        loss = objective.each(real, answers, loss_precision).mean()
        (gradient,) = torch.autograd.grad(loss, real)
    return loss.detach(), pad_classes(gradient)

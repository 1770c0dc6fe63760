"""The fast step: loss and gradients of a folded network (see `Fold`) in one pass.

Everything up to the table stays with autograd; from the table to the loss, the gradients are
written out, because the sparse mixing, the saturated softmax and the masked product are each much
cheaper together than as a graph. A test holds it to the plain twin, 1e-10 in float64.

Axes: pair = one training input; the rest as in `grokscope.models.model`.
"""

import warnings
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from grokscope.models.model import Fold

NOTHING = -1e30  # the logit of a class that is not there


class Plan:
    """The sparse matrices of one training set: which table rows make which pair, both ways."""

    def __init__(self, rows: Int[Tensor, "pair term"], n_rows: int):
        n_pairs, n_terms = rows.shape
        column = rows.flatten()
        order = column.sort(stable=True).indices
        starts = torch.bincount(column, minlength=n_rows).cumsum(0)
        self.rows, self.order = rows, order
        self.size, self.size_T = (n_pairs, n_rows), (n_rows, n_pairs)
        self.crow = torch.arange(0, n_pairs * n_terms + 1, n_terms, device=rows.device).int()
        self.column = column.int()
        self.crow_T = torch.cat([starts.new_zeros(1), starts]).int()
        self.column_T = (order // n_terms).int()
        with warnings.catch_warnings():  # torch says once that its sparse matrices are in beta
            warnings.simplefilter("ignore")
            self._transposed(torch.ones(column.shape, device=rows.device))

    def scatter(
        self, weights: Float[Tensor, "pair term"] | None, x: Float[Tensor, "pair width"]
    ) -> Float[Tensor, "row width"]:
        """Every pair's row of `x`, times its weight, added to each table row it was made of."""
        if weights is None:
            return self._transposed(x.new_ones(self.rows.numel())) @ x
        return self._transposed(weights.flatten()[self.order]) @ x

    def gather_dot(
        self, x: Float[Tensor, "pair width"], table: Float[Tensor, "row width"]
    ) -> Float[Tensor, "pair term"]:
        """The inner product of each pair's row of `x` with the table rows it was made of."""
        if x.is_cuda or torch.backends.mkl.is_available():
            zeros = x.new_zeros(self.rows.numel())
            pattern = torch.sparse_csr_tensor(self.crow, self.column, zeros, self.size)
            return torch.sparse.sampled_addmm(pattern, x, table.T).values().view(self.rows.shape)
        terms = [(x * table[term]).sum(dim=1) for term in self.rows.unbind(dim=1)]
        return torch.stack(terms, dim=1)

    def _transposed(self, values: Float[Tensor, " entry"]) -> Tensor:
        return torch.sparse_csr_tensor(self.crow_T, self.column_T, values, self.size_T)


def folded_loss(
    fold: Fold, plan: Plan, answers: Int[Tensor, " pair"], loss_precision: str
) -> Float[Tensor, ""]:
    """The mean cross-entropy of a fold, differentiable in its table, weights and W_L."""
    faithful = loss_precision == "float64"
    return _FoldedLoss.apply(  # pyright: ignore[reportReturnType]
        fold.table, fold.weights, fold.W_L, plan, answers, fold.n_classes, faithful
    )


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
        faithful: bool,
    ) -> Tensor:
        n_neurons = W_L.shape[0]
        mixed = embedding_bag(plan.rows, table, per_sample_weights=weights, mode="sum")
        post = mixed[:, :n_neurons].clamp_(min=0)
        has_direct = table.shape[1] > n_neurons
        logits = torch.addmm(mixed[:, n_neurons:], post, W_L) if has_direct else post @ W_L
        logits[:, n_classes:] = NOTHING
        loss, d_logits = (_faithful if faithful else _plain)(logits, answers)

        grad = torch.empty_like(mixed)
        d_post = torch.mm(d_logits, W_L.T, out=grad[:, :n_neurons])
        torch.ops.aten.threshold_backward.grad_input(d_post, post, 0.0, grad_input=d_post)
        if has_direct:
            grad[:, n_neurons:] = d_logits
        d_weights = None if weights is None else plan.gather_dot(grad, table)
        ctx.gradients = plan.scatter(weights, grad), d_weights, post.T @ d_logits
        return loss

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        scale = grad_outputs[0]
        scaled = [None if g is None else g.mul_(scale.to(g)) for g in ctx.gradients]
        return *scaled, None, None, None, None


def _faithful(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> tuple[Float[Tensor, ""], Float[Tensor, "pair c"]]:
    """Mean cross-entropy and its gradient, overwriting `logits`.

    Where the answer's probability rounds to 1, 1 - probability is still exact: it is summed over
    the *other* classes. In float32 this is as good as a float64 softmax, at a float32 one's cost.
    """
    y = answers[:, None]
    right = logits.gather(1, y)
    logits.scatter_(1, y, NOTHING)
    top = torch.maximum(logits.amax(dim=1, keepdim=True), right)
    others = logits.sub_(top).exp_().sum(dim=1, keepdim=True)
    total = others + (right - top).exp()
    loss = torch.where(right == top, others.log1p(), total.log() + top - right)
    logits.div_(total.mul_(len(logits)))
    logits.scatter_(1, y, -others / total)
    return loss.double().mean(), logits


def _plain(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> tuple[Float[Tensor, ""], Float[Tensor, "pair c"]]:
    """The same as an ordinary softmax in the precision of the weights, for experiments on it."""
    y = answers[:, None]
    log_probability = logits.log_softmax(dim=1)
    loss = -log_probability.gather(1, y).mean()
    gradient = log_probability.exp_()
    gradient.scatter_add_(1, y, torch.full_like(y, -1, dtype=gradient.dtype))
    return loss, gradient.div_(len(logits))

"""The fast step for all members of a stack at once: what `training.folded` does one by one.

There is no loop over members and nothing is brought to the CPU, so a GPU can be given whole steps
and a CUDA graph can hold them. Training sets of unequal length are filled up with pairs of no
weight. On a CPU a member alone fills a core, and its tables its cache: there the loop is faster.

Axes: member = one network; pair = one training input; the rest as in `grokscope.models.model`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from grokscope.activations import Activation
from grokscope.models.model import Fold
from grokscope.training.folded import Plan, faithful, plain


class Filled(NamedTuple):
    """Training sets side by side, the shorter ones filled up with their first pair."""

    inputs: Int[Tensor, "member pair operand"]
    answers: Int[Tensor, "member pair *answer"]
    divisor: Float[Tensor, "member pair"]  # of a pair in its member's mean; infinite: no weight


def fill(inputs: Sequence[Tensor], answers: Sequence[Tensor]) -> Filled:
    """The inputs and answers of each member, as one."""
    longest = max(map(len, answers))

    def filled(x: Tensor) -> Tensor:
        return torch.cat([x, x[:1].expand(longest - len(x), *x.shape[1:])])

    device = answers[0].device
    sizes = torch.tensor([len(x) for x in answers], device=device, dtype=torch.float64)[:, None]
    is_there = torch.arange(longest, device=device) < sizes
    divisor = torch.where(is_there, sizes, torch.inf)
    return Filled(
        torch.stack([*map(filled, inputs)]), torch.stack([*map(filled, answers)]), divisor
    )


def below_each_other(
    rows: Int[Tensor, "member pair term"], n_rows: int
) -> Int[Tensor, "both term"]:
    """Rows of each member's table as rows of all tables, one below the other."""
    start = n_rows * torch.arange(len(rows), device=rows.device)[:, None, None]
    return (rows + start).flatten(0, 1)


def stacked_logits(
    table: Float[Tensor, "member row width"],
    weights: Float[Tensor, "member pair term"] | None,
    W_L: Float[Tensor, "member neuron padded"],
    fold: Fold,
    rows: Int[Tensor, "both term"],
) -> Float[Tensor, "both c"]:
    """The logits of every member's pairs, one member after the other; `rows` as of
    `below_each_other`, `fold` that of any member."""
    n_neurons, flat = W_L.shape[1], None if weights is None else weights.flatten(0, 1)
    mixed = embedding_bag(rows, table.flatten(0, 1), per_sample_weights=flat, mode="sum")
    post = fold.act(mixed[:, :n_neurons]).view(len(W_L), -1, n_neurons)
    logits = torch.bmm(post, W_L).flatten(0, 1)
    if mixed.shape[1] > n_neurons:
        logits += mixed[:, n_neurons:]
    return logits[:, : fold.n_classes]


class StackedPlan:
    """Which table rows make which pair, of all members."""

    def __init__(self, rows: Int[Tensor, "member pair term"], n_rows: int, some: Filled):
        self.n_members, self.n_pairs, _ = rows.shape
        self.plan = Plan(below_each_other(rows, n_rows), self.n_members * n_rows)
        self.answers, self.divisor = some.answers.flatten(), some.divisor.flatten()[:, None]

    def by_member(self, x: Float[Tensor, "both _"]) -> Float[Tensor, "member pair _"]:
        return x.view(self.n_members, self.n_pairs, -1)

    def gather_dot(
        self, x: Float[Tensor, "both width"], table: Float[Tensor, "row width"]
    ) -> Float[Tensor, "both term"]:
        """As of `Plan`, term by term: a sparse product may wait for the device."""
        if not x.is_cuda:
            return self.plan.gather_dot(x, table)
        return torch.stack([(x * table[r]).sum(dim=1) for r in self.plan.rows.unbind(dim=1)], dim=1)


def stacked_loss(
    table: Float[Tensor, "member row width"],
    weights: Float[Tensor, "member pair term"] | None,
    W_L: Float[Tensor, "member neuron padded"],
    fold: Fold,
    plan: StackedPlan,
    loss_precision: str,
) -> Float[Tensor, " member"]:
    """The mean cross-entropy of each member, differentiable in table, weights and W_L. `fold` is
    that of any member: how many classes are real, and the activation."""
    flat = None if weights is None else weights.flatten(0, 1)
    is_faithful = loss_precision == "float64"
    loss: Tensor = _StackedLoss.apply(  # pyright: ignore[reportAssignmentType]
        table.flatten(0, 1), flat, W_L, plan, fold.n_classes, fold.act, is_faithful
    )
    return loss


class _StackedLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        table: Tensor,
        weights: Tensor | None,
        W_L: Tensor,
        plan: StackedPlan,
        n_classes: int,
        act: Activation,
        is_faithful: bool,
    ) -> Tensor:
        n_neurons, each = W_L.shape[1], plan.by_member
        mixed = embedding_bag(plan.plan.rows, table, per_sample_weights=weights, mode="sum")
        post, pull_back = act.vjp(mixed[:, :n_neurons])
        has_direct = table.shape[1] > n_neurons
        logits = torch.bmm(each(post), W_L)
        if has_direct:
            logits += each(mixed[:, n_neurons:])
        head = faithful if is_faithful else plain
        losses, d_logits = head(logits.flatten(0, 1), plan.answers, n_classes, plan.divisor)

        grad = torch.empty_like(mixed)
        grad[:, :n_neurons] = torch.bmm(each(d_logits), W_L.mT).flatten(0, 1)
        pull_back(grad[:, :n_neurons])
        if has_direct:
            grad[:, n_neurons:] = d_logits
        d_weights = None if weights is None else plan.gather_dot(grad, table)
        d_W_L = torch.bmm(each(post).mT, each(d_logits))
        ctx.gradients = plan.plan.scatter(weights, grad), d_weights, d_W_L
        ctx.plan = plan
        return (losses.double() / plan.divisor[:, 0]).view(plan.n_members, -1).sum(dim=1)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        d_table, d_weights, d_W_L = ctx.gradients
        scale, plan = grad_outputs[0], ctx.plan

        def scaled(gradient: Tensor) -> Tensor:
            """Rows, or matrices, of one member after the other, each times its member's scale."""
            by_member = gradient.view(plan.n_members, -1)
            return (by_member * scale[:, None].to(gradient)).view(gradient.shape)

        d_weights = None if d_weights is None else scaled(d_weights)
        return scaled(d_table), d_weights, scaled(d_W_L), None, None, None, None

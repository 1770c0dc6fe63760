"""The native step: a fold's loss and gradients, its evaluation, and AdamW, in C++.

They are in a package of its own, `grokscope-core` (folder native/), which is optional: where it is
missing, or not fit for this processor or this version, `why_not` says so in one line and everything
is done by torch. Addresses go to the library as they are, so every size is checked here. Sums
are taken in an order that a network's shapes decide: the same numbers come out whatever stack it is
in and however many threads there are.

    GROKSCOPE_NATIVE=off    never use it
    GROKSCOPE_NATIVE=v2     use that instruction set: v2, v3, v4 (of x86-64) or neon

Axes: as in `grokscope.models.model`; member = one network.
"""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, reduce
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import ACTIVATIONS, Activation
from grokscope.models.model import Factor, Factors, Fold, pad_classes
from grokscope.training.stack import Stack

VERSION = 1  # of the library's functions
SETTING = "GROKSCOPE_NATIVE"
BUILD = "`scripts/build_native` builds it"
LARGEST = 2**31 - 1  # rows are counted in 32 bits


def why_not() -> str | None:
    """Why the library is not used; None where it is."""
    return _found()[1]


def name() -> str:
    """What runs, as it is noted beside weights: the library's version and the instruction set."""
    return f"{VERSION} {library().in_use()}"


def library() -> Any:
    """The module. Only for who has asked `why_not`."""
    return _found()[0]


@cache
def _found() -> tuple[Any, str | None]:
    wanted = os.environ.get(SETTING, "")
    if wanted == "off":
        return None, f"{SETTING}=off"
    try:
        core = import_module("grokscope_core")
    except ModuleNotFoundError as error:
        if error.name == "grokscope_core":
            return None, f"grokscope-core is not installed: {BUILD}"
        return None, f"grokscope-core is not whole ({error}): {BUILD} again"
    except (ImportError, OSError) as error:  # made for another processor, Python or system
        told = (str(error).splitlines() or ["no reason given"])[0]
        return None, f"grokscope-core cannot be loaded ({told}): {BUILD} again"
    if (version := getattr(core, "VERSION", None)) != VERSION:
        return None, f"grokscope-core has version {version}, and {VERSION} is needed: {BUILD} again"
    if not (sets := core.instruction_sets()):
        return None, "grokscope-core has nothing that this processor runs"
    if wanted and wanted not in sets:
        return None, f"{SETTING}={wanted}: this processor runs {', '.join(sets)}"
    core.use(wanted or sets[-1])
    return core, None


def why_not_fold(fold: Fold) -> str | None:
    """Why the library cannot take this fold."""
    if fold.W_L.shape[1] % 16:
        return "it needs classes padded to a multiple of 16"
    return why_not_act(fold.act)


def why_not_act(act: Activation) -> str | None:
    """Why the library cannot take this activation."""
    if ACTIVATIONS.get(act.name) is not act or not hasattr(library().Act, act.name):
        return f"it does not have the activation `{act.name}`"
    return None


class Plan:
    """Which table rows make which pair, with their answers, as the library reads them."""

    def __init__(self, fold: Fold, answers: Int[Tensor, " pair"]):
        n_rows, n_neurons, padded = len(fold.table), fold.n_neurons, fold.W_L.shape[1]
        has_direct = fold.table.shape[1] > n_neurons
        self.shapes = fold.table.shape, fold.rows.shape, fold.W_L.shape
        assert fold.table.shape[1] == n_neurons + padded * has_direct
        assert fold.table.numel() <= LARGEST
        assert fold.n_classes <= padded
        assert len(answers) == len(fold.rows)
        if len(answers):
            assert int(fold.rows.min()) >= 0
            assert int(fold.rows.max()) < n_rows
            assert int(answers.min()) >= 0
            assert int(answers.max()) < fold.n_classes
        self.rows, self.answers = fold.rows.int().contiguous(), answers.int().contiguous()
        self.fold = library().Fold(
            self.rows.data_ptr(), self.answers.data_ptr(), *self.rows.shape, n_rows, n_neurons,
            fold.n_classes, padded, has_direct, getattr(library().Act, fold.act.name),
        )  # fmt: skip

    def ready(self, fold: Fold) -> list[Tensor | None]:
        """The table, the weights and W_L without gaps. They have the shapes of the plan."""
        assert (fold.table.shape, fold.rows.shape, fold.W_L.shape) == self.shapes
        assert fold.weights is None or fold.weights.shape == fold.rows.shape
        plain = [fold.table, fold.weights, fold.W_L]
        assert all(x is None or x.dtype == torch.float32 for x in plain)
        return [None if x is None else x.detach().contiguous() for x in plain]


def factored_fold(factors: Factors, weights: Mapping[str, Tensor], like: Fold) -> Fold:
    """The fold of two tables with these weights, its pairs those of another."""
    L, R, W_L = (_product(x, weights) for x in (factors.left, factors.right, factors.W_L))
    if factors.bias is not None:
        bias = pad_classes(weights[factors.bias][None])
        L = torch.cat([L, bias.expand(len(L), -1)], dim=1)
        R = torch.nn.functional.pad(R, (0, bias.shape[1]))
    return replace(like, table=torch.cat([L, R]), W_L=pad_classes(W_L))


def _product(
    factors: Sequence[Factor], weights: Mapping[str, Tensor]
) -> Float[Tensor, "row column"]:
    each = [weights[f.name][f.start : f.stop] for f in factors]
    return reduce(
        torch.matmul, [x.T if f.is_transposed else x for f, x in zip(factors, each, strict=True)]
    )


def native_loss(fold: Fold, plan: Plan, scale: float = 1.0) -> Float[Tensor, ""]:
    """`scale` times the mean cross-entropy of a fold, differentiable in its table, weights and
    W_L."""
    loss: Tensor = _NativeLoss.apply(  # pyright: ignore[reportAssignmentType]
        fold.table, fold.weights, fold.W_L, fold, plan, scale
    )
    return loss


class _NativeLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        table: Tensor,
        weights: Tensor | None,
        W_L: Tensor,
        fold: Fold,
        plan: Plan,
        scale: float,
    ) -> Tensor:
        ready = plan.ready(fold)
        ctx.gradients = [None if x is None else torch.empty_like(x) for x in ready]
        loss = plan.fold.gradients(
            *map(_address, ready), scale, *map(_address, ctx.gradients), torch.get_num_threads()
        )
        return torch.tensor(loss, dtype=torch.float64)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Any:
        scale = float(grad_outputs[0])
        scaled = [g if g is None or scale == 1 else g.mul_(scale) for g in ctx.gradients]
        return *scaled, None, None, None


@torch.no_grad()
def evaluated(
    fold: Fold, plan: Plan, n_answers: int
) -> tuple[Float[Tensor, " pair"], Bool[Tensor, " pair"]]:
    """The cross-entropy of each pair over all classes, and whether its answer is right among the
    first `n_answers`, as `grokscope.score.is_right` counts it."""
    losses = torch.empty(len(plan.answers), dtype=torch.float64)
    right = torch.empty(len(plan.answers), dtype=torch.bool)
    assert n_answers <= fold.n_classes
    plan.fold.evaluate(
        *map(_address, plan.ready(fold)), n_answers, losses.data_ptr(), right.data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip
    return losses, right


class FactoredStep:
    """The step of members whose folds are two tables, each a product of weights: `scale` times the
    losses, and the gradients of all weights. With several threads each takes some members."""

    def __init__(
        self,
        factors: Factors,
        shapes: dict[str, torch.Size],
        plans: Sequence[Plan],
        scale: float = 1.0,
    ):
        self.plans, self.scale, core = list(plans), scale, library()
        starts, self.size = starts_of(shapes), sum(shape.numel() for shape in shapes.values())

        def factor(f: Factor) -> Any:
            n_rows, n_columns = shapes[f.name]
            stop = n_rows if f.stop is None else f.stop
            at = starts[f.name] + f.start * n_columns
            return core.Factor(at, stop - f.start, n_columns, f.is_transposed)

        left, right, W_L = (
            core.Product([factor(f) for f in product])
            for product in (factors.left, factors.right, factors.W_L)
        )
        bias = -1 if factors.bias is None else starts[factors.bias]
        self.net = core.Factored(left, right, W_L, bias)

    def __call__(self, stack: Stack) -> Float[Tensor, " member"]:
        n = len(self.plans)
        threads = torch.get_num_threads() // min(torch.get_num_threads(), n)

        def some(first: int, last: int, *addresses: int) -> None:
            folds = [plan.fold for plan in self.plans[first:last]]
            self.net.gradients(folds, self.scale, *addresses, threads)

        return stepped(stack, n, self.size, some)


def starts_of(shapes: dict[str, torch.Size]) -> dict[str, int]:
    """Where each weight starts among a member's numbers."""
    sizes = [shape.numel() for shape in shapes.values()]
    return dict(zip(shapes, itertools.accumulate(sizes, initial=0), strict=False))


@torch.no_grad()
def stepped(stack: Stack, n: int, size: int, some: Callable[..., None]) -> Float[Tensor, " member"]:
    """The losses of `n` members of `size` weights, whose gradients are written by `some`. It takes
    the first member, the one after the last, the addresses of their weights and gradients, how far
    those of one member are from the next one's, and the address of their losses."""
    stride = stack.flat.shape[1]
    assert size <= stride
    assert (len(stack.flat), stack.flat.dtype) == (n, torch.float32)
    assert stack.flat.is_contiguous()
    losses = torch.empty(n, dtype=torch.float64)

    def addressed(first: int, last: int) -> None:
        weights, gradients = stack.flat[first].data_ptr(), stack.grad[first].data_ptr()
        some(first, last, weights, gradients, stride, losses[first].data_ptr())

    in_turns(addressed, n)
    for held in stack.held:
        stack.gradients[held].zero_()
    return losses


def in_turns(work: Callable[[int, int], None], count: int) -> None:
    """`work` of members `first` to `last`, by as many threads as torch has."""
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        return work(0, count)
    ends = [round(i * count / threads) for i in range(threads + 1)]
    list(_pool(threads).map(work, ends[:-1], ends[1:]))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "native")


def adamw(
    weights: Float[Tensor, "member weight"],
    gradient: Float[Tensor, "member weight"],
    moment1: Float[Tensor, "member weight"],
    moment2: Float[Tensor, "member weight"],
    settings: Sequence[tuple[float, ...]],
) -> None:
    """AdamW in one pass. Each member's settings are new1, new2, root_scale, eps, rate and keep:

    m += new1 (g - m),  v += new2 (g² - v),  w = keep w - rate m / (root_scale √v + eps)
    """
    arrays = gradient, moment1, moment2, weights
    assert all(x.shape == weights.shape for x in arrays)
    assert all(x.is_contiguous() and x.dtype == torch.float32 for x in arrays)
    core, n = library(), weights.shape[1]
    addresses = [x.data_ptr() for x in arrays]
    for k, numbers in enumerate(settings):
        core.adamw(n, core.Adam(*numbers), *(address + 4 * n * k for address in addresses))


def _address(x: Tensor | None) -> int:
    return 0 if x is None else x.data_ptr()

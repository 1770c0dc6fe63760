"""What gradients of parts of the training pairs have in common.

Both are of the cross-entropy that is measured, in float64, on pairs that a fixed seed draws.

Axes: draw = one of several; pair = one training input; operand = its symbols; weight = one number
of the network.
"""

from copy import deepcopy

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call, grad, vmap

from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot
from grokscope.training.loss import cross_entropy
from grokscope.training.stack import Stack
from grokscope.training.steps import (
    Called,
    Examples,
    Step,
    can_fold,
    make_step,
    prefixed,
)

DRAWS = 9  # Xu's K
RATE = 1e-3  # Xu's η
MOST = 256  # training pairs, of a mini-batch and of the noise
AT_ONCE = 20_000_000  # numbers of gradients that are held

Flat = Float[Tensor, "draw weight"]


@measure
def commutator_defect(s: Snapshot) -> float:
    """|θ_AB - θ_BA| / (|η g_A| |η g_B|): how far two steps of gradient descent, on two disjoint
    mini-batches, depend on their order; η = 1e-3, each a quarter of the training pairs, at most
    256, median of nine draws (Xu 2026, arXiv 2602.16967). Near |the commutator of their Hessians
    and gradients| / (|g_A| |g_B|), whatever η. 0: they commute; at the start a few times the
    largest eigenvalue of a Hessian at most."""
    inputs, answers = _pairs(s)
    size = min(MOST, len(inputs) // 4)
    if size < 1:
        raise NotApplicable("a commutator defect needs four training pairs at least.")
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randperm(len(inputs), generator=generator)[: 2 * size] for _ in range(DRAWS)]
    model = deepcopy(s.model).double().requires_grad_()
    stack = Stack([model] * DRAWS, "cpu", torch.float64)
    start = stack.flat.detach().clone()
    name = "stacked" if can_fold(model) else "last"  # all draws at once
    A, B = (
        make_step(name, model, [Examples(inputs[x], answers[x]) for x in some], "float64")
        for some in ([x[:size] for x in drawn], [x[size:] for x in drawn])
    )

    def gradient(flat: Flat, of: Step) -> Flat:
        with torch.no_grad():
            stack.flat.copy_(flat)
        of(stack)
        return stack.grad.clone()

    g_A, g_B = gradient(start, A), gradient(start, B)
    g_AB, g_BA = gradient(start - RATE * g_A, B), gradient(start - RATE * g_B, A)
    apart = ((g_A + g_AB) - (g_B + g_BA)).norm(dim=1)  # of the ends, over η
    defects = apart / (RATE * g_A.norm(dim=1) * g_B.norm(dim=1)).clamp(min=1e-300)
    return float(defects.median())


@measure
def gradient_noise(s: Snapshot) -> float:
    """tr Σ / |g|²: the variance of single pairs' gradients over the square of their mean, of the
    training pairs, at most 256 (the simple noise scale of McCandlish et al. 2018, arXiv 1812.06162,
    biased as |g|² of a sample is). In pairs: a mini-batch much larger has little noise. Of random
    gradients that have nothing in common: about as many as the pairs that were taken."""
    inputs, answers = _pairs(s)
    some = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))[:MOST]
    if len(some) < 2:
        raise NotApplicable("gradient noise needs two training pairs at least.")
    model = deepcopy(s.model).double()
    called = Called(model, "last")
    weights = {name: w.detach() for name, w in model.named_parameters()}
    n_weights = sum(w.numel() for w in weights.values())

    def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(called, prefixed(weights), (x,)), y)

    def gradient(x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([g.flatten() for g in grad(loss)(weights, x[None], y[None]).values()])

    total, squares = torch.zeros(n_weights, dtype=torch.float64), 0.0
    for part in some.split(max(1, AT_ONCE // n_weights)):
        each = vmap(gradient)(inputs[part], answers[part])
        total += each.sum(dim=0)
        squares += float(each.square().sum())
    mean = float((total / len(some)).square().sum())
    return (squares / len(some) - mean) * len(some) / (len(some) - 1) / max(mean, 1e-300)


def _pairs(s: Snapshot) -> tuple[Int[Tensor, "pair operand"], Int[Tensor, " pair"]]:
    """The training pairs, and what they are taught. Raises `NotApplicable` for inputs of several
    answers, and where training diverged."""
    if s.task.answers.ndim > 1:
        raise NotApplicable(f"an input of `{s.task.name}` has several answers.")
    if not all(bool(w.isfinite().all()) for w in s.model.parameters()):
        raise NotApplicable("the weights are no longer numbers: the training diverged.")
    return s.task.inputs[s.is_train], s.train_answers

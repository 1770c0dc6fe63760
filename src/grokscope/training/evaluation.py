"""The loss of each pair, and whether it is right: what an evaluation is made of.

Cross-entropy of float32 logits is summed over the *other* classes, in float32, as the fast step
does it: as exact as float64's, at a fraction of its cost. A fold is made once, and its pairs
are taken some at a time.

Axes: pair = one input; answer = where an input has several; c = an output class.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.func import functional_call

from grokscope.models.model import Fold, Model
from grokscope.score import is_right
from grokscope.training import native
from grokscope.training.folded import is_written_out
from grokscope.training.losses import Objective, cross_entropy_per_class
from grokscope.training.memory import PAIRS_AT_ONCE
from grokscope.training.steps import (
    Called,
    Examples,
    can_fold,
    factors_of,
    logits_of,
    prefixed,
)
from grokscope.training.unit import Digits, one_unit_of, unit_evaluated

AT_ONCE = 10_000_000  # numbers of the hidden layer and the logits of a fold

Evaluated = tuple[Float[Tensor, " pair"], Bool[Tensor, " pair *answer"]]


@torch.no_grad()
def evaluated(
    model: Model,
    weights: dict[str, Tensor],
    examples: Examples,
    n_answers: int,
    objective: Objective,
    formulation: str = "fast",
    loss_precision: str = "float64",
) -> Evaluated:
    """The loss of each pair over all output classes, of several answers their mean; and whether
    each of its answers is, among the answers proper, right."""

    def read(logits: Tensor, answers: Tensor) -> Evaluated:
        if (
            logits.dtype is torch.float32
            and loss_precision == "float64"
            and is_written_out(objective)
        ):
            losses, right = from_others(logits, answers, n_answers)
            losses = losses if losses.ndim == 1 else losses.mean(dim=1)
            is_per_class = objective.loss is cross_entropy_per_class
            return losses / logits.shape[-1] if is_per_class else losses, right
        right = is_right(logits[..., :n_answers], answers)
        return objective.each(logits, answers, loss_precision), right

    inputs, answers = examples.inputs, examples.answers
    if formulation == "native" and (unit := one_unit_of(model)) is not None:
        if model not in examples.computed:
            examples.computed[model] = Digits(inputs, answers)
        return unit_evaluated(unit, model, weights, examples.computed[model], objective)
    if formulation == "native":
        parts = _natively(model, weights, examples, n_answers, objective)
    elif formulation in ("fast", "folded") and can_fold(model):
        fold: Fold = functional_call(Called(model, "fold"), prefixed(weights), (inputs,))
        size = max(1, AT_ONCE // (fold.table.shape[1] + fold.W_L.shape[1]))
        parts = [read(_logits(fold, x), answers[x]) for x in _slices(len(answers), size)]
    else:
        parts = [
            read(logits_of(model, weights, inputs[x], formulation), answers[x])
            for x in _slices(len(answers), PAIRS_AT_ONCE)
        ]
    losses, right = zip(*parts, strict=True)
    return torch.cat(losses), torch.cat(right)


def _slices(count: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, count, size)]


def _logits(fold: Fold, pairs: slice) -> Float[Tensor, "pair c"]:
    """`Fold.logits` of these pairs, the nonlinearity taken in place where it can be."""
    some = fold.at(pairs)
    pre, direct = some.mixed()
    return some.read_out(fold.act.vjp(pre)[0], direct)


def _natively(
    model: Model,
    weights: dict[str, Tensor],
    examples: Examples,
    n_answers: int,
    objective: Objective,
) -> list[Evaluated]:
    """By the library. What is of the pairs alone is found once."""
    if model not in examples.computed:
        some = _slices(len(examples.answers), PAIRS_AT_ONCE)
        examples.computed[model] = [_pairs(model, weights, examples[x]) for x in some]
    factors, called, parts = factors_of(model), Called(model, "fold"), []
    for inputs, rows, plan in examples.computed[model]:
        if factors is None:
            fold: Fold = functional_call(called, prefixed(weights), (inputs,))
        else:
            fold = native.factored_fold(factors, weights, rows)
        losses, right = native.evaluated(fold, plan, n_answers)
        is_per_class = objective.loss is cross_entropy_per_class
        parts.append((losses / fold.n_classes if is_per_class else losses, right))
    return parts


def _pairs(
    model: Model, weights: dict[str, Tensor], some: Examples
) -> tuple[Int[Tensor, "pair operand"], Fold, native.Plan]:
    """Some pairs, a fold without tables that says which of their rows make them, and the same as
    the library reads it."""
    fold: Fold = functional_call(Called(model, "fold"), prefixed(weights), (some.inputs,))
    table, W_L = (x.new_empty(0, x.shape[1]) for x in (fold.table, fold.W_L))
    return some.inputs, replace(fold, table=table, W_L=W_L), native.Plan(fold, some.answers)


def from_others(
    logits: Float[Tensor, "pair *answer c"], answers: Int[Tensor, " pair *answer"], n_answers: int
) -> tuple[Float[Tensor, " pair *answer"], Bool[Tensor, " pair *answer"]]:
    """Cross-entropy of each answer, in float64: log(1 + Σ_{c ≠ y} exp(l_c - l_y)), where the answer
    is the likeliest. And whether it has the only largest logit of the first `n_answers`, and all
    are numbers. A loss below 1e-38, which float32 has not, is 0. Overwrites `logits`."""
    y = answers[..., None]
    own = logits.gather(-1, y)
    others = logits.scatter_(-1, y, -torch.inf)
    rival = others[..., :n_answers].amax(dim=-1, keepdim=True)
    right = (rival < own) & own.isfinite()
    if n_answers < logits.shape[-1]:
        rival = torch.maximum(rival, others[..., n_answers:].amax(dim=-1, keepdim=True))
    top = torch.maximum(rival, own)
    below = top - own
    rest = others.sub_(top).exp_().sum(dim=-1, keepdim=True)
    losses = torch.where(below == 0, rest.log1p(), (rest + (-below).exp()).log() + below)
    return losses[..., 0].double(), right[..., 0]

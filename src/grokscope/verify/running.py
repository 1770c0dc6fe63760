"""A network as it runs: how far its logits can be from those that a proof is of.

A proof is of h W_L + direct with h, W_L and the direct path in float64. A run has the weights'
format, and goes one of two ways: the forward pass as a reader would write it (`Model.last`), or the
folded one (`Model.fold`), which `Snapshot.logits` takes. Both are traced, whatever the order of
their sums.

Axes: pair = one input; operand; c = an answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call

from grokscope.errors import NotApplicable
from grokscope.models.model import Fold, Model
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.steps import Called, prefixed
from grokscope.verify.rounding import EXACT_U, UP, Format, Rounded, given
from grokscope.verify.traced import Traced

AT_ONCE = 2_048  # pairs whose passes are held at a time

Weights = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Running:
    """The fold in float64; and for each pair `doubt`: no logit of a run is further from that of the
    fold, in whatever order float64 sums it. Infinite where nothing is known."""

    fold: Fold
    doubt: Float[Tensor, " pair"]


@once_per_snapshot
def running(snapshot: Snapshot) -> Running:
    """Both passes of a snapshot's network over all pairs. Raises `NotApplicable`, saying why, where
    the rounding of one of its operations is not known."""
    model, inputs, n = snapshot.model, snapshot.task.inputs, snapshot.task.n_answers
    with torch.no_grad():
        weights, format = traced(model)
        fold = functional_call(Called(model, "fold"), weights, (inputs,))
        both = _passes(model, weights, fold, inputs)
        doubts = [_doubt(forward, folded, n, format) for forward, folded in both]
    return Running(_values(fold), torch.cat(doubts))


def traced(model: Model) -> tuple[Weights, Format]:
    """The weights as what carries its rounding error, and the format that all of them have."""
    weights = {k: w for k, w in model.state_dict().items() if w.is_floating_point()}
    formats = {w.dtype for w in weights.values()}
    if len(formats) != 1:
        raise NotApplicable("no rounding error is stated for weights of several formats")
    format = Format(formats.pop())
    held: Weights = {k: Traced.of(given(w.cpu(), format), format) for k, w in weights.items()}
    return prefixed(held), format


def _passes(
    model: Model,
    weights: Weights,
    fold: Fold,
    inputs: Int[Tensor, "pair operand"],
) -> Iterator[tuple[Rounded, Rounded]]:
    """The logits of both passes, some pairs at a time."""
    for block in torch.arange(len(inputs)).split(AT_ONCE):
        mixed = None if fold.weights is None else fold.weights[block]
        folded = replace(fold, rows=fold.rows[block], weights=mixed).logits()
        forward = functional_call(Called(model, "last"), weights, (inputs[block],))
        assert isinstance(folded, Traced)
        yield forward.held, folded.held


def _doubt(forward: Rounded, folded: Rounded, n: int, format: Format) -> Float[Tensor, " pair"]:
    """The larger of both passes' errors. That of the forward pass is counted from its own value in
    float64, which is not the folded pass's; nor need the folded pass's be summed as a proof sums
    it, but then both are off by float64's rounding of the last sum, as `folded.off` is by the
    run's."""
    apart = (forward.value - folded.value).abs()[:, :n].amax(dim=1)
    of_fold = folded.off[:, :n].amax(dim=1).double()
    of_forward = forward.off[:, :n].amax(dim=1) + apart + 2 * EXACT_U / format.u * of_fold
    doubt = UP * torch.maximum(of_fold, of_forward)
    return torch.where(doubt < inf, doubt, inf)


def _values(fold: Fold) -> Fold:
    """The fold without its errors."""
    table, weights, W_L = (
        x.held.value if isinstance(x, Traced) else x for x in (fold.table, fold.weights, fold.W_L)
    )
    assert table is not None
    assert W_L is not None
    return replace(fold, table=table, weights=weights, W_L=W_L)

"""What a network is trained on, by name: the loss of each pair, and the temperature of the logits.

A loss gets logits that are already in the spec's `loss_precision`, and gives one number for each
pair, from that pair alone. They differ in where their gradient ends: cross-entropy's shrinks with
the error and never does, those of mse and stablemax shrink more slowly, and hinge and clipped_bce
have none for a pair that is right by enough. Measures read the cross-entropy of
`grokscope.training.loss`, whatever was trained.

Axes: pair = one input; answer = where an input has several; c = an output class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.errors import BadInput, lookup
from grokscope.spec import Spec
from grokscope.training.loss import DTYPES

Loss = Callable[[Float[Tensor, "pair c"], Int[Tensor, " pair"]], Float[Tensor, " pair"]]
LOSSES: dict[str, Loss] = {}

F = TypeVar("F", bound=Loss)


def loss(f: F) -> F:
    """Make a loss available by the name of its function. Raises `BadInput` for the name of one of
    grokscope's own."""
    taken = LOSSES.get(f.__name__)
    if taken is not None and is_ours(taken) and not is_ours(f):
        raise BadInput(f"`{f.__name__}` is a loss of grokscope's own. Call yours by another name.")
    LOSSES[f.__name__] = f
    return f


def is_ours(f: Loss) -> bool:
    """Whether a loss is one of grokscope's own."""
    return f.__module__ == __name__


@loss
def cross_entropy(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> Float[Tensor, " pair"]:
    """-log softmax(logits)[answer], in nats. Chance: ln(number of classes)."""
    return -logits.log_softmax(dim=1).gather(1, answers[:, None])[:, 0]


@loss
def cross_entropy_per_class(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> Float[Tensor, " pair"]:
    """Cross-entropy divided by the number of classes C, the unit of the PAIR explorable. Chance:
    ln(C) / C.

    Adam divides each gradient by its own size plus eps, so a constant factor matters only beside
    eps: (g/C) / (|g|/C + eps) = g / (|g| + C eps). Under AdamW this is therefore the training by
    cross-entropy with eps multiplied by C, which slows down sooner as gradients shrink. Coupled
    weight decay, which is added to the gradient, weighs C times more beside it.
    """
    return cross_entropy(logits, answers) / logits.shape[1]


@loss
def mse(logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]) -> Float[Tensor, " pair"]:
    """Squared distance of the logits from the answer's one-hot vector, mean over the C classes.
    Chance: (C - 1) / C^2, of logits that are all 1/C."""
    return (logits - _is_answer(logits, answers).to(logits)).square().mean(dim=1)


@loss
def hinge(logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]) -> Float[Tensor, " pair"]:
    """Σ_{c ≠ answer} max(0, 1 - logit[answer] + logit[c]) / C (Weston & Watkins 1999), torch's
    multi_margin_loss.

    0, and without gradient, once the answer leads by 1. Chance: (C - 1) / C, of equal logits.
    """
    lack = (1 + logits - logits.gather(1, answers[:, None])).relu()
    return lack.masked_fill(_is_answer(logits, answers), 0).mean(dim=1)


@loss
def stablemax(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> Float[Tensor, " pair"]:
    """-log(s(logit[answer]) / Σ_c s(logit[c])), with s(x) = x + 1 for x >= 0 and 1 / (1 - x) below,
    in nats (Prieto et al. 2025, arXiv 2501.04697). Chance: ln(number of classes).

    s grows as x does, not as exp(x), so that no float32 sum absorbs the other classes. Their code
    adds 1e-30 to the denominator, which changes nothing; ours keeps it from 0 without.
    """
    s = torch.where(logits >= 0, logits + 1, 1 / (1 - logits.clamp(max=0)))
    return s.sum(dim=1).log() - s.gather(1, answers[:, None])[:, 0].log()


LOWEST, HIGHEST = (float(torch.tensor(p, dtype=torch.float32)) for p in (1e-7, 1 - 1e-7))


@loss
def clipped_bce(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> Float[Tensor, " pair"]:
    """The binary cross-entropy of two classes, logits [0, z]: that of sigmoid(z), clipped to
    [1e-7, 1 - 1e-7], in nats. Chance: ln 2.

    As the PAIR explorable trained sparse parity (inferred from its curves). The ends are those of
    float32 in every precision: the loss of a right 1 then ends at 2^-23 = 1.192e-7, the least loss
    of most of their runs (in float64 that of a right 0 ends at 1e-7). A pair that is clipped, right
    or wrong, has no gradient, which leaves weight decay alone. Raises `BadInput` for other than two
    classes.
    """
    if logits.shape[1] != 2:
        raise BadInput(
            f"loss `clipped_bce` is for two classes, and this network has {logits.shape[1]}. "
            "Choose loss=cross_entropy, or model=paritymlp with task=sparse_parity."
        )
    p = (logits[:, 1] - logits[:, 0]).sigmoid().clamp(LOWEST, HIGHEST)
    return -torch.where(answers == 1, p, 1 - p).log()


@dataclass(frozen=True)
class Objective:
    """What is minimised: the mean over pairs, and over the answers of each, of a loss of
    logits / temperature."""

    loss: Loss = cross_entropy
    temperature: float = 1.0

    @classmethod
    def of(cls, spec: Spec) -> "Objective":
        """The one that the spec names. Raises `UnknownName` for a loss that does not exist."""
        return cls(lookup("loss", spec.loss, LOSSES), spec.temperature)

    def each(
        self,
        logits: Float[Tensor, "pair *answer c"],
        answers: Int[Tensor, " pair *answer"],
        precision: str,
    ) -> Float[Tensor, " pair"]:
        """The loss of each pair, of several answers their mean, computed in `precision`, or the
        logits' own if that is higher."""
        dtype = torch.promote_types(DTYPES[precision], logits.dtype)
        scaled = logits.to(dtype) / self.temperature
        if answers.ndim == 1:
            return self.loss(scaled, answers)
        return self.loss(scaled.flatten(0, 1), answers.flatten()).view_as(answers).mean(dim=1)


CROSS_ENTROPY = Objective()


def _is_answer(
    logits: Float[Tensor, "pair c"], answers: Int[Tensor, " pair"]
) -> Bool[Tensor, "pair c"]:
    return answers[:, None] == torch.arange(logits.shape[1], device=logits.device)

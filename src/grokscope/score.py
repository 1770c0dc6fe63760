"""What right, accuracy, chance, centred and explained mean, and which test pairs were given away.

Training, measures, circuits, certificates and pages count by these and by nothing else.

Axes: pair = one input; answer = where an input has several; c = an answer; operand = its symbols.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def is_right(
    logits: Float[Tensor, "*pair c"], answers: Int[Tensor, "*pair"]
) -> Bool[Tensor, "*pair"]:
    """Where the answer has the only largest logit. A tie is wrong, and so is a row that holds
    something that is not a number."""
    right = logits.gather(-1, answers[..., None])
    rival = logits.scatter(-1, answers[..., None], -torch.inf).amax(dim=-1)
    return (rival < right[..., 0]) & right[..., 0].isfinite()


def accuracy(logits: Float[Tensor, "*pair c"], answers: Int[Tensor, "*pair"]) -> float:
    """The share of the answers that are right."""
    return float(is_right(logits, answers).double().mean())


def agreement(x: Float[Tensor, "pair c"], y: Float[Tensor, "pair c"]) -> float:
    """The share of the pairs to which both give the same answer, of equal logits the first. Where
    either holds something that is not a number it gives none."""
    return agreeing(said(x), said(y))


def agreeing(x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]) -> float:
    """The share of the pairs of which two say the same; see `said`."""
    return float((x.eq(y) & x.ge(0)).double().mean())


def said(logits: Float[Tensor, "pair c"]) -> Int[Tensor, " pair"]:
    """The answer given to each pair, of equal logits the first; -1 where one is no number."""
    answers = logits.argmax(dim=1)
    is_finite = logits.sum(dim=1).isfinite()  # so are then all; a sum may overflow
    if not is_finite.all():
        answers[~logits.isfinite().all(dim=1)] = -1
    return answers


def chance(answers: Int[Tensor, "*pair"]) -> float:
    """The accuracy of one who always gives the commonest answer: 1/n where all n are as common."""
    return int(answers.flatten().bincount().max()) / answers.numel()


def centred(x: Float[Tensor, "*row c"]) -> Float[Tensor, "*row c"]:
    """Less the mean over the last axis, in float64: of logits this changes no answer and no loss.
    One column is left as it is."""
    x = x.double()
    return x if x.shape[-1] == 1 else x - x.mean(dim=-1, keepdim=True)


def explained_variance(
    x: Float[Tensor, "row column"],
    by: Float[Tensor, "row column"],
    weights: Float[Tensor, " column"] | None = None,
) -> float:
    """1 - Σ w |x - by|² / Σ w |x|², summed over columns with these weights, by default all alike.
    What does not count, as the mean of each row or column, is taken from both beforehand."""
    rest, whole = (torch.linalg.vecdot(y, y, dim=0).double() for y in (x - by, x))
    if weights is not None:
        rest, whole = rest * weights, whole * weights
    return float(1 - rest.sum() / whole.sum().clamp(min=1e-300))


def mirror_was_shown(
    inputs: Int[Tensor, "pair operand"], is_train: Bool[Tensor, " pair"]
) -> Bool[Tensor, " pair"]:
    """Which inputs have their mirror, the same with a and b exchanged, among the trained ones."""
    number, mirror = _numbers_with_mirrors(inputs)
    return torch.isin(mirror, number[is_train])


def is_symmetric(inputs: Int[Tensor, "pair operand"], answers: Int[Tensor, " pair"]) -> bool:
    """Whether every input's mirror is there too, and has the same answer."""
    number, mirror = _numbers_with_mirrors(inputs)
    order = number.argsort()
    place = torch.searchsorted(number[order], mirror).clamp(max=len(number) - 1)
    match = order[place]
    return bool((number[match] == mirror).all() and (answers[match] == answers).all())


def _numbers_with_mirrors(
    inputs: Int[Tensor, "pair operand"],
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """A number for each different input, and that of its mirror."""
    turned = inputs[:, [1, 0, *range(2, inputs.shape[1])]]
    base = int(inputs.max()) + 1 if len(inputs) else 1
    if base ** inputs.shape[1] < 2**63:  # its symbols as the digits of one number
        digits = torch.tensor([base**i for i in range(inputs.shape[1])], device=inputs.device)
        return inputs @ digits, turned @ digits
    both = torch.cat([inputs, turned]).unique(dim=0, return_inverse=True)[1]
    return both[: len(inputs)], both[len(inputs) :]

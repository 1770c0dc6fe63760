"""Losses, accuracies and margins over the answers proper.

Unlike the loss that was trained, which counts every output class ("=" among them), these drop the
classes that are not an answer, as the published analyses do.

Where an input has several answers, each counts alike: losses are means over all of them, and an
accuracy is the share of single answers that are right.

Axes: pair = one input; answer = where an input has several.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.score import accuracy, mirror_was_shown
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.loss import cross_entropy, negative_log_likelihood


@once_per_snapshot
def pair_losses(s: Snapshot) -> Float[Tensor, " pair *answer"]:
    """The cross-entropy of each right answer, in nats; by blocks, since in float64 the
    logits of S6 would take 3 GB."""
    return torch.cat([negative_log_likelihood(x, answers) for x, answers in s.answered()])


@measure(invariant=True)
def train_loss(s: Snapshot) -> float:
    """Mean cross-entropy of the training pairs, with the answers they were taught, in nats. Chance:
    ln(number of answers)."""
    return float(cross_entropy(s.train_logits, s.train_answers))


@measure(invariant=True)
def test_loss(s: Snapshot) -> float:
    """Mean cross-entropy of the held-out pairs, in nats. Chance: ln(number of answers)."""
    return float(pair_losses(s)[s.is_test].mean())


@measure(invariant=True)
def all_loss(s: Snapshot) -> float:
    """Mean cross-entropy of all pairs, in nats. Chance: ln(number of answers)."""
    return float(pair_losses(s).mean())


@measure(invariant=True)
def train_accuracy(s: Snapshot) -> float:
    """Share of the training pairs that are answered as they were taught. Chance: the share of the
    commonest answer."""
    return accuracy(s.train_logits, s.train_answers)


@measure(invariant=True)
def test_accuracy(s: Snapshot) -> float:
    """Share of the held-out pairs that are answered right. Chance: the share of the commonest
    answer."""
    return float(s.is_right[s.is_test].double().mean())


@measure(invariant=True)
def all_accuracy(s: Snapshot) -> float:
    """Share of all pairs that are answered right. Chance: the share of the commonest answer."""
    return float(s.is_right.double().mean())


@measure(invariant=True)
def test_accuracy_by_mirror(s: Snapshot) -> dict[str, float]:
    """Test accuracy apart for pairs (a, b) whose mirror (b, a) was trained on, and for others.

    On a symmetric task with an ordered split the first are given away. Chance: the share of the
    commonest answer.
    """
    return _by_mirror(s, lambda: s.is_right.double())


@measure(invariant=True)
def test_loss_by_mirror(s: Snapshot) -> dict[str, float]:
    """The test loss, in nats, apart in the same way. Chance: ln(number of answers)."""
    return _by_mirror(s, lambda: pair_losses(s))


def _by_mirror(s: Snapshot, values: Callable[[], Float[Tensor, " pair"]]) -> dict[str, float]:
    if s.task.inputs.shape[1] != 2:
        raise NotApplicable(f"the inputs of `{s.task.name}` are not pairs, and have no mirror.")
    seen = mirror_was_shown(s.task.inputs, s.is_train)
    groups = {"mirror seen": s.is_test & seen, "mirror not seen": s.is_test & ~seen}
    if not all(here.any() for here in groups.values()):
        raise NotApplicable("the split leaves no pairs with and without a mirror in training.")
    return {name: float(values()[here].mean()) for name, here in groups.items()}


@measure(invariant=True)
def margin(s: Snapshot) -> dict[str, float]:
    """The right logit less the largest other one, in nats: the smallest and the mean over train and
    over test pairs. Below 0 where the answer is wrong; at the start near 0."""
    lead = torch.cat([_lead(logits, answers) for logits, answers in s.answered()])
    margins = {}
    parts = {"train": s.is_train} | ({"test": s.is_test} if s.knows_split else {})
    for name, here in parts.items():
        margins |= {
            f"{name} smallest": float(lead[here].min()),
            f"{name} mean": float(lead[here].mean()),
        }
    return margins


def _lead(
    logits: Float[Tensor, "pair *answer c"], answers: Int[Tensor, " pair *answer"]
) -> Float[Tensor, " pair *answer"]:
    """How far the right logit is above the largest other one."""
    right = answers[..., None]
    others = logits.scatter(-1, right, -torch.inf)
    return (logits.gather(-1, right)[..., 0] - others.amax(dim=-1)).double()


@measure(invariant=True)
def softmax_collapse(s: Snapshot) -> float:
    """Share of the training pairs whose loss is exactly 0 in float32, so that a float32 softmax
    would give them no gradient (Prieto et al. 2025). At the start: 0."""
    losses = negative_log_likelihood(s.train_logits.float(), s.train_answers, "float32")
    return float((losses == 0).double().mean())

"""Losses and accuracies over the answers proper.

Unlike the loss that was trained, which counts every output class ("=" among them), these drop the
classes that are no answer, as the published analyses do.
"""

import torch
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot
from grokscope.training.loss import cross_entropy


@measure
def train_loss(s: Snapshot) -> float:
    """Mean cross-entropy of the training pairs, with the answers they were taught, in nats. Chance:
    ln(number of answers)."""
    return float(cross_entropy(s.train_logits, s.train_answers))


@measure
def test_loss(s: Snapshot) -> float:
    """Mean cross-entropy of the held-out pairs, in nats. Chance: ln(number of answers)."""
    return float(cross_entropy(s.logits[~s.is_train], s.task.answers[~s.is_train]))


@measure
def test_accuracy(s: Snapshot) -> float:
    """Share of the held-out pairs that are answered right. Chance: 1 / number of answers."""
    return float(_is_right(s)[~s.is_train].double().mean())


@measure
def test_accuracy_by_mirror(s: Snapshot) -> dict[str, float]:
    """Test accuracy apart for pairs (a, b) whose mirror (b, a) was trained on, and for others.

    On a symmetric task with an ordered split the first are given away.
    """
    a, b = s.task.inputs.unbind(dim=1)
    n = s.task.n_symbols
    was_seen = torch.zeros(n, n, dtype=torch.bool)
    was_seen[a[s.is_train], b[s.is_train]] = True
    seen, right = was_seen[b, a], _is_right(s)
    groups = {"mirror seen": ~s.is_train & seen, "mirror not seen": ~s.is_train & ~seen}
    if not all(here.any() for here in groups.values()):
        raise NotApplicable("the split leaves no pairs with and without a mirror in training.")
    return {name: float(right[here].double().mean()) for name, here in groups.items()}


def _is_right(s: Snapshot) -> Tensor:
    return s.logits.argmax(dim=1) == s.task.answers

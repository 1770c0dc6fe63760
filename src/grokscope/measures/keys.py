"""Key parts: the frequencies, characters or irreps that carry a network, by each published rule.

The rules disagree, and no source gives a threshold for its own, so each has a name here. Restricted
and excluded losses use `by_logits`, at the last checkpoint of a run.

Axes: part = a part of the task's lens; c = an answer.
"""

from dataclasses import dataclass

import torch

from grokscope.canonical import logits_vary
from grokscope.errors import NotApplicable
from grokscope.snapshot import Snapshot, once_per_snapshot

KEY_SHARE = 0.01


@dataclass(frozen=True)
class Keys:
    """The parts that hold at least 1 % of the logits' variation, and how clear that is."""

    names: tuple[str, ...]
    shares: dict[str, float]  # of every part but the constants, in [0, 1]
    gap: float | None  # smallest key share over the largest other, each for its dimension; below 2,
    # the set is in doubt

    @property
    def explained(self) -> float:
        """The share of the logits' variation that the key parts hold together."""
        return sum((self.shares[name] for name in self.names), 0.0)


@once_per_snapshot
def key_parts(s: Snapshot) -> Keys:
    """The key parts of a network, by the logits.

    L is centred over inputs for each class and over classes for each input; the share of a part is
    |P L|²/|L|², P the projection on the functions of the product that lie in it (for a+b mod p: on
    cos and sin of w_k(a+b)). Key: at least 1 %. Published rules differ, and none gives a threshold;
    with this one the smallest key was at least 8.8 times the largest other part on every learned
    model tried. Raises `NotApplicable` if the task is not a lens's product.
    """
    fibres, total = s.fibres, variation(s)
    means = s.mean_logits.double()
    power = fibres.power(means - means.mean(dim=1, keepdim=True))
    sizes = dict(zip(fibres.split.names, fibres.split.owner.bincount().tolist(), strict=True))
    shares = {
        name: float(p) / max(total, 1e-300)
        for name, p in zip(fibres.split.names, power, strict=True)
        if name != "constant"
    }
    names = tuple(name for name, share in shares.items() if share >= KEY_SHARE)
    others = [shares[name] / sizes[name] for name in shares if name not in names]
    if not names or not others:
        return Keys(names, shares, None)
    smallest = min(shares[name] / sizes[name] for name in names)
    return Keys(names, shares, smallest / max(*others, 1e-30))


def keys_of(s: Snapshot) -> tuple[str, ...]:
    """The parts to keep or remove: those the snapshot was given, or its own key parts."""
    keys = s.keys if s.keys is not None else key_parts(s).names
    if not keys:
        raise NotApplicable("no part holds 1 % of the logits, so none can be kept or removed.")
    return keys


@once_per_snapshot
def row_variation(s: Snapshot) -> float:
    """The squared norm of the logits centred over classes for each pair."""
    return sum(
        float((x - x.mean(dim=1, keepdim=True)).square().sum(dtype=torch.float64))
        for x, _ in s.answered()
    )


@once_per_snapshot
def variation(s: Snapshot) -> float:
    """The squared norm of the logits centred over classes for each pair, and over all pairs for
    each class."""
    return len(s.task.inputs) * logits_vary(s) ** 2

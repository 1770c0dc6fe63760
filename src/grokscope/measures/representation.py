"""How the last hidden layer spreads: over directions, and over classes of equal answer.

Axes: pair = one input; d = width of the hidden layer; class = an answer.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot

MOST = 1_500  # pairs, as Golwala 2026 took them


@measure
def spectral_entropy(s: Snapshot) -> float:
    """H̃ = -Σ q ln q / ln d, of the shares q that the d eigenvalues of the hidden layer's covariance
    over the training pairs have of their sum (Truong 2026, arXiv 2604.13123, who warns below .61).
    1: even in all directions; 0: one direction; at the start near 1."""
    return entropy_of(_representation(s)[s.is_train])


def entropy_of(x: Float[Tensor, "pair d"]) -> float:
    """The spectral entropy of these vectors' covariance, as a share of its largest."""
    if x.shape[1] < 2 or len(x) < 2:
        raise NotApplicable("a spectral entropy needs two pairs, and two directions at least.")
    power = torch.linalg.svdvals(x.double() - x.double().mean(dim=0)).square()
    share = power / power.sum().clamp(min=1e-300)
    return float(torch.special.entr(share).sum() / torch.tensor(x.shape[1]).double().log())


@measure
def centroid_ratio(s: Snapshot) -> dict[str, float]:
    """Mean squared distance between the centroids of two answers, over that of a pair from its own
    centroid, in the hidden layer: for training pairs, and for held-out ones, 1,500 at most, by
    their right answers (ILDR of Golwala 2026, arXiv 2604.20923). Chance, where
    answers mean nothing: near 2 / (pairs of an answer - 1)."""
    x = _representation(s)
    parts = {"train": s.is_train} | ({"test": s.is_test} if s.knows_split else {})
    ratios = {}
    for name, here in parts.items():
        some = here.nonzero()[:MOST, 0]
        ratios[name] = ratio_of(x[some], s.task.answers[some])
    return ratios


def ratio_of(x: Float[Tensor, "pair d"], answers: Int[Tensor, " pair"]) -> float:
    """The ratio of these vectors; see `centroid_ratio`."""
    x, (labels, own) = x.double(), answers.unique(return_inverse=True)
    counts = own.bincount()
    if len(labels) < 2 or len(x) == len(labels):
        raise NotApplicable("the ratio needs two answers at least, one of them of two pairs.")
    sums = x.new_zeros(len(labels), x.shape[1]).index_add_(0, own, x)
    centroids = sums / counts[:, None]
    within = (x - centroids[own]).square().sum(dim=1).mean()
    # The mean over ordered pairs of different classes is 2 k / (k - 1) times the variance.
    spread = (centroids - centroids.mean(dim=0)).square().sum(dim=1).mean()
    between = 2 * len(labels) / (len(labels) - 1) * spread
    return float(between / within.clamp(min=1e-300))


def _representation(s: Snapshot) -> Float[Tensor, "pair d"]:
    """Raises `NotApplicable` without a hidden layer, and for inputs of several answers."""
    if s.task.answers.ndim > 1:
        raise NotApplicable(f"an input of `{s.task.name}` has several answers.")
    x = s.mlp_post
    if not x.isfinite().all():
        raise NotApplicable("the hidden layer is no longer of numbers: the training diverged.")
    return x

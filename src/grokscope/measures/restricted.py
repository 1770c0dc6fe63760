"""Restricted and excluded loss (Nanda et al. 2023, 5.1): what becomes of the loss when only the
key parts of the logits are kept, and when they are removed.

P_k L is the projection of the logits L(a, b, c), for each class c, on the functions of the product
ab that lie in part k; for a+b mod p those are cos w_k(a+b) and sin w_k(a+b), the "sum directions".
It depends on the pair only through s = ab, and is P_k of the mean of L over the pairs with that
product: one small matrix instead of the logits of all pairs. This is exact.

Axes: pair = a training pair; s = a product; c = an answer.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.keys import key_parts
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot
from grokscope.training.loss import cross_entropy, negative_log_likelihood


def component(s: Snapshot, parts: tuple[str, ...]) -> Float[Tensor, "s c"]:
    """The sum of P_k L over these parts, as a function of the product, in float64."""
    return s.split.project(parts, s.mean_logits.double())


def keys_of(s: Snapshot) -> tuple[str, ...]:
    """The parts to keep or remove: those the snapshot was given, or its own key parts."""
    keys = s.keys if s.keys is not None else key_parts(s).names
    if not keys:
        raise NotApplicable("no part holds 1 % of the logits, so none can be kept or removed.")
    return keys


@measure
def restricted_loss_all(s: Snapshot) -> float:
    """Loss over all pairs when the logits keep their key parts and their mean for each class.

    Small before the network generalises, since the form itself contains the group's structure:
    never evidence alone. Chance: ln(number of answers).
    """
    kept = component(s, keys_of(s)) + s.mean_logits.double().mean(dim=0)
    return float(cross_entropy(kept, torch.arange(len(kept))))  # every product equally often


@measure
def excluded_loss_train(s: Snapshot) -> float:
    """Train loss when all key parts are removed from the logits (Nanda et al. 2023, Fig. 7). Chance
    level: that of the control below."""
    return _excluded(s, [component(s, keys_of(s))])[0]


@measure
def excluded_loss_train_by_key(s: Snapshot) -> dict[str, float]:
    """Train loss when one key part is removed from the logits, for each (Nanda et al. 2023,
    Fig. 15)."""
    keys = keys_of(s)
    return dict(zip(keys, _excluded(s, [component(s, (k,)) for k in keys]), strict=True))


@measure
def excluded_loss_train_control(s: Snapshot) -> float:
    """Train loss when a random subspace of the other parts is removed, of the same dimension as the
    key parts: what removing so much alone does. The same subspace at every checkpoint."""
    keys, split = keys_of(s), s.split
    others = split.part(name for name in split.names if name not in keys and name != "constant")
    dimension = split.part(keys).shape[1]
    if dimension > others.shape[1]:
        raise NotApplicable("the key parts are more than half of all, so no others match them.")
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(others.shape[1], dimension, generator=generator, dtype=torch.float64)
    Q = others @ torch.linalg.qr(mixed)[0]
    return _excluded(s, [Q @ (Q.T @ s.mean_logits.double())])[0]


def _excluded(s: Snapshot, removed: list[Float[Tensor, "s c"]]) -> list[float]:
    """The train loss less each of these functions of the product, one after the other."""
    products = s.task.answers[s.is_train]
    return excluded_losses(s.train_logits.double(), s.train_answers, products, removed)


def excluded_losses(
    logits: Float[Tensor, "pair c"],
    answers: Int[Tensor, " pair"],
    products: Int[Tensor, " pair"],
    removed: list[Float[Tensor, "s c"]],
) -> list[float]:
    """The mean cross-entropy of `logits - T[products]` for each T.

    The exponentials of the logits are taken once and multiplied by those of -T, of which there are
    few; where the logits range so far that this could underflow, each is computed anew.
    """
    top = logits.amax(dim=1, keepdim=True)
    exponentials = (logits - top).exp()
    spread = float((top - logits.amin(dim=1, keepdim=True)).max())
    right = logits.gather(1, answers[:, None])[:, 0]
    losses = []
    for T in removed:
        low = T.amin(dim=1, keepdim=True)
        if spread + float((T - low).max()) > 600:
            losses.append(float(negative_log_likelihood(logits - T[products], answers).mean()))
            continue
        total = (exponentials * (low - T).exp()[products]).sum(dim=1)
        rest = right - T[products, answers]
        losses.append(float((total.log() + (top - low[products])[:, 0] - rest).mean()))
    return losses

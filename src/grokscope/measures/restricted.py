"""Restricted and excluded loss (Nanda et al. 2023, 5.1): what becomes of the loss when only the
key parts of the logits are kept, and when they are removed.

Published code and text mean different things by these names, so each variant says which directions
it keeps or removes, and on which pairs:

    sum     functions of the product ab that lie in a part: for a+b mod p, cos and sin of w_k(a+b)
    cos     for each part the one direction χ(ab c⁻¹) over pairs and classes: cos w_k(a+b-c)
    block2  functions of a and of b that lie in one part each: cos and sin of w_k a times those of
            w_k b
    block3  the same, and those of one operand alone: with the constant, nine functions a part

P_k L, the projection on sum directions, depends on the pair only through s = ab, and is P_k of the
mean of L over the pairs with that product: one small matrix instead of the logits of all pairs.
This is exact. Kept logits get back their mean for each class (the published "bias correction").

Axes: pair = a training pair; s = a product; c = an answer; variant = one of several removals.
"""

from collections.abc import Iterator
from contextlib import suppress

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.characters import characters
from grokscope.measures.keys import keys_of
from grokscope.measures.measure import measure
from grokscope.score import accuracy, is_right
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.loss import cross_entropy, negative_log_likelihood


@once_per_snapshot
def component(s: Snapshot, parts: tuple[str, ...]) -> Float[Tensor, "s c"]:
    """The sum of P_k L over these parts, as a function of the product, in float64."""
    return s.fibres.project(parts, s.mean_logits)


def cosines(s: Snapshot, parts: tuple[str, ...]) -> Float[Tensor, "s c"]:
    """The component of the logits along χ(s c⁻¹) of each of these parts, in float64."""
    waves, counts = characters(s), s.fibres.counts[:, None]
    total = torch.zeros_like(s.mean_logits, dtype=torch.float64)
    for wave in (waves[part] for part in parts if part in waves):
        weight = (counts * wave * s.mean_logits).sum() / (counts * wave * wave).sum()
        total += weight * wave
    return total


def by_pairs(s: Snapshot, per_fibre: Float[Tensor, " s"]) -> dict[str, float]:
    """The mean over train, test and all pairs of what depends on the product alone."""
    fibres = s.fibres
    train = torch.bincount(fibres.product[s.is_train], minlength=len(fibres.counts)).double()
    weights = {"train": train, "all": fibres.counts}
    weights |= {"test": fibres.counts - train} if s.knows_split else {}
    return {name: float((w * per_fibre).sum() / w.sum()) for name, w in weights.items()}


def _kept(s: Snapshot, parts: tuple[str, ...]) -> Float[Tensor, "s c"]:
    mean = (s.fibres.counts[:, None] * s.mean_logits.double()).sum(dim=0) / s.fibres.counts.sum()
    return component(s, parts) + mean


@measure(invariant=True)
def restricted_loss_sum(s: Snapshot) -> dict[str, float]:
    """Loss over train, test and all pairs when the logits keep the sum directions of the key parts
    and their mean for each class (Nanda et al. 2023; plotted there over all pairs).

    Small before the network generalises, since the form itself contains the group's structure:
    never evidence alone. Chance: ln(number of answers).
    """
    return by_pairs(s, negative_log_likelihood(_kept(s, keys_of(s)), s.fibres.answers))


@measure(invariant=True)
def restricted_loss_sum_by_key(s: Snapshot) -> dict[str, float]:
    """Loss over all pairs when the logits keep the sum directions of one key part alone, and their
    mean for each class, for each key (Chughtai et al. 2023 by irrep). Chance: ln(number of
    answers)."""
    losses_by_key = {}
    for key in keys_of(s):
        losses = negative_log_likelihood(_kept(s, (key,)), s.fibres.answers)
        losses_by_key[key] = by_pairs(s, losses)["all"]
    return losses_by_key


@measure(invariant=True)
def restricted_accuracy_sum(s: Snapshot) -> dict[str, float]:
    """Accuracy over train, test and all pairs of the logits of `restricted_loss_sum`. Chance: the
    share of the commonest answer."""
    return by_pairs(s, is_right(_kept(s, keys_of(s)), s.fibres.answers).double())


@measure(invariant=True)
def restricted_loss_block2(s: Snapshot) -> dict[str, float]:
    """Loss over train, test and all pairs when the logits keep, of each key part, the products of
    its functions of a with those of b, and their mean for each class. Chance: ln(number of
    answers)."""
    return _block_losses(s, with_single=False)


@measure(invariant=True)
def restricted_loss_block3(s: Snapshot) -> dict[str, float]:
    """The same with the functions of a or b alone: 40 of 113² components with five key frequencies
    (Nanda et al. 2023, 4.4: 7.24e-8). Chance: ln(number of answers)."""
    return _block_losses(s, with_single=True)


def _block_losses(s: Snapshot, with_single: bool) -> dict[str, float]:
    kept = zip(blocks(s, keys_of(s), with_single), s.blocks(), strict=True)
    loss = torch.cat([negative_log_likelihood(x, block.task.answers) for x, block in kept])
    here: dict[str, Tensor | slice] = {"train": s.is_train, "all": slice(None)}
    here |= {"test": s.is_test} if s.knows_split else {}
    return {name: float(loss[pairs].mean()) for name, pairs in here.items()}


def blocks(
    s: Snapshot, keys: tuple[str, ...], with_single: bool
) -> Iterator[Float[Tensor, "pair c"]]:
    """The logits with, of their two-dimensional transform over (a, b), no more than the constant
    and the blocks of one key part each; `with_single`: also those of a part with the constant. Of
    a large network for each of its `Snapshot.blocks`, which are whole rows of a."""
    splits, n = s.operand_parts, s.task.n_symbols
    names = ("constant", *keys)
    Q = [split.part(names).to(s.few.logits) for split in splits]
    sizes = torch.tensor([splits[0].parts[name].shape[1] for name in names])
    owner = torch.repeat_interleave(torch.arange(len(names)), sizes)
    rows = Q[0].split(len(s.few.task.inputs) // n)  # of each block
    first = sum(
        torch.einsum("ai,abc->ibc", Q_a, block.logits.view(len(Q_a), n, -1))
        for Q_a, block in zip(rows, s.blocks(), strict=True)
    )
    there = torch.einsum("bj,ibc->ijc", Q[1], first)
    single = (owner[:, None] == 0) | (owner == 0)
    keep = (owner[:, None] == owner) | (single if with_single else torch.zeros_like(single))
    there = there * keep[:, :, None]
    back = torch.einsum("bj,ijc->ibc", Q[1], there)
    for Q_a in rows:
        yield torch.einsum("ai,ibc->abc", Q_a, back).flatten(0, 1)


@measure(invariant=True)
def excluded_loss_sum_train(s: Snapshot) -> float:
    """Train loss when the sum directions of all key parts are removed from the logits (Nanda et al.
    2023, Fig. 7). Chance level: that of the control below."""
    return _without_sum(s)[keys_of(s)]


@once_per_snapshot
def _without_sum(s: Snapshot) -> dict[tuple[str, ...], float]:
    """The train loss without the sum directions of all key parts, of each one, and of the random
    choices beside them: together, since most of the work is the same."""
    keys = keys_of(s)
    choices = dict.fromkeys([keys, *((key,) for key in keys)])
    with suppress(NotApplicable):
        choices |= dict.fromkeys(other_parts(s))
    removed = torch.stack([component(s, parts) for parts in choices])
    return dict(zip(choices, _excluded(s, removed), strict=True))


@measure(invariant=True)
def excluded_accuracy_sum_train(s: Snapshot) -> float:
    """Train accuracy of the logits of `excluded_loss_sum_train`. Chance: the share of the
    commonest answer."""
    rest = s.train_logits - component(s, keys_of(s))[s.fibres.product[s.is_train]]
    return accuracy(rest, s.train_answers)


@measure(invariant=True)
def excluded_loss_sum_train_by_key(s: Snapshot) -> dict[str, float]:
    """Train loss when the sum directions of one key part are removed from the logits, for each key
    (Nanda et al. 2023, Fig. 15). Chance: the same of parts that are not key, below."""
    every = _without_sum(s)
    return {key: every[key,] for key in keys_of(s)}


@measure(invariant=True)
@once_per_snapshot
def excluded_loss_sum_train_by_part(s: Snapshot) -> dict[str, float]:
    """The same for every part of the lens, key or not. Chance: the train loss itself."""
    names = [name for name in s.fibres.split.names if name != "constant"]
    removed = torch.stack([component(s, (name,)) for name in names])
    return dict(zip(names, _excluded(s, removed), strict=True))


@measure(invariant=True)
def excluded_loss_sum_train_max(s: Snapshot) -> float:
    """The largest of those: an excluded loss that needs no key parts (Nanda et al. 2023, footnote
    3). Chance: the train loss itself."""
    return max(excluded_loss_sum_train_by_part(s).values())


@measure(invariant=True)
def excluded_loss_sum_train_control(s: Snapshot) -> float:
    """The largest train loss when other parts are removed, as many dimensions as the key parts have
    or more: what removing so much alone does, the chance level of the others here. Of eight random
    choices, the same at every checkpoint."""
    choices, every = other_parts(s), _without_sum(s)
    return max(every[parts] for parts in choices)


CONTROLS = 8


@once_per_snapshot
def other_parts(s: Snapshot) -> list[tuple[str, ...]]:
    """Random choices of parts that are not key, each of at least the key parts' dimension.

    Raises `NotApplicable` where all the others have less.
    """
    keys, split = keys_of(s), s.fibres.split
    sizes = dict(zip(split.names, split.owner.bincount().tolist(), strict=True))
    others = [name for name in split.names if name not in keys and name != "constant"]
    needed = sum(sizes[name] for name in keys)
    if needed > sum(sizes[name] for name in others):
        raise NotApplicable("the key parts are more than half of all, so no others match them.")
    generator, choices = torch.Generator().manual_seed(0), []
    for _ in range(CONTROLS):
        order = [others[i] for i in torch.randperm(len(others), generator=generator).tolist()]
        held = [sum(sizes[name] for name in order[: i + 1]) for i in range(len(order))]
        count = next(i + 1 for i, size in enumerate(held) if size >= needed)
        choices.append(tuple(order[:count]))
    return choices


@measure(invariant=True)
def excluded_loss_cos_train(s: Snapshot) -> float:
    """Train loss when of each key part the one direction χ(ab c⁻¹), cos w_k(a+b-c), is removed
    (Nanda et al. 2023, notebook: "excluded loss 3D"). Chance: the train loss itself."""
    return _excluded(s, cosines(s, keys_of(s))[None])[0]


@measure(invariant=True)
def excluded_loss_cos_train_by_key(s: Snapshot) -> dict[str, float]:
    """The same for one key part at a time. Chance: the train loss itself."""
    keys = keys_of(s)
    removed = torch.stack([cosines(s, (key,)) for key in keys])
    return dict(zip(keys, _excluded(s, removed), strict=True))


def _excluded(s: Snapshot, removed: Float[Tensor, "variant s c"]) -> list[float]:
    """The train loss less each of these functions of the product, one after the other."""
    products = s.fibres.product[s.is_train]
    return excluded_losses(s.train_logits.double(), s.train_answers, products, removed)


def excluded_losses(
    logits: Float[Tensor, "pair c"],
    answers: Int[Tensor, " pair"],
    products: Int[Tensor, " pair"],
    removed: Float[Tensor, "variant s c"],
) -> list[float]:
    """The mean cross-entropy of `logits - T[products]` for each T of `removed`.

    The exponentials of the logits are taken once, those of each -T once for each product, and their
    products summed as matrix products, a product's pairs at a time; where the logits range so far
    that this could underflow, each loss is computed as it is written.
    """
    top = logits.amax(dim=1, keepdim=True)
    low = removed.amin(dim=2, keepdim=True)
    spread = float((top - logits.amin(dim=1, keepdim=True)).max())
    if spread + float((removed - low).max()) > 600:
        return [float(cross_entropy(logits - T[products], answers)) for T in removed]
    n_products = removed.shape[1]
    order = products.argsort(stable=True)
    counts = torch.bincount(products, minlength=n_products)
    place = torch.arange(len(products)) - (counts.cumsum(0) - counts)[products[order]]
    grouped = logits.new_zeros(n_products, int(counts.max()), logits.shape[1])
    grouped[products[order], place] = (logits - top).exp()[order]
    sums = grouped @ (low - removed).exp().permute(1, 2, 0)  # product x place x variant
    total = sums[products[order], place].T  # variant x pair, in `order`
    right = logits.gather(1, answers[:, None])[:, 0] - top[:, 0]
    rest = right[order] - removed[:, products[order], answers[order]]
    losses = total.log() - low[:, products[order], 0] - rest
    return losses.mean(dim=1).tolist()

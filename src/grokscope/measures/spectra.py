"""How weights spread over the parts of a split, and how large they are.

Axes: symbol = an operand's value; part = a part of the split; neuron.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.splits import Split, fourier, isotypic
from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot


def weight_split(snapshot: Snapshot) -> Split:
    """The split in which weights are read: that of the task's group, or the frequencies mod p."""
    task = snapshot.task
    if task.group is not None:
        return isotypic(task.group)
    if task.modulus is not None:
        return fourier(task.modulus)
    raise NotApplicable(f"`{task.name}` has no group and no modulus.")


def spectrum(snapshot: Snapshot, role: str) -> dict[str, float]:
    """The share of the squared norm of a symbol weight (a role of `Model.symbol_weights`) in each
    part; the shares sum to 1. Chance: the part's dimension over the group's order."""
    split = weight_split(snapshot)
    power = split.power(snapshot.model.symbol_weights()[role])
    return dict(zip(split.names, (power / power.sum()).tolist(), strict=True))


def gini(x: Float[Tensor, " n"]) -> float:
    """The Gini coefficient of non-negative numbers (Hurley & Rickard 2009): 0 if all are equal,
    1 - 1/n if one alone is not zero."""
    n = len(x)
    ascending = x.double().sort().values
    weight = (n - torch.arange(1, n + 1, dtype=torch.float64) + 0.5) / n
    return float(1 - 2 * (ascending / ascending.sum() * weight).sum())


def _gini_of(snapshot: Snapshot, role: str) -> float:
    split = weight_split(snapshot)
    if any(part.shape[1] > 2 for part in split.parts.values()):
        raise NotApplicable("within an irrep no basis is singled out, so this Gini has no meaning.")
    weight = snapshot.model.symbol_weights()[role].double()
    return gini((split.basis.T @ weight).norm(dim=1))


@measure
def gini_embedding(s: Snapshot) -> float:
    """Gini coefficient of the norms of the embedding's components along the basis of the split,
    constants included (Nanda et al. 2023, 5.1; separate embeddings are averaged). Random weights:
    near 0."""
    roles = [r for r in s.model.symbol_weights() if r != "c"]
    return sum(_gini_of(s, r) for r in roles) / len(roles)


@measure
def gini_output(s: Snapshot) -> float:
    """The same of the neuron-logit map W_L = W_out W_U (Nanda et al. 2023, 5.1). Random: near 0."""
    return _gini_of(s, "c")


@measure
def sum_of_squares(s: Snapshot) -> float:
    """The squared norm of all weights, biases included (Nanda et al. 2023)."""
    return sum(float(w.double().square().sum()) for w in s.model.parameters())


def neuron_parts(snapshot: Snapshot) -> tuple[list[str], Float[Tensor, "part neuron"]]:
    """For each non-constant part, the share of each neuron's variation over all pairs (a, b) that
    it explains: by functions of a, of b, or of both, all in that part.

    For Z/p this is Nanda et al.'s neuron frequency: the terms of degree at most 2 in cos and sin of
    w_k a and w_k b. A neuron that does not vary has share 0. Raises `NotApplicable` if the task has
    no group.
    """
    split, n = snapshot.split, snapshot.task.n_symbols
    constant = split.names.index("constant")
    others = [i for i in range(len(split.names)) if i != constant]
    shares = []
    for some in snapshot.mlp_post.split(NEURONS_AT_ONCE, dim=1):
        post = some.double().reshape(n, n, -1)
        half = torch.einsum("ai,abm->ibm", split.basis, post)
        energy = torch.einsum("bj,ibm->ijm", split.basis, half).square()
        blocks = _summed(_summed(energy, split, 0), split, 1)
        total = blocks.sum(dim=(0, 1)) - blocks[constant, constant]
        explained = torch.stack(
            [blocks[i, constant] + blocks[constant, i] + blocks[i, i] for i in others]
        )
        varies = total > 1e-12 * blocks.sum(dim=(0, 1)).clamp(min=1e-300)
        shares.append(torch.where(varies, explained / total.clamp(min=1e-300), 0.0))
    return [split.names[i] for i in others], torch.cat(shares, dim=1)


def _summed(x: Float[Tensor, "i j neuron"], split: Split, axis: int) -> Float[Tensor, "k l neuron"]:
    """Sums along an axis of coefficients those that belong to one part."""
    shape = list(x.shape)
    shape[axis] = len(split.names)
    return x.new_zeros(shape).index_add_(axis, split.owner, x)


NEURONS_AT_ONCE = 64
LOCALISED = 0.85


@measure
def neurons_localised(s: Snapshot) -> float:
    """Share of the neurons of which one part explains at least 85 % (Nanda et al. 2023)."""
    return float((neuron_parts(s)[1].amax(dim=0) >= LOCALISED).double().mean())

"""How large the weights are, and of what rank.

A weight here is a network's map from or to symbols with everything linear folded in: the model's
`symbol_weights`, by role ("ab" a shared embedding, "a" and "b" the operands', "c" the output's).

Axes: symbol = an operand's value, or an answer; d = any width; n = how many numbers; draw = one of
several random matrices.
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.canonical import weights_of
from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot, once_per_snapshot


@once_per_snapshot
def symbol_weights(s: Snapshot) -> dict[str, Float[Tensor, "symbol _"]]:
    """The model's `symbol_weights` in float64. Raises `NotApplicable` if it has none."""
    weights = weights_of(s)
    if not weights:
        raise NotApplicable(
            f"{s.model.name} has no weights that belong to symbols. `grokscope trace` "
            "measures what it has."
        )
    if not all(bool(W.isfinite().all()) for W in weights.values()):
        raise NotApplicable("the weights are no longer numbers: the training diverged.")
    return {role: W.detach().double() for role, W in weights.items()}


def output_map(s: Snapshot) -> Float[Tensor, "neuron c"]:
    """The map from the last hidden layer to the logits, in float64. Raises `NotApplicable` if there
    is none."""
    W = symbol_weights(s).get("c")
    if W is None or W.shape[1] != s.few.mlp_post.shape[1]:
        raise NotApplicable(f"{s.model.name} has no map from its neurons to the answers.")
    return W.T


@measure
def sum_of_squares(s: Snapshot) -> float:
    """The squared norm of all weights, biases included (Nanda et al. 2023). At the start: 1,781 for
    their Transformer mod 113."""
    return sum(sum_of_squares_by_weight(s).values())


@measure
@once_per_snapshot
def sum_of_squares_by_weight(s: Snapshot) -> dict[str, float]:
    """The same for each weight by its name. At the start: its size times the variance that it is
    drawn with."""
    return {name: float(w.double().square().sum()) for name, w in s.model.named_parameters()}


@measure
def nuclear_norm(s: Snapshot) -> dict[str, float]:
    """The sum of the singular values of each folded weight: what weight decay on two factors of it
    costs (Pearce et al. 2023, "PAIR": min ½(|E|² + |P|²) = |EP|_*). At the start that of a random
    matrix; per squared norm it falls with the rank."""
    return {role: float(x.sum()) for role, x in _singular_values(s).items()}


@measure
def effective_rank(s: Snapshot) -> dict[str, float]:
    """The exponential of the entropy of the singular values of each folded weight, as shares of
    their sum (Roy & Vetterli 2007). From 1 to the smaller side; at the start near the upper end. A
    circuit of n frequencies needs about 2n."""
    ranks = {}
    for role, x in _singular_values(s).items():
        share = x / x.sum().clamp(min=1e-300)
        ranks[role] = float(torch.special.entr(share).sum().exp())
    return ranks


@once_per_snapshot
def _singular_values(s: Snapshot) -> dict[str, Float[Tensor, " n"]]:
    return {role: torch.linalg.svdvals(W) for role, W in symbol_weights(s).items()}


DRAWS = 12  # random matrices that a number is compared with


def lookalikes(W: Float[Tensor, "symbol d"]) -> Float[Tensor, "draw symbol rank"]:
    """Random matrices with the singular values of W, centred over symbols, and other directions:
    what a number would be if the symbols meant nothing. The same directions every time."""
    scale = torch.linalg.svdvals(W.double() - W.double().mean(dim=0))
    scale = scale[scale > 1e-6 * scale.max().clamp(min=1e-300)]
    return _directions(len(W), len(scale)) * scale


@lru_cache(maxsize=4)
def _directions(n: int, rank: int) -> Float[Tensor, "draw symbol rank"]:
    """Orthonormal centred columns, drawn uniformly."""
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for _ in range(DRAWS):
        random = torch.randn(n, rank, generator=generator, dtype=torch.float64)
        drawn.append(torch.linalg.qr(random - random.mean(dim=0))[0])
    return torch.stack(drawn)


def gini_coefficient(x: Float[Tensor, " n"]) -> float:
    """The Gini coefficient of non-negative numbers (Hurley & Rickard 2009): 0 if all are equal,
    1 - 1/n if one alone is not zero."""
    n = len(x)
    ascending = x.double().sort().values
    weight = (n - torch.arange(1, n + 1, dtype=torch.float64) + 0.5) / n
    return float(1 - 2 * (ascending / ascending.sum().clamp(min=1e-300) * weight).sum())

"""What each neuron of the hidden layer follows.

Axes: pair = one input; part = a part of the lens; neuron; unit = a neuron or an output class;
coefficient = a basis function of the product.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.canonical import Canonical, canonical
from grokscope.errors import NotApplicable
from grokscope.measures.energy import energy, mean_share
from grokscope.measures.keys import keys_of
from grokscope.measures.measure import measure
from grokscope.measures.weights import output_map
from grokscope.snapshot import Snapshot, once_per_snapshot

LOCALISED = 0.85


@once_per_snapshot
def neuron_parts(s: Snapshot) -> tuple[list[str], Float[Tensor, "part neuron"]]:
    """For each non-constant part, the share of each neuron's variation over all pairs (a, b) that
    it explains: by functions of a, of b, or of both, all in that part.

    For Z/p this is Nanda et al.'s neuron frequency: the terms of degree at most 2 in cos and sin of
    w_k a and w_k b. A neuron that does not vary has share 0. Raises `NotApplicable` unless the task
    has a lens and every pair of its symbols.
    """
    n, post = s.task.n_symbols, s.mlp_post
    splits = s.operand_parts
    A, B = (split.basis.to(post) for split in splits)
    cube = post.view(n, n, -1)
    half = (A.T @ post.view(n, -1)).view(cube.shape)  # coefficient of a, b, neuron
    of_a = (A.T @ cube.sum(dim=1)).square() / n
    of_b = (B.T @ cube.sum(dim=0)).square() / n
    names, explained, start = [], [], 0
    for name, part in splits[0].parts.items():
        here = slice(start, start + part.shape[1])
        start = here.stop
        if name != "constant":
            both = (B[:, here].T @ half[here]).square().sum(dim=(0, 1))
            explained.append(of_a[here].sum(dim=0) + of_b[here].sum(dim=0) + both)
            names.append(name)
    return names, _of_variation(torch.stack(explained), *_post_squares(s))


def _share(explained: Float[Tensor, "*part unit"], x: Float[Tensor, "pair unit"]) -> Tensor:
    """What is explained of each unit's variation over pairs, in float64; 0 where it has none."""
    return _of_variation(explained, *_squares(x))


def _squares(x: Float[Tensor, "pair unit"]) -> tuple[Tensor, Tensor]:
    """The squares of each unit's variation over pairs, summed, and of the unit itself."""
    total = (x - x.mean(dim=0)).square().sum(dim=0).double()
    return total, x.square().sum(dim=0).double()


@once_per_snapshot
def _post_squares(s: Snapshot) -> tuple[Tensor, Tensor]:
    return _squares(s.mlp_post)


def _of_variation(
    explained: Float[Tensor, "*part unit"],
    total: Float[Tensor, " unit"],
    squares: Float[Tensor, " unit"],
) -> Float[Tensor, "*part unit"]:
    varies = total > 1e-12 * squares.clamp(min=1e-300)
    return torch.where(varies, explained.double() / total.clamp(min=1e-300), 0.0)


@measure
def neurons_localised(s: Snapshot) -> float:
    """Share of the neurons of which one part explains at least 85 % (Nanda et al. 2023). Chance: a
    part explains about its squared dimension over all pairs, 8 of 12,768 for a frequency mod 113,
    so none."""
    return float((neuron_parts(s)[1].amax(dim=0) >= LOCALISED).double().mean())


@measure(invariant=True)
@once_per_snapshot
def localised_energy(s: Snapshot) -> float:
    """The share that these neurons have in what neurons add to the logits: each weighed by its
    `energy`, in the canonical view (ours). Chance: none, as there."""
    view, best = canonical(s), neuron_parts(s)[1].amax(dim=0)
    if view is not s and isinstance(view.model, Canonical):
        best = best[view.model.to_live.chosen]  # a multiple of a neuron has its shares
    return mean_share(best >= LOCALISED, energy(s))


@measure
def neurons_by_part(s: Snapshot) -> dict[str, float]:
    """How many neurons each part explains to at least 85 % (Nanda et al. 2023). Chance: none."""
    names, shares = neuron_parts(s)
    best, owner = shares.max(dim=0)
    counts = owner[best >= LOCALISED].bincount(minlength=len(names)).tolist()
    return {name: float(n) for name, n in zip(names, counts, strict=True)}


@measure
def trig_ratio(s: Snapshot) -> dict[str, float]:
    """How much of a unit's variation over pairs the sum directions of the key parts hold, averaged
    over units: neurons before and after their nonlinearity, and logits (ARENA 1.5.2). Chance: the
    dimensions of the key parts over the number of pairs, near 0."""
    keys, ratios = keys_of(s), {}
    post = _along(s, s.mean_over_fibres(s.mlp_post), keys)
    shares = {
        "mlp_pre": _share(_along(s, s.mean_over_fibres(s.mlp_pre), keys), s.mlp_pre),
        "mlp_post": _of_variation(post, *_post_squares(s)),
    }
    shares["logits"] = _logits_share(s, _along(s, s.mean_logits, keys))
    for name, share in shares.items():
        ratios[name] = float(share[share > 0].mean()) if (share > 0).any() else 0.0
    return ratios


def _on_fibres(
    s: Snapshot, means: Float[Tensor, "s unit"], parts: tuple[str, ...]
) -> Float[Tensor, "coefficient unit"]:
    """The coefficients, along orthonormal functions of the product in these parts, of what has
    these means over the fibres."""
    return s.fibres.split.part(parts).T @ (means.double() * s.fibres.counts.sqrt()[:, None])


def _along(
    s: Snapshot, means: Float[Tensor, "s unit"], parts: tuple[str, ...]
) -> Float[Tensor, " unit"]:
    """The squared norm in these parts of what has these means over the fibres."""
    return _on_fibres(s, means, parts).square().sum(dim=0)


def _logits_share(s: Snapshot, explained: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
    """`_share` of the logits, of which no table of all pairs is made."""
    squares = s.sums(lambda block: block.logits.double().square())[0]
    total = squares - s.sums(lambda block: block.logits)[0].square() / len(s.task.inputs)
    return _of_variation(explained, total, squares)


@measure(invariant=True)
def output_direction_fve(s: Snapshot) -> dict[str, float]:
    """How much of the hidden layer's variance along u_k and v_k, the directions from which the
    output map W_L reads cos and sin of each key frequency, cos and sin of w_k(a+b) explain (Nanda
    et al. 2023, Table 1: 93 to 98 %). Chance: 1 over the number of pairs."""
    lens, W = s.lens, output_map(s).T
    view = lens.views["c"]
    fve = {}
    for key in keys_of(s):
        Q = lens.split.parts[key]
        if Q.shape[1] > 2:
            raise NotApplicable("within an irrep no basis is singled out, so it has no u and v.")
        u = Q.T @ (W if view.matrix is None else view.matrix @ W)  # coefficient x neuron
        read = s.mlp_post @ u.T.to(s.mlp_post)
        means = s.mean_over_fibres(read)
        along = _share(_on_fibres(s, means, (key,)).diagonal().square(), read)
        for wave, value in zip(("cos", "sin"), along.tolist(), strict=False):
            fve[f"{key} {wave}"] = value
    return fve

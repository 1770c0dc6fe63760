"""The logits against the characters of the lens: how much of them says χ(ab c⁻¹).

The algorithm of Chughtai et al. (2023) has these logits, and for a+b mod p it is Nanda et al.'s:
χ_k(a+b-c) = 2 cos w_k(a+b-c). For ab mod p the group is that of the units, and pairs or classes
with 0 have no character.

Axes: s = a product; c = an answer; g = an element of the lens's group.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.keys import keys_of, row_variation
from grokscope.measures.measure import measure
from grokscope.snapshot import Snapshot, once_per_snapshot


@once_per_snapshot
def characters(s: Snapshot) -> dict[str, Float[Tensor, "s c"]]:
    """χ(s c⁻¹) for each part of the lens but the constants, scaled to χ(1) = 1; 0 where s or c is
    not in the group. Raises `NotApplicable` if the lens has no group, or if an answer stands for
    several points.
    """
    lens = s.lens
    if lens.group is None or lens.element is None:
        raise NotApplicable(
            f"`{s.task.name}` is not a product in a group, so its logits have no characters. A "
            "product mod a prime p has those of its units."
        )
    points = s.fibres.points
    point_of = torch.full((s.task.n_answers,), -1)
    point_of[lens.answers] = torch.arange(len(lens.answers))
    if not torch.equal(lens.answers[point_of], torch.arange(s.task.n_answers)):
        raise NotApplicable(f"in `{s.task.name}` several products have one answer.")
    here, there = lens.element[points], lens.element[point_of]
    has_both = ((here >= 0)[:, None] & (there >= 0)).double()
    quotient = lens.group.quotient[here.clamp(min=0)][:, there.clamp(min=0)]
    places = torch.full((lens.group.order,), -1)
    places[lens.element[lens.element >= 0]] = (lens.element >= 0).nonzero()[:, 0]
    waves = {}
    for name, Q in lens.split.parts.items():
        kernel = Q[places] @ Q[places[lens.group.identity]]  # a class function of the group
        if float((kernel - kernel.mean()).norm()) > 1e-9:  # not the constants, nor "{0}"
            waves[name] = (kernel / kernel[lens.group.identity])[quotient] * has_both
    return waves


@measure(invariant=True)
@once_per_snapshot
def logit_similarity(s: Snapshot) -> dict[str, float]:
    """The cosine similarity of the logits, centred over classes, with χ(ab c⁻¹) of each part
    (Chughtai et al. 2023; for a+b mod p with cos w_k(a+b-c), Nanda et al. 2023). In [-1, 1];
    chance: 0, with a standard deviation of 1 over the root of pairs times classes."""
    counts = s.fibres.counts[:, None]
    logits = s.mean_logits.double()
    logits = logits - logits.mean(dim=1, keepdim=True)
    norm = max(row_variation(s), 1e-300) ** 0.5
    return {
        name: float((counts * logits * wave).sum() / ((counts * wave * wave).sum().sqrt() * norm))
        for name, wave in characters(s).items()
    }


@measure(invariant=True)
def logit_fve(s: Snapshot) -> dict[str, float]:
    """The fraction of the logits' variance, centred over classes, that Σ α_k χ_k(ab c⁻¹) explains,
    with the key parts, and with every part (Nanda et al. 2023, 4.2; Chughtai et al. 2023).

    It cannot tell clocks from pizzas. Chance: the number of parts over that of all directions, near
    0.
    """
    squares = {name: x * x for name, x in logit_similarity(s).items()}
    keys = sum(squares.get(key, 0.0) for key in keys_of(s))
    return {"keys": keys, "all parts": sum(squares.values())}

"""How the folded weights spread over the parts of a lens, and which lens they are sparsest in.

Axes: symbol = an operand's value, or an answer; part = a part of the lens; d = any width;
draw = one of several random matrices.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.lenses import Lens, View
from grokscope.errors import NotApplicable, lookup
from grokscope.measures.measure import measure
from grokscope.measures.weights import gini_coefficient, lookalikes, symbol_weights
from grokscope.snapshot import Snapshot, once_per_snapshot


def lens_of(s: Snapshot, name: str | None = None) -> Lens:
    """The lens called `name`; by default the one whose product the task is, or else its first.

    Raises `NotApplicable` if the task has none, `UnknownName` if it has none of that name.
    """
    lenses = {lens.name: lens for lens in s.task.lenses}
    if not lenses:
        raise NotApplicable(
            f"`{s.task.name}` has no lens: neither a group nor a modulus. `grokscope trace` "
            "measures what it has; a task of your own names its group or modulus when it is made."
        )
    return lookup("lens", name, lenses) if name is not None else next(iter(lenses.values()))


@once_per_snapshot
def spectrum(s: Snapshot, weight: str, lens: str | None = None) -> dict[str, float]:
    """The share of the squared norm of a folded weight ("ab", "a", "b" or "c") in each part of a
    lens, by default the task's own; the shares sum to 1. An embedding that both operands share is
    read as each of them, and the two averaged. Chance: the part's share of white noise,
    `even_spectrum`."""
    chosen, W = lens_of(s, lens), lookup("weight", weight, symbol_weights(s))
    return _over_roles(chosen, weight, lambda view: view.power(W))


def even_spectrum(s: Snapshot, weight: str, lens: str | None = None) -> dict[str, float]:
    """What `spectrum` is of white noise: for a lens that loses nothing, each part's dimension over
    the number of symbols."""
    return _over_roles(lens_of(s, lens), weight, lambda view: view.even)


def _over_roles(
    lens: Lens, weight: str, power: Callable[[View], Float[Tensor, " part"]]
) -> dict[str, float]:
    """The share of each part in a power, averaged over the roles that a weight is read in."""
    shares: dict[str, float] = {}
    roles = lens.roles(weight)
    for view in (lens.views[role] for role in roles):
        powers = power(view)
        each = (powers / powers.sum().clamp(min=1e-300)).tolist()
        for name, share in zip(view.names, each, strict=True):
            shares[name] = shares.get(name, 0.0) + share / len(roles)
    return shares


@measure
def power(s: Snapshot) -> dict[str, float]:
    """The spectrum of each folded weight in the task's own lens, not centred: "ab: frequency 3" and
    so on (for irreps the weights' FVE of Chughtai et al. 2023). Chance: each part's dimension over
    the number of symbols."""
    return {
        f"{weight}: {part}": share
        for weight in symbol_weights(s)
        for part, share in spectrum(s, weight).items()
    }


def components(s: Snapshot, weight: str) -> dict[str, Float[Tensor, " coefficient"]]:
    """The norms of a folded weight along each basis function of the parts of the task's own lens.

    Raises `NotApplicable` where a part has more than two dimensions, so that no basis is singled
    out.
    """
    lens, W = lens_of(s), lookup("weight", weight, symbol_weights(s))
    if any(Q.shape[1] > 2 for Q in lens.split.parts.values()):
        raise NotApplicable("within an irrep no basis is singled out, so components mean nothing.")
    views = [lens.views[role] for role in lens.roles(weight)]
    on_points = [W if view.matrix is None else view.matrix @ W for view in views]
    norms = torch.stack([(lens.split.basis.T @ x).norm(dim=1) for x in on_points]).mean(dim=0)
    sizes = lens.split.owner.bincount().tolist()
    return dict(zip(lens.split.names, norms.split(sizes), strict=True))


@measure
def gini(s: Snapshot) -> dict[str, float]:
    """Gini coefficient of the norms of each folded weight's components along the basis of the lens,
    constants included (Nanda et al. 2023, 5.1, who leave open whether over frequencies or over
    their cos and sin apart: here apart). Random weights: near 0."""
    return {
        weight: gini_coefficient(torch.cat(list(components(s, weight).values())))
        for weight in symbol_weights(s)
    }


@measure
def inverse_participation_ratio(s: Snapshot) -> dict[str, float]:
    """Σ share² over the parts of each folded weight's spectrum, constants left out: 1 if it lies in
    one part (Doshi et al. 2024). Chance: near Σ (dimension / all dimensions)², so 1 / 56 for
    113 residues."""
    ratios = {}
    for weight in symbol_weights(s):
        shares = torch.tensor([x for k, x in spectrum(s, weight).items() if k != "constant"])
        ratios[weight] = float((shares / shares.sum().clamp(min=1e-300)).square().sum())
    return ratios


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)


# Which lens?


@dataclass(frozen=True)
class Score:
    """How much sparser a weight is in a lens than random matrices with the same singular values.

    `value` is the divergence, in nats, of its spectrum from an even one, less the mean of theirs;
    `noise` is their standard deviation.
    """

    value: float
    noise: float


@dataclass(frozen=True)
class Comparison:
    """Each lens's score over the folded weights of a network, and the winner: the best lens if it
    is ahead of chance and of the next by the margin, else None."""

    scores: dict[str, Score]
    by_weight: dict[str, dict[str, Score]]  # lens -> weight -> score
    margin: float  # nats by which the winner has to lead

    @property
    def ranking(self) -> list[str]:
        return sorted(self.scores, key=lambda name: -self.scores[name].value)

    @property
    def winner(self) -> str | None:
        return self.ranking[0] if self.lead > self.margin else None

    @property
    def lead(self) -> float:
        """Nats by which the best lens is ahead of the next, or of chance (0) where that is more."""
        first, *rest = (self.scores[name].value for name in self.ranking)
        return first - max([0.0, *rest])


MARGIN = 0.1  # nats: a tenth fewer dimensions at the same power
SIGMAS = 4.0


@once_per_snapshot
def compare(s: Snapshot) -> Comparison:
    """The lenses of the task, scored on the network's folded weights.

    The divergence is Σ share · log(share / even share) over the parts, the constant one left out,
    for weights centred over symbols; it says how few of the dimensions hold the power, and does not
    favour small parts or large. Random matrices keep the weight's singular values, and so its rank,
    with directions drawn anew. A lens wins if it leads the next and chance by `MARGIN` nats and by
    four standard deviations of the random ones. Raises `NotApplicable` without lenses or weights.
    """
    weights = symbol_weights(s)
    if not s.task.lenses:
        lens_of(s)
    chance = {weight: lookalikes(W) for weight, W in weights.items()}
    by_weight = {
        lens.name: {weight: score(lens, weight, W, chance[weight]) for weight, W in weights.items()}
        for lens in s.task.lenses
    }
    scores = {
        name: Score(
            _mean(x.value for x in by_role.values()),
            (sum(x.noise**2 for x in by_role.values())) ** 0.5 / len(by_role),
        )
        for name, by_role in by_weight.items()
    }
    noise = max(x.noise for x in scores.values())
    return Comparison(scores, by_weight, max(MARGIN, SIGMAS * noise))


def score(
    lens: Lens,
    weight: str,
    W: Float[Tensor, "symbol d"],
    chance: Float[Tensor, "draw symbol rank"] | None = None,
) -> Score:
    """The score of one folded weight in a lens, beside its `lookalikes`; see `compare`. Of a shared
    embedding, the mean over its roles."""
    centred = W.double() - W.double().mean(dim=0)
    views = [lens.views[role] for role in lens.roles(weight)]
    random = lookalikes(W) if chance is None else chance
    divergences = torch.stack([_divergence(view, centred) for view in views])
    null = torch.cat([_divergence(view, random) for view in views])
    return Score(float(divergences.mean() - null.mean()), float(null.std()))


def _divergence(view: View, W: Float[Tensor, "*draw symbol d"]) -> Float[Tensor, "*draw"]:
    """Σ share · log(share / even share), in nats, over all parts but the constants."""
    keep = torch.tensor([name != "constant" for name in view.names])
    share, even = view.power(W)[..., keep], view.even[keep]
    share, even = share / share.sum(dim=-1, keepdim=True).clamp(min=1e-300), even / even.sum()
    some = even > 1e-12  # what white noise cannot reach holds nothing else
    return torch.special.xlogy(share[..., some], share[..., some] / even[some]).sum(dim=-1)


@measure
def lens_score(s: Snapshot) -> dict[str, float]:
    """For each lens of the task, the nats by which the folded weights are sparser in it than random
    matrices with the same singular values; see `compare`. Chance: 0."""
    return {name: x.value for name, x in compare(s).scores.items()}

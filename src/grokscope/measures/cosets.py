"""Do neurons follow cosets? (Stander et al. 2023; Wu et al. 2024)

Before its nonlinearity a neuron is a function l of a plus a function r of b. In a coset circuit l
is constant on the right cosets Hg of a subgroup, and r on the left cosets gH' of one conjugate to
it, so that l + r tells whether ab lies in the coset that both share. The other way round, l on left
cosets and r on right ones ("wrong side"), they should be constant no more than by chance.

By how much l is not constant is its spread: E[Var(l | coset)] / Var(l), in [0, 1] (Wu et al.'s
`part_var`). Stander et al. sum sample variances over cosets instead: C_H = spread·(|G|-1)/(|H|-1),
from 0 to about |G/H|.

To be constant on the cosets of a normal subgroup is no more than to lie in those irreps that map it
to 1: it says nothing of cosets that `irreps.py` does not, and both sides are one. So a neuron in
the irreps ±1 (a "sign neuron") counts for no evidence, nor do normal subgroups where a measure says
so. Interventions do not tell coset circuits from others (Wu et al. 2024, App. E).

Stander et al.'s count is of the neurons as they are. Our own shares and medians are of the live
neurons of the canonical view, each weighed by its `energy`, what it adds to the logits. Controls
are redrawn where neurons change places, so they are raw.

Axes: g = an element of the group; neuron = a live one; subgroup = a proper one that is not trivial;
class = a conjugacy class of them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import irreps
from grokscope.algebra.splits import isotypic
from grokscope.algebra.subgroups import double_cosets, left_cosets, right_cosets, subgroups
from grokscope.canonical import canonical
from grokscope.errors import NotApplicable
from grokscope.measures.energy import energy, mean_share, median_by
from grokscope.measures.measure import measure
from grokscope.measures.sides import Sides, is_sign, own_irrep, sides
from grokscope.snapshot import Snapshot, once_per_snapshot

CosetSide = Literal["right", "left"]  # Hg, gH
Spreads = dict[str, Float[Tensor, "subgroup neuron"]]  # of "left", l, and "right", r

CONSTANT = 0.01  # the spread below which a function is constant on cosets (Wu et al. 2024)


@dataclass(frozen=True, eq=False)
class Proper:
    """The proper, non-trivial subgroups of a group, conjugates one after the other."""

    members: Bool[Tensor, "subgroup g"]
    order: Float[Tensor, " subgroup"]
    is_normal: Bool[Tensor, " subgroup"]
    of_class: Int[Tensor, " subgroup"]  # an index into `names`
    names: tuple[str, ...]

    @property
    def class_order(self) -> Float[Tensor, " class"]:
        """The order of each class's subgroups."""
        return self.order.new_zeros(len(self.names)).index_copy(0, self.of_class, self.order)


@lru_cache(maxsize=8)
def proper_subgroups(group: Group) -> Proper:
    """The proper, non-trivial subgroups. Raises `NotApplicable` if there are none, as in a cyclic
    group of prime order."""
    classes = [c for c in subgroups(group) if 1 < c.order < group.order]
    if not classes:
        raise NotApplicable(
            f"{group.name} has no subgroups but the trivial ones, so there are no cosets to follow."
        )
    sizes = torch.tensor([len(c.members) for c in classes])
    members = torch.cat([c.members for c in classes])
    return Proper(
        members,
        members.sum(dim=1).double(),
        torch.repeat_interleave(sizes == 1, sizes),
        torch.repeat_interleave(torch.arange(len(classes)), sizes),
        tuple(c.name for c in classes),
    )


def spread(
    f: Float[Tensor, "g neuron"], group: Group, cosets: CosetSide
) -> Float[Tensor, "subgroup neuron"]:
    """E[Var(f | coset)] / Var(f) of centred functions, for every proper subgroup, on its right
    cosets Hg or left cosets gH (Wu et al. 2024). Of noise: 1 - (|G/H| - 1)/(|G| - 1).

    What of f is constant on right cosets has as its squared norm the mean over h in H of
    Σ_g f(g) f(hg), so that one autocorrelation serves all subgroups.
    """
    proper = proper_subgroups(group)
    f = f / f.norm(dim=0)
    moved = group.table if cosets == "right" else group.table.T  # [h, g] = hg, or gh
    autocorrelation = torch.stack([(f * f[row]).sum(dim=0) for row in moved])
    constant = proper.members.double() @ autocorrelation / proper.order[:, None]
    return (1 - constant).clamp(min=0)


def stander_c(
    spreads: Float[Tensor, "subgroup neuron"], group: Group
) -> Float[Tensor, "subgroup neuron"]:
    """C_H(f) = Σ over cosets of Var(f | coset) / Var(f), from spreads; with sample variances
    (Stander et al. 2023)."""
    order = proper_subgroups(group).order[:, None]
    return spreads * (group.order - 1) / (order - 1)


@once_per_snapshot
def right_sides(s: Snapshot) -> Spreads:
    """The spreads of l on right cosets and of r on left cosets."""
    x = sides(s)
    return {"left": spread(x.left, x.group, "right"), "right": spread(x.right, x.group, "left")}


@once_per_snapshot
def wrong_sides(s: Snapshot) -> Spreads:
    """The spreads of l on left cosets and of r on right cosets."""
    x = sides(s)
    return {"left": spread(x.left, x.group, "left"), "right": spread(x.right, x.group, "right")}


def joint_spreads(spreads: Spreads, proper: Proper) -> Float[Tensor, "class neuron"]:
    """The smallest spread of each neuron in a class of subgroups, on its worse side."""
    smallest = []
    for x in spreads.values():
        start = x.new_full((len(proper.names), x.shape[1]), torch.inf)
        owner = proper.of_class[:, None].expand_as(x)
        smallest.append(start.scatter_reduce(0, owner, x, "amin"))
    return torch.maximum(*smallest)


def largest_class(joint: Float[Tensor, "class neuron"], proper: Proper) -> Int[Tensor, " neuron"]:
    """The class of the largest subgroups on whose cosets each neuron is constant; see `_largest`.
    The spreads are those of `joint_spreads`."""
    return _largest(joint, proper.class_order)


def assigned(spreads: Float[Tensor, "subgroup neuron"], proper: Proper) -> Int[Tensor, " neuron"]:
    """The largest subgroup on whose cosets each function is constant; see `_largest`."""
    return _largest(spreads, proper.order)


def _largest(
    spreads: Float[Tensor, "row neuron"], order: Float[Tensor, " row"]
) -> Int[Tensor, " neuron"]:
    """The row of the largest order with a spread below 1 %, of equally large ones that of the
    smallest spread; -1 where there is none."""
    rank, row = torch.where(spreads < CONSTANT, order[:, None] - spreads, 0.0).max(dim=0)
    return torch.where(rank > 0, row, -1)


def member_of(
    spreads: Float[Tensor, "subgroup neuron"], proper: Proper, chosen: Int[Tensor, " neuron"]
) -> Int[Tensor, " neuron"]:
    """The subgroup of the chosen class that has the smallest spread."""
    is_other = proper.of_class[:, None] != chosen
    return torch.where(is_other, torch.inf, spreads).argmin(dim=0)


class CosetsOf(NamedTuple):
    """The number of the coset that each element lies in: of H on the right, Hg; of K on the left,
    gK; and of both, HgK."""

    right: Int[Tensor, " g"]
    left: Int[Tensor, " g"]
    double: Int[Tensor, " g"]


@lru_cache(maxsize=4096)
def cosets_of(group: Group, h: int, k: int) -> CosetsOf:
    """The cosets of two subgroups, given by their numbers among `proper_subgroups`."""
    H, K = proper_subgroups(group).members[[h, k]]
    return CosetsOf(right_cosets(group, H), left_cosets(group, K), double_cosets(group, H, K))


def mean_on(f: Float[Tensor, " g"], cosets: Int[Tensor, " g"]) -> Float[Tensor, " g"]:
    """f averaged on each coset."""
    total = f.new_zeros(int(cosets.max()) + 1).index_add_(0, cosets, f)
    return (total / cosets.bincount())[cosets]


@once_per_snapshot
def others(s: Snapshot) -> Bool[Tensor, " neuron"]:
    """Which live neurons are not sign neurons. Raises `NotApplicable` if all are."""
    if is_sign(s).all():
        raise NotApplicable("every live neuron lies in the irreps ±1, so none could show cosets.")
    return ~is_sign(s)


def live_energy(view: Snapshot) -> Float[Tensor, " neuron"]:
    """The energy of the live neurons of a canonical view."""
    return energy(view)[sides(view).index]


@measure(invariant=True)
def sign_neurons(s: Snapshot) -> float:
    """Share, by energy, of the live neurons that have at least 95 % of l and of r in irreps ±1:
    they follow the cosets of a normal subgroup by definition. Chance: none."""
    view = canonical(s)
    return mean_share(is_sign(view), live_energy(view))


@measure(invariant=True)
def neurons_in_one_irrep(s: Snapshot) -> float:
    """Share, by energy, of the live neurons of which one irrep holds at least 95 % of l and of r,
    each centred (the threshold is that of Wu et al. 2024, who ask it of l alone and count neurons).
    Chance, at the start: none, as a part then holds its dimension over |G|."""
    view = canonical(s)
    x = sides(view)
    return mean_share(own_irrep(x.left, x.right, x.group) >= 0, live_energy(view))


@measure
def coset_neurons(s: Snapshot) -> float:
    """Share of the live neurons that have min C_H < 1 on both sides, over all proper non-trivial
    subgroups H (Stander et al. 2023: above .99 on S5). Sign neurons count.

    Weak evidence: chance is `coset_neurons_control`, and for functions of rank one it is high.
    """
    return float(_follows_cosets(sides(s).group, right_sides(s)).double().mean())


@measure
def coset_neurons_control(s: Snapshot) -> dict[str, float]:
    """`coset_neurons` for what is put in place of the live neurons but sign neurons; see
    `controls`.

    Relabelled and random functions are near 0 on S5, and up to .1 on S4. But of rank one, bᵀρ(g)a,
    some transposition often nearly fixes b: in the standard irrep of S5 .8 of random ones pass on
    one side and .65 on both, though only .12 have C_H < .01 on one side. For the same reason
    neurons of a coset circuit may pass on the "wrong side" too (without normal subgroups).
    """
    group, proper = sides(s).group, proper_subgroups(sides(s).group)
    follows = {name: _follows_cosets(group, spreads) for name, spreads in controls(s).items()}
    if not proper.is_normal.all():
        is_void = proper.is_normal[:, None]
        wrong = {side: torch.where(is_void, 1.0, x) for side, x in wrong_sides(s).items()}
        follows["wrong side"] = _follows_cosets(group, wrong)[others(s)]
    return {name: float(x.double().mean()) for name, x in follows.items()}


def _follows_cosets(group: Group, spreads: Spreads) -> Bool[Tensor, " neuron"]:
    """Which neurons have min C_H < 1 on both sides."""
    return torch.maximum(*(stander_c(x, group).amin(dim=0) for x in spreads.values())) < 1


@once_per_snapshot
def controls(s: Snapshot) -> dict[str, Spreads]:
    """The spreads, on the right sides, of what is put in place of the live neurons but sign
    neurons: the same with the elements of the group "relabelled" at random; "random" functions with
    the same share in every irrep; and such that are of "rank one" in every irrep, bᵀρ(g)a, as the
    neurons of a learned network are (Wu et al. 2024), with b and a drawn for each side and neuron.
    The same draws for every network."""
    return drawn(sides(s).pick(others(s)))


def drawn(x: Sides, draw: int = 0) -> dict[str, Spreads]:
    """One draw of `controls`, in place of these neurons."""
    seeds = range(3 * draw, 3 * draw + 3)
    order, full, thin = (torch.Generator().manual_seed(seed) for seed in seeds)
    to = torch.randperm(x.group.order, generator=order)
    sets = {
        "relabelled": [f[to] for f in (x.left, x.right)],
        "random": [_redrawn(f, x.group, full) for f in (x.left, x.right)],
        "rank one": [_redrawn(f, x.group, thin, rank_one=True) for f in (x.left, x.right)],
    }
    return {
        name: {"left": spread(left, x.group, "right"), "right": spread(right, x.group, "left")}
        for name, (left, right) in sets.items()
    }


def _redrawn(
    f: Float[Tensor, "g neuron"],
    group: Group,
    generator: torch.Generator,
    rank_one: bool = False,
) -> Float[Tensor, "g neuron"]:
    """Random functions with the norm of f in every irrep: tr ρ(g)A with random matrices A."""
    total, n = torch.zeros_like(f), f.shape[1]
    for rho, Q in zip(irreps(group), isotypic(group).parts.values(), strict=True):
        columns = 1 if rank_one else rho.d
        b, a = torch.randn(2, n, rho.d, columns, generator=generator, dtype=f.dtype)
        A = b @ a.mT if rank_one else b
        drawn = torch.einsum("gij,mij->gm", rho.matrices, A)
        total += drawn / drawn.norm(dim=0) * (Q.T @ f).norm(dim=0)
    return total


@measure(invariant=True)
def coset_concentration(s: Snapshot) -> dict[str, float]:
    """Medians, by energy, over the live neurons but sign neurons: "left: C" and "right: C" of the
    smallest C_H (Stander et al. 2023; 5e-8 on learned S5), "left: w" and "right: w" of the largest
    w(H) = 1 - spread, which is in [0, 1]; the same for the "wrong side".

    Normal subgroups are left out, as both sides are one there. Chance:
    `coset_concentration_control`; at the start 4.9 (C) and .62 (w) on S5. Judge by C: w is largest
    for small subgroups, and near 1 by chance. Raises `NotApplicable` where every subgroup is
    normal.
    """
    view = canonical(s)
    _not_all_normal(view)
    those, weight = others(view), live_energy(view)
    medians = {}
    for place, spreads in (("", right_sides(view)), (", wrong side", wrong_sides(view))):
        for side, x in spreads.items():
            medians |= _medians(view, f"{side}{place}", x[:, those], weight[those])
    return medians


@measure
def coset_concentration_control(s: Snapshot) -> dict[str, float]:
    """The same for random functions of rank one in place of those neurons; see `controls`. In the
    standard irrep of S5 .3 (C) and .99 (w)."""
    view = canonical(s)
    _not_all_normal(view)
    medians, weight = {}, live_energy(view)[others(view)]
    for side, x in controls(view)["rank one"].items():
        medians |= _medians(view, side, x, weight)
    return medians


def _medians(
    view: Snapshot,
    name: str,
    spreads: Float[Tensor, "subgroup neuron"],
    weight: Float[Tensor, " neuron"],
) -> dict[str, float]:
    """Those of the smallest C_H and of the largest w(H), over subgroups that are not normal."""
    group, keep = sides(view).group, ~_not_all_normal(view).is_normal
    C, w = stander_c(spreads, group)[keep].amin(dim=0), 1 - spreads[keep].amin(dim=0)
    return {f"{name}: C": median_by(weight, C), f"{name}: w": median_by(weight, w)}


@measure(invariant=True)
def coset_neurons_pure(s: Snapshot) -> float:
    """Share, by energy, of the live neurons but sign neurons for which l and r each have a subgroup
    with a spread below 1 %, of which the largest on either side are conjugate and not normal (the
    assignment is that of Wu et al. 2024).

    Chance: `coset_neurons_pure_control`, and high for small subgroups; see which ones they are in
    `coset_energy`. Raises `NotApplicable` where every subgroup is normal.
    """
    view = canonical(s)
    is_pure = _is_pure(right_sides(view), _not_all_normal(view))
    return mean_share(is_pure[others(view)], live_energy(view)[others(view)])


@measure
def coset_neurons_pure_control(s: Snapshot) -> dict[str, float]:
    """The same for what is put in place of those neurons; see `controls`. On S5 relabelled and
    random functions are near 0, and those of rank one in its standard irrep near .4, most of them
    with subgroups of order 2."""
    view = canonical(s)
    proper, weight = _not_all_normal(view), live_energy(view)[others(view)]
    is_pure = {name: _is_pure(spreads, proper) for name, spreads in controls(view).items()}
    return {name: mean_share(x, weight) for name, x in is_pure.items()}


def _is_pure(spreads: Spreads, proper: Proper) -> Bool[Tensor, " neuron"]:
    """Which neurons are assigned to conjugate subgroups that are not normal."""
    left, right = (assigned(x, proper) for x in spreads.values())
    owner = torch.nn.functional.pad(proper.of_class, (0, 1), value=-1)  # the last: no subgroup
    is_normal = torch.nn.functional.pad(proper.is_normal, (0, 1), value=True)
    return (owner[left] == owner[right]) & ~is_normal[left]


@measure(invariant=True)
def coset_energy(s: Snapshot) -> dict[str, float]:
    """Where the energy of the live neurons is, by the largest subgroup with a spread below 1 %: the
    share of each class of subgroups, of "sign" neurons, and of "none" (Wu et al. 2024 assign so;
    jlee0229/Affine-MI weighs by the squared norms of l and r, which depend on each neuron's scale).
    A neuron's energy is that of its l and its r as their squared norms. The shares sum to 1.
    Chance: at the start all in "none"; of random functions of rank one in the standard irrep of S5
    .2 there, .6 in subgroups of order 2, and less than .01 in S4."""
    view = canonical(s)
    x, proper = sides(view), proper_subgroups(sides(view).group)
    names = (*proper.names, "sign", "none")
    owner = torch.nn.functional.pad(proper.of_class, (0, 1), value=len(names) - 1)
    squares = {"left": x.left.square().sum(dim=0), "right": x.right.square().sum(dim=0)}
    weight = live_energy(view) / (squares["left"] + squares["right"])
    total = torch.zeros(len(names), dtype=torch.float64)
    for side, square in squares.items():
        here = owner[assigned(right_sides(view)[side], proper)]
        here = torch.where(is_sign(view), len(names) - 2, here)
        total.index_add_(0, here, weight * square)
    return dict(zip(names, (total / total.sum()).tolist(), strict=True))


def _not_all_normal(s: Snapshot) -> Proper:
    """The subgroups. Raises `NotApplicable` where all are normal, so that cosets say no more than
    irreps."""
    group = sides(s).group
    proper = proper_subgroups(group)
    if proper.is_normal.all():
        raise NotApplicable(
            f"every subgroup of {group.name} is normal, so that a function constant on cosets is "
            "one that lies in some of its parts: see `power` and `coset_energy`."
        )
    return proper

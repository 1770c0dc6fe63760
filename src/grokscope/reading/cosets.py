"""The cosets that the neurons of a network on a finite group follow, as they are drawn.

A neuron's subgroup is the largest on whose cosets its functions of a and of b are constant, to 1 %
of their variance (Wu et al. 2024; see `circuits/coset/`). A function can be so by chance, so all
that is counted here is counted of controls too; whether the network is a coset circuit is for the
certificate to say.

Axes: g = an element of the group, and so a symbol; neuron = a live one; shown = one on the page;
every = any neuron; class = a conjugacy class of subgroups; subgroup.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.names import element_names
from grokscope.algebra.subgroups import left_cosets, right_cosets
from grokscope.canonical import canonical
from grokscope.errors import BadInput, NotApplicable
from grokscope.measures.cosets import (
    CONSTANT,
    Proper,
    Spreads,
    controls,
    cosets_of,
    drawn,
    is_sign,
    joint_spreads,
    largest_class,
    live_energy,
    member_of,
    proper_subgroups,
    right_sides,
    wrong_sides,
)
from grokscope.measures.sides import sides
from grokscope.snapshot import Snapshot
from grokscope.task import COSETS_UP_TO

SIGN, NONE = "irreps ±1", "none"
CONTROLS = {
    "relabelled": "elements shuffled",
    "random": "random, same irreps",
    "rank one": "random, same irreps, rank one",
}
DRAWS = 40  # of each control in place of a shown neuron
LIKELY = 2  # of them that follow as large a subgroup: from here on it can be chance


# ---- what is drawn -------------------------------------------------------------------------------


@dataclass(frozen=True)
class SubgroupShown:
    """A subgroup, and the coset Hx ("right") and xH that each element lies in, with their names.
    `point` is the one whose stabiliser it is, counted from 1."""

    name: str
    order: int
    conjugates: int
    point: int | None
    right: list[int]
    left: list[int]
    right_names: list[str]
    left_names: list[str]


@dataclass(frozen=True)
class CosetNeuron:
    """A neuron with its subgroups H, of a, and K, of b: places among those shown.

    `spread` is how far it is from constant on their cosets, `wrong` the same on the cosets of the
    other side, `out` how much of its output's variance is within double cosets, beside the same of
    an output shuffled. `controls`: in how many draws each control follows as large a subgroup.
    `match` has for each Hx the yK with which it makes the `shared` double coset.
    """

    h: int
    k: int
    follows: bool
    is_sign: bool
    is_normal: bool
    spread: float
    wrong: float
    controls: dict[str, int]
    is_likely: bool  # by chance
    out: float | None
    out_shuffled: float | None
    double: list[int]
    double_names: list[str]
    shared: int
    match: list[int]


@dataclass(frozen=True)
class Followers:
    """How many neurons follow a class of subgroups, in the network and in its controls, and the
    share that those of the network have in what its neurons add to the logits."""

    name: str
    counts: list[int]
    energy: float
    order: int | None = None
    cosets: int | None = None
    conjugates: int | None = None


@dataclass(frozen=True)
class FollowedCosets:
    """The subgroups of the shown neurons, None where one is dead; and all neurons counted."""

    subgroups: list[SubgroupShown]
    neurons: list[CosetNeuron | None]
    columns: list[str]
    rows: list[Followers]


def cosets(
    s: Snapshot,
    start: Snapshot | None,
    shown: Int[Tensor, " shown"],
    out: Float[Tensor, "g every"] | None,
) -> FollowedCosets | None:
    """For each shown neuron its subgroup, with the cosets and what the controls have; and how many
    neurons of the network, of the controls and at the `start` follow each subgroup. `out` is the
    map from the neurons to the answers.

    None where the task is not a group's product, where the group is large, where no shown neuron is
    alive or none adds to the logits, and where all subgroups are normal: their cosets tell no more
    than irreps do.
    """
    group = s.task.symbol_group
    if group is None or group.order > COSETS_UP_TO:
        return None
    try:
        subgroups, index = proper_subgroups(group), sides(s).index
        energies = _energies(s, subgroups)
    except (NotApplicable, BadInput):
        return None
    if bool(subgroups.is_normal.all()):
        return None
    place = {int(i): k for k, i in enumerate(index)}
    places = [place.get(int(i)) for i in shown]
    alive = [k for k in places if k is not None]
    if not alive:
        return None
    live = LiveNeurons(s, group, subgroups, out)
    follow, owners = _followers(live, alive), torch.stack(live.owners)
    used = sorted(set(owners[:, alive].flatten().tolist()))
    columns, rows = _counted(live, start, energies)
    return FollowedCosets(
        subgroups=[live.subgroup(i) for i in used],
        neurons=[None if k is None else live.neuron(k, used, follow[k]) for k in places],
        columns=columns,
        rows=rows,
    )


# ---- which subgroups neurons follow --------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Followed:
    """Which class of subgroups each neuron follows, and the one it is nearest to following."""

    subgroups: Proper
    joint: Float[Tensor, "class neuron"]  # the smallest spread in each class, on the worse side

    @cached_property
    def chosen(self) -> Int[Tensor, " neuron"]:
        """-1 for none."""
        return largest_class(self.joint, self.subgroups)

    @cached_property
    def nearest(self) -> Int[Tensor, " neuron"]:
        """The class followed, or else that of the smallest C_H (Stander et al. 2023)."""
        by_order = (self.subgroups.class_order - 1)[:, None]
        return torch.where(self.chosen >= 0, self.chosen, (self.joint / by_order).argmin(dim=0))

    def counts(self) -> list[int]:
        """How many neurons follow each class, and none."""
        n = len(self.subgroups.names)
        owner = torch.where(self.chosen >= 0, self.chosen, n)
        return owner.bincount(minlength=n + 1).tolist()

    def at_least(self, orders: Float[Tensor, " neuron"]) -> Float[Tensor, " neuron"]:
        """The smallest spread on cosets of subgroups of at least these orders."""
        is_large = self.subgroups.class_order[:, None] >= orders
        return torch.where(is_large, self.joint, torch.inf).amin(dim=0)


def _followed(spreads: Spreads, subgroups: Proper) -> Followed:
    return Followed(subgroups, joint_spreads(spreads, subgroups))


class DoubleCosets(NamedTuple):
    """The double cosets HxK of a neuron, an element of the shared one, and how much of the output's
    variance is within them, beside that of the same shuffled."""

    of: Int[Tensor, " g"]
    z: int
    out: float | None
    out_shuffled: float | None


@dataclass(frozen=True, eq=False)
class LiveNeurons:
    """The live neurons of a network, by their place among them."""

    snapshot: Snapshot
    group: Group
    subgroups: Proper
    out: Float[Tensor, "g every"] | None

    @cached_property
    def followed(self) -> Followed:
        return _followed(right_sides(self.snapshot), self.subgroups)

    @cached_property
    def wrong(self) -> Followed:
        """l on left cosets, r on right ones."""
        return _followed(wrong_sides(self.snapshot), self.subgroups)

    @cached_property
    def sign(self) -> Bool[Tensor, " neuron"]:
        """Those in the irreps ±1, which have no controls."""
        return is_sign(self.snapshot)

    @cached_property
    def controls(self) -> dict[str, Followed]:
        """What takes the place of the neurons in no irrep ±1, one draw each."""
        if self.sign.all():
            return {}
        return {k: _followed(x, self.subgroups) for k, x in controls(self.snapshot).items()}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return element_names(self.group)

    @cached_property
    def owners(self) -> tuple[Int[Tensor, " neuron"], ...]:
        """The subgroups H, for functions of a, and K, for functions of b."""
        nearest = self.followed.nearest
        spreads = right_sides(self.snapshot).values()
        return tuple(member_of(x, self.subgroups, nearest) for x in spreads)

    def neuron(self, i: int, used: list[int], controls: Mapping[str, int]) -> CosetNeuron:
        """The i-th live neuron, its subgroups by their places among those `used`."""
        h, k = (int(x[i]) for x in self.owners)
        cls, double = int(self.followed.nearest[i]), self._double(i, h, k)
        return CosetNeuron(
            h=used.index(h),
            k=used.index(k),
            follows=bool(self.followed.chosen[i] >= 0),
            is_sign=bool(self.sign[i]),
            is_normal=bool(self.subgroups.is_normal[h]),
            spread=float(self.followed.joint[cls, i]),
            wrong=float(self.wrong.joint[cls, i]),
            controls=dict(controls),
            is_likely=any(n >= LIKELY for n in controls.values()),
            out=double.out,
            out_shuffled=double.out_shuffled,
            double=double.of.tolist(),
            double_names=self._double_names(h, k, double),
            shared=int(double.of[double.z]),
            match=self._match(h, k, double.z),
        )

    def _double(self, i: int, h: int, k: int) -> DoubleCosets:
        """z is of a coset Hz = zK, that on which the output stands out most."""
        of = cosets_of(self.group, h, k).double
        is_shared = of.bincount()[of] == int(self.subgroups.order[h])
        u = None if self.out is None else self.out[:, int(sides(self.snapshot).index[i])]
        if u is None or not bool(u.any()):
            return DoubleCosets(of, int(is_shared.int().argmax()), None, None)
        to = torch.randperm(self.group.order, generator=torch.Generator().manual_seed(0))
        z = int(torch.where(is_shared, _means(u, of).abs(), -1.0).argmax())
        return DoubleCosets(of, z, _within(u, of), _within(u[to], of))

    def _match(self, h: int, k: int, z: int) -> list[int]:
        """For each coset Hx, the coset yK with which it makes the shared coset: x⁻¹zK."""
        of = cosets_of(self.group, h, k)
        there = of.left[self.group.table[self.group.inverse, z]]
        return [int(there[x]) for x in _firsts(of.right)]

    def _double_names(self, h: int, k: int, double: DoubleCosets) -> list[str]:
        i, j = (_point(self.group, self.subgroups.members[x]) for x in (h, k))
        count, here = int(double.of.max()) + 1, int(double.of[double.z])
        if i is not None and j is not None and count == 2:
            sent = self._sent(i, j)
            return [sent if x == here else f"not {sent}" for x in range(2)]
        members = [self._member(double.of == x) for x in range(count)]
        return [" ".join(filter(None, ("H", name, "K"))) for name in members]

    def _sent(self, i: int, j: int) -> str:
        """That the points send i to j, of the elements by their names, which may be inverse."""
        return f"{j + 1}→{i + 1}" if self.group.is_opposite else f"{i + 1}→{j + 1}"

    def _member(self, members: Bool[Tensor, " g"]) -> str:
        """The shortest name among these elements; none if the identity is one."""
        if members[self.group.identity]:
            return ""
        return min((self.names[i] for i in members.nonzero()[:, 0].tolist()), key=len)

    def subgroup(self, i: int) -> SubgroupShown:
        """The i-th subgroup with its cosets."""
        H, cls = self.subgroups.members[i], int(self.subgroups.of_class[i])
        right, left = right_cosets(self.group, H), left_cosets(self.group, H)
        point = _point(self.group, H)
        if point is None:
            right_names, left_names = (
                [self._member(of == x) for x in range(int(of.max()) + 1)] for of in (right, left)
            )
            right_names = [f"H {x}".strip() for x in right_names]
            left_names = [f"{x} K".strip() for x in left_names]
        else:  # where they send the point, if H is all that fix it
            assert self.group.points is not None
            to, by = (self.group.points[_firsts(of)] for of in (right, left))
            right_names = [self._sent(point, int(x)) for x in to[:, point]]
            left_names = [self._sent(int((x == point).int().argmax()), point) for x in by]
        return SubgroupShown(
            name=self.subgroups.names[cls],
            order=int(self.subgroups.order[i]),
            conjugates=int((self.subgroups.of_class == cls).sum()),
            point=None if point is None else point + 1,
            right=right.tolist(),
            left=left.tolist(),
            right_names=right_names,
            left_names=left_names,
        )


# ---- beside controls -----------------------------------------------------------------------------


def _followers(live: LiveNeurons, places: list[int]) -> dict[int, dict[str, int]]:
    """For each of these live neurons, in how many draws each control in its place follows a
    subgroup at least as large."""
    counts: dict[int, dict[str, int]] = {k: {} for k in places}
    those = torch.tensor([k in counts for k in range(len(live.sign))]) & ~live.sign
    if not those.any():
        return counts
    orders = live.subgroups.class_order[live.followed.nearest[those]]
    x, index = sides(live.snapshot).pick(those), those.nonzero()[:, 0].tolist()
    for draw in range(1, DRAWS + 1):
        for name, spreads in drawn(x, draw).items():
            follows = _followed(spreads, live.subgroups).at_least(orders) < CONSTANT
            for k, is_one in zip(index, follows.tolist(), strict=True):
                counts[k][CONTROLS[name]] = counts[k].get(CONTROLS[name], 0) + is_one
    return counts


def _counted(
    live: LiveNeurons, start: Snapshot | None, energies: list[float]
) -> tuple[list[str], list[Followers]]:
    """How many neurons follow each class of subgroups, of the network and of its controls."""
    subgroups = live.subgroups
    columns = {"this network": _counts(live.followed, live.sign)}
    if start is not None:
        try:
            sign = is_sign(start)
        except NotApplicable:  # none is alive
            pass
        else:
            columns["untrained"] = _counts(_followed(right_sides(start), subgroups), sign)
    for name, x in live.controls.items():
        columns[CONTROLS[name]] = [*x.counts(), 0]
    *by_class, none, sign = zip(*columns.values(), strict=True)
    *energy_by_class, energy_of_none, energy_of_sign = energies
    orders = subgroups.class_order.long().tolist()
    conjugates = subgroups.of_class.bincount().tolist()
    rows = [
        Followers(name, list(counts), energy, order, live.group.order // order, n)
        for name, counts, energy, order, n in zip(
            subgroups.names, by_class, energy_by_class, orders, conjugates, strict=True
        )
    ][::-1]
    rows += [
        Followers(SIGN, list(sign), energy_of_sign),
        Followers(NONE, list(none), energy_of_none),
    ]
    return list(columns), [row for row in rows if any(row.counts)]


def _energies(s: Snapshot, subgroups: Proper) -> list[float]:
    """What the live neurons that follow each class add, those that follow none, and those in an
    irrep ±1: shares of what all live neurons add to the logits, in the canonical view."""
    view, n = canonical(s), len(subgroups.names)
    chosen, weight = _followed(right_sides(view), subgroups).chosen, live_energy(view)
    owner = torch.where(is_sign(view), n + 1, torch.where(chosen >= 0, chosen, n))
    return weight.new_zeros(n + 2).index_add_(0, owner, weight / weight.sum()).tolist()


def _counts(followed: Followed, sign: Bool[Tensor, " neuron"]) -> list[int]:
    """How many neurons in no irrep ±1 follow each class, and none; and how many are in one."""
    others = Followed(followed.subgroups, followed.joint[:, ~sign])
    return [*others.counts(), int(sign.sum())]


# ---- cosets as numbers ---------------------------------------------------------------------------


def _point(group: Group, H: Bool[Tensor, " g"]) -> int | None:
    """The point whose stabiliser H is, if it is one's alone."""
    if group.points is None:
        return None
    n = group.points.shape[1]
    fixed = (group.points[H] == torch.arange(n)).all(dim=0).nonzero()[:, 0].tolist()
    own = [i for i in fixed if int((group.points[:, i] == i).sum()) == int(H.sum())]
    return own[0] if own else None


def _firsts(numbers: Int[Tensor, " g"]) -> Int[Tensor, " coset"]:
    """The first element of each coset."""
    return torch.from_numpy(np.unique(numbers.numpy(), return_index=True)[1])


def _means(f: Float[Tensor, " g"], cosets: Int[Tensor, " g"]) -> Float[Tensor, " g"]:
    count = cosets.bincount()
    return (f.new_zeros(len(count)).index_add_(0, cosets, f) / count)[cosets]


def _within(f: Float[Tensor, " g"], cosets: Int[Tensor, " g"]) -> float:
    """How much of the variance is within cosets."""
    f = f - f.mean()
    return 1 - float(_means(f, cosets).square().sum() / f.square().sum().clamp(min=1e-300))

"""The cosets that the neurons of a network on a finite group follow, as its page needs them.

A neuron's subgroup is the largest on whose cosets its functions of a and of b are constant, to 1 %
of their variance (Wu et al. 2024; see `circuits/cosets.py`). A function can be so by chance, so all
that is counted here is counted of controls too; whether the network is a coset circuit is for the
certificate to say.

Axes: g = an element of the group, and so a symbol; neuron = a live one; shown = one on the page;
every = any neuron; class = a conjugacy class of subgroups; subgroup.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.names import element_names
from grokscope.algebra.subgroups import left_cosets, right_cosets
from grokscope.circuits.coset.circuit import (
    class_orders,
    cosets_of,
    joint_spreads,
    largest_class,
    member_of,
)
from grokscope.errors import BadInput, NotApplicable
from grokscope.measures.cosets import (
    CONSTANT,
    Proper,
    Spreads,
    controls,
    drawn,
    is_sign,
    proper_subgroups,
    right_sides,
    sides,
    wrong_sides,
)
from grokscope.reading.names import group_of
from grokscope.reading.reading import Reading
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


@dataclass(frozen=True, eq=False)
class Followed:
    """Which class of subgroups each neuron follows, and the one it is nearest to following."""

    known: Proper
    joint: Float[Tensor, "class neuron"]  # the smallest spread in each class, on the worse side

    @cached_property
    def chosen(self) -> Int[Tensor, " neuron"]:
        """-1 for none."""
        return largest_class(self.joint, self.known)

    @cached_property
    def nearest(self) -> Int[Tensor, " neuron"]:
        """The class followed, or else that of the smallest C_H (Stander et al. 2023)."""
        by_order = (class_orders(self.known) - 1)[:, None]
        return torch.where(self.chosen >= 0, self.chosen, (self.joint / by_order).argmin(dim=0))

    def counts(self) -> list[int]:
        """How many neurons follow each class, and none."""
        n = len(self.known.names)
        owner = torch.where(self.chosen >= 0, self.chosen, n)
        return owner.bincount(minlength=n + 1).tolist()

    def at_least(self, orders: Float[Tensor, " neuron"]) -> Float[Tensor, " neuron"]:
        """The smallest spread on cosets of subgroups of at least these orders."""
        is_large = class_orders(self.known)[:, None] >= orders
        return torch.where(is_large, self.joint, torch.inf).amin(dim=0)


def _followed(spreads: Spreads, known: Proper) -> Followed:
    return Followed(known, joint_spreads(spreads, known))


def untrained(r: Reading) -> Snapshot | None:
    """The run at step 0, where that is a checkpoint and not the last."""
    if r.snapshot.step == 0 or 0 not in r.run.steps:
        return None
    ((step, model),) = r.run.models([0])
    return replace(r.snapshot, model=model, step=step)


def cosets(
    s: Snapshot,
    start: Snapshot | None,
    shown: Int[Tensor, " shown"],
    out: Float[Tensor, "g every"] | None,
) -> dict[str, Any] | None:
    """For each shown neuron its subgroup, with the cosets and what the controls have; and how many
    neurons of the network, of the controls and at the `start` follow each subgroup. `out` is the
    map from the neurons to the answers.

    None where the task is no group's product, where the group is large, where no shown neuron is
    alive, and where all subgroups are normal: their cosets tell no more than irreps do.
    """
    group = group_of(s.task)
    if group is None or group.order > COSETS_UP_TO:
        return None
    try:
        known, live = proper_subgroups(group), sides(s).index
    except (NotApplicable, BadInput):
        return None
    if bool(known.is_normal.all()):
        return None
    place = {int(i): k for k, i in enumerate(live)}
    places = [place.get(int(i)) for i in shown]
    rows = [k for k in places if k is not None]
    if not rows:
        return None
    network = Network(s, group, known, out)
    beside = _beside(network, rows)
    neurons = [None if k is None else network.neuron(k) | beside[k] for k in places]
    used = sorted({x[side] for x in neurons if x is not None for side in ("h", "k")})
    for x in neurons:
        if x is not None:
            x["h"], x["k"] = used.index(x["h"]), used.index(x["k"])
    return {
        "subgroups": [_subgroup(network, i) for i in used],
        "neurons": neurons,
        "table": _table(network, start),
        "draws": DRAWS,
    }


@dataclass(frozen=True, eq=False)
class Network:
    """The live neurons of a network, by their place among them."""

    snapshot: Snapshot
    group: Group
    known: Proper
    out: Float[Tensor, "g every"] | None

    @cached_property
    def followed(self) -> Followed:
        return _followed(right_sides(self.snapshot), self.known)

    @cached_property
    def wrong(self) -> Followed:
        """l on left cosets, r on right ones."""
        return _followed(wrong_sides(self.snapshot), self.known)

    @cached_property
    def sign(self) -> Bool[Tensor, " neuron"]:
        """Those in the irreps ±1, which have no controls."""
        return is_sign(self.snapshot)

    @cached_property
    def controls(self) -> dict[str, Followed]:
        """Of the neurons in no irrep ±1, one draw each."""
        if self.sign.all():
            return {}
        return {k: _followed(x, self.known) for k, x in controls(self.snapshot).items()}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return element_names(self.group)

    @cached_property
    def owners(self) -> tuple[Int[Tensor, " neuron"], ...]:
        """The subgroups H, for functions of a, and K, for functions of b."""
        nearest = self.followed.nearest
        spreads = right_sides(self.snapshot).values()
        return tuple(member_of(x, self.known, nearest) for x in spreads)

    def neuron(self, k: int) -> dict[str, Any]:
        """Of the k-th live neuron."""
        (h, g), known = (int(x[k]) for x in self.owners), self.known
        cls, index = int(self.followed.nearest[k]), int(sides(self.snapshot).index[k])
        double = cosets_of(self.group, h, g).double
        z, outputs = self._shared(h, double, None if self.out is None else self.out[:, index])
        return {
            "h": h,
            "k": g,
            "follows": bool(self.followed.chosen[k] >= 0),
            "isSign": bool(self.sign[k]),
            "isNormal": bool(known.is_normal[h]),
            "spread": _short(float(self.followed.joint[cls, k])),
            "wrong": _short(float(self.wrong.joint[cls, k])),
            **outputs,
            "double": double.tolist(),
            "doubleNames": self._double_names(h, g, z, double),
            "shared": int(double[z]),
            "match": self._match(h, g, z),
        }

    def _shared(
        self, h: int, double: Int[Tensor, " g"], u: Float[Tensor, " g"] | None
    ) -> tuple[int, dict[str, float | None]]:
        """An element z of a coset Hz = zK, that on which the output stands out most; and how much
        of the output's variance is not between double cosets, beside that of the same shuffled."""
        is_shared = double.bincount()[double] == int(self.known.order[h])
        if u is None or not bool(u.any()):
            return int(is_shared.int().argmax()), {"out": None, "outShuffled": None}
        to = torch.randperm(self.group.order, generator=torch.Generator().manual_seed(0))
        z = int(torch.where(is_shared, _means(u, double).abs(), -1.0).argmax())
        beside = {"out": u, "outShuffled": u[to]}
        return z, {name: _short(_within(f, double)) for name, f in beside.items()}

    def _match(self, h: int, k: int, z: int) -> list[int]:
        """For each coset Hx, the coset yK with which it makes the shared coset: x⁻¹zK."""
        of = cosets_of(self.group, h, k)
        there = of.left[self.group.table[self.group.inverse, z]]
        return [int(there[x]) for x in _firsts(of.right)]

    def _double_names(self, h: int, k: int, z: int, double: Int[Tensor, " g"]) -> list[str]:
        i, j = (_point(self.group, self.known.members[x]) for x in (h, k))
        first = [int(x) for x in _firsts(double)]
        here = int(double[z])
        if i is not None and j is not None and len(first) == 2:
            sent = f"{i + 1}→{j + 1}"
            return [sent if x == here else f"not {sent}" for x in range(2)]
        mine = [self._member(double == x) for x in range(len(first))]
        return [" ".join(filter(None, ("H", name, "K"))) for name in mine]

    def _member(self, members: Bool[Tensor, " g"]) -> str:
        """The shortest name among these elements; none if the identity is one."""
        if members[self.group.identity]:
            return ""
        return min((self.names[i] for i in members.nonzero()[:, 0].tolist()), key=len)

    def coset_names(self, h: int, side: str) -> list[str]:
        """Of the cosets Hx ("right") or xH: where they send a point, if H is all that fix one, else
        a member's name beside H."""
        H = self.known.members[h]
        point = _point(self.group, H)
        of = right_cosets(self.group, H) if side == "right" else left_cosets(self.group, H)
        if point is None:
            mine = [self._member(of == x) for x in range(int(of.max()) + 1)]
            return [f"H {x}".strip() if side == "right" else f"{x} K".strip() for x in mine]
        assert self.group.points is not None
        images = self.group.points[_firsts(of)]
        if side == "right":
            return [f"{point + 1}→{int(x) + 1}" for x in images[:, point]]
        return [f"{int((x == point).int().argmax()) + 1}→{point + 1}" for x in images]


def _beside(network: Network, rows: list[int]) -> dict[int, dict[str, Any]]:
    """For each of these live neurons, in how many draws each control in its place follows a
    subgroup at least as large, and whether it may follow its own by chance."""
    counts: dict[int, dict[str, int]] = {k: {} for k in rows}
    those = torch.tensor([k in counts for k in range(len(network.sign))]) & ~network.sign
    if those.any():
        orders = class_orders(network.known)[network.followed.nearest[those]]
        for name, count in _followers(network, those, orders).items():
            for k, n in zip(those.nonzero()[:, 0].tolist(), count.tolist(), strict=True):
                counts[k][CONTROLS[name]] = n
    return {
        k: {"controls": x, "isLikely": any(n >= LIKELY for n in x.values())}
        for k, x in counts.items()
    }


def _followers(
    network: Network, those: Bool[Tensor, " every"], orders: Float[Tensor, " neuron"]
) -> dict[str, Int[Tensor, " neuron"]]:
    """In how many draws each control follows subgroups of at least these orders."""
    x, found = sides(network.snapshot).pick(those), {}
    for draw in range(1, DRAWS + 1):
        for name, spreads in drawn(x, draw).items():
            follows = _followed(spreads, network.known).at_least(orders) < CONSTANT
            found[name] = found.get(name, 0) + follows.int()
    return found


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


def _subgroup(network: Network, i: int) -> dict[str, Any]:
    known, group = network.known, network.group
    H, cls = known.members[i], int(known.of_class[i])
    return {
        "name": known.names[cls],
        "order": int(known.order[i]),
        "conjugates": int((known.of_class == cls).sum()),
        "point": None if (point := _point(group, H)) is None else point + 1,
        "right": right_cosets(group, H).tolist(),
        "left": left_cosets(group, H).tolist(),
        "rightNames": network.coset_names(i, "right"),
        "leftNames": network.coset_names(i, "left"),
    }


def _table(network: Network, start: Snapshot | None) -> dict[str, Any]:
    """How many neurons follow each class of subgroups, of the network and of its controls."""
    known, sign = network.known, network.sign
    mine = Followed(known, network.followed.joint[:, ~sign])
    columns = {"this network": [*mine.counts(), int(sign.sum())]}
    before = None if start is None else _counts_of(start, known)
    if before is not None:
        columns["untrained"] = before
    for name, x in network.controls.items():
        columns[CONTROLS[name]] = [*x.counts(), 0]
    orders = class_orders(known).long().tolist()
    conjugates = known.of_class.bincount().tolist()
    rows = [
        {
            "name": name,
            "order": orders[i],
            "cosets": network.group.order // orders[i],
            "conjugates": conjugates[i],
            "counts": [x[i] for x in columns.values()],
        }
        for i, name in enumerate(known.names)
    ]
    n = len(rows)
    rows = [row for row in rows if any(row["counts"])][::-1]
    for name, at in ((SIGN, n + 1), (NONE, n)):
        counts = [x[at] for x in columns.values()]
        if any(counts):
            rows.append({"name": name, "counts": counts})
    return {"columns": list(columns), "rows": rows}


def _counts_of(s: Snapshot, known: Proper) -> list[int] | None:
    """The counts of another checkpoint, None where no neuron is alive."""
    try:
        sign = is_sign(s)
    except NotApplicable:
        return None
    found = _followed(right_sides(s), known)
    return [*Followed(known, found.joint[:, ~sign]).counts(), int(sign.sum())]


def _short(x: float) -> float:
    return float(f"{x:.3g}")

"""Coset circuits: each neuron tells to which coset a product belongs (Stander et al. 2023).

Before its nonlinearity a neuron adds l(x), constant on the right cosets Hx of a subgroup H, and
r(y), constant on the left cosets yK of a conjugate K = z⁻¹Hz. What it then knows of xy is its
double coset HxyK, among them the one that is a coset on either side, Hz = zK, which both share; so
its output u is constant on double cosets. For S4 in S5 there are two: xy sends i to j, or not.

In a circuit without biases the sign irrep's lone σ(z) (see `rho_sets.py`) hides in the outputs of
other neurons, in proportion to the length of l; where there are sign neurons, it is kept.

That a neuron is constant on cosets proves little: random functions that lie in one irrep and are of
rank one there often are, on those of small subgroups, and on a normal subgroup's cosets every
function of some irreps is constant. So the evidence counts a neuron for what its subgroup's size is
worth: the controls must be constant on cosets of as large a subgroup, to as small a spread.

Axes: pair = one input; g = an element of the group; neuron; unit = a neuron of the network, claimed
or not; c = an answer; class = a conjugacy class of subgroups; subgroup.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.subgroups import double_cosets, left_cosets, right_cosets
from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.circuits.summed import (
    Summed,
    lone_signs,
    mean_share,
    numbers,
    on_signs,
    signs_of,
    summed,
    used_signs,
)
from grokscope.errors import BadInput, NotApplicable
from grokscope.measures.cosets import (
    CONSTANT,
    PURE,
    Proper,
    Spreads,
    controls,
    irrep_shares,
    is_sign,
    proper_subgroups,
    right_sides,
    sides,
    stander_c,
    wrong_sides,
)
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence, Need, Standing, Tested, at_most, judged

CONCENTRATED = 0.9  # of the neurons' energy: learned networks on S5 have .97 and more
BY_CHANCE = 0.25  # at most of what is put in their place: of networks without cosets it is .5, as
# a neuron's spread is then as likely to be above as below its control's
EXACT = 1e-6  # spreads below it are rounding


class OfCosets(Tested):
    """What a coset circuit is tested on."""

    CONSTANT = "neurons' energy constant on cosets, irreps ±1 left out"
    WRONG_SIDE = "as constant on the wrong side: l on left cosets, r on right ones"
    IN_ONE_IRREP = "in one irrep each"
    PROJECTED = "projected ρ-sets: on cosets and in one irrep (Wu et al., Lemma G.6)"
    STANDER = "neurons with C_H < 1 (Stander et al.)"
    OUTPUTS = "outputs explained by double cosets"


@dataclass(frozen=True, eq=False)
class Cosets(Circuit):
    """The network rebuilt from the values of each neuron on cosets.

    Each neuron has a subgroup H, a conjugate K of it, and an element z of the coset Hz = zK on
    which its output stands out most; so K = z⁻¹Hz.
    """

    means: Summed  # without the lone signs
    H: Int[Tensor, " neuron"]  # by their numbers among `proper_subgroups`
    K: Int[Tensor, " neuron"]
    z: Int[Tensor, " neuron"]
    lone: Float[Tensor, " sign"]  # how much of each irrep ±1 outputs hold beside, for length 1 of l
    names: tuple[str, ...]
    form: ClassVar[str] = "coset"
    title: ClassVar[str] = "cosets"
    how: ClassVar[str] = (
        "Its neurons ask in which cosets of subgroups a and b are, and so in which coset their "
        "product is; the answer is what lies in all of these"
    )
    algorithms: ClassVar[tuple[str, ...]] = ("coset",)

    @property
    def group(self) -> Group:
        return self.means.group

    @property
    def subgroups(self) -> Proper:
        return proper_subgroups(self.group)

    @property
    def of_class(self) -> Int[Tensor, " neuron"]:
        """The conjugacy class of each neuron's subgroups."""
        return self.subgroups.of_class[self.H]

    @property
    def cosets(self) -> list["CosetsOf"]:
        """The cosets of each neuron."""
        pairs = zip(self.H.tolist(), self.K.tolist(), strict=True)
        return [cosets_of(self.group, h, k) for h, k in pairs]

    @property
    def beside(self) -> Float[Tensor, "sign neuron"]:
        """How much of each irrep ±1 each output holds beside its values on double cosets."""
        length = self.means.left.norm(dim=0)
        return self.lone[:, None] * length * _is_free(self.group, self.H)

    @property
    def rebuilt(self) -> Summed:
        """The network that it describes."""
        output = self.means.output + signs_of(self.group) @ self.beside
        return replace(self.means, output=output)

    @property
    def parts(self) -> tuple[str, ...]:
        return self.names

    @property
    def size(self) -> int:
        """For each neuron its values on right, left and double cosets, less one each of r and u,
        which have mean 0, and a number for either subgroup; the lone signs, and the bias's."""
        values = sum(int(x.max()) + 1 for each in self.cosets for x in each)
        bias = on_signs(self.means.bias, signs_of(self.group))
        return values + int((self.lone != 0).sum()) + int((bias != 0).sum())

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return self.rebuilt.logits(task)

    def hidden(self, task: Task) -> Float[Tensor, "pair unit"]:
        return self.means.hidden(task)

    def output(self) -> Float[Tensor, "unit c"]:
        return self.rebuilt.to_answers()

    def keeping(self, parts: Iterable[str]) -> "Cosets":
        names = chosen_parts(self, parts)
        wanted = torch.tensor([name in names for name in self.subgroups.names])
        keep = wanted[self.of_class]
        H, K, z = self.H[keep], self.K[keep], self.z[keep]
        return replace(self, means=self.means.pick(keep), H=H, K=K, z=z, names=names)

    def neurons(self) -> dict[str, Bool[Tensor, " unit"]]:
        places = {name: i for i, name in enumerate(self.subgroups.names)}
        return {name: self.means.claimed(self.of_class == places[name]) for name in self.names}

    @property
    def equation(self) -> str:
        return (
            "logit(z) = Σ_i u_i(HzK) relu(l_i(Hx) + r_i(yK)), K conjugate to H; subgroups H: "
            + ", ".join(self.names)
        )

    def program(self) -> str:
        return _program(self)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return _checks(self, snapshot)


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


def _is_free(group: Group, H: Int[Tensor, " neuron"]) -> Bool[Tensor, "sign neuron"]:
    """Whether no function on the cosets of H can hold anything of an irrep ±1."""
    known = proper_subgroups(group)
    averages = known.members.double() @ signs_of(group) / known.order[:, None]
    return (averages[H].abs() < 0.5).T


@finder(Cosets, needs_all_pairs=True)
def find(snapshot: Snapshot) -> Cosets:
    """Every neuron whose l and r are constant, to 1 % of their variance, on the right and left
    cosets of conjugate subgroups, with its means on them; of several subgroups it takes the
    largest.

    Raises `NotApplicable` where the group has no proper subgroups, where no neuron is constant on
    their cosets, and where the network does not add a function of a to one of b.
    """
    whole = summed(snapshot)
    try:
        known = proper_subgroups(whole.group)
    except BadInput as reason:  # too many of them
        raise NotApplicable(str(reason)) from None
    chosen = largest_class(joint_spreads(right_sides(snapshot), known), known)
    keep = chosen >= 0
    if not keep.any():
        raise NotApplicable(
            f"no neuron is constant on the cosets of a subgroup of {whole.group.name}, to 1 % of "
            "its variance and on both sides."
        )
    left, right = (
        member_of(x[:, keep], known, chosen[keep]) for x in right_sides(snapshot).values()
    )
    names = tuple(name for i, name in enumerate(known.names) if (chosen == i).any())
    means, z = _means_on_cosets(whole.pick(keep), left, right)
    plain = Cosets(
        means, left, right, z, torch.zeros(signs_of(whole.group).shape[1]).double(), names
    )
    return replace(plain, lone=_lone(plain, whole.pick(keep)))


def joint_spreads(spreads: Spreads, known: Proper) -> Float[Tensor, "class neuron"]:
    """The smallest spread of each neuron in a class of subgroups, on its worse side."""
    found = []
    for x in spreads.values():
        best = x.new_full((len(known.names), x.shape[1]), torch.inf)
        owner = known.of_class[:, None].expand_as(x)
        found.append(best.scatter_reduce(0, owner, x, "amin"))
    return torch.maximum(*found)


def class_orders(known: Proper) -> Float[Tensor, " class"]:
    orders = known.order.new_zeros(len(known.names))
    orders[known.of_class] = known.order
    return orders


def largest_class(joint: Float[Tensor, "class neuron"], known: Proper) -> Int[Tensor, " neuron"]:
    """The class of the largest subgroups on whose cosets each neuron is constant, of equally large
    ones that of the smallest spread; -1 where there is none."""
    rank = torch.where(joint < CONSTANT, class_orders(known)[:, None] - joint, 0.0)
    best, where = rank.max(dim=0)
    return torch.where(best > 0, where, -1)


def member_of(
    spreads: Float[Tensor, "subgroup neuron"], known: Proper, chosen: Int[Tensor, " neuron"]
) -> Int[Tensor, " neuron"]:
    """The subgroup of a class with the smallest spread."""
    others = known.of_class[:, None] != chosen
    return torch.where(others, torch.inf, spreads).argmin(dim=0)


def _means_on_cosets(
    x: Summed, left: Int[Tensor, " neuron"], right: Int[Tensor, " neuron"]
) -> tuple[Summed, Int[Tensor, " neuron"]]:
    """The means of l, r and u on their cosets, and an element of the coset on both sides where u
    stands out most."""
    group, order = x.group, proper_subgroups(x.group).order
    l, r, u = (torch.empty_like(f) for f in (x.left, x.right, x.output))
    z = torch.empty_like(left)
    for i, (h, k) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        of = cosets_of(group, h, k)
        l[:, i] = _means(x.left[:, i], of.right)
        r[:, i] = _means(x.right[:, i], of.left)
        u[:, i] = _means(x.output[:, i], of.double)
        is_shared = of.double.bincount()[of.double] == order[h]
        z[i] = torch.where(is_shared, u[:, i].abs(), -1.0).argmax()
    signs = signs_of(group)
    return replace(x, left=l, right=r, output=u, bias=signs @ on_signs(x.bias, signs)), z


def _lone(plain: Cosets, x: Summed) -> Float[Tensor, " sign"]:
    """What of the irreps ±1 the outputs hold beside, of those that some neurons lie in."""
    signs = signs_of(x.group)
    rest, is_free = x.output - plain.means.output, _is_free(x.group, plain.H)
    return lone_signs(x, rest, signs, is_free) * used_signs(x, signs)


def _means(f: Float[Tensor, " g"], cosets: Int[Tensor, " g"]) -> Float[Tensor, " g"]:
    """f averaged on each coset."""
    total = f.new_zeros(int(cosets.max()) + 1).index_add_(0, cosets, f)
    return (total / cosets.bincount())[cosets]


@dataclass(frozen=True, eq=False)
class Following:
    """Which classes of subgroups functions follow that are no sign neurons, and to what spread."""

    known: Proper
    joint: Float[Tensor, "class neuron"]
    energy: Float[Tensor, " neuron"]

    @cached_property
    def chosen(self) -> Int[Tensor, " neuron"]:
        return largest_class(self.joint, self.known)

    @property
    def follows(self) -> Bool[Tensor, " neuron"]:
        return self.chosen >= 0

    @property
    def proves(self) -> Bool[Tensor, " neuron"]:
        """Those on cosets of subgroups that are not normal."""
        is_normal = torch.zeros(len(self.known.names), dtype=torch.bool)
        is_normal[self.known.of_class] = self.known.is_normal
        return self.follows & ~is_normal[self.chosen]

    def matched(self, spreads: Spreads) -> Bool[Tensor, " neuron"]:
        """In place of which neurons these functions are constant on the cosets of subgroups at
        least as large, to a spread no larger; never in place of a neuron that follows none."""
        rivals, orders = joint_spreads(spreads, self.known), class_orders(self.known)
        at = self.chosen.clamp(min=0)
        own = self.joint.gather(0, at[None])[0].clamp(min=EXACT)
        best = torch.where(orders[:, None] >= orders[at], rivals, torch.inf).amin(dim=0)
        return (best <= own) & self.follows


def _checks(circuit: Cosets, s: Snapshot) -> tuple[Evidence, ...]:
    x = ~is_sign(s)
    if not x.any():
        why = "all neurons lie in irreps ±1, which are constant on cosets by definition"
        return (Evidence(OfCosets.CONSTANT, 1.0).inconclusive(why),)
    known, whole, given = circuit.subgroups, summed(s), sides(s).pick(x)
    found = Following(known, joint_spreads(right_sides(s), known)[:, x], whole.energy[x])
    to = torch.randperm(whole.group.order, generator=torch.Generator().manual_seed(0))
    in_one = _in_one_irrep(given.left, given.right, whole.group)
    relabelled = _in_one_irrep(given.left[to], given.right[to], whole.group)
    by_chance = {k: found.matched(spreads) & in_one for k, spreads in controls(s).items()}
    return (
        _concentration(s, found),
        _wrong_side(s, found),
        Evidence(
            OfCosets.IN_ONE_IRREP,
            mean_share(in_one, found.energy),
            controls={"relabelled": mean_share(relabelled, found.energy)},
            why="cosets may take several irreps",
        ),
        Evidence(
            OfCosets.PROJECTED,
            mean_share(in_one & found.proves, found.energy),
            controls={
                k: mean_share(those & found.proves, found.energy) for k, those in by_chance.items()
            },
            why="cosets of subgroups that are not normal",
        ),
        _stander(s, x),
        Evidence(
            OfCosets.OUTPUTS,
            _outputs(circuit, whole),
            controls={"relabelled": _outputs(circuit, replace(whole, output=whole.output[to]))},
        ),
    )


def _in_one_irrep(
    left: Float[Tensor, "g neuron"], right: Float[Tensor, "g neuron"], group: Group
) -> Bool[Tensor, " neuron"]:
    """Which neurons have at least .95 of l and of r in one irrep."""
    both = torch.minimum(*(irrep_shares(f, group) for f in (left, right)))
    return both.amax(dim=0) >= PURE


def _concentration(s: Snapshot, found: Following) -> Evidence:
    """How much of the network is constant on cosets, beside what is put in place of its neurons."""
    share = mean_share(found.follows, found.energy)
    by_chance = {
        name: mean_share(found.matched(spreads), found.energy)
        for name, spreads in controls(s).items()
    }
    need = Need("at least", CONCENTRATED, controls_at_most=BY_CHANCE)
    if share >= CONCENTRATED and mean_share(found.proves, found.energy) <= share / 2:
        evidence = judged(
            OfCosets.CONSTANT, share, need, {"relabelled": by_chance["relabelled"]}, why=NORMAL
        )
        is_for = evidence.standing is Standing.FOR
        return evidence.inconclusive(NORMAL) if is_for else evidence
    return judged(OfCosets.CONSTANT, share, need, by_chance)


NORMAL = (
    "random functions do as well: on the cosets of these subgroups, which are normal, all "
    "functions of some irreps are constant"
)


def _wrong_side(s: Snapshot, found: Following) -> Evidence:
    """How much is as constant with l on left cosets and r on right ones."""
    if not found.proves.any():
        why = "the subgroups are normal, so both sides are one"
        return Evidence(OfCosets.WRONG_SIDE, 1.0).inconclusive(why)
    spreads = {side: x[:, ~is_sign(s)] for side, x in wrong_sides(s).items()}
    is_wrong = found.matched(spreads) & found.proves
    share = mean_share(is_wrong, found.energy * found.proves)
    return at_most(OfCosets.WRONG_SIDE, share, BY_CHANCE, controls={"right side": 1.0})


def _stander(s: Snapshot, x: Bool[Tensor, " neuron"]) -> Evidence:
    """The published criterion."""
    there = {side: f[:, x] for side, f in right_sides(s).items()}
    shares = {
        name: float((torch.maximum(*_smallest(spreads, s)) < 1).double().mean())
        for name, spreads in {"": there, **controls(s)}.items()
    }
    value = shares.pop("")
    why = "random functions pass it"
    return Evidence(OfCosets.STANDER, value, controls=shares, why=why)


def _smallest(spreads: Spreads, s: Snapshot) -> list[Float[Tensor, " neuron"]]:
    return [stander_c(f, sides(s).group).amin(dim=0) for f in spreads.values()]


def _outputs(circuit: Cosets, whole: Summed) -> float:
    """How much of the outputs of the circuit's neurons their means on double cosets are."""
    u = whole.output[:, torch.isin(whole.index, circuit.means.index)]
    means = [_means(f, of.double) for f, of in zip(u.T, circuit.cosets, strict=True)]
    return float(torch.stack(means).square().sum() / u.square().sum().clamp(min=1e-300))


def _program(circuit: Cosets) -> str:
    group, x, members = circuit.group, circuit.means, circuit.subgroups.members
    H, K, signs = circuit.H.tolist(), circuit.K.tolist(), signs_of(group)
    rows = []
    for i, (h, k, of) in enumerate(zip(H, K, circuit.cosets, strict=True)):
        values = (x.left[:, i], x.right[:, i], x.output[:, i])
        tables = [_by_first(f, cosets) for f, cosets in zip(values, of, strict=True)]
        rows.append(f"    {(h, k, *tables, numbers(circuit.beside[:, i]))},")
    return "\n".join(
        [
            f"# {circuit.equation}",
            *printed.product_of(group),
            *x.places(),
            "SUBGROUPS = {",
            *(f"    {h}: {members[h].nonzero()[:, 0].tolist()}," for h in sorted({*H, *K})),
            "}",
            "NEURONS = [  # H and K; l on right cosets Hx, r on left cosets yK, u on double cosets",
            "    # HzK, each by its smallest member; how much of each sign u has beside",
            *rows,
            "]",
            f"BIAS = {numbers(x.bias)}",
            f"SIGNS = {[numbers(sign) for sign in signs.T]}",
            PROGRAM,
            printed.ANSWER,
        ]
    )


def _by_first(f: Float[Tensor, " g"], cosets: Int[Tensor, " g"]) -> dict[int, float]:
    """The value on each coset, by its smallest member."""
    found: dict[int, float] = {}
    seen: set[int] = set()
    for g, (coset, value) in enumerate(zip(cosets.tolist(), f.tolist(), strict=True)):
        if coset not in seen:
            seen.add(coset)
            found[g] = printed.round_(value)
    return found


PROGRAM = """
from functools import lru_cache


@lru_cache(maxsize=None)
def right(H, x):
    return min(product(h, x) for h in SUBGROUPS[H])


@lru_cache(maxsize=None)
def left(y, K):
    return min(product(y, k) for k in SUBGROUPS[K])


@lru_cache(maxsize=None)
def double(H, z, K):
    return min(right(H, product(z, k)) for k in SUBGROUPS[K])


def logits(a, b):
    x, y = A[a], B[b]
    found = list(BIAS)
    for H, K, l, r, u, beside in NEURONS:
        on = max(0.0, l[right(H, x)] + r[left(y, K)])
        if on:
            for z in range(N):
                lone = sum(k * sign[z] for k, sign in zip(beside, SIGNS))
                found[z] += on * (u[double(H, z, K)] + lone)
    return [found[z] for z in C]
"""

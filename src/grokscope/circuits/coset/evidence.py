"""What a coset circuit is tested on.

That a neuron is constant on cosets proves little: random functions that lie in one irrep and are of
rank one there often are, on those of small subgroups, and on a normal subgroup's cosets every
function of some irreps is constant. So the evidence counts a neuron for what its subgroup's size is
worth: the controls must be constant on cosets of as large a subgroup, to as small a spread.

Axes: g = an element of the group; neuron; class = a conjugacy class of subgroups; subgroup.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.summed import summed
from grokscope.measures.cosets import (
    CosetsOf,
    Proper,
    Spreads,
    controls,
    joint_spreads,
    largest_class,
    mean_on,
    proper_subgroups,
    right_sides,
    stander_c,
    wrong_sides,
)
from grokscope.measures.energy import mean_share
from grokscope.measures.sides import is_sign, own_irrep, sides
from grokscope.snapshot import Snapshot
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
class Following:
    """Which classes of subgroups functions follow that are no sign neurons, and to what spread."""

    proper: Proper
    joint: Float[Tensor, "class neuron"]
    energy: Float[Tensor, " neuron"]

    @cached_property
    def chosen(self) -> Int[Tensor, " neuron"]:
        return largest_class(self.joint, self.proper)

    @property
    def follows(self) -> Bool[Tensor, " neuron"]:
        return self.chosen >= 0

    @property
    def proves(self) -> Bool[Tensor, " neuron"]:
        """Those on cosets of subgroups that are not normal."""
        is_normal = torch.zeros(len(self.proper.names), dtype=torch.bool)
        is_normal[self.proper.of_class] = self.proper.is_normal
        return self.follows & ~is_normal[self.chosen]

    def matched(self, spreads: Spreads) -> Bool[Tensor, " neuron"]:
        """In place of which neurons these functions are constant on the cosets of subgroups at
        least as large, to a spread no larger; never in place of a neuron that follows none."""
        rivals, order = joint_spreads(spreads, self.proper), self.proper.class_order
        at = self.chosen.clamp(min=0)
        own = self.joint.gather(0, at[None])[0].clamp(min=EXACT)
        best = torch.where(order[:, None] >= order[at], rivals, torch.inf).amin(dim=0)
        return (best <= own) & self.follows

    def share(self, those: Bool[Tensor, " neuron"]) -> float:
        """The share of the energy that these have."""
        return mean_share(those, self.energy)


def checks(
    s: Snapshot, claimed: Int[Tensor, " neuron"], cosets: Sequence[CosetsOf]
) -> tuple[Evidence, ...]:
    """The evidence for a circuit that claims these of the network's neurons, with their cosets."""
    x = ~is_sign(s)
    if not x.any():
        why = "all neurons lie in irreps ±1, which are constant on cosets by definition"
        return (Evidence(OfCosets.CONSTANT, 1.0).inconclusive(why),)
    whole, given = summed(s), sides(s).pick(x)
    group, proper = whole.group, proper_subgroups(whole.group)
    mine = Following(proper, joint_spreads(right_sides(s), proper)[:, x], whole.energy[x])
    to = torch.randperm(group.order, generator=torch.Generator().manual_seed(0))
    in_one = own_irrep(given.left, given.right, group) >= 0
    relabelled = own_irrep(given.left[to], given.right[to], group) >= 0
    matched = {name: mine.matched(spreads) for name, spreads in controls(s).items()}
    u = whole.output[:, torch.isin(whole.index, claimed)]
    return (
        _concentration(mine, matched),
        _wrong_side(s, mine),
        Evidence(
            OfCosets.IN_ONE_IRREP,
            mine.share(in_one),
            controls={"relabelled": mine.share(relabelled)},
            why="cosets may take several irreps",
        ),
        Evidence(
            OfCosets.PROJECTED,
            mine.share(in_one & mine.proves),
            controls={name: mine.share(m & in_one & mine.proves) for name, m in matched.items()},
            why="cosets of subgroups that are not normal",
        ),
        _stander(s, x),
        Evidence(
            OfCosets.OUTPUTS,
            _explained(u, cosets),
            controls={"relabelled": _explained(u[to], cosets)},
        ),
    )


def _concentration(mine: Following, matched: dict[str, Bool[Tensor, " neuron"]]) -> Evidence:
    """How much of the network is constant on cosets, beside what is put in place of its neurons."""
    share, proving = mine.share(mine.follows), mine.share(mine.proves)
    by_chance = {name: mine.share(those) for name, those in matched.items()}
    need = Need("at least", CONCENTRATED, controls_at_most=BY_CHANCE)
    if share < CONCENTRATED or proving > share / 2:
        return judged(OfCosets.CONSTANT, share, need, by_chance)
    relabelled = {"relabelled": by_chance["relabelled"]}
    evidence = judged(OfCosets.CONSTANT, share, need, relabelled, why=NORMAL)
    return evidence.inconclusive(NORMAL) if evidence.standing is Standing.FOR else evidence


NORMAL = (
    "random functions do as well: on the cosets of these subgroups, which are normal, all "
    "functions of some irreps are constant"
)


def _wrong_side(s: Snapshot, mine: Following) -> Evidence:
    """How much is as constant with l on left cosets and r on right ones."""
    if not mine.proves.any():
        why = "the subgroups are normal, so both sides are one"
        return Evidence(OfCosets.WRONG_SIDE, 1.0).inconclusive(why)
    spreads = {side: x[:, ~is_sign(s)] for side, x in wrong_sides(s).items()}
    is_wrong = mine.matched(spreads) & mine.proves
    share = mean_share(is_wrong, mine.energy * mine.proves)
    return at_most(OfCosets.WRONG_SIDE, share, BY_CHANCE, controls={"right side": 1.0})


def _stander(s: Snapshot, x: Bool[Tensor, " neuron"]) -> Evidence:
    """The published criterion."""
    mine = {side: f[:, x] for side, f in right_sides(s).items()}
    shares = {name: _passing(spreads, s) for name, spreads in controls(s).items()}
    why = "random functions pass it"
    return Evidence(OfCosets.STANDER, _passing(mine, s), controls=shares, why=why)


def _passing(spreads: Spreads, s: Snapshot) -> float:
    smallest = [stander_c(f, sides(s).group).amin(dim=0) for f in spreads.values()]
    return float((torch.maximum(*smallest) < 1).double().mean())


def _explained(u: Float[Tensor, "g neuron"], cosets: Sequence[CosetsOf]) -> float:
    """How much of the outputs of the circuit's neurons their means on double cosets are."""
    means = [mean_on(f, each.double) for f, each in zip(u.T, cosets, strict=True)]
    return float(torch.stack(means).square().sum() / u.square().sum().clamp(min=1e-300))

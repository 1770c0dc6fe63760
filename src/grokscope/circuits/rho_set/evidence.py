"""What a ρ-set circuit is tested on.

Axes: g = an element of the group; neuron; d = a vector of an irrep's space; point = a member of a
finite set.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.irreps import Irrep
from grokscope.circuits.rho_set.factors import SHARED, Factors, commutant, leading, unit, waves
from grokscope.circuits.rho_set.orbits import EXACT, closure_error
from grokscope.circuits.summed import Summed
from grokscope.measures.energy import mean_share
from grokscope.measures.sides import own_irrep
from grokscope.verify.evidence import Evidence, Need, Tested, at_least, at_most, judged

SNAPPED = 0.9  # of an irrep's energy, in a finite set
IN_ONE = 0.9  # of the energy: learned networks have .97 and more
THIN = 0.9  # of l and r: learned networks have .99 and more
OUTPUT = 0.7  # of the outputs: learned networks have .9 and more
BY_CHANCE = 0.25  # at most, of random vectors as near to a finite set; .5 where there is none
MATRICES = 200  # random ones that neurons of rank one are compared with


class OfVectors(Tested):
    """What a ρ-set circuit is tested on."""

    IN_ONE_IRREP = "neurons' energy in one irrep each"
    OUTPUTS = "outputs explained by the b and c of the inputs"
    RANK_ONE = "of rank one over the irrep's field"
    SHARED_A = "of the vectors a, in at most two dimensions for an irrep"
    FINITE = "energy in finite ρ-sets, irreps ±1 left out"
    CLOSED = "distance of ρ(g)b from the finite sets"
    PAIRS = "share of the pairs (b, c) of two orbits that have a neuron"


def checks(whole: Summed, each: Sequence[Factors]) -> tuple[Evidence, ...]:
    """The evidence for a circuit of these neurons in a network."""
    to = torch.randperm(whole.group.order, generator=torch.Generator().manual_seed(0))
    elsewhere = whole.left[to], whole.right[to]
    in_one, relabelled = (
        mean_share(own_irrep(*both, whole.group) >= 0, whole.energy)
        for both in ((whole.left, whole.right), elsewhere)
    )
    for_all = (
        at_least(OfVectors.IN_ONE_IRREP, in_one, IN_ONE, 0.7, controls={"relabelled": relabelled}),
        _outputs(whole, each),
    )
    wide = [f for f in each if f.irrep.d > 1]
    if not wide:
        why = "all neurons lie in irreps ±1, where each vector is ±1"
        return (*for_all, Evidence(OfVectors.FINITE, 1.0).inconclusive(why))
    sets = [f for f in wide if f.points is not None]
    of_sets = (_closed(sets), _pairs(sets)) if sets else ()
    return (*for_all, _rank_one(wide), _shared_a(wide), _finite(whole, each), *of_sets)


def given_outputs(whole: Summed, each: Sequence[Factors]) -> Float[Tensor, "g neuron"]:
    """The outputs that these neurons have in the network."""
    place = {unit: i for i, unit in enumerate(whole.index.tolist())}
    return whole.output[:, [place[i] for f in each for i in f.index.tolist()]]


def _outputs(whole: Summed, each: Sequence[Factors]) -> Evidence:
    """How much of the outputs is what b and c of the inputs say it is."""
    given = given_outputs(whole, each)
    claimed = torch.cat([waves(f.irrep, f.b, f.c) for f in each], dim=1)
    to = torch.randperm(given.shape[1], generator=torch.Generator().manual_seed(0))
    value, by_chance = _explained(given, claimed), _explained(given, claimed[:, to])
    return at_least(OfVectors.OUTPUTS, value, OUTPUT, 0.5, controls={"other neurons": by_chance})


def _explained(f: Float[Tensor, "g neuron"], by: Float[Tensor, "g neuron"]) -> float:
    """The share of functions that positive multiples of others explain."""
    along = (f * by).sum(dim=0).clamp(min=0).square() / by.square().sum(dim=0).clamp(min=1e-300)
    return float(along.sum() / f.square().sum().clamp(min=1e-300))


def _rank_one(each: list[Factors]) -> Evidence:
    """How much of l and r is of rank one over the irreps' own fields."""
    some = [f for f in each if not f.is_void]
    if not some:
        why = "so is every function in irreps of this type and degree"
        return Evidence(OfVectors.RANK_ONE, 1.0).inconclusive(why)
    energy = torch.cat([f.energy for f in some])
    drawn = torch.cat([_random_thin(f.irrep).expand(len(f.thin)) for f in some])
    share = mean_share(torch.cat([f.thin for f in some]), energy)
    controls = {"random matrices": mean_share(drawn, energy)}
    return at_least(OfVectors.RANK_ONE, share, THIN, controls=controls)


def _random_thin(irrep: Irrep) -> Float[Tensor, ""]:
    """The mean share of rank one of the smaller of two random matrices that commute with all that
    commutes with ρ."""
    generator = torch.Generator().manual_seed(0)
    J, d = commutant(irrep), irrep.d
    drawn = torch.randn(2 * MATRICES, d, d, generator=generator, dtype=J.dtype)
    drawn = torch.einsum("kij,mjl,knl->min", J, drawn, J) / len(J)
    return leading(drawn, len(J))[3].view(2, MATRICES).amin(dim=0).mean()


def _shared_a(each: list[Factors]) -> Evidence:
    """How much of the vectors a lies in one dimension, or in two, over the irreps' fields."""
    some = [f for f in each if len(f.a_share) > 2]
    if not some:
        why = "none of the irreps has more than two over its field"
        return Evidence(OfVectors.SHARED_A, 1.0).inconclusive(why)
    energy = torch.stack([f.energy.sum() for f in some])
    one, two = energy.new_tensor([f.a_share[:2] for f in some]).unbind(dim=1)
    random = energy.new_tensor([2 / len(f.a_share) for f in some])
    controls = {"in one": mean_share(one, energy), "random vectors": mean_share(random, energy)}
    why = "dimensions it takes: " + ", ".join(f"{f.irrep.name} {f.rank}" for f in some)
    need = Need("at least", SHARED)
    return judged(OfVectors.SHARED_A, mean_share(two, energy), need, controls, why=why)


def _finite(whole: Summed, each: Sequence[Factors]) -> Evidence:
    """How much of the network has b and c in finite sets, beside how often random vectors are as
    near to these."""
    wide = [f for f in each if f.irrep.d > 1]
    of_sign = sum(float(f.energy.sum()) for f in each if f.irrep.d == 1)
    held = sum(float(f.energy.sum()) for f in wide if f.points is not None)
    share = held / max(float(whole.energy.sum()) - of_sign, 1e-300)
    energy = torch.stack([f.energy.sum() for f in wide])
    by_chance = mean_share(energy.new_tensor([f.chance for f in wide]), energy)
    names: dict[str, list[str]] = {}
    for f in wide:
        names.setdefault(f.why, []).append(f.irrep.name)
    reasons = [f"{', '.join(of)}: {why}" for why, of in names.items() if why]
    need = Need("at least", SNAPPED, controls_at_most=BY_CHANCE)
    controls = {"random vectors": by_chance}
    return judged(OfVectors.FINITE, share, need, controls, why="; ".join(reasons))


def _closed(sets: list[Factors]) -> Evidence:
    """Whether ρ permutes the finite sets."""
    generator = torch.Generator().manual_seed(0)
    errors, drawn = [], []
    for f in sets:
        assert f.points is not None
        random = torch.randn(f.points.shape, generator=generator, dtype=f.points.dtype)
        errors.append(closure_error(f.points, f.irrep))
        drawn.append(closure_error(unit(random), f.irrep))
    return at_most(OfVectors.CLOSED, max(errors), EXACT, controls={"random sets": min(drawn)})


def _pairs(sets: list[Factors]) -> Evidence:
    """The share of pairs (b, c) that have a neuron, over the pairs of orbits that have any."""
    there = possible = by_chance = 0.0
    for f in sets:
        assert f.b_of is not None
        assert f.c_of is not None
        sizes, pair = torch.tensor(f.sizes), torch.stack([f.b_of, f.c_of], dim=1)
        of_orbits = f.orbit[pair]
        for kind in of_orbits.unique(dim=0):
            here, n = (of_orbits == kind).all(dim=1), int(sizes[kind].prod())
            there += len(pair[here].unique(dim=0))
            possible += n
            by_chance += n * (1 - (1 - 1 / n) ** int(here.sum()))
    return Evidence(
        OfVectors.PAIRS,
        there / possible,
        controls={"as many neurons at random": by_chance / possible},
        why='where some are missing, Wu et al. call it "ρ-bad", and bounds are loose',
    )

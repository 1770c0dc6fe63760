"""Which ρ-set circuit fits a network: the neurons that lie in one irrep each, by their vectors
there, and by the members of a finite set where the vectors follow one.

Axes: g = an element of the group; neuron; d = a vector of an irrep's space; vector; sign = an irrep
of dimension one, ±1.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.algebra.irreps import irreps
from grokscope.circuits.circuit import finder
from grokscope.circuits.rho_set.circuit import RhoSets
from grokscope.circuits.rho_set.evidence import BY_CHANCE, SNAPPED, given_outputs
from grokscope.circuits.rho_set.factors import Factors, factors, scaled, unit
from grokscope.circuits.rho_set.orbits import EXACT, FEWER, Orbits, kernel, orbits, stabilisers
from grokscope.circuits.summed import Summed, lone_signs, signs_of, summed, used_signs
from grokscope.errors import NotApplicable
from grokscope.measures.energy import mean_share
from grokscope.measures.sides import PURE, own_irrep
from grokscope.snapshot import Snapshot

DRAWS = 200  # random vectors that the vectors b and c are compared with


@finder(RhoSets, needs_all_pairs=True)
def find(snapshot: Snapshot) -> RhoSets:
    """The neurons of which one irrep holds at least .95 of l and of r, by their vectors there.

    Raises `NotApplicable` where no neuron lies in one irrep, where the task is no group's product
    of symbols that are one to one with its elements, and where the network does not add a function
    of a to one of b.
    """
    whole = summed(snapshot)
    of_part, energy, each = own_irrep(whole.left, whole.right, whole.group), whole.energy, []
    for i, irrep in enumerate(irreps(whole.group)):
        here = of_part == i
        if here.any():
            x = whole.pick(here)
            each.append(snapped(factors(x, irrep, energy[here]), x))
    if not each:
        raise NotApplicable(
            f"no neuron lies in one irrep of {whole.group.name}, to {PURE:.0%} and on both sides."
        )
    none = torch.zeros(signs_of(whole.group).shape[1], dtype=torch.float64)
    plain = RhoSets(tuple(each), whole, none)
    return replace(plain, lone=_lone(plain))


def _lone(plain: RhoSets) -> Float[Tensor, " sign"]:
    """What of the irreps ±1 the outputs hold beside, of those that some neurons lie in."""
    x, signs = plain.rebuilt, signs_of(plain.whole.group)
    rest, free = given_outputs(plain.whole, plain.each) - x.output, plain.is_free
    return lone_signs(x, rest, signs, free.expand(signs.shape[1], -1)) * used_signs(x, signs)


def snapped(f: Factors, x: Summed) -> Factors:
    """The same with b and c in a finite set, where they follow one: orbits of vectors that
    subgroups fix, or else of any. They do if most are near to few orbits, and nearer than random
    vectors are. Neurons that are not are then left out."""
    irrep, m = f.irrep, len(f.scale)
    if irrep.d == 1:
        signs = torch.tensor([[1.0], [-1.0]], dtype=f.b.dtype)
        return _in_set(f, x, Orbits(signs, (2,), 0), 0.0)
    v = torch.cat([f.b, f.c])
    every = kernel(irrep).expand(2 * m, -1)
    for H in (stabilisers(v, irrep, x.group), every):
        tried = _tried(f, x, H)
        if not tried.why:
            break
    return tried


def _tried(f: Factors, x: Summed, H: Bool[Tensor, "vector g"]) -> Factors:
    """With b and c in orbits of vectors that these subgroups fix; or as it is, with the reason why
    there are none."""
    irrep, m, energy = f.irrep, len(f.scale), f.energy
    keep = H.any(dim=1).unflatten(0, (2, m)).all(dim=0)
    share = mean_share(keep, energy)
    if share < SNAPPED:
        why = f"only {share:.0%} of it has b and c near to vectors that subgroups fix"
        return replace(f, why=why)
    kept, those = f.pick(keep), keep.repeat(2)
    v = torch.cat([kept.b, kept.c])
    sets = orbits(v, H[those], energy[keep].repeat(2), irrep, x.group)
    if sets.free > FEWER * v.numel():
        return replace(f, why="its b and c lie in nearly as many orbits as there are of them")
    generator = torch.Generator().manual_seed(0)
    drawn = unit(torch.randn(DRAWS, irrep.d, generator=generator, dtype=v.dtype))
    distance, rivals = (1 - (y @ sets.points.T).amax(dim=1) for y in (v, drawn))
    chance = (rivals <= distance.clamp(min=EXACT)[:, None]).double().mean(dim=1)
    by_chance = mean_share(chance, energy[keep].repeat(2))
    if by_chance > BY_CHANCE:
        why = "its b and c are no nearer to a finite set than random vectors are"
        return replace(f, why=why, chance=by_chance)
    return _in_set(kept, x.pick(keep), sets, by_chance)


def _in_set(f: Factors, x: Summed, sets: Orbits, by_chance: float) -> Factors:
    """With b and c the nearest members of a set; orbits without any are left out."""
    nearest = [(v @ sets.points.T).argmax(dim=1) for v in (f.b, f.c)]
    used = sets.owner[torch.cat(nearest)].unique()
    points = sets.points[torch.isin(sets.owner, used)]
    b_of, c_of = ((v @ points.T).argmax(dim=1) for v in (f.b, f.c))
    exact = replace(
        f,
        b=points[b_of],
        c=points[c_of],
        points=points,
        b_of=b_of,
        c_of=c_of,
        sizes=tuple(sets.sizes[i] for i in used.tolist()),
        free=sets.free,
        chance=by_chance,
        why="",
    )
    return scaled(exact, x)

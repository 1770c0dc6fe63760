"""ρ-set circuits: neurons of rank one in an irrep ρ, with vectors from a finite set that ρ permutes
(Wu et al. 2024; Chughtai et al. 2023 for irreps).

    l(x) = bᵀρ(x)a    r(y) = aᵀρ(y)c    u(z) = κ bᵀρ(z)c    b, c from a ρ-set, a one for all of ρ

so that logit(z) = Σ_i κ_i bᵀρ(z)c relu(bᵀρ(x)a + aᵀρ(y)c), which for every pair (b, c) once is a
function of x⁻¹zy⁻¹ alone and largest at z = xy. Over the complex numbers, or the quaternions, an
irrep of that type has smaller matrices, and "rank one" is meant there: the real rank is 2 or 4.
On Z/p every function of one frequency is of rank one, a is no restriction, and b and c are phases.

What may fail, and is told: neurons of no irrep, or of higher rank; vectors a that are not one but
a plane's (Wu et al.'s "a-bad"; the circuit is then a sum of several); b and c in no finite set;
pairs (b, c) that are missing ("ρ-bad").

The circuit of the irrep ±1, relu(σ(x) - σ(y)) σ(z) and its mirror, needs a lone σ(z) beside. It is
in the bias of the output, or hides in the outputs of the other neurons, whose activations sum to a
constant ("implicit bias"): there a multiple of |l| σ(z).

Axes: pair = one input; g = an element of the group; neuron; unit = a neuron of the network, claimed
or not; c = an answer; d = a vector of an irrep's space; point = a member of a finite set; unity =
a basis of the maps that commute with an irrep: 1, or 1 and i, or 1, i, j, k.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.characters import NORMS
from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import Irrep, irreps
from grokscope.algebra.subgroups import left_cosets, stabiliser
from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.circuits.rho_set.bound import rho_set
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
from grokscope.measures.cosets import CONSTANT, PURE, irrep_shares, proper_subgroups
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence, Need, Tested, at_least, at_most, judged
from grokscope.verify.network import Bound, Network, best

SHARED = 0.99  # of the vectors a, which lie in so few dimensions
NEAR = 0.98  # the cosine of vectors that are taken for one: |b - b'|² < .04 (Wu et al. 2024: .2-.3)
DRAWS = 200  # random vectors that the vectors b and c are compared with
EXACT = 1e-6  # distances below it are rounding
SNAPPED = 0.9  # of an irrep's energy, in a finite set
FEWER = 0.25  # at most: the numbers that a finite set takes, of those of the vectors in it
IN_ONE = 0.9  # of the energy: learned networks have .97 and more
THIN = 0.9  # of l and r: learned networks have .99 and more
OUTPUT = 0.7  # of the outputs: learned networks have .9 and more
BY_CHANCE = 0.25  # at most, of random vectors as near to a finite set; .5 where there is none


class OfVectors(Tested):
    """What a ρ-set circuit is tested on."""

    IN_ONE_IRREP = "neurons' energy in one irrep each"
    OUTPUTS = "outputs explained by the b and c of the inputs"
    RANK_ONE = "of rank one over the irrep's field"
    SHARED_A = "of the vectors a, in at most two dimensions for an irrep"
    FINITE = "energy in finite ρ-sets, irreps ±1 left out"
    CLOSED = "distance of ρ(g)b from the finite sets"
    PAIRS = "share of the pairs (b, c) of two orbits that have a neuron"


@dataclass(frozen=True, eq=False)
class Factors:
    """The neurons of one irrep: l = scale bᵀρ(x)a, r = scale aᵀρ(y)c, u = coef bᵀρ(z)c, all vectors
    of length 1.

    `points` are a finite set that ρ permutes, with b and c its members of numbers `b_of`, `c_of`;
    None where b and c follow none, which `why` then tells. `plane` spans the vectors a.
    """

    irrep: Irrep
    a: Float[Tensor, "neuron d"]
    b: Float[Tensor, "neuron d"]
    c: Float[Tensor, "neuron d"]
    scale: Float[Tensor, " neuron"]
    coef: Float[Tensor, " neuron"]
    index: Int[Tensor, " neuron"]  # among the network's units
    energy: Float[Tensor, " neuron"]  # as a share of the network's
    plane: Float[Tensor, "rank d"]
    thin: Float[Tensor, " neuron"]  # share of rank one, before anything is changed
    a_share: tuple[float, ...]  # of the vectors a in the best 1, 2, ... dimensions over the field
    points: Float[Tensor, "point d"] | None = None
    b_of: Int[Tensor, " neuron"] | None = None
    c_of: Int[Tensor, " neuron"] | None = None
    sizes: tuple[int, ...] = ()  # of the orbits in `points`, one after the other
    free: int = 0  # numbers that the finite set takes
    chance: float = 1.0  # that random vectors are as near to it
    why: str = ""

    @property
    def rank(self) -> int:
        """The rank over the irrep's own field of the vectors a."""
        return len(self.plane)

    @property
    def orbit(self) -> Int[Tensor, " point"]:
        """Which orbit each point is of."""
        return torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))

    @property
    def is_void(self) -> bool:
        """Whether every function in the irrep is of rank one: in a division algebra."""
        return self.irrep.d == NORMS[self.irrep.kind]

    @property
    def size(self) -> int:
        """A scale and a coefficient each; b and c by their numbers, or in full; a, once or each."""
        n, d, m = NORMS[self.irrep.kind], self.irrep.d, len(self.scale)
        vectors = 2 * m + self.free if self.points is not None else 2 * m * (d - 1)
        along = 0 if self.rank == 1 else m * (n * self.rank - 1)
        return 2 * m + vectors + along + (0 if self.is_void else self.plane.numel())

    @property
    def left(self) -> Float[Tensor, "g neuron"]:
        return self._waves(self.b, self.a) * self.scale

    @property
    def right(self) -> Float[Tensor, "g neuron"]:
        return self._waves(self.a, self.c) * self.scale

    @property
    def output(self) -> Float[Tensor, "g neuron"]:
        return self._waves(self.b, self.c) * self.coef

    def _waves(
        self, v: Float[Tensor, "neuron d"], w: Float[Tensor, "neuron d"]
    ) -> Float[Tensor, "g neuron"]:
        return waves(self.irrep, v, w)


def waves(
    irrep: Irrep, v: Float[Tensor, "neuron d"], w: Float[Tensor, "neuron d"]
) -> Float[Tensor, "g neuron"]:
    """vᵀρ(g)w."""
    return torch.einsum("md,gmd->gm", v, w @ irrep.matrices.mT)


def coefficients(f: Float[Tensor, "g neuron"], irrep: Irrep) -> Float[Tensor, "neuron d d"]:
    """The matrices A with f(g) = tr Aᵀρ(g), those that commute with all that commutes with ρ."""
    A = torch.einsum("gm,gij->mij", f, irrep.matrices)
    return A * irrep.d / (NORMS[irrep.kind] * len(f))


@lru_cache(maxsize=64)
def commutant(irrep: Irrep) -> Float[Tensor, "unity d d"]:
    """Orthogonal matrices that commute with ρ: 1 alone, or 1 and i, or 1, i, j, k by the type."""
    d, n, rho = irrep.d, NORMS[irrep.kind], irrep.matrices
    one = torch.eye(d, dtype=rho.dtype)
    if n == 1:
        return one[None]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3 * n, d, d, generator=generator, dtype=rho.dtype)
    found = torch.einsum("gij,mjk,glk->mil", rho, drawn, rho) / len(rho)
    skew = (found - found.mT).flatten(start_dim=1)
    _, _, Vh = torch.linalg.svd(skew, full_matrices=False)
    others = Vh[: n - 1].reshape(n - 1, d, d) * d**0.5
    return torch.cat([one[None], others])


def turns(
    v: Float[Tensor, "neuron d"], onto: Float[Tensor, "neuron d"], J: Float[Tensor, "unity d d"]
) -> Float[Tensor, "neuron d d"]:
    """For each vector the unit of the field that brings it nearest to another."""
    along = torch.einsum("kij,mj,mi->mk", J, v, onto)
    length = along.norm(dim=1, keepdim=True)
    along = torch.where(length > 0, along, torch.eye(len(J), dtype=v.dtype)[0])
    return torch.einsum("mk,kij->mij", along / along.norm(dim=1, keepdim=True), J)


def factors(x: Summed, irrep: Irrep, energy: Float[Tensor, " neuron"]) -> Factors:
    """The vectors and scales of neurons that lie in an irrep, without a finite set.

    Least squares give A in l = tr Aᵀρ; its first singular vectors are b and a. They are fixed up to
    a unit of the field, which is used to bring a next to one vector for all, and a of r to that of
    l. `a` is then put into as few dimensions, shared by all neurons, as hold .99 of it.
    """
    J, n = commutant(irrep), NORMS[irrep.kind]
    (b, scale_l, a, thin_l), (other, scale_r, c, thin_r) = (
        _leading(coefficients(f, irrep), n) for f in (x.left - x.left.mean(dim=0), x.right)
    )
    every, weight = torch.cat([a, other]), torch.cat([energy, energy])
    lines = torch.einsum("kij,mj->kmi", J, every)
    moment = torch.einsum("kmi,kmj,m->ij", lines, lines, weight / (n * weight.sum()))
    shares, axes = torch.linalg.eigh(moment)
    shares, axes = shares.flip(0).unflatten(0, (-1, n)).sum(dim=1).cumsum(0), axes.flip(1).T
    rank = int((shares < SHARED).sum()) + 1
    axes = axes[: rank * n]
    turn = turns(a, axes[:1].expand_as(a), J)
    a, b = _apply(turn, a), _apply(turn, b)
    a = _unit(a @ axes.T @ axes)
    c = _apply(turns(other, a, J), c)
    found = Factors(
        irrep, a, b, c, (scale_l + scale_r) / 2, scale_l, x.index, energy, axes[::n],
        torch.minimum(thin_l, thin_r), tuple(shares.tolist()),
    )  # fmt: skip
    return _scaled(found, x)


def _leading(
    A: Float[Tensor, "neuron d d"], n: int
) -> tuple[
    Float[Tensor, "neuron d"],
    Float[Tensor, " neuron"],
    Float[Tensor, "neuron d"],
    Float[Tensor, " neuron"],
]:
    """The first singular vectors and value, and the share of rank one over the field."""
    U, S, Vh = torch.linalg.svd(A)
    squares = S.square()
    thin = squares[:, :n].sum(dim=1) / squares.sum(dim=1).clamp(min=1e-300)
    return U[:, :, 0], n * S[:, 0], Vh[:, 0], thin


def _apply(M: Float[Tensor, "neuron d d"], v: Float[Tensor, "neuron d"]) -> Tensor:
    return torch.einsum("mij,mj->mi", M, v)


def _unit(v: Float[Tensor, "*neuron d"]) -> Float[Tensor, "*neuron d"]:
    return v / v.norm(dim=-1, keepdim=True).clamp(min=1e-300)


def _scaled(found: Factors, x: Summed) -> Factors:
    """With the scales and coefficients that fit l and r, and u, best."""
    one = torch.ones_like(found.scale)
    plain = replace(found, scale=one, coef=one)
    l, r, u = plain.left, plain.right, plain.output
    along = (l * x.left + r * x.right).sum(dim=0)
    scale = along / (l.square() + r.square()).sum(dim=0).clamp(min=1e-300)
    coef = (u * x.output).sum(dim=0) / u.square().sum(dim=0).clamp(min=1e-300)
    return replace(found, scale=scale, coef=coef)


def stabilisers(
    v: Float[Tensor, "vector d"], irrep: Irrep, group: Group
) -> Bool[Tensor, "vector g"]:
    """For each unit vector the largest subgroup that fixes a vector within 1 % of its squared
    length, of equally large ones the nearest; none where there is none. Subgroups that fix every
    vector do not count."""
    found = torch.zeros(len(v), group.order, dtype=torch.bool)
    try:
        known = proper_subgroups(group)
    except BadInput:  # there are none, or more than are listed
        return found
    of_use = ~(known.members <= _kernel(irrep)).all(dim=1)
    members, order = known.members[of_use], known.order[of_use]
    overlap = torch.einsum("md,gmd->mg", v, torch.einsum("gde,me->gmd", irrep.matrices, v))
    distance = 1 - overlap @ members.to(overlap).T / order
    rank = torch.where(distance < CONSTANT, order - distance, 0.0)
    for i in (rank > 0).any(dim=1).nonzero()[:, 0].tolist():
        found[i] = members[rank[i].argmax()]
    return found


def _kernel(irrep: Irrep) -> Bool[Tensor, " g"]:
    return irrep.character > irrep.d - 0.5


def snapped(found: Factors, x: Summed) -> Factors:
    """The same with b and c in a finite set, where they follow one: orbits of vectors that
    subgroups fix, or else of any. They do if most are near to few orbits, and nearer than random
    vectors are. Neurons that are not are then left out."""
    irrep, m = found.irrep, len(found.scale)
    if irrep.d == 1:
        signs = torch.tensor([[1.0], [-1.0]], dtype=found.b.dtype)
        return _in_set(found, x, Orbits(signs, (2,), 0), 0.0)
    v = torch.cat([found.b, found.c])
    every = _kernel(irrep).expand(2 * m, -1)
    for H in (stabilisers(v, irrep, x.group), every):
        tried = _tried(found, x, H)
        if not tried.why:
            break
    return tried


def _tried(found: Factors, x: Summed, H: Bool[Tensor, "vector g"]) -> Factors:
    """With b and c in orbits of vectors that these subgroups fix; or as it is, with the reason why
    there are none."""
    irrep, m, energy = found.irrep, len(found.scale), found.energy
    keep = H.any(dim=1).unflatten(0, (2, m)).all(dim=0)
    share = mean_share(keep, energy)
    if share < SNAPPED:
        why = f"only {share:.0%} of it has b and c near to vectors that subgroups fix"
        return replace(found, why=why)
    kept, those = _pick(found, keep), keep.repeat(2)
    v = torch.cat([kept.b, kept.c])
    sets = orbits(v, H[those], energy[keep].repeat(2), irrep, x.group)
    if sets.free > FEWER * v.numel():
        return replace(found, why="its b and c lie in nearly as many orbits as there are of them")
    generator = torch.Generator().manual_seed(0)
    drawn = _unit(torch.randn(DRAWS, irrep.d, generator=generator, dtype=v.dtype))
    distance, rivals = (1 - (y @ sets.points.T).amax(dim=1) for y in (v, drawn))
    chance = (rivals <= distance.clamp(min=EXACT)[:, None]).double().mean(dim=1)
    by_chance = mean_share(chance, energy[keep].repeat(2))
    if by_chance > BY_CHANCE:
        why = "its b and c are no nearer to a finite set than random vectors are"
        return replace(found, why=why, chance=by_chance)
    return _in_set(kept, x.pick(keep), sets, by_chance)


def _pick(found: Factors, keep: Bool[Tensor, " neuron"]) -> Factors:
    names = ("a", "b", "c", "scale", "coef", "index", "energy", "thin")
    return replace(found, **{name: getattr(found, name)[keep] for name in names})


def _in_set(found: Factors, x: Summed, sets: "Orbits", by_chance: float) -> Factors:
    """With b and c the nearest members of a set; orbits without any are left out."""
    nearest = [(v @ sets.points.T).argmax(dim=1) for v in (found.b, found.c)]
    used = sets.owner[torch.cat(nearest)].unique()
    points = sets.points[torch.isin(sets.owner, used)]
    b_of, c_of = ((v @ points.T).argmax(dim=1) for v in (found.b, found.c))
    exact = replace(
        found,
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
    return _scaled(exact, x)


@dataclass(frozen=True, eq=False)
class Orbits:
    """Finite sets of unit vectors that an irrep permutes, one after the other, and how many numbers
    they take."""

    points: Float[Tensor, "point d"]
    sizes: tuple[int, ...]
    free: int

    @property
    def owner(self) -> Int[Tensor, " point"]:
        return torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))


def orbits(
    v: Float[Tensor, "vector d"],
    H: Bool[Tensor, "vector g"],
    weight: Float[Tensor, " vector"],
    irrep: Irrep,
    group: Group,
) -> Orbits:
    """The orbits that unit vectors v lie near to, each vector near to what its subgroup H fixes;
    each orbit is followed by its negative where that is another.

    One vector after the other is put into its subgroup's space and gives an orbit, until none is
    left that lies near to no orbit, the heaviest first. The orbit is then moved to the mean of the
    vectors near to it.
    """
    left = torch.ones(len(v), dtype=torch.bool)
    found, free = [], 0
    while left.any() and free <= FEWER * v.numel():
        i = int(torch.where(left, weight, -1.0).argmax())
        project = irrep.matrices[H[i]].mean(dim=0)
        cosines = v @ (irrep.matrices @ _unit(project @ v[i])).T
        best = cosines.abs().argmax(dim=1)
        sign = cosines.gather(1, best[:, None]).sign()
        near = left & (cosines.abs().amax(dim=1) > NEAR)
        near[i] = True
        back = torch.einsum("mdi,md->mi", irrep.matrices[best], sign * v)[near]
        orbit = _orbit(_unit(project @ (weight[near, None] * back).sum(dim=0)), irrep, group)
        found.append(orbit)
        if float((orbit @ -orbit[0]).max()) < 1 - EXACT:
            found.append(-orbit)
        free += round(float(project.trace()))
        left &= ~near
    return Orbits(torch.cat(found), tuple(len(x) for x in found), free)


def _orbit(v: Float[Tensor, " d"], irrep: Irrep, group: Group) -> Float[Tensor, "point d"]:
    """The different ρ(g)v."""
    cosets = left_cosets(group, stabiliser(irrep, v))
    first = [int((cosets == i).nonzero()[0, 0]) for i in range(int(cosets.max()) + 1)]
    return irrep.matrices[first] @ v


@dataclass(frozen=True, eq=False)
class RhoSets(Circuit):
    """The network rebuilt from vectors in irreps."""

    each: tuple[Factors, ...]
    whole: Summed  # the network that it was found in
    lone: Float[Tensor, " sign"]  # how much of each irrep ±1 outputs hold beside, for length 1 of l
    form: ClassVar[str] = "rho-set"
    title: ClassVar[str] = "vectors that the group permutes"
    how: ClassVar[str] = (
        "Its neurons project a and b onto a few vectors that the group permutes, and compare them; "
        "the answer is where all of them agree"
    )
    algorithms: ClassVar[tuple[str, ...]] = ("rho-set",)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f.irrep.name for f in self.each)

    @property
    def size(self) -> int:
        return sum(f.size for f in self.each) + int((self.lone != 0).sum()) + self._bias_size

    @property
    def rebuilt(self) -> Summed:
        """The network that it describes."""
        group = self.whole.group
        signs, none = signs_of(group), torch.zeros(group.order, 0, dtype=torch.float64)
        left, right, output = (
            torch.cat([none, *(getattr(f, side) for f in self.each)], dim=1)
            for side in ("left", "right", "output")
        )
        beside = (signs @ self.lone)[:, None] * (left.norm(dim=0) * self._is_free)
        return replace(
            self.whole,
            left=left,
            right=right,
            output=output + beside,
            bias=signs @ on_signs(self.whole.bias, signs),
            index=torch.cat([torch.zeros(0, dtype=torch.long), *(f.index for f in self.each)]),
        )

    @property
    def _is_free(self) -> Bool[Tensor, " neuron"]:
        each = [torch.full(f.scale.shape, f.irrep.d > 1) for f in self.each]
        return torch.cat([torch.zeros(0, dtype=torch.bool), *each])

    @property
    def _bias_size(self) -> int:
        return int((on_signs(self.whole.bias, signs_of(self.whole.group)) != 0).sum())

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return self.rebuilt.logits(task)

    def hidden(self, task: Task) -> Float[Tensor, "pair unit"]:
        return self.rebuilt.hidden(task)

    def output(self) -> Float[Tensor, "unit c"]:
        return self.rebuilt.to_answers()

    def keeping(self, parts: Iterable[str]) -> "RhoSets":
        names = chosen_parts(self, parts)
        return replace(self, each=tuple(f for f in self.each if f.irrep.name in names))

    def neurons(self) -> dict[str, Bool[Tensor, " unit"]]:
        found = {}
        for f in self.each:
            found[f.irrep.name] = torch.zeros(self.whole.n_units, dtype=torch.bool)
            found[f.irrep.name][f.index] = True
        return found

    @property
    def equation(self) -> str:
        sets = [
            f"{f.irrep.name} ({' + '.join(map(str, f.sizes)) or 'no finite set'})"
            for f in self.each
        ]
        return (
            "logit(z) = Σ_i κ_i bᵢᵀρ(z)cᵢ relu(bᵢᵀρ(x)aᵢ + aᵢᵀρ(y)cᵢ); irreps ρ, and how many "
            "vectors b and c there are: " + ", ".join(sets)
        )

    def claim(self) -> tuple["Sum", ...]:
        """The double sums that it consists of, for a bound on the accuracy; none of an irrep
        without a finite set."""
        return tuple(one for f in self.each if f.points is not None for one in _sums(f))

    def program(self) -> str:
        return _program(self)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return _checks(self)

    def bound(self, network: Network, task: Task) -> Bound | None:
        """That of its double sums, where it is better than what any circuit proves."""
        bounds = [] if (plain := super().bound(network, task)) is None else [plain]
        if task.group is not None:
            bounds.append(rho_set(network, task.group, task.inputs, self.claim()))
        return best(bounds)


@finder(RhoSets, needs_all_pairs=True)
def find(snapshot: Snapshot) -> RhoSets:
    """The neurons of which one irrep holds more than .95 of l and of r, by their vectors there.

    Raises `NotApplicable` where no neuron lies in one irrep, where the task is no group's product
    of symbols that are one to one with its elements, and where the network does not add a function
    of a to one of b.
    """
    whole = summed(snapshot)
    of_part, energy = _own_irrep(whole), whole.energy
    each = []
    for i, irrep in enumerate(irreps(whole.group)):
        here = of_part == i
        if here.any():
            x = whole.pick(here)
            each.append(snapped(factors(x, irrep, energy[here]), x))
    if not each:
        raise NotApplicable(
            f"no neuron lies in one irrep of {whole.group.name}, to {PURE:.0%} and on both sides."
        )
    signs = signs_of(whole.group)
    plain = RhoSets(tuple(each), whole, torch.zeros(signs.shape[1], dtype=torch.float64))
    return replace(plain, lone=_lone(plain))


def _own_irrep(x: Summed) -> Int[Tensor, " neuron"]:
    """The irrep that holds more than .95 of l and of r; -1 where there is none."""
    both = [irrep_shares(f - f.mean(dim=0), x.group) for f in (x.left, x.right)]
    share, own = torch.minimum(*both).max(dim=0)
    return torch.where(share > PURE, own, -1)


def _lone(plain: RhoSets) -> Float[Tensor, " sign"]:
    """What of the irreps ±1 the outputs hold beside, of those that some neurons lie in."""
    x, signs = plain.rebuilt, signs_of(plain.whole.group)
    free = plain._is_free.expand(signs.shape[1], -1)
    return lone_signs(x, _given_outputs(plain) - x.output, signs, free) * used_signs(x, signs)


def _given_outputs(circuit: RhoSets) -> Float[Tensor, "g neuron"]:
    """The outputs that the circuit's neurons have in the network."""
    place = {unit: i for i, unit in enumerate(circuit.whole.index.tolist())}
    return circuit.whole.output[:, [place[i] for f in circuit.each for i in f.index.tolist()]]


@dataclass(frozen=True, eq=False)
class Sum:
    """One double sum over two orbits of an irrep, with one vector a: neuron `neurons[m]` has l(x) ~
    left[i]ᵀρ(x)a, r(y) ~ aᵀρ(y)right[j], u(z) ~ left[i]ᵀρ(z)right[j], for i, j = `i[m]`, `j[m]`."""

    matrices: Float[Tensor, "g d d"]
    left: Float[Tensor, "left d"]
    right: Float[Tensor, "right d"]
    a: Float[Tensor, " d"]
    a_right: Float[Tensor, " d"]
    neurons: Int[Tensor, " neuron"]
    i: Int[Tensor, " neuron"]
    j: Int[Tensor, " neuron"]


def _sums(f: Factors) -> list[Sum]:
    """The neurons of one irrep by the orbits of b and of c and by the vector a: those whose a are
    nearly one share the mean of them."""
    assert f.points is not None
    assert f.b_of is not None
    assert f.c_of is not None
    of_orbit, start = f.orbit, torch.tensor([0, *f.sizes]).cumsum(0)
    groups = torch.stack([of_orbit[f.b_of], of_orbit[f.c_of], _alike(f.a)], dim=1)
    found = []
    for kind in groups.unique(dim=0):
        m = (groups == kind).all(dim=1)
        b, c = (slice(int(start[k]), int(start[k + 1])) for k in kind[:2].tolist())
        a = _unit(f.a[m].mean(dim=0))
        i, j = f.b_of[m] - start[kind[0]], f.c_of[m] - start[kind[1]]
        left, right = f.points[b], f.points[c]
        found.append(Sum(f.irrep.matrices, left, right, a, a, f.index[m], i, j))
    return found


def _alike(v: Float[Tensor, "neuron d"]) -> Int[Tensor, " neuron"]:
    """A number for each vector, one for all that are near to the first that has it."""
    found = torch.full((len(v),), -1)
    for i in range(len(v)):
        if found[i] < 0:
            found[(v @ v[i] > NEAR) & (found < 0)] = i
    return found


def _checks(circuit: RhoSets) -> tuple[Evidence, ...]:
    whole, others = circuit.whole, [f for f in circuit.each if f.irrep.d > 1]
    to = torch.randperm(whole.group.order, generator=torch.Generator().manual_seed(0))
    elsewhere = replace(whole, left=whole.left[to], right=whole.right[to])
    in_one, relabelled = (mean_share(_own_irrep(x) >= 0, whole.energy) for x in (whole, elsewhere))
    found = (
        at_least(OfVectors.IN_ONE_IRREP, in_one, IN_ONE, 0.7, controls={"relabelled": relabelled}),
        _outputs(circuit),
    )
    if not others:
        why = "all neurons lie in irreps ±1, where each vector is ±1"
        return (*found, Evidence(OfVectors.FINITE, 1.0).inconclusive(why))
    sets = [f for f in others if f.points is not None]
    found = (*found, _rank_one(others), _shared_a(others), _finite(circuit, others))
    return (*found, _closed(sets), _pairs(sets)) if sets else found


def _outputs(circuit: RhoSets) -> Evidence:
    """How much of the outputs is what b and c of the inputs say it is."""
    given = _given_outputs(circuit)
    said = torch.cat([waves(f.irrep, f.b, f.c) for f in circuit.each], dim=1)
    to = torch.randperm(given.shape[1], generator=torch.Generator().manual_seed(0))
    value, by_chance = _explained(given, said), _explained(given, said[:, to])
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
    drawn = torch.randn(2 * DRAWS, d, d, generator=generator, dtype=J.dtype)
    drawn = torch.einsum("kij,mjl,knl->min", J, drawn, J) / len(J)
    return _leading(drawn, len(J))[3].view(2, DRAWS).amin(dim=0).mean()


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


def _finite(circuit: RhoSets, each: list[Factors]) -> Evidence:
    """How much of the network has b and c in finite sets, beside how often random vectors are as
    near to these."""
    energy = circuit.whole.energy
    of_sign = sum(float(f.energy.sum()) for f in circuit.each if f.irrep.d == 1)
    held = sum(float(f.energy.sum()) for f in each if f.points is not None)
    share = held / max(float(energy.sum()) - of_sign, 1e-300)
    weights = torch.stack([f.energy.sum() for f in each])
    by_chance = mean_share(weights.new_tensor([f.chance for f in each]), weights)
    names: dict[str, list[str]] = {}
    for f in each:
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
        drawn.append(closure_error(_unit(random), f.irrep))
    return at_most(OfVectors.CLOSED, max(errors), EXACT, controls={"random sets": min(drawn)})


def closure_error(points: Float[Tensor, "point d"], irrep: Irrep) -> float:
    """The largest distance of ρ(g)b from its nearest member, over all g and b of a set."""
    moved = torch.einsum("gij,pj->gpi", irrep.matrices, points).flatten(end_dim=1)
    return float(torch.cdist(moved, points).amin(dim=1).max())


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


def _program(circuit: RhoSets) -> str:
    x = circuit.rebuilt
    group, signs = x.group, signs_of(x.group)
    length = (x.left.norm(dim=0) * circuit._is_free).split([len(f.scale) for f in circuit.each])
    vectors, neurons, generators = [], [], []
    for f, lone in zip(circuit.each, length, strict=True):
        name = f.irrep.name
        there = torch.cat([f.b, f.c, f.a] if f.points is None else [f.points, f.a])
        rows, where = there.unique(dim=0, return_inverse=True)
        b, c = torch.arange(len(f.b)), torch.arange(len(f.c)) + len(f.b)
        b, c = (b, c) if f.b_of is None or f.c_of is None else (f.b_of, f.c_of)
        a = where[-len(f.a) :]
        vectors += [f"    {name!r}: [", *(f"        {(*numbers(v),)}," for v in rows), "    ],"]
        neurons += [f"    {name!r}: ["]
        for *of, scale, coef, beside in zip(
            where[b].tolist(), where[c].tolist(), a.tolist(),
            numbers(f.scale), numbers(f.coef), numbers(lone), strict=True,
        ):  # fmt: skip
            neurons += [f"        {(*of, scale, coef, beside)},"]
        neurons += ["    ],"]
        rho = {s: f.irrep.matrices[s].tolist() for s in group.generators}
        generators += [f"    {name!r}: {rho},"]
    return "\n".join(
        [
            f"# {circuit.equation}",
            *printed.product_of(group),
            *x.places(),
            f"IDENTITY = {group.identity}",
            "GENERATORS = {  # of each irrep, the matrices of a few elements",
            *generators,
            "}",
            "VECTORS = {",
            *vectors,
            "}",
            "NEURONS = {  # the numbers of b, c and a; scale, coefficient, length beside LONE",
            *neurons,
            "}",
            f"BIAS = {numbers(x.bias)}",
            f"LONE = {numbers(signs @ circuit.lone)}",
            PROGRAM,
            printed.ANSWER,
        ]
    )


PROGRAM = """
from functools import lru_cache


def times(M, v):
    return [sum(m * x for m, x in zip(row, v)) for row in M]


def dot(v, w):
    return sum(x * y for x, y in zip(v, w))


@lru_cache(maxsize=None)
def matrices(name):  # of each element, as products of the generators' matrices
    found, reached = {IDENTITY: None}, [IDENTITY]
    d = len(next(iter(GENERATORS[name].values())))
    found[IDENTITY] = [[float(i == j) for j in range(d)] for i in range(d)]
    for g in reached:
        for s, M in GENERATORS[name].items():
            h = product(s, g)
            if h not in found:
                columns = list(zip(*found[g]))
                found[h] = [[dot(row, column) for column in columns] for row in M]
                reached.append(h)
    return found


@lru_cache(maxsize=None)
def rho(name, g, v):
    return times(matrices(name)[g], v)


def logits(a, b):
    x, y = A[a], B[b]
    found = list(BIAS)
    for name, neurons in NEURONS.items():
        for p, q, v, scale, coef, lone in neurons:
            l = dot(VECTORS[name][p], rho(name, x, VECTORS[name][v]))
            r = dot(VECTORS[name][v], rho(name, y, VECTORS[name][q]))
            on = max(0.0, scale * (l + r))
            if on:
                for z in range(N):
                    u = coef * dot(VECTORS[name][p], rho(name, z, VECTORS[name][q]))
                    found[z] += on * (u + lone * LONE[z])
    return [found[z] for z in C]
"""

"""ρ-set circuits: neurons of rank one in an irrep ρ, with vectors from a finite set that ρ permutes
(Wu et al. 2024; Chughtai et al. 2023 for irreps).

    l(x) = bᵀρ(x)a    r(y) = aᵀρ(y)c    u(z) = κ bᵀρ(z)c    b, c from a ρ-set, a one for all of ρ

so that logit(z) = Σ_i κ_i bᵀρ(z)c relu(bᵀρ(x)a + aᵀρ(y)c), which for every pair (b, c) once is a
function of x⁻¹zy⁻¹ alone and largest at z = xy. On Z/p every function of one frequency is of rank
one, a is no restriction, and b and c are phases.

What may fail, and is shown: neurons of no irrep, or of higher rank; vectors a that are not one but
a plane's (Wu et al.'s "a-bad"; the circuit is then a sum of several); b and c in no finite set;
pairs (b, c) that are missing ("ρ-bad").

The circuit of the irrep ±1, relu(σ(x) - σ(y)) σ(z) and its mirror, needs a lone σ(z) beside. It is
in the bias of the output, or hides in the outputs of the other neurons, whose activations sum to a
constant ("implicit bias"): there a multiple of |l| σ(z).

Axes: pair = one input; g = an element of the group; neuron; unit = a neuron of the network, claimed
or not; c = an answer; d = a vector of an irrep's space; sign = an irrep of dimension one, ±1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.activations import RELU, Activation
from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import Irrep
from grokscope.algebra.names import subgroup_in_words
from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts
from grokscope.circuits.printed import in_lines, to_bits
from grokscope.circuits.rho_set import program
from grokscope.circuits.rho_set.bound import NAME
from grokscope.circuits.rho_set.claim import Claim, claims
from grokscope.circuits.rho_set.evidence import checks
from grokscope.circuits.rho_set.factors import Factors
from grokscope.circuits.rho_set.written_out import own_bound
from grokscope.circuits.summed import Summed, numbers, on_signs, signs_of
from grokscope.errors import BadInput, NotApplicable
from grokscope.measures.cosets import proper_subgroups
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence
from grokscope.verify.network import Bound, Network

PLACES = 1e6  # of a vector's entries, as they are printed
MOVED = 1e-4  # from here on is a vector of length 1 another


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
    needs: ClassVar[Activation | None] = RELU

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f.irrep.name for f in self.each)

    @property
    def size(self) -> int:
        """The numbers of its factors, the lone signs, and the bias's."""
        bias = on_signs(self.whole.bias, signs_of(self.whole.group))
        return sum(f.size for f in self.each) + int((self.lone != 0).sum()) + int((bias != 0).sum())

    @cached_property
    def rebuilt(self) -> Summed:
        """The network that it describes."""
        group = self.whole.group
        signs, none = signs_of(group), torch.zeros(group.order, 0, dtype=torch.float64)
        left, right, output = (
            torch.cat([none, *(getattr(f, side) for f in self.each)], dim=1)
            for side in ("left", "right", "output")
        )
        beside = (signs @ self.lone)[:, None] * (left.norm(dim=0) * self.is_free)
        return replace(
            self.whole,
            left=left,
            right=right,
            output=output + beside,
            bias=signs @ on_signs(self.whole.bias, signs),
            index=torch.cat([torch.zeros(0, dtype=torch.long), *(f.index for f in self.each)]),
        )

    @property
    def is_free(self) -> Bool[Tensor, " neuron"]:
        """Which neurons' outputs may hold a lone sign beside."""
        each = [torch.full(f.scale.shape, f.irrep.d > 1) for f in self.each]
        return torch.cat([torch.zeros(0, dtype=torch.bool), *each])

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return self.rebuilt.logits(task)

    def hidden(self, task: Task) -> Float[Tensor, "pair unit"]:
        return self.rebuilt.hidden(task)

    def output(self) -> Float[Tensor, "unit c"]:
        return self.rebuilt.to_answers()

    def keeping(self, parts: Iterable[str]) -> "RhoSets":
        names = chosen_parts(self, parts)
        return replace(self, each=tuple(f for f in self.each if f.irrep.name in names))

    def rounded(self, bits: int) -> "RhoSets":
        each = tuple(f.rounded(bits) for f in self.each)
        return replace(self, each=each, lone=to_bits(self.lone, bits))

    def neurons(self) -> dict[str, Bool[Tensor, " unit"]]:
        units = torch.arange(self.whole.n_units)
        return {f.irrep.name: torch.isin(units, f.index) for f in self.each}

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

    def claim(self) -> tuple[Claim, ...]:
        """The double sums that it consists of, for a bound on the accuracy."""
        return tuple(one for f in self.each for one in claims(f))

    def mechanism(self, network: Network, task: Task) -> Bound | None:
        """That of its double sums, and of all that its neurons hold."""
        if task.group is None:
            return None
        return own_bound(network, task, self.claim(), self.rebuilt, NAME)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return checks(self.whole, self.each)

    def program(self) -> str:
        x, generators, vectors, neurons = self.rebuilt, {}, {}, {}
        length = (x.left.norm(dim=0) * self.is_free).split([len(f.scale) for f in self.each])
        for f, beside in zip(self.each, length, strict=True):
            name, scales = f.irrep.name, map(numbers, (f.scale, f.coef, beside))
            each = torch.cat([f.b, f.c, f.a]).mul(PLACES).round().div(PLACES) + 0.0
            v, row = each.unique(dim=0, return_inverse=True)
            generators[name] = [(s, f.irrep.matrices[s].tolist()) for s in x.group.generators]
            vectors[name] = [_vector(one, f.irrep, x.group) for one in v]
            neurons[name] = list(zip(*row.view(3, -1).tolist(), *scales, strict=True))
        return printed.program(
            program,
            self.equation,
            **x.sources(),
            LONE=str(numbers(self.lone)),
            IDENTITY=str(x.group.identity),
            GENERATORS=_by_irrep(generators),
            VECTORS=_by_irrep(vectors),
            NEURONS=_by_irrep(neurons),
        )


def _vector(v: Float[Tensor, " d"], irrep: Irrep, group: Group) -> str:
    """The source of a vector, under the subgroup that keeps it where it is, if that has a name."""
    kept_by = (irrep.matrices @ v - v).norm(dim=1) < MOVED
    try:
        proper = proper_subgroups(group)
    except (BadInput, NotApplicable):  # too many of them, or none
        return str(numbers(v))
    those = (proper.members == kept_by).all(dim=1).nonzero()[:, 0].tolist()
    names = [subgroup_in_words(group, proper.names[proper.of_class[h]], kept_by) for h in those]
    return "\n".join([*(f"# kept by {name}" for name in names), str(numbers(v))])


def _by_irrep(lists: Mapping[str, Sequence[object]]) -> str:
    """The source of a list for each irrep."""
    return in_lines((f"{name!r}: {in_lines(map(str, x))}" for name, x in lists.items()), "{}")

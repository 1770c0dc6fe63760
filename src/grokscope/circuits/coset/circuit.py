"""Coset circuits: each neuron tells to which coset a product belongs (Stander et al. 2023).

Before its nonlinearity a neuron adds l(x), constant on the right cosets Hx of a subgroup H, and
r(y), constant on the left cosets yK of a conjugate K = z⁻¹Hz. What it then knows of xy is its
double coset HxyK, among them the one that is a coset on either side, Hz = zK, which both share; so
its output u is constant on double cosets. For S4 in S5 there are two: xy sends i to j, or not.

In a circuit without biases the sign irrep's lone σ(z) (see `rho_set`) hides in the outputs of other
neurons, in proportion to the length of l; where there are sign neurons, it is kept.

Axes: pair = one input; g = an element of the group; neuron; unit = a neuron of the network, claimed
or not; c = an answer; sign = an irrep ±1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import RELU, Activation
from grokscope.algebra.groups import Group
from grokscope.algebra.names import subgroup_in_words
from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts
from grokscope.circuits.coset import program
from grokscope.circuits.coset.bound import NAME, claims
from grokscope.circuits.coset.evidence import checks
from grokscope.circuits.coset.question import question
from grokscope.circuits.printed import round_, to_bits
from grokscope.circuits.rho_set.claim import Claim
from grokscope.circuits.rho_set.written_out import own_bound
from grokscope.circuits.summed import Summed, numbers, on_signs, signs_of
from grokscope.measures.cosets import CosetsOf, Proper, cosets_of, proper_subgroups
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.evidence import Evidence
from grokscope.verify.network import Bound, Network


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
    # Neurons that square multiply: characters of irreps with a kernel would pass for cosets.
    needs: ClassVar[Activation | None] = RELU

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

    @cached_property
    def cosets(self) -> list[CosetsOf]:
        """The cosets of each neuron."""
        pairs = zip(self.H.tolist(), self.K.tolist(), strict=True)
        return [cosets_of(self.group, h, k) for h, k in pairs]

    @property
    def beside(self) -> Float[Tensor, "sign neuron"]:
        """How much of each irrep ±1 each output holds beside its values on double cosets."""
        length = self.means.left.norm(dim=0)
        return self.lone[:, None] * length * is_free(self.group, self.H)

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

    def rounded(self, bits: int) -> "Cosets":
        return replace(self, means=self.means.rounded(bits), lone=to_bits(self.lone, bits))

    def neurons(self) -> dict[str, Bool[Tensor, " unit"]]:
        places = {name: i for i, name in enumerate(self.subgroups.names)}
        return {name: self.means.claimed(self.of_class == places[name]) for name in self.names}

    @property
    def equation(self) -> str:
        return (
            f"logit(z) = Σ_i u_i(HzK) {self.means.act.name}(l_i(Hx) + r_i(yK)), K conjugate to H; "
            f"subgroups H: {', '.join(self.names)}"
        )

    @property
    def questions(self) -> list[str]:
        """What each neuron asks of a product: whether it lies in Hz = zK."""
        members, found, asks = self.subgroups.members, dict[tuple[int, int], str](), []
        for h, z in zip(self.H.tolist(), self.z.tolist(), strict=True):
            first = int(self.group.table[members[h], z].min())
            if (h, first) not in found:
                found[h, first] = question(self.group, self._name(h), members[h], first)
            asks.append(found[h, first])
        return asks

    def _name(self, h: int) -> str:
        return self.subgroups.names[int(self.subgroups.of_class[h])]

    def program(self) -> str:
        return printed.program(
            program,
            self.equation,
            **self.means.sources(),
            SUBGROUPS="\n".join(["{", *self._by_name(), "}"]),
            NEURONS="\n".join(["[", *self._by_question(), "]"]),
        )

    def _by_name(self) -> list[str]:
        """The sources of the subgroups, each under its name and some of its elements."""
        lines = []
        for h in sorted({*self.H.tolist(), *self.K.tolist()}):
            H = self.subgroups.members[h]
            lines += [
                f"    # {subgroup_in_words(self.group, self._name(h), H)}",
                f"    {h}: {H.nonzero()[:, 0].tolist()},",
            ]
        return lines

    def _by_question(self) -> list[str]:
        """The sources of the neurons, those of one question under it."""
        lines, asks = [], self.questions
        order = sorted(range(len(asks)), key=lambda i: asks[i])
        for ask, these in groupby(order, key=lambda i: asks[i]):
            lines += [f"    # {ask}", *(f"    {self._neuron(i)}," for i in these)]
        return lines

    def _neuron(self, i: int) -> str:
        x, cosets = self.means, self.cosets[i]
        values = zip((x.left[:, i], x.right[:, i], x.output[:, i]), cosets, strict=True)
        tables = [_by_first(f, coset) for f, coset in values]
        return str((int(self.H[i]), int(self.K[i]), *tables, numbers(self.beside[:, i])))

    def claim(self) -> tuple[Claim, ...]:
        """The double sums of the cosets that its neurons stand for, for a bound on the accuracy."""
        return tuple(claims(self.group, self.subgroups, self.means.index, self.H, self.z))

    def mechanism(self, network: Network, task: Task) -> Bound | None:
        """That of the cosets that its neurons stand for, and of all that they hold."""
        if task.group is None:
            return None
        return own_bound(network, task, self.claim(), self.rebuilt, NAME)

    def checks(self, snapshot: Snapshot) -> tuple[Evidence, ...]:
        return checks(snapshot, self.means.index, self.cosets)


def is_free(group: Group, H: Int[Tensor, " neuron"]) -> Bool[Tensor, "sign neuron"]:
    """Whether no function on the cosets of H can hold anything of an irrep ±1."""
    proper = proper_subgroups(group)
    averages = proper.members.double() @ signs_of(group) / proper.order[:, None]
    return (averages[H].abs() < 0.5).T


def _by_first(f: Float[Tensor, " g"], cosets: Int[Tensor, " g"]) -> dict[int, float]:
    """The value on each coset, by its smallest member."""
    values: dict[int, float] = {}
    seen: set[int] = set()
    for g, (coset, value) in enumerate(zip(cosets.tolist(), f.tolist(), strict=True)):
        if coset not in seen:
            seen.add(coset)
            values[g] = round_(value)
    return values

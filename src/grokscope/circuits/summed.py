"""Networks of one hidden layer that add a function of a to one of b, on a group: what cosets and
ρ-sets are claims about, and what they say in full.

Axes: pair = one input; g = an element of the group; neuron; unit = a neuron of the network, among
them those that the claim leaves out; c = an answer; symbol = a value of an operand, or an answer.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import Activation
from grokscope.algebra.groups import Group
from grokscope.algebra.splits import isotypic
from grokscope.canonical import activation_of
from grokscope.circuits.printed import listed, moves_of, round_, to_bits
from grokscope.errors import NotApplicable
from grokscope.measures.sides import PURE, elements, sides
from grokscope.measures.weights import output_map
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.task import Task

NEGLIGIBLE = 1e-5  # of the logits: a bias below it is rounding


@dataclass(frozen=True, eq=False)
class Summed:
    """logits(z | x, y) = bias(z) + Σ_i output(z, i) act(left(x, i) + right(y, i)), all by the
    elements of a group that the symbols a and b and the answers c stand for.

    `index` has the numbers of its neurons among the network's `n_units`.
    """

    group: Group
    left: Float[Tensor, "g neuron"]
    right: Float[Tensor, "g neuron"]
    output: Float[Tensor, "g neuron"]
    bias: Float[Tensor, " g"]
    index: Int[Tensor, " neuron"]
    n_units: int
    a: Int[Tensor, " symbol"]
    b: Int[Tensor, " symbol"]
    c: Int[Tensor, " symbol"]
    act: Activation

    @property
    def energy(self) -> Float[Tensor, " neuron"]:
        """What each neuron weighs: (|l|² + |r|²)|u|², which does not change when a neuron's input
        is scaled up and its output down; the weights sum to 1."""
        inner = sum((f - f.mean(dim=0)).square().sum(dim=0) for f in (self.left, self.right))
        energy = inner * self.output.square().sum(dim=0)
        return energy / energy.sum().clamp(min=1e-300)

    def rounded(self, bits: int) -> "Summed":
        """The same with values of so many bits; see `to_bits`."""
        sides = (self.left, self.right, self.output, self.bias)
        left, right, output, bias = (to_bits(x, bits) for x in sides)
        return replace(self, left=left, right=right, output=output, bias=bias)

    def pick(self, neurons: Bool[Tensor, " neuron"] | Int[Tensor, " some"]) -> "Summed":
        """The same with these neurons alone."""
        return replace(
            self,
            left=self.left[:, neurons],
            right=self.right[:, neurons],
            output=self.output[:, neurons],
            index=self.index[neurons],
        )

    def hidden(self, task: Task) -> Float[Tensor, "pair unit"]:
        """The activations of all units, 0 of those left out."""
        post = self.left.new_zeros(len(task.inputs), self.n_units)
        post[:, self.index] = self._post(task)
        return post

    def to_answers(self) -> Float[Tensor, "unit c"]:
        """The map from all units to the answers, 0 of those left out."""
        W = self.output.new_zeros(self.n_units, len(self.c))
        W[self.index] = self.output[self.c].T
        return W

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return torch.addmm(self.bias[self.c], self._post(task), self.output[self.c].T)

    def claimed(self, neurons: Bool[Tensor, " neuron"]) -> Bool[Tensor, " unit"]:
        """Which of the network's units these neurons are."""
        is_claimed = torch.zeros(self.n_units, dtype=torch.bool)
        is_claimed[self.index[neurons]] = True
        return is_claimed

    def _post(self, task: Task) -> Float[Tensor, "pair neuron"]:
        a, b = task.inputs.unbind(dim=1)
        return self.act(self.left[self.a[a]] + self.right[self.b[b]])

    def sources(self) -> dict[str, str]:
        """The sources of what every program of such a network has: the group, the elements A, B and
        C of the symbols, the irreps ±1 with how much of each the bias holds, and `act`."""
        signs = signs_of(self.group)
        return {
            **moves_of(self.group),
            "A": listed(self.a.tolist()),
            "B": listed(self.b.tolist()),
            "C": listed(self.c.tolist()),
            "SIGNS": str([numbers(sign) for sign in signs.T]),
            "BIAS": str(numbers(on_signs(self.bias, signs))),
            "act": self.act.python,
        }


@once_per_snapshot
def summed(s: Snapshot) -> Summed:
    """A network's live neurons. Output and bias are centred over the answers, which changes neither
    answer nor loss; the mean of a neuron over all pairs stands in its function of a.

    Raises `NotApplicable` where operands and answers are not one to one with the elements of a
    group, where no neuron is alive or none adds to the answers, where no map leads from the neurons
    to the answers, and where the hidden layer is no known nonlinearity of one sum.
    """
    x, act = sides(s), activation_of(s)
    group, places = x.group, [elements(s, role) for role in "abc"]
    for symbols in places:
        if not torch.equal(symbols.sort().values, torch.arange(group.order)):
            raise NotApplicable(
                f"the symbols of `{s.task.name}` are not one to one with the elements of "
                f"{group.name}."
            )
    if act is None:
        raise NotApplicable(f"the neurons of {s.model.name} are of no known activation.")
    a, b, c = places
    W = output_map(s).T
    W = (W - W.mean(dim=0))[c.argsort()]
    level = s.sums(lambda block: block.mlp_pre)[0][x.index] / len(s.task.inputs)
    bias = _bias(s)[c.argsort()]
    left, output, n_units = x.left + level, W[:, x.index], W.shape[1]
    whole = Summed(group, left, x.right, output, bias, x.index, n_units, a, b, c, act)
    if not whole.energy.any():
        raise NotApplicable("no neuron that depends on both operands adds to the answers.")
    return whole


def _bias(s: Snapshot) -> Float[Tensor, " c"]:
    """What of the logits, on average over all pairs, does not come from the neurons, centred."""
    counts, logits = s.fibres.counts / s.fibres.counts.sum(), s.mean_logits.double()
    post = s.sums(lambda block: block.mlp_post)[0] / len(s.task.inputs)
    bias = counts @ logits - post @ output_map(s)
    bias = bias - bias.mean()
    is_rounding = bias.norm() <= NEGLIGIBLE * logits.norm(dim=1).mean()
    return torch.zeros_like(bias) if is_rounding else bias


@lru_cache(maxsize=8)
def signs_of(group: Group) -> Float[Tensor, "g sign"]:
    """The irreps ±1 but the trivial one, as functions."""
    none = torch.zeros(group.order, 0, dtype=torch.float64)
    parts = [Q for name, Q in isotypic(group).parts.items() if name != "constant"]
    signs = torch.cat([none, *(Q for Q in parts if Q.shape[1] == 1)], dim=1)
    return signs * signs[group.identity].sign() * group.order**0.5


def used_signs(x: Summed, signs: Float[Tensor, "g sign"]) -> Bool[Tensor, " sign"]:
    """The irreps ±1 in which l and r of some neuron lie."""
    shares = [
        (signs.T @ f).square() / len(f) / f.square().sum(dim=0).clamp(min=1e-300)
        for f in (x.left, x.right)
    ]
    return (torch.minimum(*shares) >= PURE).any(dim=1)


def lone_signs(
    x: Summed,
    u: Float[Tensor, "g neuron"],
    signs: Float[Tensor, "g sign"],
    is_free: Bool[Tensor, "sign neuron"],
) -> Float[Tensor, " sign"]:
    """The multiples α of the irreps ±1 that fit outputs u best as u(z) = α |l| σ(z), over the
    neurons that are free to hold them."""
    length = x.left.norm(dim=0) * is_free
    return (signs.T @ u / len(u) * length).sum(dim=1) / length.square().sum(dim=1).clamp(min=1e-300)


def on_signs(f: Float[Tensor, " g"], signs: Float[Tensor, "g sign"]) -> Float[Tensor, " sign"]:
    """The coefficients of a function along the irreps ±1."""
    return signs.T @ f / len(f)


def numbers(x: Float[Tensor, " n"]) -> list[float]:
    """As printed: with six significant digits."""
    return [round_(value) for value in x.tolist()]

"""The functions l of a and r of b that a neuron adds before its nonlinearity, on a group.

They are the means of the neuron over b and over a, centred; for a layer that adds a row for a and
one for b this is exact.

Axes: pair = one input; g = an element of the group; neuron = a live one; part = an irrep's; symbol
= a value of an operand, or an answer.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.splits import isotypic
from grokscope.errors import NotApplicable
from grokscope.measures.irreps import group_of
from grokscope.snapshot import Snapshot, once_per_snapshot

PURE = 0.95  # the share of a function that makes it one of an irrep (Wu et al. 2024)
ALIVE = 1e-3  # of the largest neuron's norm


@dataclass(frozen=True, eq=False)
class Sides:
    """The functions l and r of the neurons that depend on both operands, centred, by the elements
    of the group; `index` has their numbers in the network."""

    group: Group
    left: Float[Tensor, "g neuron"]
    right: Float[Tensor, "g neuron"]
    index: Int[Tensor, " neuron"]

    def pick(self, neurons: Bool[Tensor, " neuron"]) -> "Sides":
        left, right = self.left[:, neurons], self.right[:, neurons]
        return Sides(self.group, left, right, self.index[neurons])


@once_per_snapshot
def sides(s: Snapshot) -> Sides:
    """l and r of every live neuron. Raises `NotApplicable` where some pairs are missing, where
    operands are not one to one with the elements of a group, and where no neuron is alive."""
    group, n_pairs = group_of(s), len(s.task.inputs)
    (a, of_a), (b, of_b) = (x.unique(return_inverse=True) for x in s.task.inputs.unbind(dim=1))
    if not torch.equal(s.task.inputs, torch.cartesian_prod(a, b)):
        raise NotApplicable(f"`{s.task.name}` lacks some pairs of its operands.")
    left, right = (
        _on_group(s, role, symbols, s.sums(lambda x: x.mlp_pre, label) * (len(symbols) / n_pairs))
        for role, symbols, label in (("a", a, of_a), ("b", b, of_b))
    )
    norms = torch.minimum(left.norm(dim=0), right.norm(dim=0))
    is_live = (norms > ALIVE * norms.max()) & (norms > 1e-12)
    if not is_live.any():
        raise NotApplicable("no neuron depends on both operands.")
    return Sides(group, left, right, torch.arange(len(norms))).pick(is_live)


def _on_group(
    s: Snapshot, role: str, symbols: Int[Tensor, " symbol"], x: Float[Tensor, "symbol neuron"]
) -> Float[Tensor, "g neuron"]:
    """A function of an operand as one of the group's elements, centred."""
    group, here = group_of(s), elements(s, role)[symbols]
    if not torch.equal(here[here >= 0].sort().values, torch.arange(group.order)):
        raise NotApplicable(
            f"the operands of `{s.task.name}` are not one to one with {group.name}."
        )
    x = x[here >= 0][here[here >= 0].argsort()]
    return x - x.mean(dim=0)


def elements(s: Snapshot, role: str) -> Int[Tensor, " symbol"]:
    """The element of the group that each symbol of an operand, "a" or "b", or each answer, "c",
    stands for; -1 for none."""
    lens = s.lens
    x = torch.arange(len(lens.answers))
    element = x if lens.element is None else lens.element
    if role == "c":
        of_answer = torch.full((s.task.n_answers,), -1)
        of_answer[lens.answers[lens.answers >= 0]] = element[lens.answers >= 0]
        return of_answer
    matrix = lens.views[role].matrix
    if matrix is None:
        return element
    point = torch.where(matrix.any(dim=0), matrix.bool().int().argmax(dim=0), len(element))
    return torch.nn.functional.pad(element, (0, 1), value=-1)[point]


def irrep_shares(f: Float[Tensor, "g neuron"], group: Group) -> Float[Tensor, "part neuron"]:
    """The share of each centred function in each part of `isotypic(group)`."""
    split = isotypic(group)
    squares = (split.basis.T @ f).square()
    shares = f.new_zeros(len(split.names), f.shape[1]).index_add_(0, split.owner, squares)
    return shares / shares.sum(dim=0)


def own_irrep(
    left: Float[Tensor, "g neuron"], right: Float[Tensor, "g neuron"], group: Group
) -> Int[Tensor, " neuron"]:
    """The part of `isotypic(group)` that holds at least .95 of l and of r, each centred; -1 where
    none does."""
    shares = torch.minimum(*(irrep_shares(f - f.mean(dim=0), group) for f in (left, right)))
    share, own = shares.max(dim=0)
    return torch.where(share >= PURE, own, -1)


@once_per_snapshot
def is_sign(s: Snapshot) -> Bool[Tensor, " neuron"]:
    """Which live neurons have at least 95 % of l and of r in irreps ±1."""
    x = sides(s)
    of_sign = isotypic(x.group).owner.bincount() == 1
    shares = [irrep_shares(f, x.group)[of_sign].sum(dim=0) for f in (x.left, x.right)]
    return torch.minimum(*shares) >= PURE

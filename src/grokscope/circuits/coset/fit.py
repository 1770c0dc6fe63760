"""Which coset circuit fits a network: the subgroups that each neuron follows, and its means on
their cosets.

Axes: pair = one input; g = an element of the group; neuron; unit = a neuron of the network, claimed
or not; c = an answer; sign = an irrep ±1.
"""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.circuits.circuit import finder
from grokscope.circuits.coset.circuit import Cosets, is_free
from grokscope.circuits.summed import Summed, lone_signs, on_signs, signs_of, summed, used_signs
from grokscope.errors import BadInput, NotApplicable
from grokscope.measures.cosets import (
    cosets_of,
    joint_spreads,
    largest_class,
    mean_on,
    member_of,
    proper_subgroups,
    right_sides,
)
from grokscope.snapshot import Snapshot


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
        proper = proper_subgroups(whole.group)
    except BadInput as reason:  # too many of them
        raise NotApplicable(str(reason)) from None
    spreads = right_sides(snapshot)
    chosen = largest_class(joint_spreads(spreads, proper), proper)
    keep = chosen >= 0
    if not keep.any():
        raise NotApplicable(
            f"no neuron is constant on the cosets of a subgroup of {whole.group.name}, to 1 % of "
            "its variance and on both sides."
        )
    H, K = (member_of(x[:, keep], proper, chosen[keep]) for x in spreads.values())
    names = tuple(name for i, name in enumerate(proper.names) if (chosen == i).any())
    x = whole.pick(keep)
    means, z = _means_on_cosets(x, H, K)
    none = torch.zeros(signs_of(whole.group).shape[1]).double()
    plain = Cosets(means, H, K, z, none, names)
    return replace(plain, lone=_lone(plain, x))


def _means_on_cosets(
    x: Summed, H: Int[Tensor, " neuron"], K: Int[Tensor, " neuron"]
) -> tuple[Summed, Int[Tensor, " neuron"]]:
    """The means of l, r and u on their cosets, and an element of the coset on both sides where u
    stands out most."""
    group, order = x.group, proper_subgroups(x.group).order
    l, r, u = (torch.empty_like(f) for f in (x.left, x.right, x.output))
    z = torch.empty_like(H)
    for i, (h, k) in enumerate(zip(H.tolist(), K.tolist(), strict=True)):
        of = cosets_of(group, h, k)
        l[:, i] = mean_on(x.left[:, i], of.right)
        r[:, i] = mean_on(x.right[:, i], of.left)
        u[:, i] = mean_on(x.output[:, i], of.double)
        is_shared = of.double.bincount()[of.double] == order[h]
        z[i] = torch.where(is_shared, u[:, i].abs(), -1.0).argmax()
    signs = signs_of(group)
    return replace(x, left=l, right=r, output=u, bias=signs @ on_signs(x.bias, signs)), z


def _lone(plain: Cosets, x: Summed) -> Float[Tensor, " sign"]:
    """What of the irreps ±1 the outputs hold beside, of those that some neurons lie in."""
    signs = signs_of(x.group)
    rest, free = x.output - plain.means.output, is_free(x.group, plain.H)
    return lone_signs(x, rest, signs, free) * used_signs(x, signs)

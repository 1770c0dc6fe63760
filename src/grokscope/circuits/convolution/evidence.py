"""What a kernel, or a table of products, is tested on.

Whatever the network, a kernel of all parts explains a lookup table in full (it is 1 at the
identity), so what counts is that few parts are enough.

Axes: g = an element; pair = one input; point = a product; c = an answer.
"""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.algebra.families import cyclic, dihedral
from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Fibres, Lens
from grokscope.algebra.splits import Split, isotypic
from grokscope.circuits.convolution.kernel import fit_kernel, places
from grokscope.score import centred
from grokscope.snapshot import Snapshot
from grokscope.verify.evidence import Evidence, Tested, Unit, at_least

EXPLAINED, OPEN = 0.9, 0.7  # of the logits' variance: Nanda et al. have .95, the given networks .98
CONCENTRATED, MAYBE = 0.1, 0.05  # nats by which a kernel's parts are ahead of a lookup table's:
# of networks that were fitted to all pairs through random features at most .02


class OfKernel(Tested):
    """What a kernel, or a table of products, is tested on."""

    KERNEL_AHEAD = "kernel: nats its parts are ahead of a lookup table's", Unit.NATS
    TABLE_AHEAD = "table: nats its parts are ahead of a lookup table's", Unit.NATS
    ALL_PARTS = "logits explained by a kernel of all parts"
    CLASS_FUNCTIONS = "of that, by class functions (Chughtai et al.)"


def of_kernel(s: Snapshot, lens: Lens, kernel: Float[Tensor, " g"]) -> tuple[Evidence, ...]:
    """The evidence for a kernel with all its parts."""
    assert lens.group is not None
    where = places(s.task, lens)
    return (
        _ahead(OfKernel.KERNEL_AHEAD, _concentration(isotypic(lens.group), kernel)),
        at_least(
            OfKernel.ALL_PARTS,
            _explained(s, where),
            EXPLAINED,
            OPEN,
            controls=_wrong_groups(s, lens, lens.group),
        ),
        Evidence(
            OfKernel.CLASS_FUNCTIONS,
            _explained(s, _classes(lens.group)[where]),
            why="all of it on an abelian group",
        ),
    )


def of_table(fibres: Fibres, table: Float[Tensor, "point c"]) -> tuple[Evidence, ...]:
    """The evidence for a table of products with all its parts."""
    lookup = torch.nn.functional.one_hot(fibres.answers, table.shape[1]).double()
    even = fibres.power(centred(lookup))
    return (_ahead(OfKernel.TABLE_AHEAD, _divergence(fibres.split, fibres.power(table), even)),)


def _ahead(tested: Tested, nats: float) -> Evidence:
    return at_least(tested, nats, CONCENTRATED, MAYBE, controls={"lookup table": 0.0})


def _explained(s: Snapshot, where: Int[Tensor, "pair c"]) -> float:
    """The share of the centred logits that depends on the place alone."""
    x, order = centred(s.logits), int(where.max()) + 1
    kernel, ends = fit_kernel(x, where, order)
    count = torch.bincount(where.flatten(), minlength=order + 3)
    kept = (torch.cat([kernel, kernel.new_tensor(ends)]).square() * count).sum()
    return float(kept / x.square().sum().clamp(min=1e-300))


def _classes(group: Group) -> Int[Tensor, " place"]:
    """The conjugacy class of each place; those outside the group are one each."""
    return torch.cat([group.conjugacy, torch.arange(group.order, group.order + 3)])


def _wrong_groups(s: Snapshot, lens: Lens, group: Group) -> dict[str, float]:
    """What a kernel explains that takes the elements for others: with the answers standing for
    others, drawn at random, and as those of another group of the same order where one is known."""
    where = places(s.task, lens)
    order = torch.randperm(where.shape[1], generator=torch.Generator().manual_seed(0))
    controls = {"relabelled elements": _explained(s, where[:, order])}
    is_even = group.is_addition and group.order % 2 == 0 and group.order > 4
    other = _other(group.order, is_even)
    if s.task.group is not None and not torch.equal(other.table, group.table):
        wrong = _explained(s, places(s.task, lens, other))
        controls[f"as if it were {other.name}"] = wrong
    return controls


@lru_cache(maxsize=4)
def _other(order: int, is_dihedral: bool) -> Group:
    return dihedral(order // 2) if is_dihedral else cyclic(order)


def _concentration(split: Split, kernel: Float[Tensor, " g"]) -> float:
    """How far the parts of a kernel are from a lookup table's, which is 1 at the identity and even
    in all parts."""
    one = torch.zeros_like(kernel)
    one[0] = 1
    return _divergence(split, split.power(kernel[:, None]), split.power(one[:, None]))


def _divergence(split: Split, power: Float[Tensor, " part"], even: Float[Tensor, " part"]) -> float:
    """Σ share · log(share / even share) over the parts, in nats, the constants left out."""
    keep = torch.tensor([name != "constant" for name in split.names]) & (even > 1e-12 * even.sum())
    share, flat = power[keep] / power[keep].sum().clamp(min=1e-300), even[keep] / even[keep].sum()
    return float(torch.special.xlogy(share, share / flat).sum())

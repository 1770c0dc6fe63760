"""The irreps that the neurons of a network on a finite group lie in.

Axes: g = an element of the group, and so a symbol; shown = a neuron on the page; part = an irrep's,
but the constants.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.splits import isotypic
from grokscope.measures.keys import Keys
from grokscope.measures.sides import irrep_shares
from grokscope.task import Task


@dataclass(frozen=True)
class IrrepShares:
    """The irreps that neurons may lie in, the share that chance gives each, and their shares of the
    logits at the last checkpoint."""

    parts: list[str]
    chance: list[float]
    logits: list[float] | None


def has_irreps(task: Task) -> bool:
    """Whether the symbols are those of a group that has other irreps than waves."""
    group = task.symbol_group
    return group is not None and not bool(group.centre.all())


def irreps(task: Task, keys: Keys | None) -> IrrepShares | None:
    """Those of the group whose elements the symbols are; None where all are waves."""
    if not has_irreps(task):
        return None
    assert task.group is not None
    split = isotypic(task.group)
    sizes = dict(zip(split.names, split.owner.bincount().tolist(), strict=True))
    names = [name for name in split.names if name != "constant"]
    return IrrepShares(
        parts=names,
        chance=[sizes[name] / (task.n_symbols - 1) for name in names],
        logits=[keys.shares[name] for name in names] if keys else None,
    )


def irrep_pictures(
    group: Group,
    of_a: Float[Tensor, "g shown"],
    of_b: Float[Tensor, "g shown"],
    out: Float[Tensor, "g shown"] | None,
) -> dict[str, Float[np.ndarray, "shown part"]]:
    """How much of each neuron lies in each irrep: of its functions of a and of b together, and of
    its outputs."""
    both = torch.stack([of_a.double(), of_b.double()])
    weights = both.square().sum(dim=1)
    shares = torch.stack([irrep_shares(f, group) for f in both])
    inside = (shares.nan_to_num() * weights[:, None]).sum(dim=0) / weights.sum(dim=0)
    pictures = {"irreps_in": inside}
    if out is not None:
        pictures["irreps_out"] = irrep_shares(out.double(), group)
    keep = torch.tensor([name != "constant" for name in isotypic(group).names])
    return {name: x[keep].T.numpy() for name, x in pictures.items()}

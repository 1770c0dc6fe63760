"""What a neuron weighs: how much of what varies in the logits it adds.

How large a neuron is, and into how many it is split, is a choice of coordinates; what it adds is
not. So our own counts of neurons are of the canonical view, each with its energy. Published counts
are of the neurons as they are.

Axes: neuron = one of the canonical view; some = of these.
"""

from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.canonical import Canonical, canonical, read_out_of, spread_after
from grokscope.errors import NotApplicable
from grokscope.snapshot import Snapshot, once_per_snapshot

ROUNDING = 1e-6  # of all energy: half of it may be this much less


def _spread(s: Snapshot, view: Snapshot) -> Float[Tensor, " neuron"]:
    """The standard deviations of the neurons of the view, which are multiples of the network's."""
    if view is s or not isinstance(view.model, Canonical):
        return spread_after(view)[0]
    return spread_after(s)[0][view.model.to_live.chosen] * view.model.to_live.outer


@once_per_snapshot
def energy(s: Snapshot) -> Float[Tensor, " neuron"]:
    """Each neuron's share of Σ_i Var(h_i) |u_i|²: the variance of h_i is over all inputs, and u_i
    is its row of the output map, centred over the answers. It is what a neuron adds before others
    take it away again. The shares sum to 1. Raises `NotApplicable` where no neuron adds
    anything."""
    view = canonical(s)
    variance = _spread(s, view).square()
    adds = variance * read_out_of(view).double().square().sum(dim=1)
    if not float(adds.sum()) > 0:
        raise NotApplicable("no neuron adds anything to the logits that differs between inputs.")
    return adds / adds.sum()


def mean_share(
    shares: Float[Tensor, " some"] | Bool[Tensor, " some"], energy: Float[Tensor, " some"]
) -> float:
    """The mean of a share over neurons, or the share of the marked, by their energy; 0 of none."""
    return float((shares.double() * energy).sum() / energy.sum().clamp(min=1e-300))


def median_by(energy: Float[Tensor, " some"], x: Float[Tensor, " some"]) -> float:
    """The smallest value that half of the energy does not exceed."""
    value, order = x.sort()
    held = energy[order].cumsum(dim=0)
    is_half = held >= (0.5 - ROUNDING) * held[-1]
    return float(value[is_half.int().argmax()])

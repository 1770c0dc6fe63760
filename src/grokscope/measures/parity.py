"""Where a network of the sparse parity task keeps its weight, and how few neurons do the work.

Generalising, it drops the digits that distract and all but a few neurons (the PAIR explorable,
"1s and 0s"; Merrill et al. 2023, A Tale of Two Circuits).

Axes: pair = one input; digit; neuron.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.measure import measure
from grokscope.models.parity import ParityMLP
from grokscope.snapshot import Snapshot


@measure
def relevant_weight(s: Snapshot) -> float:
    """Root mean square of the weights of W_in on the digits that the parity is of.

    A mean, so that it compares with `distracting_weight`, which is of more digits. Untrained: as
    that, 1/sqrt(n + 1) for n digits."""
    model, k = _network(s)
    return _rms(model.W_in[:k])


@measure
def distracting_weight(s: Snapshot) -> float:
    """Root mean square of the weights of W_in on the other digits, its bias left out: 0 in a clean
    solution. Untrained: 1/sqrt(n + 1)."""
    model, k = _network(s)
    others = model.W_in[k:-1]
    if len(others) == 0:
        raise NotApplicable(f"`{s.task.name}` has no digit that distracts.")
    return _rms(others)


@measure
def active_neurons(s: Snapshot) -> float:
    """How many neurons do the work: the fewest, taken by descending norm of their incoming weights
    on the digits, that alone predict all training pairs as the whole network does.

    The active subnetwork of Merrill et al. 2023, except that they ask for the same accuracy on the
    training set, which is the same thing once it is 1. Untrained: nearly all. PAIR's run, which
    decays absolute values, ends with 4.
    """
    model, _ = _network(s)
    order = model.W_in[:-1].norm(dim=0).argsort(descending=True, stable=True)
    post = s.mlp_post[s.is_train].double()
    z = (post * model.W_out[:, 0].double())[:, order].cumsum(dim=1)
    is_same = ((z > 0) == (z[:, -1:] > 0)).all(dim=0)
    return float(is_same.long().argmax()) + 1


@measure
def weight_sparsity(s: Snapshot) -> float:
    """Share of the weights, W_in and W_out, below 1 % of the largest of their matrix, in [0, 1].
    Untrained: about .03."""
    model, _ = _network(s)
    small = [w.abs() < 0.01 * w.abs().max() for w in (model.W_in, model.W_out)]
    return float(torch.cat([x.flatten() for x in small]).double().mean())


def _network(s: Snapshot) -> tuple[ParityMLP, int]:
    """The network, and how many digits the answer depends on."""
    if s.task.digits is None:
        raise NotApplicable(f"`{s.task.name}` does not depend on its leading digits alone.")
    if not isinstance(s.model, ParityMLP):
        raise NotApplicable(f"{s.model.name} has no weights by digit.")
    return s.model, s.task.digits


def _rms(w: Float[Tensor, "digit neuron"]) -> float:
    return float(w.detach().double().square().mean().sqrt())

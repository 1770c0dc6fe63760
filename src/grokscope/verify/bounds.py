"""Accuracy that is proved: lower bounds that hold of any network, whatever is said of it.

A bound trusts nothing of who found the circuit. It takes directions or sets of points from it, and
whatever they are, it never exceeds the accuracy of the network at hand, in float64, ties counted as
wrong. A wrong explanation only loosens it. See docs/bounds.md.

Axes: pair = one input; c = an answer; r = a direction.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.circuits.circuit import Circuit
from grokscope.circuits.rho_set.bound import rho_set
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.verify.low_rank import low_rank
from grokscope.verify.network import Bound, Network, brute_force

__all__ = ["Bound", "Network", "bound_of", "brute_force", "directions", "low_rank", "rho_set"]

ENOUGH = 0.99  # a bound above it is not sought to be raised
ROWS = 8  # for each answer, logits looked at to find the directions they span
RANK = 1e-6  # of the largest singular value


def bound_of(snapshot: Snapshot, circuit: Circuit) -> Bound | None:
    """The best bound that a circuit gives, of those cheaper than brute force if there are such;
    None of networks without a fold, and of circuits whose logits may be any, as a lookup table's.

    Every circuit has the directions among the answers that its logits span; with twice as many, the
    network's own added, if those do not suffice. A circuit of ρ-sets has parts for `rho_set`, too,
    which it states by its method `claim`.
    """
    network, task = Network.of(snapshot), snapshot.task
    if network is None:
        return None
    Q, found = directions(circuit, task), []
    if Q.shape[1] < task.n_answers - 1:
        found.append(low_rank(network, Q))
        if found[0].accuracy < ENOUGH and found[0].of_brute_force < 1:
            found.append(low_rank(network, Q, own=Q.shape[1]))
    claim = getattr(circuit, "claim", None)
    if claim is not None and task.group is not None:
        found.append(rho_set(network, task.group, task.inputs, claim()))
    return max(found, key=lambda bound: (bound.of_brute_force < 1, bound.accuracy), default=None)


def directions(circuit: Circuit, task: Task) -> Float[Tensor, "c r"]:
    """An orthonormal basis of what a circuit's logits span, but for a constant, seen on a random
    sample of pairs, eight for each answer."""
    some = torch.randperm(len(task.inputs), generator=torch.Generator().manual_seed(0))
    logits = circuit.logits(task.at(some[: ROWS * task.n_answers]))
    _, scale, Vh = torch.linalg.svd(logits - logits.mean(dim=1, keepdim=True), full_matrices=False)
    return Vh[scale > RANK * scale[0]].T

"""The neurons that are shown of a network, and their functions of a and of b.

Axes: pair = one input; symbol = an operand's value, or an answer; neuron; part; c = an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.activations import RELU, Activation
from grokscope.errors import NotApplicable
from grokscope.measures.weights import symbol_weights
from grokscope.reading.reading import Reading
from grokscope.reading.waves import parts_of
from grokscope.score import agreement, centred
from grokscope.snapshot import Snapshot

MOST_NEURONS = 48
MOST_WORK = 10_000_000  # products over all pairs that a page does again at every step: some 10 ms


@dataclass(frozen=True, eq=False)
class ShownNeurons:
    """The neurons that are shown, sorted by part and by phase, and the part that each follows most
    with how much of its variation that explains.

    `can_run` where these are all, acting on sums, and make the logits by themselves; `is_shared`
    where b is read as a is.
    """

    index: Int[Tensor, " neuron"]
    parts: list[str | None]
    shares: list[float | None]
    total: int
    act: Activation
    is_shared: bool
    can_run: bool

    def purest(self, names: Sequence[str]) -> list[int]:
        """For each of these parts that some follow, the place of the neuron that follows it
        most."""
        mine = ([i for i, part in enumerate(self.parts) if part == name] for name in names)
        return [max(places, key=lambda i: self.shares[i] or 0) for places in mine if places]


def shown_neurons(r: Reading) -> ShownNeurons | None:
    """The neurons of each part that weigh most at the last checkpoint: size of the input times size
    of the output. None where they are not functions of a and b."""
    s = r.snapshot
    try:
        of_a, of_b = of_operands(s, slice(None))
    except NotApplicable:
        return None
    out, act = output_map(s), _activation(s)
    energy = of_a.norm(dim=0) * (1.0 if out is None else out.norm(dim=0))
    index = _heaviest(energy, _followed(r, of_a, torch.arange(len(energy)))[0])
    names, shares = _followed(r, of_a, index)
    phase = [_phase(s, of_a[:, i], name) for i, name in zip(index, names, strict=True)]
    ranked = [*(r.keys.names if r.keys else ()), *sorted({x for x in names if x}), None]
    order = sorted(range(len(index)), key=lambda i: (ranked.index(names[i]), phase[i]))
    return ShownNeurons(
        index=index[order],
        parts=[names[i] for i in order],
        shares=[shares[i] for i in order],
        total=len(energy),
        act=act,
        is_shared=torch.allclose(of_a, of_b, atol=1e-4 * float(of_a.abs().max())),
        can_run=len(index) == len(energy) and _is_all(s, of_a, of_b, out, act),
    )


# ---- a neuron as functions of a and b, and as a map to the answers -------------------------------


def of_operands(
    s: Snapshot, neurons: Int[Tensor, " neuron"] | slice
) -> tuple[Float[Tensor, "symbol neuron"], Float[Tensor, "symbol neuron"]]:
    """These neurons before their nonlinearity as functions of a and of b, centred: the folded
    weights where they lead straight to them, else means over all pairs with this a, or this b.
    Raises `NotApplicable` where there are neither, or they are no numbers."""
    weights, pre = symbol_weights(s), s.mlp_pre
    sides = [weights[role] for role in ("ab", "a", "b") if role in weights]
    if sides and all(W.shape[1] == pre.shape[1] for W in sides) and _adds(s, sides[0], sides[-1]):
        of_a, of_b = sides[0][:, neurons], sides[-1][:, neurons]
    else:
        n = s.task.n_symbols
        if not s.task.is_of_pairs or s.task.operators or len(pre) != n * n:
            raise NotApplicable("its neurons are not functions of a and b over every pair.")
        maps = pre.T[neurons].reshape(-1, n, n)
        of_a, of_b = (maps.mean(dim=axis, dtype=torch.float64).T for axis in (2, 1))
    if not (of_a.isfinite().all() and of_b.isfinite().all()):
        raise NotApplicable("its neurons are no longer numbers.")
    return of_a - of_a.mean(dim=0), of_b - of_b.mean(dim=0)


def output_map(s: Snapshot) -> Float[Tensor, "symbol neuron"] | None:
    """From neurons to answers, centred over answers; None where there is none."""
    W = symbol_weights(s).get("c")
    if W is None or W.shape[1] != s.mlp_pre.shape[1]:
        return None
    return W - W.mean(dim=0)


def level(
    s: Snapshot,
    of_a: Float[Tensor, "symbol neuron"],
    of_b: Float[Tensor, "symbol neuron"],
    neurons: Int[Tensor, " neuron"] | slice,
) -> Float[Tensor, " neuron"]:
    """What is added to these neurons' functions of a and of b."""
    a, b = s.task.inputs.unbind(dim=1)
    pre = s.mlp_pre[:, neurons].mean(dim=0, dtype=torch.float64)
    return pre - of_a[a].mean(dim=0) - of_b[b].mean(dim=0)


def logits_made(
    s: Snapshot,
    act: Activation,
    of_a: Float[Tensor, "symbol neuron"],
    of_b: Float[Tensor, "symbol neuron"],
    level: Float[Tensor, " neuron"],
    out: Float[Tensor, "symbol neuron"],
) -> Float[Tensor, "pair c"]:
    """out · act(of a + of b + level)."""
    a, b = s.task.inputs.unbind(dim=1)
    return act(of_a[a] + of_b[b] + level) @ out.T


def same_answers(
    s: Snapshot,
    act: Activation,
    of_a: Float[np.ndarray, "symbol neuron"],
    of_b: Float[np.ndarray, "symbol neuron"],
    level: Float[np.ndarray, " neuron"],
    out: Float[np.ndarray, "symbol neuron"],
) -> float:
    """On how many of the pairs a network of these weights, rounded, answers as this one does."""
    made = logits_made(s, act, *map(torch.from_numpy, (of_a, of_b, level, out)))
    return agreement(made, s.logits)


def _adds(
    s: Snapshot, of_a: Float[Tensor, "symbol neuron"], of_b: Float[Tensor, "symbol neuron"]
) -> bool:
    """Whether a neuron is the sum of these functions of a and b, but for a constant."""
    if s.task.inputs.shape[1] != 2:
        return False
    some = slice(None, None, max(1, len(s.task.inputs) // 500))
    a, b = s.task.inputs[some].unbind(dim=1)
    pre = s.mlp_pre[some].double()
    rest = pre - of_a[a] - of_b[b]
    return bool((rest - rest[0]).abs().max() <= 1e-4 * pre.abs().max())


def _is_all(
    s: Snapshot,
    of_a: Float[Tensor, "symbol neuron"],
    of_b: Float[Tensor, "symbol neuron"],
    out: Float[Tensor, "symbol neuron"] | None,
    act: Activation,
) -> bool:
    """Whether they make the logits, but for a constant of each pair."""
    if out is None or not _adds(s, of_a, of_b) or len(s.task.inputs) * out.numel() > MOST_WORK:
        return False
    made = logits_made(s, act, of_a, of_b, level(s, of_a, of_b, slice(None)), out)
    true = centred(s.logits)
    return bool((made - true).abs().max() <= 1e-3 * true.abs().max())


def _activation(s: Snapshot) -> Activation:
    return getattr(s.model.fold(s.task.inputs), "act", RELU)


# ---- which are shown, and in which order ---------------------------------------------------------


def _heaviest(energy: Float[Tensor, " neuron"], parts: list[str | None]) -> Int[Tensor, " chosen"]:
    """The heaviest neuron of each part, then the second of each, until there are enough."""
    count: dict[str | None, int] = {}
    turns = []
    for i in energy.argsort(descending=True).tolist():
        turns.append((count.setdefault(parts[i], 0), len(turns), i))
        count[parts[i]] += 1
    return torch.tensor([i for _, _, i in sorted(turns)[:MOST_NEURONS]])


def _followed(
    r: Reading, of_a: Float[Tensor, "symbol neuron"], index: Int[Tensor, " chosen"]
) -> tuple[list[str | None], list[float | None]]:
    """The part that holds most of each neuron, and its share: over all pairs where that is known,
    else of its function of a."""
    if r.neurons is not None:
        names, by_part = r.neurons[0], r.neurons[1][:, index]
    else:
        parts = parts_of(r.snapshot, "a")
        if parts is None:
            return [None] * len(index), [None] * len(index)
        names = [x for x in parts if x != "constant"]
        power = torch.stack([(parts[x].T @ of_a[:, index]).square().sum(dim=0) for x in names])
        by_part = power / power.sum(dim=0).clamp(min=1e-300)
    best, owner = by_part.max(dim=0)
    return [names[i] for i in owner.tolist()], [round(x, 4) for x in best.tolist()]


def _phase(s: Snapshot, f: Float[Tensor, " symbol"], name: str | None) -> float:
    parts = parts_of(s, "a")
    if parts is None or name not in parts or parts[name].shape[1] != 2:
        return 0.0
    cos, sin = (parts[name].T @ f).tolist()
    return float(np.arctan2(sin, cos) % (2 * np.pi))

"""A bound by the whole circuit of cosets or ρ-sets: written out at every pair, with all that its
neurons hold, and how far the network is from it.

The proof by symmetry (`bound.py`) looks at one pair for all, so the sum over neurons has to be the
same at every pair. An account says less: each neuron follows its points, by a vector a of its own.
Here the circuit's logits f̂ are computed in full, cheaply, since its output map Ŵ has few directions
among the answers; what the network has beside is only bounded. It is sound whatever L̂, R̂ and Ŵ
are: a false circuit is far from the network, or wrong by itself. Steps 1 to 4 of docs/bounds.md.

Axes: pair = one input, every = of all; symbol = a value of an operand; neuron; z = an answer; r =
a direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.rho_set.bound import Symmetry
from grokscope.circuits.rho_set.claim import Claim
from grokscope.circuits.rho_set.summands import SMALL, Refused
from grokscope.circuits.summed import Summed
from grokscope.score import centred
from grokscope.task import Task
from grokscope.verify.low_rank import ENOUGH, most
from grokscope.verify.network import Bound, Chunk, Network, best_wrong, in_range, slack

HARDLY = 0.02  # of a squared length
HALF = 0.5  # of brute force; and of a sample: by symmetry all pairs are tried if more is proved


def own_bound(
    network: Network, task: Task, parts: Sequence[Claim], circuit: Summed, name: str
) -> Bound:
    """What a circuit proves in two rounds: by the symmetry of its parts, where that proves most of
    a sample, and by itself written out on the pairs left open."""
    assert task.group is not None
    is_proved, operations, reason = torch.zeros(network.n_pairs, dtype=torch.bool), 0, ""
    if _is_cheap(network, parts):
        try:
            proof = Symmetry.of(network, task.group, task.inputs, parts)
        except Refused as refused:
            return network.bound(name, None, 0, str(refused))
        sure, error = proof.of_some(network.sample)
        operations, reason = proof.once + proof.a_pair * len(sure), proof.said(float(error.mean()))
        if float(sure.double().mean()) > HALF:
            is_proved, operations, reason = proof.of_all()
    share = float(is_proved.double().mean())
    if share >= ENOUGH:
        return network.bound(name, is_proved, operations, reason)
    more, why = written_out(network, task.inputs, circuit, is_proved)
    first = f"symmetry proves {share:.4g} of the pairs: {reason}; " if reason else ""
    further = float(is_proved.double().mean()) - share
    reason = f"{first}the circuit written out proves {further:.4g}: {why}"
    return network.bound(name, is_proved, operations + more, reason)


def _is_cheap(network: Network, parts: Sequence[Claim]) -> bool:
    """Whether the sums over pairs of points of the proof by symmetry are few beside brute force:
    for each pair, and before any."""
    counts = [len(part.B) * len(part.C) for part in parts]
    sizes = [min(part.rho.shape[-1] ** 2, count) for part, count in zip(parts, counts, strict=True)]
    a_pair = sum(count * (size + 4) for count, size in zip(counts, sizes, strict=True))
    once = 2 * sum(count**2 for count in counts)
    return a_pair <= HALF * network.W_L.numel() and once <= HALF * network.brute_operations


def written_out(
    network: Network,
    inputs: Int[Tensor, "pair 2"],
    circuit: Summed,
    is_proved: Bool[Tensor, " pair"],
) -> tuple[int, str]:
    """Step 4. Marks the pairs that are proved among those that are not yet; the operations that it
    took, and what carries the proof. A pair is right if f(xy|x,y), which is computed in full, is
    above

        max_{z≠xy} bias_z + (ĥ A V)_z + ((α_x + β_y) R)_z + |h - α_x - β_y| |R_z|

    by more than (h - ĥ) A V can be at any z, and than rounding can move either side."""
    if reason := _refused(network, inputs, circuit):
        return 0, reason
    x, y = inputs.unbind(dim=1)
    ideal = _Ideal.of(network, circuit)
    alpha, beta = effects(network=network, x=x, y=y)
    of_x, of_y = alpha @ ideal.R, beta @ ideal.R
    some = network.sample
    mean = (some.post - ideal.hidden(some, inputs)).mean(dim=0)
    tried, errors, longest = 0, 0.0, ideal.R.norm(dim=0)
    for chunk in network.chunks():
        still = (~is_proved[chunk.pairs]).nonzero()[:, 0]
        if not len(still):
            continue
        a, b = (side[chunk.pairs[still]] for side in (x, y))
        h, h_ideal = chunk.post[still], ideal.hidden(chunk, inputs)[still]
        off = most(h=h - h_ideal, mean=mean, W=ideal.AV)
        additive = alpha[a] + beta[b]
        far = (h - additive).norm(dim=1)
        bias = chunk.bias[still]
        factors = torch.cat([h_ideal @ ideal.A, far[:, None]], dim=1)
        others = torch.cat([ideal.V, longest[None]])
        above = torch.addmm(of_x[a] + of_y[b] + bias, factors, others)
        of_effects = alpha[a].abs() + beta[b].abs()
        size = ideal.size(h.abs() + h_ideal.abs() + of_effects + mean.abs())
        size = size + chunk.bias_size[still]
        terms = 4 * (sum(network.W.shape) + len(ideal.V))
        rounding = slack(terms, 8 * size) + 2 * chunk.doubt[still]
        answers = chunk.answers[still]
        sure = chunk.right(network.W)[still] > best_wrong(above, answers) + off + rounding
        is_proved[chunk.pairs[still[sure]]] = True
        tried += len(still)
        errors += float((off + far * longest.amax()).sum())
    why = f"{len(ideal.V)} directions, the rest within {errors / max(1, tried):.3g} on average"
    return _cost(network, len(ideal.V), len(alpha) + len(beta), tried), why


def split(
    *, W: Float[Tensor, "neuron z"], W_ideal: Float[Tensor, "neuron z"]
) -> tuple[Float[Tensor, "neuron r"], Float[Tensor, "r z"], Float[Tensor, "neuron z"]]:
    """Step 1. A, V and R = W - A V: A V is Ŵ along its directions among the answers, V orthonormal,
    less those that are so small that R has hardly more than W - Ŵ without them."""
    U, scale, V = torch.linalg.svd(W_ideal, full_matrices=False)
    left_out = scale.square().flip(0).cumsum(0).flip(0)  # by all directions from this one on
    keep = left_out > torch.maximum(HARDLY * (W - W_ideal).square().sum(), (SMALL * scale[0]) ** 2)
    A, V = U[:, keep] * scale[keep], V[keep]
    return A, V, W - A @ V


def effects(
    *, network: Network, x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]
) -> tuple[Float[Tensor, "symbol neuron"], Float[Tensor, "symbol neuron"]]:
    """Step 2. α_x + β_y, near to h: means over the other operand, the mean of all in α."""
    counts = [symbol.bincount() for symbol in (x, y)]
    totals = [network.W_L.new_zeros(len(count), len(network.W_L)) for count in counts]
    for chunk in network.chunks():
        for total, symbol in zip(totals, (x, y), strict=True):
            total.index_add_(0, symbol[chunk.pairs], chunk.post)
    alpha, beta = (t / n.clamp(min=1)[:, None] for t, n in zip(totals, counts, strict=True))
    return alpha, beta - beta.mean(dim=0)


@dataclass(frozen=True, eq=False)
class _Ideal:
    """The circuit in the network's coordinates: Ŵ = A V of the output map, and what is left, R. Of
    a neuron that it leaves out it has the activation, and no weight."""

    circuit: Summed
    A: Float[Tensor, "neuron r"]
    V: Float[Tensor, "r z"]
    R: Float[Tensor, "neuron z"]
    lengths: Float[Tensor, " neuron"]

    @classmethod
    def of(cls, network: Network, circuit: Summed) -> "_Ideal":
        W_ideal = torch.zeros_like(network.W)
        W_ideal[circuit.index] = circuit.output[circuit.c].T
        A, V, R = split(W=network.W, W_ideal=centred(W_ideal))
        lengths = network.W_L.norm(dim=1) + A.norm(dim=1) + R.norm(dim=1)
        return cls(circuit, A, V, R, lengths)

    @cached_property
    def AV(self) -> Float[Tensor, "neuron z"]:
        return self.A @ self.V

    def hidden(self, chunk: Chunk, inputs: Int[Tensor, "every 2"]) -> Float[Tensor, "pair neuron"]:
        """Step 3. ĥ = act(L̂_x + R̂_y)."""
        one, (a, b) = self.circuit, inputs[chunk.pairs].unbind(dim=1)
        h = chunk.post.clone()
        h[:, one.index] = one.act(one.left[one.a[a]] + one.right[one.b[b]])
        return h

    def size(self, h: Float[Tensor, "pair neuron"]) -> Float[Tensor, " pair"]:
        """At least the absolute values of all that is summed for a pair, together, where `h` are
        those of all activations."""
        return h @ self.lengths + h.norm(dim=1) * self.lengths.norm()


def _refused(network: Network, inputs: Int[Tensor, "pair _"], circuit: Summed) -> str:
    """Why the circuit is none of this network's."""
    if network.unknown or not network.is_in_range:
        return network.unknown or "a weight is out of range"
    m, n = network.W_L.shape
    symbols = (len(circuit.a), len(circuit.b))
    is_there = (
        inputs.shape == (network.n_pairs, 2)
        and bool((inputs >= 0).all() and (inputs < inputs.new_tensor(symbols)).all())
        and len(circuit.c) == n
        and bool(((circuit.index >= 0) & (circuit.index < m)).all())
    )
    if not is_there:
        return "the circuit is of other pairs, neurons or answers"
    sides = (circuit.left, circuit.right, circuit.output)
    return "" if all(in_range(side) for side in sides) else "a weight is out of range"


def _cost(network: Network, r: int, symbols: int, tried: int) -> int:
    """A multiplication or comparison for each number made."""
    m, n = network.W_L.shape
    once = m * n * (4 * min(m, n) + 2 * r + symbols)
    every = network.hidden_operations + 2 * network.n_pairs * m
    a_pair = m * (r + 14) + n * (r + (7 if network.has_direct else 6))
    return once + every + tried * a_pair

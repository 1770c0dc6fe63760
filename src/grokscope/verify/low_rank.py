"""A bound from few output directions: what a neuron says outside them is only bounded.

Of the output map W_L, centred over answers to W, only what lies in a few directions Q is computed
for all answers, |G|² m r + |G|³ r operations instead of |G|³ m; of the rest R no more is used than
how long its columns are. It holds for any Q and any nonlinearity. For a network that computes a
convolution in few parts of R^G, the parts' functions of the answer are the directions to give.

The steps are those of docs/bounds.md.

Axes: pair = one input; neuron; c, z = an answer; r = a direction; row = of a matrix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.verify.network import (
    Bound,
    Chunk,
    Network,
    best,
    best_wrong,
    once_per_network,
    slack,
)

NAME = "low rank"
ENOUGH = 0.99  # a bound above it is not sought to be raised


@dataclass(frozen=True, eq=False)
class Split:
    """W = A Qᵀ + R."""

    A: Float[Tensor, "neuron r"]
    Q: Float[Tensor, "c r"]
    R: Float[Tensor, "neuron c"]


def split(*, W: Float[Tensor, "neuron c"], Q: Float[Tensor, "c r"]) -> Split:
    """Step 1. W = A Qᵀ + R with A = W Q, Q orthonormal."""
    A = W @ Q
    return Split(A, Q, W - A @ Q.T)


def largest(*, R: Float[Tensor, "neuron c"], r: int) -> Float[Tensor, "c r"]:
    """Step 2. The r orthonormal directions that maximise |R Q|: eigenvectors of RᵀR."""
    return torch.linalg.eigh(R.T @ R)[1][:, -r:]


def beyond(
    *, far: Float[Tensor, " pair"], mean: Float[Tensor, " neuron"], R: Float[Tensor, "neuron c"]
) -> Float[Tensor, "pair c"]:
    """Step 3. (h R)_c ≤ (h̄ R)_c + |h - h̄| |R_c|, `far` being |h - h̄|    (Cauchy-Schwarz)."""
    return torch.addr(mean @ R, far, R.norm(dim=0))


def most(
    *, h: Float[Tensor, "pair row"], mean: Float[Tensor, " row"], W: Float[Tensor, "row z"]
) -> Float[Tensor, " pair"]:
    """(h W)_z ≤ max_z (h̄ W)_z + |h - h̄| max_z |W_z|  (Cauchy-Schwarz), and
    (h W)_z ≤ Σ_n max_z h_n W_nz; the smaller of the two."""
    by_norm = (mean @ W).amax() + (h - mean).norm(dim=1) * W.norm(dim=0).amax()
    by_neuron = h.clamp(min=0) @ W.amax(dim=1) + h.clamp(max=0) @ W.amin(dim=1)
    return torch.minimum(by_norm, by_neuron)


def low_rank(network: Network, directions: Float[Tensor, "c r"], own: int = 0) -> Bound:
    """Step 4. The share of pairs whose answer's logit, computed in full, exceeds

        max_{c ≠ answer} bias_c + (h A Qᵀ)_c + (h̄ R)_c + |h - h̄| |R_c|

    by more than rounding can move either: that of this proof, and that of the network's run. Pairs
    that this leaves open are tried once more with `own` further directions, those in which R is
    largest, which are the network's and not the explanation's."""
    *_, bound = _bounds(network, directions, own)
    return bound


def _bounds(network: Network, directions: Float[Tensor, "c r"], own: int) -> Iterator[Bound]:
    """That of the directions alone, and if asked that with further ones."""
    if network.unknown:
        yield network.bound(NAME, None, 0, network.unknown)
        return
    if not network.is_in_range or not bool(directions.isfinite().all()):
        yield network.bound(NAME, None, 0, "a weight or a direction is out of range")
        return
    rounds = [split(W=network.W, Q=torch.linalg.qr(directions.double())[0])]
    terms = len(network.W) + rounds[0].Q.shape[1] + own + 2 * network.W.shape[1]
    is_proved = torch.zeros(network.n_pairs, dtype=torch.bool)
    tried = [_prove(network, rounds, terms, is_proved)]
    share = float(is_proved.double().mean())
    reason = f"{rounds[0].Q.shape[1]} directions of the circuit prove {share:.4g} of the pairs"
    yield network.bound(NAME, is_proved, _cost(network, rounds, tried), reason)
    if own > 0:
        R = rounds[0].R
        rounds.append(split(W=R, Q=largest(R=R, r=own)))
        tried.append(_prove(network, rounds, terms, is_proved))
        more = float(is_proved.double().mean()) - share
        reason += f", {rounds[1].Q.shape[1]} of the network's own {more:.4g} more"
        yield network.bound(NAME, is_proved, _cost(network, rounds, tried), reason)


def _prove(
    network: Network, rounds: Sequence[Split], terms: int, is_proved: Bool[Tensor, " pair"]
) -> int:
    """Try the pairs that are open, and mark those that all the rounds' directions prove; how many
    were tried."""
    tried, mean, R = 0, network.mean, rounds[-1].R
    for chunk in network.chunks():
        still = (~is_proved[chunk.pairs]).nonzero()[:, 0]
        h = chunk.post if len(still) == len(chunk.pairs) else chunk.post[still]
        logits = chunk.bias[still].expand(-1, R.shape[1])
        for one in rounds:
            logits = torch.addmm(logits, h @ one.A, one.Q.T)
        most = logits + beyond(far=_far(network, chunk)[still], mean=mean, R=R)
        needed = _right(network, chunk) - slack(terms, _size(network, chunk)) - 2 * chunk.doubt
        is_sure = needed[still] > best_wrong(most, chunk.answers[still])
        is_proved[chunk.pairs[still[is_sure]]] = True
        tried += len(still)
    return tried


@once_per_network
def _right(network: Network, chunk: Chunk) -> Float[Tensor, " pair"]:
    return chunk.right(network.W)


@once_per_network
def _far(network: Network, chunk: Chunk) -> Float[Tensor, " pair"]:
    return (chunk.post - network.mean).norm(dim=1)


@once_per_network
def _size(network: Network, chunk: Chunk) -> Float[Tensor, " pair"]:
    """At least the absolute values of all that is summed for a pair, together."""
    lengths, mean = network.W_L.norm(dim=1), network.mean
    far = _far(network, chunk)
    return (chunk.post.abs() + mean.abs()) @ lengths + far * lengths.norm() + chunk.bias_size


def _cost(network: Network, rounds: Sequence[Split], tried: Sequence[int]) -> int:
    """A multiplication or comparison for each number made."""
    m, n = network.W_L.shape
    operations = network.hidden_operations + 3 * network.n_pairs * m + sum(tried) * n
    for one, count in zip(rounds, tried, strict=True):
        r = one.Q.shape[1]
        operations += r * (count * (m + n) + 2 * m * n + 2 * n * r)
    return operations + (n * n * (m + 5 * n) if len(rounds) > 1 else 0)  # RᵀR, its eigenvectors


def best_low_rank(network: Network, directions: Float[Tensor, "c r"]) -> Bound | None:
    """The bound along these directions; if it does not suffice, with as many of the network's own
    added, if that is better. None where they are all there are."""
    if directions.shape[1] >= network.W_L.shape[1] - 1:
        return None
    bounds: list[Bound] = []
    for bound in _bounds(network, directions, own=directions.shape[1]):
        if bound.accuracy >= ENOUGH or bound.of_brute_force >= 1:
            return best([*bounds, bound])
        bounds.append(bound)
    return best(bounds)

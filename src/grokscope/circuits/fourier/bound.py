"""A bound by waves: the network adds angles, and how large its logits are hangs on a - b alone.

Places x, y and z of a, of b and of an answer stand on a circle of n, w_k = 2πk/n. What the output
map has of the waves of a few frequencies k is turned back by the angle w_k(x+y), so that

    f(z|x,y) = Σ_k p_k cos w_k(z-x-y) + q_k sin w_k(z-x-y) + rest.

A network whose neurons' phases add up has q_k = 0, and p_k = A_k(x-y): the sum over its neurons is
a quadrature of an integral over phases. So the ideal f̂ = Σ_k A_k(x-y) cos w_k(z-x-y) is looked at
once for each of n distances, not for each of n² pairs, and how far the network is from it is
bounded at each pair. A false explanation is only far. Steps 1 to 5 of docs/bounds.md.

Axes: pair = one input, every = of all; neuron; c = an answer; k = a frequency; place; d = a
distance x - y; δ = how far a place is from the right one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.circle import Circle
from grokscope.task import Task
from grokscope.verify.low_rank import most
from grokscope.verify.network import Bound, Chunk, Network, best_wrong, slack

NAME = "waves"


@dataclass(frozen=True, eq=False)
class Claim:
    """What the proof takes of an explanation, and what it checks of the pairs: the frequencies, and
    the places of each pair's operands and of each answer, -1 for none."""

    n: int
    ks: Int[Tensor, " k"]
    x: Int[Tensor, " pair"]
    y: Int[Tensor, " pair"]
    z: Int[Tensor, " c"]
    answers: Int[Tensor, " pair"]

    @classmethod
    def of(cls, circle: Circle, keys: Sequence[int], task: Task) -> "Claim | None":
        """None where an answer stands for several places, whose waves have no one phase."""
        there = circle.answers >= 0
        if len(circle.answers[there].unique()) < int(there.sum()):
            return None
        z = torch.full((circle.n_answers,), -1)
        z[circle.answers[there]] = circle.points[there]
        ks = torch.tensor([k for k in keys if k > 0])
        return cls(circle.n, ks, *circle.places(task), z, task.answers)

    @cached_property
    def is_sum(self) -> Bool[Tensor, " pair"]:
        """Of which pairs the answer stands at x + y."""
        has_places = (self.x >= 0) & (self.y >= 0)
        return has_places & (self.z[self.answers] == (self.x + self.y) % self.n)

    def wave(
        self, place: Int[Tensor, " row"]
    ) -> tuple[Float[Tensor, "row k"], Float[Tensor, "row k"]]:
        """cos w_k and sin w_k of places; 0 where there is none."""
        angle = 2 * math.pi / self.n * (place[:, None] * self.ks % self.n).double()
        return tuple(f * (place >= 0)[:, None] for f in (angle.cos(), angle.sin()))


@dataclass(frozen=True, eq=False)
class Split:
    """W = Σ_k C_k cos w_k z + S_k sin w_k z + R, R all of an answer that has no place."""

    C: Float[Tensor, "neuron k"]
    S: Float[Tensor, "neuron k"]
    R: Float[Tensor, "neuron c"]


def split(*, W: Float[Tensor, "neuron c"], claim: Claim) -> Split:
    """Step 1. C_k and S_k by least squares, as if every place had an answer."""
    cos, sin = claim.wave(claim.z)
    C, S = (W @ f / f.square().sum(dim=0).clamp(min=1e-300) for f in (cos, sin))
    S = torch.where(sin.abs().amax(dim=0) > 1e-9, S, 0.0)
    return Split(C, S, W - C @ cos.T - S @ sin.T)


def turned(
    *, h: Float[Tensor, "pair neuron"], at: Split, sums: Int[Tensor, " pair"], claim: Claim
) -> tuple[Float[Tensor, "pair k"], Float[Tensor, "pair k"]]:
    """Step 2. With (u, v) = (h C, h S), p = u cos w(x+y) + v sin w(x+y) and q = v cos w(x+y) -
    u sin w(x+y): then u cos wz + v sin wz = p cos w(z-x-y) + q sin w(z-x-y)."""
    (cos, sin), u, v = claim.wave(sums), h @ at.C, h @ at.S
    return u * cos + v * sin, v * cos - u * sin


def by_distance(
    *, p: Float[Tensor, "pair k"], d: Int[Tensor, " pair"], n: int
) -> Float[Tensor, "d k"]:
    """Step 3. A_k(d), the mean of p_k over the pairs with x - y = d."""
    total = p.new_zeros(n, p.shape[1]).index_add(0, d, p)
    return total / d.bincount(minlength=n).clamp(min=1)[:, None]


def second(*, A: Float[Tensor, "d k"], claim: Claim) -> Float[Tensor, " d"]:
    """Step 4. max_{δ≠0} Σ_k A_k(d) cos w_k δ: what f̂ gives the best wrong place."""
    cos, _ = claim.wave(torch.arange(1, claim.n))
    return (A @ cos.T).amax(dim=1)


def waves(network: Network, claim: Claim | None) -> Bound:
    """Step 5. A pair is right if f(answer), computed in full, is above

        max_{δ≠0} f̂ + Σ_k |(p_k - A_k(x-y), q_k)| + max_z (h R)_z + bias_z,

    the last bounded as in the other proofs, and above what answers without a place have, computed
    in full. A pair whose answer does not stand at x + y is tried in full."""
    if claim is None:
        return network.bound(NAME, None, 0, "an answer stands for several places")
    if network.unknown or not network.is_in_range:
        return network.bound(NAME, None, 0, network.unknown or "a weight is out of range")
    at, here = split(W=network.W, claim=claim), claim.is_sum
    sums, d = (claim.x + claim.y) % claim.n, (claim.x - claim.y) % claim.n
    found = [turned(h=c.post, at=at, sums=sums[c.pairs], claim=claim) for c in network.chunks()]
    p, q = (torch.cat(x) for x in zip(*found, strict=True))
    A = by_distance(p=p[here], d=d[here], n=claim.n)
    error = torch.hypot(p - A[d], q).sum(dim=1)
    others = second(A=A, claim=claim)[d] + error
    is_proved = torch.zeros(network.n_pairs, dtype=torch.bool)
    for chunk in network.chunks():
        is_proved[chunk.pairs] = _is_right(network, chunk, at, others, claim)
    largest = A.sum(dim=1)
    reason = (
        f"the ideal's margin is {float((largest - second(A=A, claim=claim))[d[here]].mean()):.3g}, "
        f"the waves within {float(error[here].mean()):.3g} of it, on average"
    )
    return network.bound(NAME, is_proved, _cost(network, claim), reason)


def _is_right(
    network: Network, chunk: Chunk, at: Split, others: Float[Tensor, " every"], claim: Claim
) -> Bool[Tensor, " pair"]:
    right, placed = chunk.right(network.W), claim.z >= 0
    rest = most(h=chunk.post, mean=network.mean, W=at.R[:, placed])
    bias = chunk.bias[:, placed] if chunk.direct is not None else chunk.bias
    wrong = others[chunk.pairs] + rest + bias.amax(dim=1)
    if not placed.all():
        wrong = torch.maximum(wrong, _in_full(network, chunk, ~placed).amax(dim=1))
    full = (~claim.is_sum[chunk.pairs]).nonzero()[:, 0]
    if len(full):
        logits = _in_full(network, chunk, torch.ones_like(placed))[full]
        wrong[full] = best_wrong(logits, chunk.answers[full])
    return right - _rounding(network, chunk, at) > wrong


def _in_full(network: Network, chunk: Chunk, of: Bool[Tensor, " c"]) -> Float[Tensor, "pair _"]:
    bias = chunk.bias if chunk.direct is None else chunk.bias[:, of]
    return chunk.post @ network.W[:, of] + bias


def _rounding(network: Network, chunk: Chunk, at: Split) -> Float[Tensor, " pair"]:
    """More than rounding can move the two sides: of this proof, and of the network's run."""
    lengths = network.W_L.norm(dim=1) + torch.hypot(at.C, at.S).sum(dim=1)
    mean, far = network.mean, (chunk.post - network.mean).norm(dim=1)
    size = (chunk.post.abs() + mean.abs()) @ lengths + far * lengths.norm() + chunk.bias_size
    terms = 4 * (sum(network.W.shape) + at.C.shape[1])
    return slack(terms, 8 * size) + 2 * chunk.doubt


def _cost(network: Network, claim: Claim) -> int:
    """A multiplication or comparison for each number made."""
    (m, n), K = network.W_L.shape, len(claim.ks)
    a_pair = m * (2 * K + 5) + 10 * K + (n if network.has_direct else 0)
    a_pair += m * int((claim.z < 0).sum())
    in_full = int((~claim.is_sum).sum()) * (m + 1) * n
    once = 4 * m * n * K + claim.n * claim.n * K
    return network.hidden_operations + network.n_pairs * a_pair + in_full + once

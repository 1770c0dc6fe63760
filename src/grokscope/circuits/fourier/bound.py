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
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.circuits.circle import Circle
from grokscope.task import Task
from grokscope.verify.low_rank import most
from grokscope.verify.network import Bound, Chunk, Network, best_wrong, slack

NAME = "waves"
STEPS = 64  # sizes of an error, up to the largest, for which the margin is computed


@dataclass(frozen=True, eq=False)
class Claim:
    """What the proof takes of an explanation, and what it checks of the pairs: the frequencies, and
    the places of each pair's operands and of each answer, -1 for none."""

    n: int
    ks: Int[Tensor, " k"]
    x: Int[Tensor, " pair"]
    y: Int[Tensor, " pair"]
    z: Int[Tensor, " c"]

    @classmethod
    def of(cls, circle: Circle, keys: Sequence[int], task: Task) -> "Claim | None":
        """None where an answer stands for several places, whose waves have no one phase."""
        there = circle.answers >= 0
        if len(circle.answers[there].unique()) < int(there.sum()):
            return None
        z = torch.full((circle.n_answers,), -1)
        z[circle.answers[there]] = circle.points[there]
        ks = torch.tensor([k for k in keys if k > 0])
        return cls(circle.n, ks, *circle.places(task), z)

    def is_sum(self, answers: Int[Tensor, " pair"]) -> Bool[Tensor, " pair"]:
        """Of which pairs the answer stands at x + y."""
        has_places = (self.x >= 0) & (self.y >= 0)
        return has_places & (self.z[answers] == (self.x + self.y) % self.n)

    def refused(self, network: Network) -> str:
        """Why it is none of this network's: its places are not on the circle, or two answers stand
        at one."""
        sizes = [len(v) for v in (self.x, self.y, self.z)]
        if sizes != [network.n_pairs, network.n_pairs, network.W_L.shape[1]]:
            return "it is of other pairs or answers"
        if any(int(v.min()) < -1 or int(v.max()) >= self.n for v in (self.x, self.y, self.z)):
            return "a place is not on the circle"
        placed = self.z[self.z >= 0]
        return "" if len(placed.unique()) == len(placed) > 0 else "two answers stand at one place"

    def wave(
        self, place: Int[Tensor, " row"]
    ) -> tuple[Float[Tensor, "row k"], Float[Tensor, "row k"]]:
        """cos w_k and sin w_k of places; 0 where there is none."""
        angle = 2 * math.pi / self.n * (place[:, None] * self.ks % self.n).double()
        is_there = (place >= 0)[:, None]
        return angle.cos() * is_there, angle.sin() * is_there


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


def margin(
    *, A: Float[Tensor, "d k"], errors: Float[Tensor, " step"], claim: Claim
) -> Float[Tensor, "d step"]:
    """Step 4. min_{δ≠0} Σ_k A_k(d) (1 - cos w_k δ) - e s(δ), for some sizes e of an error, with
    s(δ)² = Σ_k 2 (1 - cos w_k δ): what a pair with x - y = d is right by in the waves alone, if the
    length of all (p_k - A_k(d), q_k) together is at most e."""
    cos, _ = claim.wave(torch.arange(1, claim.n))
    apart = (A.sum(dim=1)[:, None] - A @ cos.T, (2 * (1 - cos)).sum(dim=1).clamp(min=0).sqrt())
    return torch.stack([(apart[0] - e * apart[1]).amin(dim=1) for e in errors.tolist()], dim=1)


def waves(network: Network, claim: Claim | None) -> Bound:
    """Step 5. A pair is right if

        margin + f(answer) - Σ_k p_k > max_z (h R)_z + bias_z,

    f(answer) being computed in full, and the right side bounded as in the other proofs; and if
    f(answer) is above what answers without a place have, computed in full. A pair whose answer does
    not stand at x + y is tried in full."""
    if claim is None:
        return network.bound(NAME, None, 0, "an answer stands for several places")
    if network.unknown or not network.is_in_range:
        return network.bound(NAME, None, 0, network.unknown or "a weight is out of range")
    if reason := claim.refused(network):
        return network.bound(NAME, None, 0, reason)
    at, here = split(W=network.W, claim=claim), claim.is_sum(network.answers)
    found = Seen.together([_seen(network, chunk, at, claim) for chunk in network.chunks()])
    d = (claim.x - claim.y) % claim.n
    A = by_distance(p=found.p[here], d=d[here], n=claim.n)
    error = torch.hypot(found.p - A[d], found.q).square().sum(dim=1).sqrt()
    most_of_all = (1 + 1e-9) * error[here].amax() if here.any() else error.new_zeros(())
    steps = most_of_all * torch.arange(1, STEPS + 1) / STEPS
    step = torch.searchsorted(steps, error).clamp(max=STEPS - 1)  # the first that is no smaller
    sure = margin(A=A, errors=steps, claim=claim)[d, step]
    is_proved = torch.where(here, sure + found.right - found.p.sum(dim=1) > found.rest, found.full)
    is_proved &= found.outside
    ideal = float(margin(A=A, errors=0 * steps[:1], claim=claim).mean())
    reason = (
        f"the ideal's margin is {ideal:.3g}, "
        f"the waves within {float(error[here].mean()):.3g} of it, on average"
    )
    return network.bound(NAME, is_proved, _cost(network, claim), reason)


@dataclass(frozen=True, eq=False)
class Seen:
    """Of each pair the waves turned back; the answer's logit; what the rest of any logit is at
    most, with all that rounding can move; whether that logit is above those of answers without a
    place; and of pairs that are tried in full whether it is above all."""

    p: Float[Tensor, "pair k"]
    q: Float[Tensor, "pair k"]
    right: Float[Tensor, " pair"]
    rest: Float[Tensor, " pair"]
    outside: Bool[Tensor, " pair"]
    full: Bool[Tensor, " pair"]

    @classmethod
    def together(cls, each: Sequence["Seen"]) -> "Seen":
        names = (x.name for x in fields(cls))
        return cls(*(torch.cat([getattr(x, name) for x in each]) for name in names))


def _seen(network: Network, chunk: Chunk, at: Split, claim: Claim) -> Seen:
    sums = (claim.x + claim.y)[chunk.pairs] % claim.n
    p, q = turned(h=chunk.post, at=at, sums=sums, claim=claim)
    right, placed = chunk.right(network.W), claim.z >= 0
    bias = chunk.bias[:, placed] if chunk.direct is not None else chunk.bias
    rest = most(h=chunk.post, mean=network.mean, W=at.R[:, placed]) + bias.amax(dim=1)
    rounding = _rounding(network, chunk, at)
    outside = torch.ones_like(right, dtype=torch.bool)
    if not placed.all():
        outside = right - rounding > _in_full(network, chunk, ~placed).amax(dim=1)
    full = torch.zeros_like(outside)
    some = (~claim.is_sum(network.answers)[chunk.pairs]).nonzero()[:, 0]
    if len(some):
        logits = _in_full(network, chunk, torch.ones_like(placed))[some]
        full[some] = (right - rounding)[some] > best_wrong(logits, chunk.answers[some])
    return Seen(p, q, right, rest + rounding, outside, full)


def _in_full(network: Network, chunk: Chunk, of: Bool[Tensor, " c"]) -> Float[Tensor, "pair _"]:
    bias = chunk.bias if chunk.direct is None else chunk.bias[:, of]
    return chunk.post @ network.W[:, of] + bias


def _rounding(network: Network, chunk: Chunk, at: Split) -> Float[Tensor, " pair"]:
    """More than rounding can move the two sides: of this proof, and of the network's run."""
    lengths = network.W_L.norm(dim=1) + torch.hypot(at.C, at.S).sum(dim=1)
    far = chunk.post.norm(dim=1) + network.mean.norm()
    size = chunk.post.abs() @ lengths + far * lengths.norm() + chunk.bias_size
    terms = 4 * (sum(network.W.shape) + at.C.shape[1])
    return slack(terms, 8 * size) + 2 * chunk.doubt


def _cost(network: Network, claim: Claim) -> int:
    """A multiplication or comparison for each number made."""
    (m, n), K = network.W_L.shape, len(claim.ks)
    a_pair = m * (2 * K + 5) + 10 * K + (n if network.has_direct else 0)
    a_pair += m * int((claim.z < 0).sum())
    in_full = int((~claim.is_sum(network.answers)).sum()) * (m + 1) * n
    once = 4 * m * n * K + claim.n * claim.n * (K + STEPS)
    return network.hidden_operations + network.n_pairs * a_pair + in_full + once

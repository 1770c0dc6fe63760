"""Wu et al.'s bound (2024, V_irrep): an ideal network, the same at every pair up to symmetry, whose
margin is computed at one pair alone, and how far the network is from it.

The ideal f̂ is a double sum over sets that the group permutes (see `summands.py`). If x, y and z act
on them (checked for all pairs of elements, in whole numbers) and M(gb, gc) = M(b, c) (so made),
then f̂(gzh|gx,yh) = f̂(z|x,y), and exactly so, whatever the matrices were: a false explanation can
only be a bad approximation. Steps 6 to 8 of docs/bounds.md.

Axes: pair = one input; neuron; row = of a matrix; z = an answer; bc = pairs of points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.circuits.rho_set.claim import Claim
from grokscope.circuits.rho_set.ideal import Ideal, Seen, ideal
from grokscope.circuits.rho_set.summands import DoubleSum, Measured, Refused, measured
from grokscope.verify.low_rank import most
from grokscope.verify.network import Bound, Chunk, Network, slack

NAME = "rho-sets"
MOST_PAIRS = 2_500  # pairs of points of a sum: it takes memory of the square of that


def rho_set(
    network: Network,
    group: Group,
    inputs: Int[Tensor, "pair 2"],
    parts: Sequence[Claim],
    name: str = NAME,
) -> Bound:
    """The share of pairs that are right by the ideal's margin; 0, with the reason, of parts that
    are no action of the group, or of a task that is not its product. `group` is the task's, symbol
    i and answer i its element i; `inputs` are the pairs. O(|G|² m)."""
    try:
        proof = Symmetry.of(network, group, inputs, parts)
    except Refused as reason:
        return network.bound(name, None, 0, str(reason))
    return network.bound(name, *proof.of_all())


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The proof, to be asked of pairs: the ideal, its margin, and what a pair costs."""

    network: Network
    pairs: tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]  # x and y of each
    fitted: Measured
    hat: Ideal
    mean: Seen
    margin: tuple[float, float]
    once: int  # operations before any pair is looked at
    a_pair: int

    @classmethod
    def of(
        cls,
        network: Network,
        group: Group,
        inputs: Int[Tensor, "pair 2"],
        parts: Sequence[Claim],
    ) -> "Symmetry":
        """Raises `Refused` where the parts prove nothing."""
        _check(network, group, inputs, parts)
        x, y = inputs.unbind(dim=1)
        fitted = measured(network=network, group=group, x=x, y=y)
        hat = ideal(group=group, parts=parts, fitted=fitted)
        some = network.sample
        mean = hat.seen(some.post, x[some.pairs], y[some.pairs]).mean
        first = margin(at_e=hat.at_e, identity=group.identity)
        once, a_pair = _cost(network, group, hat, parts)
        return cls(network, (x, y), fitted, hat, mean, first, once, a_pair)

    def of_all(self) -> tuple[Bool[Tensor, " pair"], int, str]:
        """Which pairs are proved, in how many operations, and what carries the proof."""
        is_proved, total = torch.zeros(self.network.n_pairs, dtype=torch.bool), 0.0
        for chunk in self.network.chunks():
            is_proved[chunk.pairs], error = self.of_some(chunk)
            total += float(error.sum())
        operations = self.once + self.a_pair * self.network.n_pairs
        return is_proved, operations, self.said(total / self.network.n_pairs)

    def of_some(self, chunk: Chunk) -> tuple[Bool[Tensor, " pair"], Float[Tensor, " pair"]]:
        """Step 8. A pair is right if f(xy|x,y), which is computed in full, is above
        max_{z≠xy} f̂(z|x,y) by more than f may exceed f̂, and than rounding can move either: that of
        this proof, and that of the network's run. And by how much f may exceed f̂."""
        x, y = (side[chunk.pairs] for side in self.pairs)
        here, mean, fitted, hat = self.hat.seen(chunk.post, x, y), self.mean, self.fitted, self.hat
        error = distance(here=here, mean=mean, fitted=fitted, hat=hat, bias=chunk.bias)
        size = _size(here=here, mean=mean, fitted=fitted, hat=hat) + chunk.bias_size
        rounding = slack(8 * (sum(fitted.W.shape) + hat.terms), size) + 2 * chunk.doubt
        return chunk.right(fitted.W) > self.margin[1] + error + rounding, error

    def said(self, error: float) -> str:
        """The reason, where f is this far from f̂ on average."""
        return (
            f"the ideal's margin is {self.margin[0] - self.margin[1]:.3g}, the network within "
            f"{error:.3g} of it on average"
        )


def margin(*, at_e: Float[Tensor, " z"], identity: int) -> tuple[float, float]:
    """Step 6. f̂(e|e,e) and max_{z≠e} f̂(z|e,e), centred over answers: f̂(gzh|gx,yh) = f̂(z|x,y), so at
    every pair they are f̂(xy|x,y) and max_{z≠xy} f̂(z|x,y)."""
    at_e = at_e - at_e.mean()
    is_wrong = torch.arange(len(at_e)) != identity
    return float(at_e[identity]), float(at_e[is_wrong].amax())


def distance(
    *, here: Seen, mean: Seen, fitted: Measured, hat: Ideal, bias: Float[Tensor, "pair _"]
) -> Float[Tensor, " pair"]:
    """Step 7. With ĥ and Ŵ the ideal's activations and output map, and β the biases, for all z

        f(z|x,y) - f̂(z|x,y) = (h - ĥ) W_z + ĥ (W - Ŵ)_z + Σ_{b,c} (H_bc - H)(x⁻¹b, yc) M(b, zc)
                              + what signs and biases leave over,

    term by term at most this."""
    error = most(h=here.h - here.h_ideal, mean=mean.h - mean.h_ideal, W=fitted.W)
    error = error + hat.loose + here.lone
    error = error + most(h=here.h_ideal, mean=mean.h_ideal, W=fitted.W - hat.W)
    for one, uneven, middle in zip(hat.sums, here.uneven, mean.uneven, strict=True):
        error = error + most_uneven(uneven=uneven, mean=middle, one=one)
    return error + (bias - fitted.bias).amax(dim=1)


def most_uneven(
    *, uneven: Float[Tensor, "pair bc"], mean: Float[Tensor, " bc"], one: DoubleSum
) -> Float[Tensor, " pair"]:
    """Step 7b. With u = H_bc - H and M = S V + rest, V orthonormal functions of z,
    (u M)_z ≤ max_z (ū M)_z + |(u - ū) S| max_z |V_z| + |u - ū| max_z |rest_z|."""
    S, V, rest = one.spanned
    apart = uneven - mean
    by_norm = (apart @ S).norm(dim=1) * V.norm(dim=0).amax()
    by_norm = by_norm + apart.norm(dim=1) * rest.norm(dim=0).amax()
    return (mean @ one.M).amax() + by_norm


def _size(*, here: Seen, mean: Seen, fitted: Measured, hat: Ideal) -> Float[Tensor, " pair"]:
    """At least the absolute values of all that is summed for a pair, together."""
    lengths = fitted.raw_lengths + hat.W.norm(dim=1)
    size = (here.h.abs() + here.h_ideal.abs() + mean.h_ideal.abs() + mean.h.abs()) @ lengths
    far = (here.h - here.h_ideal).norm(dim=1) + here.h_ideal.norm(dim=1) + mean.h_ideal.norm()
    size = size + far * lengths.norm() + hat.size + fitted.bias.abs().amax() + here.lone
    for one, uneven, middle in zip(hat.sums, here.uneven, mean.uneven, strict=True):
        size = size + (uneven.norm(dim=1) + middle.norm()) * one.M.norm()
    return size


def _cost(network: Network, group: Group, hat: Ideal, parts: Sequence[Claim]) -> tuple[int, int]:
    """A multiplication or comparison for each number made: before any pair, in `double_sum` and at
    the pairs that it takes the place of, and for each pair, in `distance`."""
    a_pair = 16 * len(hat.W) + (4 * group.order if network.has_direct else 0)
    a_pair += sum(one.spanned[0].numel() + 4 * len(one.M) for one in hat.sums)
    once = 2 * network.hidden_operations + a_pair * group.order
    for part in parts:
        d, (n_b, n_c) = part.rho.shape[1], (len(part.B), len(part.C))
        if d > 1:
            acting = (n_b + n_c) * d * d + (n_b * n_b + n_c * n_c) * d
            once += group.order * (acting + 5 * n_b * n_c + (n_b + n_c) * group.order)
            once += 2 * n_b * n_c * (len(part.neurons) + n_b * n_c)
    return once, a_pair


def _check(
    network: Network, group: Group, inputs: Int[Tensor, "pair 2"], parts: Sequence[Claim]
) -> None:
    """Refuse what the proof would not be about."""
    n, m = group.order, len(network.W_L)
    x, y = inputs.unbind(dim=1)
    is_there = len(x) == network.n_pairs and _within(inputs, n) and network.W_L.shape[1] == n
    if not is_there or not torch.equal(group.table[x, y].long(), network.answers.long()):
        raise Refused(f"the answers are not the product of {group.name}")
    if network.unknown:
        raise Refused(network.unknown)
    if not network.is_in_range:
        raise Refused("a weight is out of range")
    claimed = torch.cat([part.neurons for part in parts]) if parts else torch.tensor([0, 0])
    if len(claimed.unique()) < len(claimed) or not _within(claimed, m):
        raise Refused("a neuron is claimed twice, or is none of the network's, or none is")
    for part in parts:
        d = part.rho.shape[-1]
        arrays = (part.rho, part.B, part.C)
        if part.rho.shape != (n, d, d) or not all(bool(v.isfinite().all()) for v in arrays):
            raise Refused(f"the matrices are not one of finite numbers for each element of {n}")
        if d == 1:
            continue
        (n_b, d_b), (n_c, d_c) = part.B.shape, part.C.shape
        if {d_b, d_c} != {d}:
            raise Refused(f"the vectors are not of the irrep's dimension {d}")
        if len({len(v) for v in (part.neurons, part.i, part.j)}) > 1:
            raise Refused("not every neuron has a point on both sides")
        if not (_within(part.i, n_b) and _within(part.j, n_c)):
            raise Refused("a neuron stands for a point that is not there")
        if not 0 < n_b * n_c <= MOST_PAIRS:
            raise Refused(f"a sum of {n_b} x {n_c} is not one of 1 to {MOST_PAIRS:,} pairs")


def _within(index: Int[Tensor, "*n"], count: int) -> bool:
    return not len(index) or (int(index.min()) >= 0 and int(index.max()) < count)

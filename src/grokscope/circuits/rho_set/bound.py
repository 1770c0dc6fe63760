"""Wu et al.'s bound (2024, V_irrep): an ideal network, the same at every pair up to symmetry, whose
margin is computed at one pair alone, and how far the network is from it.

A part of the explanation is a double sum over two finite sets that an irrep permutes,

    f(z|x,y) = Σ_{b,b'} M(b, z b') H(x⁻¹b, y b'),

x, y, z acting as permutations; Wu et al.'s is M = -bᵀb', H = relu(a·b - a·b'). If they are an
action of the group (checked for all pairs of elements, in whole numbers) and M(gb, gb') = M(b, b')
(so made), then f(gzh|gx,yh) = f(z|x,y), and exactly so, whatever the matrices were: a false
explanation can only be a bad approximation. So the ideal's largest wrong logit is the same at every
pair, and a pair is right if its right logit, which is computed in full, is above that by more than
the network's distance from the ideal.

That distance has two steps. First each neuron of (b, b') is made a function of x⁻¹b and y b' alone,
with weights v M(b, z b'). Then the sum of v times activation over the neurons of (b, b') is made
their mean over all (b, b'), which is H. So neurons of one (b, b') may share its summand, and have
each a vector a of its own; a missing (b, b') is an error like another.

Irreps of dimension one need no complete sum: what their neurons, the biases, and what is constant
in the other sums give together is a function of two signs, computed at all four, and what of it is
not their product is an error.

Axes: pair = one input; g, h = elements; neuron; c, z = an answer; point, b, b2 = of a set, of the
left one, of the right one; n = a neuron of the part; b_b2 = pairs of points, at which the sum is
taken, place = where it is; d = a vector of the irrep's space; sign = an irrep of dimension one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.score import centred
from grokscope.verify.network import SAMPLE, Bound, Network, in_range, slack

NAME = "rho-sets"
CLOSED = 1e-6  # of a vector's length: as near must ρ(g)b be to a point of B
SMALL = 1e-9  # of the largest singular value
MOST_PAIRS = 2_500  # pairs of points of a sum: it takes memory of the square of that
EXACT = "donot_use_mm_for_euclid_dist"  # of torch.cdist


@runtime_checkable
class Part(Protocol):
    """What is taken of an explanation: an irrep, a set B of vectors for each side, and for some
    neurons the points b, b' they stand for, numbered i and j: l(x) ~ bᵀρ(x)a, r(y) ~ a'ᵀρ(y)b', and
    u(z) ~ bᵀρ(z)b', with any a and a'. Of dimension one, the irrep and the neurons alone."""

    @property
    def matrices(self) -> Float[Tensor, "g d d"]: ...
    @property
    def left(self) -> Float[Tensor, "b d"]: ...
    @property
    def right(self) -> Float[Tensor, "b2 d"]: ...
    @property
    def neurons(self) -> Int[Tensor, " n"]: ...
    @property
    def i(self) -> Int[Tensor, " n"]: ...
    @property
    def j(self) -> Int[Tensor, " n"]: ...


class _Refused(Exception):
    """Why an explanation is none."""


def rho_set(
    network: Network, group: Group, inputs: Int[Tensor, "pair 2"], parts: Sequence[Part]
) -> Bound:
    """The share of pairs that are right by the ideal's margin; 0, with the reason, of parts that
    are no action of the group, or of a task that is not its product. `group` is the task's, symbol
    i and answer i its element i; `inputs` are the pairs.

    With hats on the ideal, h the activations, W the output map centred over answers, for all z

        f(z|x,y) - f̂(z|x,y) = (h - ĥ) W_z + ĥ (W - Ŵ)_z + (bias - its ideal)_z

    each bounded by the smaller of Cauchy-Schwarz and of a sum over neurons. O(|G|² m).
    """
    try:
        _check(network, group, inputs, parts)
        return _proved(network, group, inputs, parts)
    except _Refused as reason:
        return network.bound(NAME, None, 0, str(reason))


def _proved(
    network: Network, group: Group, inputs: Int[Tensor, "pair 2"], parts: Sequence[Part]
) -> Bound:
    x, y = inputs.unbind(dim=1)
    fitted = _Measured.of(network, group, x, y)
    ideal = _Ideal.of(fitted, group, parts)
    at_e = ideal.at_e - ideal.at_e.mean()
    second = at_e[torch.arange(group.order) != group.identity].amax()
    some = network.some(SAMPLE)
    around = _Seen(some.post, *ideal.at(some.post, x[some.pairs], y[some.pairs])).mean
    is_proved, distance = torch.zeros(network.n_pairs, dtype=torch.bool), 0.0
    for chunk in network.chunks():
        here = _Seen(chunk.post, *ideal.at(chunk.post, x[chunk.pairs], y[chunk.pairs]))
        error, size = _difference(fitted, ideal, here, around)
        error = error + (chunk.bias - fitted.bias).amax(dim=1)
        size = size + chunk.bias_size
        needed = second + error + slack(8 * (sum(fitted.W.shape) + ideal.terms), size)
        is_proved[chunk.pairs] = chunk.right(fitted.W) > needed
        distance += float(error.sum())
    reason = (
        f"the ideal's margin is {float(at_e[group.identity] - second):.3g}, the network within "
        f"{distance / network.n_pairs:.3g} of it on average"
    )
    return network.bound(NAME, is_proved, _cost(network, group, ideal, parts), reason)


@dataclass(frozen=True, eq=False)
class _Seen:
    """At some pairs the network's activations, the ideal's, and for each double sum how uneven it
    is: what its pairs of points have too much, and what multiplies any σ(z) has."""

    post: Float[Tensor, "*pair neuron"]
    ideal: Float[Tensor, "*pair neuron"]
    uneven: Sequence[Float[Tensor, "*pair b_b2"]]
    lone: Float[Tensor, "*pair"]

    @property
    def mean(self) -> "_Seen":
        post, ideal, *uneven = (v.mean(dim=0) for v in (self.post, self.ideal, *self.uneven))
        return _Seen(post, ideal, uneven, self.lone.mean(dim=0))


def _difference(
    fitted: "_Measured", ideal: "_Ideal", here: _Seen, around: _Seen
) -> tuple[Float[Tensor, " pair"], Float[Tensor, " pair"]]:
    """By how much any logit may exceed the ideal's, and the size of what was summed."""
    apart = here.post - here.ideal
    error = _most(apart, around.post - around.ideal, fitted.W) + ideal.loose + here.lone
    error = error + _most(here.ideal, around.ideal, fitted.W - ideal.W)
    lengths = fitted.raw_lengths + ideal.W.norm(dim=1)
    size = (here.post + here.ideal + around.ideal + around.post) @ lengths
    far = apart.norm(dim=1) + here.ideal.norm(dim=1) + around.ideal.norm()
    size = size + far * lengths.norm() + ideal.size + fitted.bias.abs().amax() + here.lone
    for one, uneven, mean in zip(ideal.sums, here.uneven, around.uneven, strict=True):
        error = error + one.most(uneven, mean)
        size = size + (uneven.norm(dim=1) + mean.norm()) * one.kernel.norm()
    return error, size


def _cost(network: Network, group: Group, ideal: "_Ideal", parts: Sequence[Part]) -> int:
    """A multiplication or comparison for each number made; see `_difference` and `_double_sum`."""
    a_pair = 16 * len(ideal.W) + (4 * group.order if network.has_direct else 0)
    a_pair += sum(one.spanned[0].numel() + 4 * len(one.kernel) for one in ideal.sums)
    operations = 2 * network.hidden_operations + a_pair * (network.n_pairs + group.order)
    for part in parts:
        d, (k, k2) = part.matrices.shape[1], (len(part.left), len(part.right))
        if d > 1:
            found_again = (k + k2) * d * d + (k * k + k2 * k2) * d
            operations += group.order * (found_again + 5 * k * k2 + (k + k2) * group.order)
            operations += 2 * k * k2 * (len(part.neurons) + k * k2)
    return operations


def _check(
    network: Network, group: Group, inputs: Int[Tensor, "pair 2"], parts: Sequence[Part]
) -> None:
    """Refuse what the proof below would not be about."""
    n, m = group.order, len(network.W_L)
    x, y = inputs.unbind(dim=1)
    is_there = len(x) == network.n_pairs and _within(inputs, n) and network.W_L.shape[1] == n
    if not is_there or not torch.equal(group.table[x, y].long(), network.answers.long()):
        raise _Refused(f"the answers are not the product of {group.name}")
    if not network.is_in_range:
        raise _Refused("a weight is out of range")
    claimed = torch.cat([part.neurons for part in parts]) if parts else torch.tensor([0, 0])
    if len(claimed.unique()) < len(claimed) or not _within(claimed, m):
        raise _Refused("a neuron is claimed twice, or is none of the network's, or none is")
    for part in parts:
        d = part.matrices.shape[-1]
        arrays = (part.matrices, part.left, part.right)
        if part.matrices.shape != (n, d, d) or not all(bool(v.isfinite().all()) for v in arrays):
            raise _Refused(f"the matrices are not one of finite numbers for each element of {n}")
        if d == 1:
            continue
        (k, d_left), (k2, d_right) = part.left.shape, part.right.shape
        if {d_left, d_right} != {d}:
            raise _Refused(f"the vectors are not of the irrep's dimension {d}")
        if len({len(v) for v in (part.neurons, part.i, part.j)}) > 1:
            raise _Refused("not every neuron has a point on both sides")
        if not (_within(part.i, k) and _within(part.j, k2)):
            raise _Refused("a neuron stands for a point that is not there")
        if not 0 < k * k2 <= MOST_PAIRS:
            raise _Refused(f"a sum of {k} x {k2} is not one of 1 to {MOST_PAIRS:,} pairs")


def _within(index: Int[Tensor, "*n"], count: int) -> bool:
    return not len(index) or (int(index.min()) >= 0 and int(index.max()) < count)


@dataclass(frozen=True, eq=False)
class _Measured:
    """A network as the ideal is fitted to it: the output map, and its hidden layer before the
    nonlinearity as a function of x and one of y, each the mean over the other."""

    W: Float[Tensor, "neuron c"]
    raw_lengths: Float[Tensor, " neuron"]
    L: Float[Tensor, "g neuron"]
    R: Float[Tensor, "g neuron"]
    bias: Float[Tensor, " c"]

    @classmethod
    def of(
        cls, network: Network, group: Group, x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]
    ) -> "_Measured":
        W = network.W_L
        sides = [W.new_zeros(group.order, len(W)) for _ in "xy"]
        bias = W.new_zeros(group.order)
        for chunk in network.chunks():
            for side, symbol in zip(sides, (x, y), strict=True):
                side.index_add_(0, symbol[chunk.pairs], chunk.pre)
            bias = bias + chunk.bias.sum(dim=0) / network.n_pairs
        middle = sides[0].sum(dim=0) / network.n_pairs / 2
        L, R = (
            side / s.bincount(minlength=group.order).clamp(min=1)[:, None] - middle
            for side, s in zip(sides, (x, y), strict=True)
        )
        return cls(centred(W), W.norm(dim=1), L, R, bias)


@dataclass(frozen=True, eq=False)
class _Summand:
    """One part of the ideal: its neurons, and its logits at (e, e)."""

    neurons: Int[Tensor, " n"]
    L: Float[Tensor, "g n"]
    R: Float[Tensor, "g n"]
    W: Float[Tensor, "n c"]
    at_e: Float[Tensor, " c"]
    size: Float[Tensor, ""]  # at least the sum of the absolute values of what a logit of it sums


@dataclass(frozen=True, eq=False)
class _Sign(_Summand):
    off: Float[Tensor, ""]  # how far it may be from what `at_e` says


@dataclass(frozen=True, eq=False)
class _DoubleSum(_Summand):
    """`excess` is by how much the sum at a pair of points exceeds the mean of all such sums, at the
    place where x⁻¹ and y have taken them; `excess_lone` is that of what multiplies each σ(z)."""

    lone: Float[Tensor, " sign"]  # times σ(z): what is constant in x and y
    kernel: Float[Tensor, "b_b2 c"]
    excess: Float[Tensor, "b_b2 place"]
    excess_lone: Float[Tensor, "sign b_b2 place"]
    places: tuple[Int[Tensor, "g b_b2"], Int[Tensor, "g b_b2"]]

    def uneven(
        self, x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]
    ) -> tuple[Float[Tensor, "pair b_b2"], Float[Tensor, " pair"]]:
        """The excess of each pair of points, and the sum of what all σ(z) have too much."""
        place, row = self.places[0][x] + self.places[1][y], torch.arange(len(self.excess))
        lone = self.excess_lone[:, row, place].sum(dim=2).abs().sum(dim=0)
        return self.excess[row, place], lone

    @cached_property
    def spanned(self) -> tuple[Tensor, Float[Tensor, "r c"], Float[Tensor, "b_b2 c"]]:
        """The kernel as few orthonormal functions of z, and what that leaves out."""
        _, scale, V = torch.linalg.svd(self.kernel, full_matrices=False)
        V = V[scale > SMALL * scale[0]]
        S = self.kernel @ V.T
        return S, V, self.kernel - S @ V

    def most(
        self, uneven: Float[Tensor, "pair b_b2"], mean: Float[Tensor, " b_b2"]
    ) -> Float[Tensor, " pair"]:
        """At least what the excess adds to any logit; see `_most`."""
        S, V, rest = self.spanned
        apart = uneven - mean
        by_norm = (apart @ S).norm(dim=1) * V.norm(dim=0).amax()
        by_norm = by_norm + apart.norm(dim=1) * rest.norm(dim=0).amax()
        return (mean @ self.kernel).amax() + by_norm


def _double_sum(
    group: Group, part: Part, fitted: _Measured, sigmas: Sequence[Float[Tensor, " g"]]
) -> _DoubleSum:
    """The sum over all (b, b') nearest to the network, or nearly so."""
    left, right = (_action(group, part.matrices, B) for B in (part.left, part.right))
    k, k2, i, j = left.shape[1], right.shape[1], part.i, part.j
    W, pair = fitted.W[part.neurons], i * k2 + j
    orbit = _numbered((left[:, :, None] * k2 + right[:, None, :]).amin(dim=0)).flatten()
    block = _numbered(left.amin(dim=0)[:, None] * k2 + right.amin(dim=0)).flatten()  # Gb x Gb'
    at = orbit.view(k, k2)[:, right.T].flatten(0, 1)  # the orbit of (b, z b'), for each (b, b'), z

    phi, L = _on_points(fitted.L[:, part.neurons], left[group.inverse][:, i], k)
    psi, R = _on_points(fitted.R[:, part.neurons], right[:, j], k2)
    shape, v = _kernel(W, at, pair, block, phi.norm(dim=1) + psi.norm(dim=1))
    own = v[:, None] * shape[pair]
    active = (phi[:, :, None] + psi[:, None, :]).relu().flatten(1)

    used = torch.isin(block, block[pair])
    has_neuron = torch.bincount(pair, minlength=k * k2) > 0
    share = torch.nn.functional.one_hot(block).double()
    share = share / share[has_neuron].sum(dim=0).clamp(min=1)

    def summed(weight: Float[Tensor, " n"]) -> tuple[Tensor, Tensor]:
        """The sum over the neurons of each (b, b'), at each place, and its mean over like (b, b')
        that have neurons."""
        sums = W.new_zeros(k * k2, k * k2).index_add(0, pair, weight[:, None] * active)
        means = share[has_neuron].T @ sums[has_neuron]
        return sums, means[block]

    H, H_mean = summed(v)
    excess, at_place = (H - H_mean)[used], torch.arange(k * k2)
    at_e = (shape * H_mean[at_place, at_place][:, None]).sum(dim=0)
    lone, excess_lone = W.new_zeros(0), [W.new_zeros(0, *excess.shape)]
    loudness = own.abs().amax(dim=1)
    for sigma in sigmas:
        eta = (W - own) @ sigma / group.order
        own = own + eta[:, None] * sigma
        loudness = loudness + eta.abs()
        E, E_mean = summed(eta)
        lone = torch.cat([lone, E_mean[at_place, at_place].sum()[None]])
        excess_lone.append((E - E_mean)[used][None])
    loudest = summed(loudness)[1].amax(dim=1).sum()
    places = (
        left[group.inverse].repeat_interleave(k2, dim=1)[:, used] * k2,
        right.repeat(1, k)[:, used],
    )
    return _DoubleSum(
        part.neurons, L, R, centred(own), at_e, loudest,
        lone, shape[used], excess, torch.cat(excess_lone), places,
    )  # fmt: skip


def _on_points(
    f: Float[Tensor, "g n"], point: Int[Tensor, "g n"], count: int
) -> tuple[Float[Tensor, "n point"], Float[Tensor, "g n"]]:
    """The means of functions over the elements that lead to each point, and those functions."""
    total = f.new_zeros(f.shape[1], count).scatter_add(1, point.T, f.T)
    number = f.new_zeros(f.shape[1], count).scatter_add(1, point.T, torch.ones_like(f.T))
    mean = total / number.clamp(min=1)
    return mean, mean.gather(1, point.T).T


def _kernel(
    W: Float[Tensor, "n c"],
    at: Int[Tensor, "b_b2 c"],
    pair: Int[Tensor, " n"],
    block: Int[Tensor, " b_b2"],
    loudness: Float[Tensor, " n"],
) -> tuple[Float[Tensor, "b_b2 c"], Float[Tensor, " n"]]:
    """The kernel M(b, z b'), centred over z, and the weight v of it that each neuron has: within
    each pair of orbits the best of rank one, louder neurons counting more."""
    count = int(at.max()) + 1
    on_orbit = W.new_zeros(len(W), count).scatter_add(1, at[pair], W)
    size = W.new_zeros(len(W), count).scatter_add(1, at[pair], torch.ones_like(W))
    mean, kernel = on_orbit / size.clamp(min=1).sqrt(), W.new_zeros(count)
    for one in block[pair].unique():
        rows = block[pair] == one
        _, _, Vh = torch.linalg.svd(loudness[rows, None] * mean[rows], full_matrices=False)
        lengths = size[rows][0].clamp(min=1).sqrt()
        kernel = kernel + Vh[0] / lengths
    shape = centred(kernel[at])
    own = shape[pair]
    return shape, (W * own).sum(dim=1) / own.square().sum(dim=1).clamp(min=1e-30)


def _action(
    group: Group, matrices: Float[Tensor, "g d d"], points: Float[Tensor, "point d"]
) -> Int[Tensor, "g point"]:
    """The number of ρ(g)b for each g and b; refused unless it is an action of the group."""
    points = points.double()
    images = torch.einsum("gde,pe->gpd", matrices.double(), points)
    distance, action = torch.cdist(images, points[None], compute_mode=EXACT).min(dim=2)
    if not bool((distance <= CLOSED * points.norm(dim=1)).all()):
        raise _Refused("the set is not closed under the matrices")
    numbers = torch.arange(len(points)).expand_as(action)
    if not torch.equal(action.sort(dim=1).values, numbers):
        raise _Refused("an element takes two points of the set to one")
    for g, product in enumerate(group.table):
        if not torch.equal(action[product], action[g][action]):
            raise _Refused(f"the matrices do not multiply on the set as {group.name} does")
    return action


def _character(group: Group, values: Float[Tensor, " g"]) -> Float[Tensor, " g"]:
    """An irrep of dimension one, exactly 1 or -1 at each element."""
    sigma = values.double().sign()
    is_one = bool(((values - sigma).abs() < CLOSED).all())
    if not is_one or not torch.equal(sigma[group.table], sigma[:, None] * sigma):
        raise _Refused(f"the numbers do not multiply as the elements of {group.name} do")
    return sigma


def _sign(
    part: Part, sigma: Float[Tensor, " g"], fitted: _Measured, lone: Float[Tensor, ""]
) -> _Sign:
    """relu(μ + α σ(x) + β σ(y)) w σ(z), summed over neurons, with a lone σ(z) beside: a function
    F of two signs times σ(z). Of F only the product of the signs goes into the ideal."""
    W, n = fitted.W[part.neurons], len(sigma)
    L, R = fitted.L[:, part.neurons], fitted.R[:, part.neurons]
    alpha, beta = sigma @ L / n, sigma @ R / n
    mu, weight = L.mean(dim=0) + R.mean(dim=0), W @ sigma / n
    of_x, of_y = W.new_tensor([[1, 1, -1, -1], [1, -1, 1, -1]])
    active = (mu + of_x[:, None] * alpha + of_y[:, None] * beta).relu()
    F, product = active @ weight + lone, of_x * of_y
    kappa = (F * product).mean()
    return _Sign(
        part.neurons,
        mu + sigma[:, None] * alpha,
        sigma[:, None] * beta,
        centred(weight[:, None] * sigma),
        kappa * sigma,
        (active @ weight.abs()).amax() + lone.abs(),
        (F - kappa * product).abs().amax() * 2,
    )


@dataclass(frozen=True, eq=False)
class _Ideal:
    """All parts together, neuron by neuron. Of a neuron that no part claims the ideal has the
    activation and no weight."""

    L: Float[Tensor, "g neuron"]
    R: Float[Tensor, "g neuron"]
    W: Float[Tensor, "neuron c"]
    is_claimed: Bool[Tensor, " neuron"]
    sums: Sequence[_DoubleSum]
    at_e: Float[Tensor, " c"]
    size: Float[Tensor, ""]
    loose: Float[Tensor, ""]  # what of the biases and signs is not in it

    @classmethod
    def of(cls, fitted: _Measured, group: Group, parts: Sequence[Part]) -> "_Ideal":
        narrow = [part for part in parts if part.matrices.shape[1] == 1]
        sigmas = [_character(group, part.matrices[:, 0, 0]) for part in narrow]
        wide = [part for part in parts if part.matrices.shape[1] > 1]
        sums = [_double_sum(group, part, fitted, sigmas) for part in wide]
        bias, signs = fitted.bias, []
        for k, (part, sigma) in enumerate(zip(narrow, sigmas, strict=True)):
            lone = bias @ sigma / group.order
            bias = bias - lone * sigma
            signs.append(_sign(part, sigma, fitted, lone + sum(one.lone[k] for one in sums)))
        L, R, W = (torch.zeros_like(v) for v in (fitted.L, fitted.R, fitted.W))
        is_claimed = torch.zeros(len(W), dtype=torch.bool)
        for one in (*sums, *signs):
            L[:, one.neurons], R[:, one.neurons], W[one.neurons] = one.L, one.R, one.W
            is_claimed[one.neurons] = True
        at_e = sum((one.at_e for one in (*sums, *signs)), torch.zeros_like(bias))
        size = sum((one.size for one in (*sums, *signs)), bias.new_zeros(()))
        if not all(in_range(v) for v in (L, R, W, at_e, size)):
            raise _Refused("a weight of the ideal is out of range")
        loose = bias.amax() + sum(one.off for one in signs)
        return cls(L, R, W, is_claimed, sums, at_e, size, loose)

    @property
    def terms(self) -> int:
        return sum(len(one.kernel) for one in self.sums)

    def at(
        self,
        post: Float[Tensor, "pair neuron"],
        x: Int[Tensor, " pair"],
        y: Int[Tensor, " pair"],
    ) -> tuple[
        Float[Tensor, "pair neuron"],
        Sequence[Float[Tensor, "pair b_b2"]],
        Float[Tensor, " pair"],
    ]:
        """The ideal's activations where the network's are `post`, and how uneven its sums are."""
        ideal = torch.where(self.is_claimed, (self.L[x] + self.R[y]).relu(), post)
        both = [one.uneven(x, y) for one in self.sums]
        return ideal, [v for v, _ in both], sum((lone for _, lone in both), post.new_zeros(len(x)))


def _most(
    h: Float[Tensor, "pair row"], mean: Float[Tensor, " row"], W: Float[Tensor, "row c"]
) -> Float[Tensor, " pair"]:
    """At least (h W)_z, for every z: the smaller of two bounds, (mean W)_z + |h - mean| |W_z|, and
    neuron by neuron."""
    by_norm = (mean @ W).amax() + (h - mean).norm(dim=1) * W.norm(dim=0).amax()
    by_neuron = h.clamp(min=0) @ W.amax(dim=1) + h.clamp(max=0) @ W.amin(dim=1)
    return torch.minimum(by_norm, by_neuron)


def _numbered(labels: Int[Tensor, "b b2"]) -> Int[Tensor, "b b2"]:
    return labels.unique(return_inverse=True)[1]

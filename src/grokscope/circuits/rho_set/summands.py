"""What the ideal network of a ρ-set proof consists of: double sums over finite sets that an irrep
permutes,

    f̂(z|x,y) = Σ_{b,c} M(b, zc) H(x⁻¹b, yc),

with x, y, z acting as permutations of the sets B and C; and functions of two signs. Steps 1 to 5 of
docs/bounds.md, a function each; `bound.py` has the others. Of a claim only the sets and the action
on them are taken, and checked; M and H are measured on the network.

Axes: g = an element; neuron; n = a neuron of a part; z = an answer; b, c = points of B, of C; bc =
pairs of points, over which a sum is taken; place = such a pair, where x⁻¹ and y have taken it; d =
a vector of the irrep's space; sign = an irrep of dimension one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.activations import Activation
from grokscope.algebra.groups import Group
from grokscope.circuits.rho_set.claim import Claim
from grokscope.score import centred
from grokscope.verify.network import Network

CLOSED = 1e-6  # of a vector's length: as near must ρ(g)b be to a point of B
SMALL = 1e-9  # of the largest singular value
EXACT = "donot_use_mm_for_euclid_dist"  # of torch.cdist


class Refused(Exception):
    """Why a claim proves nothing."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A network as the ideal is fitted to it: the output map, and its hidden layer before the
    nonlinearity as a function L of x and R of y, each the mean over the other."""

    W: Float[Tensor, "neuron z"]  # centred over answers
    raw_lengths: Float[Tensor, " neuron"]  # before that
    L: Float[Tensor, "g neuron"]
    R: Float[Tensor, "g neuron"]
    bias: Float[Tensor, " z"]
    act: Activation


def measured(
    *, network: Network, group: Group, x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]
) -> Measured:
    """The network by the elements of the group."""
    W = network.W_L
    sides = [W.new_zeros(group.order, len(W)) for _ in "xy"]
    bias = W.new_zeros(group.order)
    for chunk in network.chunks():
        for side, symbol in zip(sides, (x, y), strict=True):
            side.index_add_(0, symbol[chunk.pairs], chunk.pre)
        bias = bias + chunk.bias.sum(dim=0) / network.n_pairs
    middle = sides[0].sum(dim=0) / network.n_pairs / 2
    L, R = (
        side / symbol.bincount(minlength=group.order).clamp(min=1)[:, None] - middle
        for side, symbol in zip(sides, (x, y), strict=True)
    )
    return Measured(centred(W), W.norm(dim=1), L, R, bias, network.fold.act)


def action(
    *, group: Group, rho: Float[Tensor, "g d d"], B: Float[Tensor, "b d"]
) -> Int[Tensor, "g b"]:
    """Step 1. The number of gb, the point nearest to ρ(g)b: refused unless it is within CLOSED |b|,
    no two points are taken to one, and (gh)b = g(hb)."""
    B = B.double()
    images = torch.einsum("gde,pe->gpd", rho.double(), B)
    distance, gB = torch.cdist(images, B[None], compute_mode=EXACT).min(dim=2)
    if not bool((distance <= CLOSED * B.norm(dim=1)).all()):
        raise Refused("the set is not closed under the matrices")
    if not torch.equal(gB.sort(dim=1).values, torch.arange(len(B)).expand_as(gB)):
        raise Refused("an element takes two points of the set to one")
    for g, gh in enumerate(group.table):
        if not torch.equal(gB[gh], gB[g][gB]):
            raise Refused(f"the matrices do not multiply on the set as {group.name} does")
    return gB


def character(*, group: Group, rho: Float[Tensor, "g 1 1"]) -> Float[Tensor, " g"]:
    """Step 1, of dimension one. σ(g), exactly 1 or -1: refused unless σ(gh) = σ(g)σ(h)."""
    values = rho[:, 0, 0].double()
    sigma = values.sign()
    is_one = bool(((values - sigma).abs() < CLOSED).all())
    if not is_one or not torch.equal(sigma[group.table], sigma[:, None] * sigma):
        raise Refused(f"the numbers do not multiply as the elements of {group.name} do")
    return sigma


def on_points(
    *, f: Float[Tensor, "g n"], point: Int[Tensor, "g n"], count: int
) -> tuple[Float[Tensor, "n point"], Float[Tensor, "g n"]]:
    """Step 2. φ_n(p), the mean of L_n(x) over all x⁻¹b = p, or ψ_n(q), that of R_n(y) over all
    yc = q; and what it is at each element, L̂ or R̂. Then ĥ_n(x,y) = act(φ_n(x⁻¹b) + ψ_n(yc))."""
    total = f.new_zeros(f.shape[1], count).scatter_add(1, point.T, f.T)
    number = f.new_zeros(f.shape[1], count).scatter_add(1, point.T, torch.ones_like(f.T))
    mean = total / number.clamp(min=1)
    return mean, mean.gather(1, point.T).T


def kernel(
    *,
    W: Float[Tensor, "n z"],
    at: Int[Tensor, "bc z"],
    bc: Int[Tensor, " n"],
    block: Int[Tensor, " bc"],
    loudness: Float[Tensor, " n"],
) -> tuple[Float[Tensor, "bc z"], Float[Tensor, " n"]]:
    """Step 3. M(b, zc) with M(gb, gc) = M(b, c), centred over z, and the v_n that make W_n(z) ≈ v_n
    M(b, zc) best: for all pairs of points in one Gb x Gc together, louder neurons counting more.

    `at` is the orbit of (b, zc), `bc` the pair of each neuron, `block` the Gb x Gc of each pair."""
    count = int(at.max()) + 1
    on_orbit = W.new_zeros(len(W), count).scatter_add(1, at[bc], W)
    size = W.new_zeros(len(W), count).scatter_add(1, at[bc], torch.ones_like(W))
    mean, on_orbits = on_orbit / size.clamp(min=1).sqrt(), W.new_zeros(count)
    for one in block[bc].unique():
        rows = block[bc] == one
        _, _, Vh = torch.linalg.svd(loudness[rows, None] * mean[rows], full_matrices=False)
        on_orbits = on_orbits + Vh[0] / size[rows][0].clamp(min=1).sqrt()
    M = centred(on_orbits[at])
    own = M[bc]
    return M, (W * own).sum(dim=1) / own.square().sum(dim=1).clamp(min=1e-30)


def mean_sum(
    *,
    v: Float[Tensor, " n"],
    h: Float[Tensor, "n place"],
    bc: Int[Tensor, " n"],
    block: Int[Tensor, " bc"],
) -> tuple[Float[Tensor, "bc place"], Float[Tensor, "bc place"]]:
    """Step 4. H_bc(p, q) = Σ_n v_n ĥ_n(p, q) over the neurons n of (b, c), and the ideal's H, its
    mean over the (b, c) of one Gb x Gc that have neurons. So neurons of one (b, c) may share its
    summand, and have each a vector a of its own; a missing (b, c) is an error like another."""
    has_neuron = torch.bincount(bc, minlength=len(block)) > 0
    share = torch.nn.functional.one_hot(block).double()
    share = share / share[has_neuron].sum(dim=0).clamp(min=1)
    H_bc = h.new_zeros(len(block), h.shape[1]).index_add(0, bc, v[:, None] * h)
    return H_bc, (share[has_neuron].T @ H_bc[has_neuron])[block]


@dataclass(frozen=True, eq=False)
class Summand:
    """One part of the ideal: its neurons, and its logits at (e, e)."""

    neurons: Int[Tensor, " n"]
    L: Float[Tensor, "g n"]
    R: Float[Tensor, "g n"]
    W: Float[Tensor, "n z"]
    at_e: Float[Tensor, " z"]
    size: Float[Tensor, ""]  # at least the sum of the absolute values of what a logit of it sums


@dataclass(frozen=True, eq=False)
class DoubleSum(Summand):
    """`excess` is H_bc - H; `lone` what is constant in x and y and multiplies each σ(z), by the
    mean of it over (b, c), and `excess_lone` how far it is from that."""

    lone: Float[Tensor, " sign"]
    M: Float[Tensor, "bc z"]
    excess: Float[Tensor, "bc place"]
    excess_lone: Float[Tensor, "sign bc place"]
    places: tuple[Int[Tensor, "g bc"], Int[Tensor, "g bc"]]

    def uneven(
        self, x: Int[Tensor, " pair"], y: Int[Tensor, " pair"]
    ) -> tuple[Float[Tensor, "pair bc"], Float[Tensor, " pair"]]:
        """(H_bc - H)(x⁻¹b, yc), and the sum of what all σ(z) have too much, in size."""
        place, row = self.places[0][x] + self.places[1][y], torch.arange(len(self.excess))
        lone = self.excess_lone[:, row, place].sum(dim=2).abs().sum(dim=0)
        return self.excess[row, place], lone

    @cached_property
    def spanned(self) -> tuple[Tensor, Float[Tensor, "r z"], Float[Tensor, "bc z"]]:
        """M = S V + rest, V a few orthonormal functions of z."""
        _, scale, V = torch.linalg.svd(self.M, full_matrices=False)
        V = V[scale > SMALL * scale[0]]
        S = self.M @ V.T
        return S, V, self.M - S @ V


def double_sum(
    *, group: Group, part: Claim, fitted: Measured, sigmas: Sequence[Float[Tensor, " g"]]
) -> DoubleSum:
    """The sum over all (b, c) nearest to the network, or nearly so."""
    gB, gC = (action(group=group, rho=part.rho, B=points) for points in (part.B, part.C))
    n_b, n_c, bc = gB.shape[1], gC.shape[1], part.i * gC.shape[1] + part.j
    orbit = _numbered((gB[:, :, None] * n_c + gC[:, None, :]).amin(dim=0))  # of (b, c)
    block = _numbered(gB.amin(dim=0)[:, None] * n_c + gC.amin(dim=0)).flatten()  # Gb x Gc
    at = orbit[:, gC.T].flatten(0, 1)
    W, L, R = fitted.W[part.neurons], fitted.L[:, part.neurons], fitted.R[:, part.neurons]

    phi, L = on_points(f=L, point=gB[group.inverse][:, part.i], count=n_b)
    psi, R = on_points(f=R, point=gC[:, part.j], count=n_c)
    loudness = phi.norm(dim=1) + psi.norm(dim=1)
    M, v = kernel(W=W, at=at, bc=bc, block=block, loudness=loudness)
    h = fitted.act(phi[:, :, None] + psi[:, None, :]).flatten(1)
    H_bc, H = mean_sum(v=v, h=h, bc=bc, block=block)

    used = torch.isin(block, block[bc])
    own = v[:, None] * M[bc]
    excess, weight = (H_bc - H)[used], own.abs().amax(dim=1)
    lone, excess_lone = W.new_zeros(0), [W.new_zeros(0, *excess.shape)]
    for sigma in sigmas:
        eta = (W - own) @ sigma / group.order
        own, weight = own + eta[:, None] * sigma, weight + eta.abs()
        E_bc, E = mean_sum(v=eta, h=h, bc=bc, block=block)
        lone = torch.cat([lone, E.diagonal().sum()[None]])
        excess_lone.append((E_bc - E)[used][None])
    _, size = mean_sum(v=weight, h=h.abs(), bc=bc, block=block)
    at_e = (M * H.diagonal()[:, None]).sum(dim=0)
    places = (
        gB[group.inverse].repeat_interleave(n_c, dim=1)[:, used] * n_c,
        gC.repeat(1, n_b)[:, used],
    )
    return DoubleSum(
        part.neurons, L, R, centred(own), at_e, size.amax(dim=1).sum(),
        lone, M[used], excess, torch.cat(excess_lone), places,
    )  # fmt: skip


def _numbered(labels: Int[Tensor, "b c"]) -> Int[Tensor, "b c"]:
    return labels.unique(return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class Sign(Summand):
    off: Float[Tensor, ""]  # how far it may be from what `at_e` says


def sign_sum(
    *, part: Claim, sigma: Float[Tensor, " g"], fitted: Measured, lone: Float[Tensor, ""]
) -> Sign:
    """Step 5. Σ_n act(μ_n + α_n σ(x) + β_n σ(y)) w_n σ(z) + lone σ(z) = F(σ(x), σ(y)) σ(z), at all
    four signs. κ σ(x)σ(y)σ(z) goes into the ideal, κ the mean of F σ(x)σ(y), and two logits of the
    rest are no further apart than 2 max |F - κ σ(x)σ(y)|."""
    W, g = fitted.W[part.neurons], len(sigma)
    L, R = fitted.L[:, part.neurons], fitted.R[:, part.neurons]
    alpha, beta = sigma @ L / g, sigma @ R / g
    mu, w = L.mean(dim=0) + R.mean(dim=0), W @ sigma / g
    of_x, of_y = W.new_tensor([[1, 1, -1, -1], [1, -1, 1, -1]])
    h = fitted.act(mu + of_x[:, None] * alpha + of_y[:, None] * beta)
    F, product = h @ w + lone, of_x * of_y
    kappa = (F * product).mean()
    return Sign(
        part.neurons,
        mu + sigma[:, None] * alpha,
        sigma[:, None] * beta,
        centred(w[:, None] * sigma),
        kappa * sigma,
        (h.abs() @ w.abs()).amax() + lone.abs(),
        (F - kappa * product).abs().amax() * 2,
    )

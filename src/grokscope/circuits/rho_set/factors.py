"""The neurons of one irrep ρ, of rank one in it, by their vectors.

    l(x) = scale bᵀρ(x)a    r(y) = scale aᵀρ(y)c    u(z) = coef bᵀρ(z)c

Over the complex numbers, or the quaternions, an irrep of that type has smaller matrices, and "rank
one" is meant there: the real rank is 2 or 4.

Axes: g = an element of the group; neuron; d = a vector of the irrep's space; point = a member of a
finite set; unity = a basis of the maps that commute with the irrep: 1, or 1 and i, or 1, i, j, k.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.algebra.characters import NORMS
from grokscope.algebra.irreps import Irrep
from grokscope.circuits.printed import to_bits
from grokscope.circuits.summed import Summed

SHARED = 0.99  # of the vectors a, which lie in so few dimensions


@dataclass(frozen=True, eq=False)
class Factors:
    """The neurons of one irrep: l = scale bᵀρ(x)a, r = scale aᵀρ(y)c, u = coef bᵀρ(z)c, all vectors
    of length 1.

    `points` are a finite set that ρ permutes, with b and c its members of numbers `b_of`, `c_of`;
    None where b and c follow none, which `why` then tells. `plane` spans the vectors a.
    """

    irrep: Irrep
    a: Float[Tensor, "neuron d"]
    b: Float[Tensor, "neuron d"]
    c: Float[Tensor, "neuron d"]
    scale: Float[Tensor, " neuron"]
    coef: Float[Tensor, " neuron"]
    index: Int[Tensor, " neuron"]  # among the network's units
    energy: Float[Tensor, " neuron"]  # as a share of the network's
    plane: Float[Tensor, "rank d"]
    thin: Float[Tensor, " neuron"]  # share of rank one, before anything is changed
    a_share: tuple[float, ...]  # of the vectors a in the best 1, 2, ... dimensions over the field
    points: Float[Tensor, "point d"] | None = None
    b_of: Int[Tensor, " neuron"] | None = None
    c_of: Int[Tensor, " neuron"] | None = None
    sizes: tuple[int, ...] = ()  # of the orbits in `points`, one after the other
    free: int = 0  # numbers that the finite set takes
    chance: float = 1.0  # that random vectors are as near to it
    why: str = ""

    @property
    def rank(self) -> int:
        """The rank over the irrep's own field of the vectors a."""
        return len(self.plane)

    @property
    def orbit(self) -> Int[Tensor, " point"]:
        """Which orbit each point is of."""
        return torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))

    @property
    def is_void(self) -> bool:
        """Whether every function in the irrep is of rank one: in a division algebra."""
        return self.irrep.d == NORMS[self.irrep.kind]

    @property
    def size(self) -> int:
        """A scale and a coefficient each; b and c by their numbers, or in full; a, once or each."""
        n, d, m = NORMS[self.irrep.kind], self.irrep.d, len(self.scale)
        vectors = 2 * m + self.free if self.points is not None else 2 * m * (d - 1)
        along = 0 if self.rank == 1 else m * (n * self.rank - 1)
        return 2 * m + vectors + along + (0 if self.is_void else self.plane.numel())

    @cached_property
    def left(self) -> Float[Tensor, "g neuron"]:
        return waves(self.irrep, self.b, self.a) * self.scale

    @cached_property
    def right(self) -> Float[Tensor, "g neuron"]:
        return waves(self.irrep, self.a, self.c) * self.scale

    @cached_property
    def output(self) -> Float[Tensor, "g neuron"]:
        return waves(self.irrep, self.b, self.c) * self.coef

    def rounded(self, bits: int) -> "Factors":
        """The same with numbers of so many bits; see `to_bits`."""
        names = ("a", "b", "c", "scale", "coef")
        return replace(self, **{name: to_bits(getattr(self, name), bits) for name in names})

    def pick(self, keep: Bool[Tensor, " neuron"]) -> "Factors":
        """The same of these neurons alone."""
        names = ("a", "b", "c", "scale", "coef", "index", "energy", "thin")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


def waves(
    irrep: Irrep, v: Float[Tensor, "neuron d"], w: Float[Tensor, "neuron d"]
) -> Float[Tensor, "g neuron"]:
    """vᵀρ(g)w."""
    return torch.einsum("md,gmd->gm", v, w @ irrep.matrices.mT)


def coefficients(f: Float[Tensor, "g neuron"], irrep: Irrep) -> Float[Tensor, "neuron d d"]:
    """The matrices A with f(g) = tr Aᵀρ(g), those that commute with all that commutes with ρ."""
    A = torch.einsum("gm,gij->mij", f, irrep.matrices)
    return A * irrep.d / (NORMS[irrep.kind] * len(f))


@lru_cache(maxsize=64)
def commutant(irrep: Irrep) -> Float[Tensor, "unity d d"]:
    """Orthogonal matrices that commute with ρ: 1 alone, or 1 and i, or 1, i, j, k by the type."""
    d, n, rho = irrep.d, NORMS[irrep.kind], irrep.matrices
    one = torch.eye(d, dtype=rho.dtype)
    if n == 1:
        return one[None]
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3 * n, d, d, generator=generator, dtype=rho.dtype)
    commuting = torch.einsum("gij,mjk,glk->mil", rho, drawn, rho) / len(rho)
    skew = (commuting - commuting.mT).flatten(start_dim=1)
    _, _, Vh = torch.linalg.svd(skew, full_matrices=False)
    others = Vh[: n - 1].reshape(n - 1, d, d) * d**0.5
    return torch.cat([one[None], others])


def turns(
    v: Float[Tensor, "neuron d"], onto: Float[Tensor, "neuron d"], J: Float[Tensor, "unity d d"]
) -> Float[Tensor, "neuron d d"]:
    """For each vector the unit of the field that brings it nearest to another."""
    along = torch.einsum("kij,mj,mi->mk", J, v, onto)
    length = along.norm(dim=1, keepdim=True)
    along = torch.where(length > 0, along, torch.eye(len(J), dtype=v.dtype)[0])
    return torch.einsum("mk,kij->mij", along / along.norm(dim=1, keepdim=True), J)


def factors(x: Summed, irrep: Irrep, energy: Float[Tensor, " neuron"]) -> Factors:
    """The vectors and scales of neurons that lie in an irrep, without a finite set.

    Least squares give A in l = tr Aᵀρ; its first singular vectors are b and a. They are fixed up to
    a unit of the field, which is used to bring a next to one vector for all, and a of r to that of
    l. `a` is then put into as few dimensions, shared by all neurons, as hold .99 of it.
    """
    J, n = commutant(irrep), NORMS[irrep.kind]
    (b, scale_l, a, thin_l), (other, scale_r, c, thin_r) = (
        leading(coefficients(f, irrep), n) for f in (x.left - x.left.mean(dim=0), x.right)
    )
    every, weight = torch.cat([a, other]), torch.cat([energy, energy])
    lines = torch.einsum("kij,mj->kmi", J, every)
    moment = torch.einsum("kmi,kmj,m->ij", lines, lines, weight / (n * weight.sum()))
    shares, axes = torch.linalg.eigh(moment)
    shares, axes = shares.flip(0).unflatten(0, (-1, n)).sum(dim=1).cumsum(0), axes.flip(1).T
    rank = int((shares < SHARED).sum()) + 1
    axes = axes[: rank * n]
    turn = turns(a, axes[:1].expand_as(a), J)
    a, b = _apply(turn, a), _apply(turn, b)
    a = unit(a @ axes.T @ axes)
    c = _apply(turns(other, a, J), c)
    thin, scale = torch.minimum(thin_l, thin_r), (scale_l + scale_r) / 2
    plane, a_share = axes[::n], tuple(shares.tolist())
    free = Factors(irrep, a, b, c, scale, scale_l, x.index, energy, plane, thin, a_share)
    return scaled(free, x)


def leading(
    A: Float[Tensor, "neuron d d"], n: int
) -> tuple[
    Float[Tensor, "neuron d"],
    Float[Tensor, " neuron"],
    Float[Tensor, "neuron d"],
    Float[Tensor, " neuron"],
]:
    """The first singular vectors and value, and the share of rank one over the field."""
    U, S, Vh = torch.linalg.svd(A)
    squares = S.square()
    thin = squares[:, :n].sum(dim=1) / squares.sum(dim=1).clamp(min=1e-300)
    return U[:, :, 0], n * S[:, 0], Vh[:, 0], thin


def _apply(M: Float[Tensor, "neuron d d"], v: Float[Tensor, "neuron d"]) -> Tensor:
    return torch.einsum("mij,mj->mi", M, v)


def unit(v: Float[Tensor, "*neuron d"]) -> Float[Tensor, "*neuron d"]:
    return v / v.norm(dim=-1, keepdim=True).clamp(min=1e-300)


def scaled(f: Factors, x: Summed) -> Factors:
    """The same with the scales and coefficients that fit l and r, and u, best."""
    one = torch.ones_like(f.scale)
    plain = replace(f, scale=one, coef=one)
    l, r, u = plain.left, plain.right, plain.output
    along = (l * x.left + r * x.right).sum(dim=0)
    scale = along / (l.square() + r.square()).sum(dim=0).clamp(min=1e-300)
    coef = (u * x.output).sum(dim=0) / u.square().sum(dim=0).clamp(min=1e-300)
    return replace(f, scale=scale, coef=coef)

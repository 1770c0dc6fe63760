"""Furuta et al. 2024: how dense the frequencies of a weight are, whether cosines or sines lead, and
what each kind of component of the logits is worth.

The paper's text and its appendix B define the coefficients differently; this is appendix B, with an
orthonormal basis over all symbols, and with cosine and sine named right (the published plots have
them swapped; both measures are symmetric in them). An even modulus has one cosine more than sines.
Both measures read the additive spectrum whatever the task. A product in the discrete logarithm
has every additive frequency alike, so FFD stays at 1 on a network that has learned it:
`part_density` asks the same in the task's own lens.

Axes: symbol = an operand's value, or an answer; cosine, sine = a frequency that has one; d = any
width; s = a product.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.splits import fourier
from grokscope.errors import NotApplicable
from grokscope.measures.keys import keys_of
from grokscope.measures.measure import measure
from grokscope.measures.restricted import component, excluded_losses
from grokscope.measures.spectra import even_spectrum, spectrum
from grokscope.measures.weights import lookalikes, symbol_weights
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.training.loss import negative_log_likelihood

ETA = 0.5  # of the largest: what counts as present


def cosines_and_sines(
    W: Float[Tensor, "symbol d"],
) -> tuple[Float[Tensor, " cosine"], Float[Tensor, " sine"]]:
    """The norms |μ_k| and |ν_k| of the cosine and sine components of W along its symbols, for k =
    1, 2, ...; an even number of symbols has a last cosine without a sine."""
    split = fourier(len(W))
    parts = [Q.T @ W.double() for name, Q in split.parts.items() if name != "constant"]
    mu = torch.stack([x[0].norm() for x in parts])
    nu = torch.stack([x[1].norm() for x in parts if len(x) > 1])
    return mu, nu


def fourier_frequency_density(W: Float[Tensor, "symbol d"], eta: float = ETA) -> float:
    """FFD, also called FFS (Furuta et al. 2024, eq. 5 with appendix B): the share of the cosines
    that are above `eta` of the largest cosine, and of the sines above `eta` of the largest sine.
    Low is sparse. Random weights: 1; addition with n of 48 frequencies: 2n / 96."""
    families = cosines_and_sines(W)
    present = sum(int((x > eta * x.max()).sum()) for x in families if len(x))
    return present / sum(len(x) for x in families)


def fourier_coefficient_ratio(W: Float[Tensor, "symbol d"]) -> float:
    """FCR (Furuta et al. 2024, eq. 6): the mean over frequencies of the smaller of |μ_k| / |ν_k|
    and its inverse. 0 if each frequency is a cosine or a sine alone; random weights: near 1, .933
    for 128 columns."""
    mu, nu = cosines_and_sines(W)
    low, high = _ordered(mu, nu)
    return float((low / high.clamp(min=1e-300)).mean())


def energy_weighted_ratio(W: Float[Tensor, "symbol d"]) -> float:
    """FCR with each frequency weighted by its share of the power, so that the noise of unused
    frequencies does not decide. Chance: that of FCR."""
    mu, nu = cosines_and_sines(W)
    low, high = _ordered(mu, nu)
    energy = low.square() + high.square()
    ratio = low / high.clamp(min=1e-300)
    return float((ratio * energy).sum() / energy.sum().clamp(min=1e-300))


def _ordered(mu: Tensor, nu: Tensor) -> tuple[Tensor, Tensor]:
    pairs = torch.stack([mu[: len(nu)], nu])
    return pairs.amin(dim=0), pairs.amax(dim=0)


def _residue_weights(s: Snapshot) -> dict[str, Tensor]:
    if s.task.modulus is None:
        raise NotApplicable(f"the symbols of `{s.task.name}` are not residues, so no frequencies.")
    if s.task.modulus < 3:
        raise NotApplicable(f"mod {s.task.modulus} there is no sine, and nothing to compare.")
    return symbol_weights(s)


@measure
@once_per_snapshot
def ffd(s: Snapshot) -> dict[str, float]:
    """Fourier Frequency Density of each folded weight: the share of additive cosines and sines
    above half of the largest of their kind (Furuta et al. 2024, eq. 5). Low is sparse. Chance:
    1."""
    return {role: fourier_frequency_density(W) for role, W in _residue_weights(s).items()}


@measure
def ffs(s: Snapshot) -> dict[str, float]:
    """Fourier Frequency Sparsity: the name of `ffd` in the paper's first versions. Chance: 1."""
    return ffd(s)


@measure
def fcr(s: Snapshot) -> dict[str, float]:
    """Fourier Coefficient Ratio of each folded weight: how alike cosine and sine of a frequency
    are, averaged over all frequencies alike (Furuta et al. 2024, eq. 6). Low: one of them leads.
    Chance: .933 for 128 columns, nearer 1 for more."""
    return {role: fourier_coefficient_ratio(W) for role, W in _residue_weights(s).items()}


@measure
def fcr_energy_weighted(s: Snapshot) -> dict[str, float]:
    """The same with each frequency weighted by its power: on addition FCR measures the noise of the
    unused ones, this the circuit. Chance: that of FCR."""
    return {role: energy_weighted_ratio(W) for role, W in _residue_weights(s).items()}


@measure
def ffd_over_chance(s: Snapshot) -> dict[str, float]:
    """FFD less its mean on random matrices with the same singular values. Chance: 0."""
    return {
        role: fourier_frequency_density(W) - _chance(W, fourier_frequency_density)
        for role, W in _residue_weights(s).items()
    }


@measure
def fcr_over_chance(s: Snapshot) -> dict[str, float]:
    """FCR less its mean on random matrices with the same singular values. Chance: 0."""
    return {
        role: fourier_coefficient_ratio(W) - _chance(W, fourier_coefficient_ratio)
        for role, W in _residue_weights(s).items()
    }


def _chance(W: Float[Tensor, "symbol d"], f: Callable[[Tensor], float]) -> float:
    """The mean of `f` over random matrices with the singular values of W."""
    values = [f(random) for random in lookalikes(W)]
    return sum(values) / len(values)


@measure
def part_density(s: Snapshot) -> dict[str, float]:
    """FFD's question in the task's own lens: the share of parts whose norm, for their dimension, is
    above half of the largest; constants left out. Low is sparse. Chance: near 1."""
    densities = {}
    for weight in symbol_weights(s):
        even = even_spectrum(s, weight)
        density = torch.tensor(
            [
                (share / even[part]) ** 0.5
                for part, share in spectrum(s, weight).items()
                if part != "constant" and even[part] > 0
            ]
        )
        densities[weight] = float((density > ETA * density.max()).double().mean())
    return densities


@measure(invariant=True)
def decomposed_loss_train(s: Snapshot) -> dict[str, float]:
    """Train loss of the logits' components and their sums (Furuta et al. 2024, Table A.4, there for
    a+b and a-b; here for any task with a lens): sum directions of the key parts, of the others, and
    the residual, which no function of the product holds, the mean for each class included. Chance:
    ln(number of answers)."""
    keys, names = keys_of(s), s.fibres.split.names
    key = component(s, keys)
    others = tuple(name for name in names if name not in keys and name != "constant")
    other = component(s, others)
    products = s.fibres.product[s.is_train]
    without = excluded_losses(
        s.train_logits.double(), s.train_answers, products, torch.stack([other, key, key + other])
    )
    alone = {
        name: _train_loss(s, T)
        for name, T in (("key", key), ("non-key", other), ("key + non-key", key + other))
    }
    rest = ("key + residual", "non-key + residual", "residual")
    return alone | dict(zip(rest, without, strict=True))


def _train_loss(s: Snapshot, logits: Float[Tensor, "s c"]) -> float:
    products = s.fibres.product[s.is_train]
    return float(negative_log_likelihood(logits[products], s.train_answers).mean())

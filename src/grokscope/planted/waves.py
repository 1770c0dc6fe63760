"""Planted solutions of modular arithmetic: waves of a few frequencies, added in neurons.

A neuron of frequency k holds cos(w u + φ) + cos(w v + ψ), w = 2πk/m, where u and v are functions of
the operands whose sum modulo m decides the answer; its output is a wave of phase φ + ψ. With
x = w (u + v), δ = w (u - v):

    cos(w u + φ) + cos(w v + ψ) = 2 cos((δ + φ - ψ)/2) cos((x + φ + ψ)/2)

so that a square or a relu makes a second harmonic, cos(x + φ + ψ), which the output turns into
cos(x - w c). Its amplitude depends on δ where φ = ψ: the pizza of Zhong et al. 2023. With φ and ψ
apart it is the same for every δ, as in the clock.

Axes: symbol; neuron; c = an answer; t = a value of u + v; k = one of the frequencies.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from grokscope.activations import activation
from grokscope.errors import BadInput
from grokscope.models.five_neurons import FiveNeurons
from grokscope.models.pizza import Pizza
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import Draft, task_of, truth

Phases = Float[Tensor, " neuron"]
CLOCK, PIZZA, CONVOLUTION = (frozenset({x}) for x in ("clock", "pizza", "convolution"))
EVEN, LOOSE, RANDOM = "even", "loose", "random"
LOOSENESS = 0.1  # radians, the standard deviation of loose phases from even ones


@truth(p=(23, 31, 47, 59), frequencies=(3, 4, 5), neurons=(16, 24), phases=(EVEN, LOOSE))
def clock_square(
    random: Generator, p: int = 59, frequencies: int = 4, neurons: int = 24, phases: str = EVEN
) -> Draft:
    """The cosine solution with squares (Gromov 2023; the PAIR explorable): φ and ψ independent, so
    the squares of single cosines fall away over the neurons and 2 cos(w a + φ) cos(w b + ψ) stays,
    the clock's product."""
    return _addition(random, "square", p, frequencies, neurons, phases, is_tied=False)


@truth(p=(23, 31, 59, 113), frequencies=(4, 5, 6), neurons=(32, 48), phases=(EVEN, LOOSE))
def clock_relu(
    random: Generator, p: int = 59, frequencies: int = 5, neurons: int = 32, phases: str = EVEN
) -> Draft:
    """The same phases with relus: the mean of |cos((δ + φ - ψ)/2)| over the neurons depends on δ no
    more."""
    return _addition(random, "relu", p, frequencies, neurons, phases, is_tied=False)


@truth(p=(23, 31, 59), frequencies=(4, 5), neurons=(96, 128), act=("square", "relu"))
def clock_random(
    random: Generator,
    p: int = 59,
    frequencies: int = 5,
    neurons: int = 128,
    act: str = "square",
) -> Draft:
    """Either of them with random phases, for which it takes more neurons."""
    return _addition(random, act, p, frequencies, neurons, RANDOM, is_tied=False)


@truth(p=(23, 31, 59, 113), frequencies=(4, 5, 6), neurons=(20, 32), phases=(EVEN, LOOSE))
def pizza_relu(
    random: Generator, p: int = 59, frequencies: int = 5, neurons: int = 20, phases: str = EVEN
) -> Draft:
    """The pizza (Zhong et al. 2023): φ = ψ, logits Σ_k |cos(w (a - b)/2)| cos(w (a + b - c))."""
    return _addition(random, "relu", p, frequencies, neurons, phases, is_tied=True)


@truth(p=(23, 31, 59, 113), frequencies=(4, 5, 6), neurons=(20, 32), phases=(EVEN, LOOSE))
def pizza_square(
    random: Generator, p: int = 59, frequencies: int = 5, neurons: int = 20, phases: str = EVEN
) -> Draft:
    """φ = ψ with squares: logits Σ_k cos²(w (a - b)/2) cos(w (a + b - c))."""
    return _addition(random, "square", p, frequencies, neurons, phases, is_tied=True)


@truth(p=(11, 13, 17))
def five_neurons(random: Generator, p: int = 17) -> Draft:
    """Five neurons on one circle (the PAIR explorable), at the corners of a pentagon: W_in has
    columns (cos θ_i, sin θ_i), W_out rows (cos 2θ_i, sin 2θ_i), θ_i = 2πi/5 + θ. A pizza of one
    frequency."""
    task = task_of("a+b", p=p)
    model = FiveNeurons(p, p)
    theta = 2 * math.pi * (torch.arange(5) / 5 + torch.rand((), generator=random))
    with torch.no_grad():
        model.W_in.copy_(torch.stack([theta.cos(), theta.sin()]))
        model.W_out.copy_(torch.stack([(2 * theta).cos(), (2 * theta).sin()], dim=1) * p)
    return Draft(task, model, PIZZA)


@truth(p=(23, 31, 59), frequencies=(4, 5))
def pizza_transformer(random: Generator, p: int = 59, frequencies: int = 4) -> Draft:
    """A Transformer of attention rate 0 (Zhong et al. 2023), whose attention adds the circles of a
    and b, and whose MLP is that of `pizza_relu`.

    The residual stream has a place each for embeddings, for their sum and for what W_U reads.
    """
    task, places = task_of("a+b", p=p), 2 * frequencies
    model = Pizza(p, p, attention_rate=0.0, d_model=3 * places, n_heads=1)
    per = 3 * places * 4 // frequencies  # neurons of each frequency
    keys = some_keys(random, p, frequencies)
    angles = 2 * math.pi * keys[:, None] * torch.arange(p) / p
    circles = torch.stack([angles.cos(), angles.sin()], dim=1).flatten(0, 1)  # place, symbol
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        eye = torch.eye(places)
        model.W_E[:, :places] = circles.T
        model.W_V[0, :places, :places] = eye
        model.W_O[0, :places, places : 2 * places] = eye
        for i in range(frequencies):
            phi, _ = _phases(random, per, EVEN, is_tied=True)
            here, those = slice(2 * i, 2 * i + 2), slice(i * per, (i + 1) * per)
            wave = torch.stack([phi.cos(), -phi.sin()])
            double = torch.stack([(2 * phi).cos(), -(2 * phi).sin()], dim=1)
            model.W_in[places:][here, those] = wave
            model.W_out[those, 2 * places :][:, here] = double
        model.W_U[2 * places :] = circles
    return Draft(task, model, PIZZA, notes=f"frequencies {_said(keys)}")


@truth(p=(23, 31, 59), frequencies=(5, 6), neurons=(32,), act=("square", "relu"))
def multiplication(
    random: Generator,
    p: int = 59,
    frequencies: int = 5,
    neurons: int = 32,
    act: str = "square",
) -> Draft:
    """a * b modulo p, operands from 1: addition modulo p - 1 of the discrete logarithms to a
    primitive root (Doshi et al. 2024)."""
    task, log = task_of("a*b", p=p, zero=False), logarithm(p)
    out = torch.zeros(p - 1, p)
    out[log[1:], torch.arange(1, p)] = 1
    model, keys = _summed(random, act, log, log, out, frequencies, neurons, EVEN, False)
    notes = f"frequencies {_said(keys)} of the logarithm"
    return Draft(task, model, CLOCK | CONVOLUTION, notes=notes)


POLYNOMIALS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "a-b": (lambda a: a, lambda b: -b, lambda t: t),
    "2*a+3*b": (lambda a: 2 * a, lambda b: 3 * b, lambda t: t),
    "a**2+b**2": (lambda a: a * a, lambda b: b * b, lambda t: t),
    "a**3+b": (lambda a: a**3, lambda b: b, lambda t: t),
    "(a+b)**2": (lambda a: a, lambda b: b, lambda t: t * t),
    "(a-b)**3": (lambda a: a, lambda b: -b, lambda t: t**3),
}  # g1, g2, h


@truth(
    formula=tuple(POLYNOMIALS), p=(23, 29, 59), frequencies=(8, 10), neurons=(32,),
    act=("square", "relu"),
)  # fmt: skip
def polynomial(
    random: Generator,
    formula: str = "a**2+b**2",
    p: int = 59,
    frequencies: int = 8,
    neurons: int = 32,
    act: str = "square",
) -> Draft:
    """h(g1(a) + g2(b)) modulo p (Furuta et al. 2024; Doshi et al. 2024): the logit of c is the sum
    over t with h(t) = c of the clock's for g1(a) + g2(b) = t."""
    if formula not in POLYNOMIALS:
        known = ", ".join(POLYNOMIALS)
        raise BadInput(f"the planted formula `{formula}` is not known. Choose one of {known}.")
    g1, g2, h = POLYNOMIALS[formula]
    x, out = torch.arange(p), torch.zeros(p, p)
    out[x, h(x) % p] = 1
    model, keys = _summed(random, act, g1(x) % p, g2(x) % p, out, frequencies, neurons, EVEN, False)
    notes = f"frequencies {_said(keys)}"
    return Draft(task_of(formula, p=p), model, CLOCK | CONVOLUTION, notes=notes)


@truth(p=(12, 15, 20, 21), neurons=(32,), act=("square", "relu"))
def subgroup_circuits(
    random: Generator, p: int = 15, neurons: int = 32, act: str = "square"
) -> Draft:
    """a + b modulo a composite p by its factors alone: of coprime q r = p, one or two frequencies
    that are multiples of q, which see a + b modulo r, and likewise of r."""
    q = next(q for q in range(2, p) if p % q == 0 and math.gcd(q, p // q) == 1)
    keys = torch.cat([_multiples(random, p, q), _multiples(random, p, p // q)])
    x = torch.arange(p)
    model = summed_waves(random, act, x, x, torch.eye(p), keys, neurons, EVEN, False)
    notes = f"frequencies {_said(keys)}, none of which sees every residue"
    return Draft(task_of("a+b", p=p), model, CLOCK | CONVOLUTION, frozenset({"coset"}), notes)


def _multiples(random: Generator, p: int, q: int) -> Int[Tensor, " k"]:
    some = torch.arange(q, p // 2 + 1, q)
    return some[torch.randperm(len(some), generator=random)[:2]]


def _addition(
    random: Generator,
    act: str,
    p: int,
    frequencies: int,
    neurons: int,
    phases: str,
    is_tied: bool,
) -> Draft:
    x = torch.arange(p)
    model, keys = _summed(random, act, x, x, torch.eye(p), frequencies, neurons, phases, is_tied)
    exact, too = (PIZZA, frozenset[str]()) if is_tied else (CLOCK, CONVOLUTION)
    return Draft(task_of("a+b", p=p), model, exact, too, f"frequencies {_said(keys)}")


def _summed(
    random: Generator,
    act: str,
    u: Int[Tensor, " symbol"],
    v: Int[Tensor, " symbol"],
    out: Float[Tensor, "t c"],
    frequencies: int,
    neurons: int,
    phases: str,
    is_tied: bool,
) -> tuple[Neurons, Int[Tensor, " k"]]:
    keys = some_keys(random, len(out), frequencies)
    return summed_waves(random, act, u, v, out, keys, neurons, phases, is_tied), keys


def summed_waves(
    random: Generator,
    act: str,
    u: Int[Tensor, " symbol"],
    v: Int[Tensor, " symbol"],
    out: Float[Tensor, "t c"],
    keys: Int[Tensor, " k"],
    neurons: int,
    phases: str,
    is_tied: bool,
    scrambled: bool = False,
) -> Neurons:
    """Neurons that add u(a) and v(b), `neurons` for each frequency, and answer c where `out` says
    so of their sum; with `scrambled`, of output phases that have nothing to do with φ + ψ.

    Each neuron has a random scale, which its output undoes.
    """
    degree = activation(act).degree
    if degree is None:
        raise BadInput(
            f"act={act} is not homogeneous, so no output undoes a neuron's scale. Choose act=relu."
        )
    m, L, R, U = len(out), [], [], []
    for key in keys.tolist():
        phi, psi = _phases(random, neurons, phases, is_tied)
        angle = 2 * math.pi * key * torch.arange(m) / m
        last = phi + psi
        if scrambled:
            last = 2 * math.pi * torch.rand(neurons, generator=random)
        scale = 0.7 + 0.6 * torch.rand(neurons, generator=random)
        L.append(scale * (angle[u, None] + phi).cos())
        R.append(scale * (angle[v, None] + psi).cos())
        U.append((angle[:, None] + last).cos() / scale**degree)
    W_U = torch.cat(U, dim=1).T @ out
    return Neurons(torch.cat(L, dim=1), torch.cat(R, dim=1), W_U / neurons * 4, act=act)


def _phases(random: Generator, n: int, phases: str, is_tied: bool) -> tuple[Phases, Phases]:
    """φ and ψ of n neurons, equal if tied: random, or even, on a lattice of the torus that is
    turned at random, or loose, near to it."""
    if phases == RANDOM:
        phi, psi = 2 * math.pi * torch.rand(2, n, generator=random)
        return phi, phi if is_tied else psi
    turn = torch.rand(2, 1, generator=random)
    phi, psi = 2 * math.pi * (torch.arange(n) * torch.tensor([[1], [_step(n)]]) / n + turn)
    if phases == LOOSE:
        phi, psi = torch.stack([phi, psi]) + LOOSENESS * torch.randn(2, n, generator=random)
    return phi, phi if is_tied else psi


@lru_cache
def _step(n: int) -> int:
    """The q for which the waves exp(i (k φ + l ψ)) sum to zero over the phases φ = 2πj/n, ψ = qφ up
    to the highest |k| + |l|."""

    def lowest(q: int) -> int:
        some = range(-n, n + 1)
        return min(abs(k) + abs(l) for k in some for l in some if (k + q * l) % n == 0 and (k or l))

    return max(range(1, n), key=lowest)


def some_keys(random: Generator, m: int, count: int) -> Int[Tensor, " k"]:
    """Different frequencies 1..(m-1)/2, at most half of all: more would be no explanation."""
    count = min(count, (m - 1) // 4)
    return 1 + torch.randperm((m - 1) // 2, generator=random)[:count].sort().values


def logarithm(p: int) -> Int[Tensor, " symbol"]:
    """The discrete logarithm of 1..p-1 to the smallest primitive root of a prime p; 0 of 0."""
    for root in range(1, p):
        powers = [pow(root, j, p) for j in range(p - 1)]
        if len(set(powers)) == p - 1:
            log = torch.zeros(p, dtype=torch.long)
            log[torch.tensor(powers)] = torch.arange(p - 1)
            return log
    raise BadInput(f"{p} has no primitive root. Choose a prime.")


def _said(keys: Int[Tensor, " k"]) -> str:
    return ", ".join(map(str, keys.tolist()))

"""Modular addition without training: a network written down, its errors counted, and its page.

The construction of the PAIR explorable (Pearce et al. 2023, Appendix A; with squares, Gromov 2023).
With ω = 2π/M and θ = 2π/N, neuron i of N and the logit of the answer c of M are

    h_i = act(cos(aω - iθ) + cos(bω - iθ)),    logit_c = Σ_i h_i cos(cω - 2iθ),

4N numbers beside the circle of the residues. The sum of two cosines is a product,
2 cos((a-b)ω/2) cos((a+b)ω/2 - iθ). So the logits are cos(cω - φ) times a gain, and the angle φ
depends only on the half angle s = (a+b)ω/2, or s + π where the first cosine is negative. It should
be 2s. All pairs are counted exactly by the 2M half angles s = πu/M.

`web/src/construct/` computes the same in the page.

Axes: a, b = the operands; s = half angles.
"""

import itertools
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Literal, get_args

import numpy as np
from jaxtyping import Complex, Float

from grokscope.errors import BadInput, unknown

Activation = Literal["relu", "square"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
MODULI, NEURONS = range(2, 501), range(1, 13)
ASSETS = Path(__file__).parent / "assets"

SLACK = 1e-12  # an angle nearer than this to the middle of two answers is a tie: rounding is 1e-15
GRID = 1 << 14  # half angles between two neurons, at which the largest error is sought


@dataclass(frozen=True)
class Constructed:
    """What the network of N neurons does on all M² pairs. A tie is not right.

    Attributes:
        right: The number of pairs whose right logit is larger than every other.
        margin: The smallest lead of the right logit over the best other; not above 0 where a pair
            is wrong.
        angle: The largest |φ - 2s| in radians over the pairs whose logits are not all 0. It is
            right below π/M.
    """

    modulus: int
    neurons: int
    activation: Activation
    right: int
    margin: float
    angle: float

    @property
    def accuracy(self) -> float:
        """The share of all M² pairs that are right."""
        return self.right / self.modulus**2


def constructed(modulus: int, neurons: int, activation: Activation) -> Constructed:
    """The network on all pairs: how many are right, the worst margin, the largest angle error.

    Raises:
        BadInput: for a modulus, a number of neurons, or an activation that the page does not have.
    """
    _check(modulus, neurons, activation)
    M, n = modulus, np.arange(modulus)
    total, apart = n[:, None] + n, (n[:, None] - n) % (2 * M)
    is_zero = 2 * apart % (2 * M) == M  # a - b = M/2: the integers know that the cosine is 0
    is_negative = (2 * apart > M) & (2 * apart < 3 * M)
    gain = np.where(is_zero, 0, np.abs(2 * np.cos(np.pi * apart / M)))
    gain = gain**2 if activation == "square" else gain
    u = (total + M * is_negative) % (2 * M)

    v = directions(np.pi * np.arange(2 * M) / M, neurons, activation)
    error, length = np.abs(np.angle(v)), np.abs(v)
    is_right = (length > SLACK) & (error < np.pi / M - SLACK)
    steps = np.floor(error * M / (2 * np.pi) + 0.5)  # to the answer next to φ
    rival = np.abs(error - 2 * np.pi / M * np.maximum(steps, 1))
    lead = length * (np.cos(error) - np.cos(rival))
    is_told = (gain > 0) & (length[u] > SLACK)
    return Constructed(
        modulus=M,
        neurons=neurons,
        activation=activation,
        right=int((is_right[u] & ~is_zero).sum()),
        margin=float((gain * lead[u]).min()),
        angle=float(error[u][is_told].max()),
    )


def directions(
    s: Float[np.ndarray, " s"], neurons: int, activation: Activation
) -> Complex[np.ndarray, " s"]:
    """Σ_i act(cos(s - iθ)) exp(i 2iθ), turned back by the 2s it should have: its argument is the
    angle error."""
    theta = 2 * np.pi * np.arange(neurons) / neurons
    z = np.cos(s[:, None] - theta)
    h = np.maximum(z, 0) if activation == "relu" else z**2
    return (h * np.exp(2j * (theta - s[:, None]))).sum(axis=1)


@cache
def angle_error(neurons: int, activation: Activation) -> float:
    """The largest angle error over the whole circle, in radians: every modulus below π over it is
    right, but for a - b = M/2."""
    step = 2 * np.pi / neurons / GRID
    return float(np.abs(np.angle(directions(step * np.arange(GRID), neurons, activation))).max())


@cache
def largest_modulus(neurons: int, activation: Activation) -> int | None:
    """The largest odd modulus up to which every odd modulus is added without a mistake, found by
    trying them; 1 if already 3 fails, None where there is no angle error and so no such modulus."""
    if angle_error(neurons, activation) < SLACK:
        return None
    for M in itertools.count(3, 2):
        v = directions(np.pi * np.arange(2 * M) / M, neurons, activation)
        if not ((np.abs(v) > SLACK) & (np.abs(np.angle(v)) < np.pi / M - SLACK)).all():
            return M - 2
    raise AssertionError("an angle error is too much for some modulus")


def write_construction(path: Path, modulus: int, neurons: int, activation: Activation) -> Path:
    """Write the page that opens on this network; returns its path."""
    from grokscope.training.files import write_atomically

    write_atomically(path, construction(modulus, neurons, activation).encode())
    return path


def construction(modulus: int, neurons: int, activation: Activation) -> str:
    """The page as HTML: one file, which fetches nothing."""
    found = constructed(modulus, neurons, activation)
    relu, square = (constructed(67, 5, act) for act in ACTIVATIONS)
    weak = math.sin(math.pi / 2 / 67) ** 2  # cos²((a - b)ω/2) where a and b are nearly opposite
    state = {"M": modulus, "N": neurons, "act": activation, "a": modulus // 3, "b": modulus // 5}
    reasons = {act: [reason(n, act) for n in NEURONS] for act in ACTIVATIONS}
    return Template((ASSETS / "construct.html").read_text("utf-8")).substitute(
        style=(ASSETS / "construct.css").read_text("utf-8"),
        script=(ASSETS / "construct.js").read_text("utf-8"),
        start=json.dumps({"state": state, "reasons": reasons}),
        network=_network(found),
        summary=summary(found),
        modulus=modulus,
        reason=reason(neurons, activation),
        rows="\n".join(_row(modulus, neurons) for neurons in NEURONS),
        relu_margin=number(relu.margin),
        square_margin=number(square.margin),
        least_gain=number(weak),
        ratio=f"{1 / weak:,.0f}",
        least_modulus=MODULI[0],
        most_modulus=MODULI[-1],
        most_neurons=NEURONS[-1],
    )


def summary(x: Constructed) -> str:
    """How many pairs are right, and why not all, in words. The page says the same of other
    networks."""
    M, pairs = x.modulus, x.modulus**2
    most = f"π/{M} = {number(math.pi / M)}"
    if x.right == pairs:
        return (
            f"All {pairs:,} pairs are right: accuracy 1 (guessing gives 1/{M}). The right logit "
            f"leads the next by {number(x.margin)} at least. The angle is off by at most "
            f"{number(x.angle)} rad, and {most} would be too much."
        )
    count = (
        f"{x.right:,} of {pairs:,} pairs are right: accuracy {x.accuracy:.4f} "
        f"(guessing gives 1/{M})."
    )
    if x.right == pairs - M and M % 2 == 0:
        return (
            f"{count} That is exactly 1 - 1/{M}: the {M} others are those with a - b = {M // 2}, "
            "and all their logits are 0."
        )
    if x.angle < math.pi / M - SLACK:
        return f"{count} In the others all logits are 0."
    return f"{count} The angle is off by up to {number(x.angle)} rad, and {most} is too much."


def reason(neurons: int, activation: Activation) -> str:
    """Why N neurons err, or do not, by the harmonics that their sum keeps."""
    N = neurons
    if N in (1, 2):
        return (
            "The output directions 2iθ are all the same one, so the angle of the answer is not "
            "there to be read."
        )
    if N == 4:
        return (
            "The output directions 2iθ lie on one line, so c and -c get the same logit: harmonic 2 "
            "cannot be told from its mirror image."
        )
    if activation == "square":
        return (
            "A square makes harmonics 0 and 2 of the half angle and no others. The sum over "
            f"{N} directions cancels harmonic 0 and keeps harmonic 2, which is the answer: there "
            "is no angle error."
        )
    if N == 3:
        return (
            "Three directions cannot tell harmonic 2 from harmonic 1, which turns the other way "
            "and which a ReLU passes at more than twice the strength (1/2 to 2/(3π))."
        )
    n, m = (2 * N - 2, 2 * N + 2) if N % 2 else (N - 2, N + 2)
    first, second = n * n - 1, m * m - 1  # a harmonic's weakness beside the second, times 3
    parity = f" A ReLU has no odd harmonics but the first: {N - 1} neurons do better."
    return (
        f"The sum over {N} directions keeps those harmonics n of the ReLU for which n - 2 or n + 2 "
        f"is a multiple of {N}. Harmonic 2 is the answer. The first error is harmonic {n}, "
        f"{number(first / 3)} times weaker, and harmonic {m} takes some of it back: 3/{first} - "
        f"3/{second} = {number(3 / first - 3 / second)}, close to the "
        f"{number(angle_error(N, activation))} rad by which the angle is off at most."
        f"{'' if N % 2 else parity}"
    )


def number(x: float) -> str:
    """Three digits, or two and a power of ten if it is below .001. The page writes them alike."""
    if abs(x) >= 1e-3 or abs(x) < 1e-13:
        return f"{x:#.3g}".rstrip(".") if abs(x) >= 1e-3 else "0"
    digits, power = f"{x:.1e}".split("e")
    return f"{digits}e{int(power)}"


def _network(x: Constructed) -> str:
    kind = {"relu": "ReLU", "square": "square"}[x.activation]
    return f"a + b mod {x.modulus}, {x.neurons} {kind} neuron{'' if x.neurons == 1 else 's'}"


def _row(modulus: int, neurons: int) -> str:
    """A line of the table. Squares have an angle error of 0, or, as up to 4 relus, no use."""
    relu, square = (_cells(modulus, neurons, activation) for activation in ACTIVATIONS)
    off = f"{angle_error(neurons, 'relu'):.6f}" if neurons > 4 else "—"
    return f'<tr><th scope="row">{neurons}</th><td>{off}</td>{relu}{square}</tr>'


def _cells(modulus: int, neurons: int, activation: Activation) -> str:
    limit = largest_modulus(neurons, activation)
    told = "all" if limit is None else "none" if limit < 3 else f"{limit:,}"
    here = constructed(modulus, neurons, activation)
    lost = 0 if modulus % 2 else modulus
    best = f"1 − 1/{modulus}" if lost else "1"
    is_best = here.right == modulus**2 - lost
    share = best if is_best else f"{here.accuracy:.4f}"
    kind = ' class="best"' if is_best else ""
    return f'<td>{told}</td><td{kind} data-here="{activation} {neurons}">{share}</td>'


def _check(modulus: int, neurons: int, activation: str) -> None:
    if modulus not in MODULI:
        raise BadInput(f"the modulus {modulus} is not within 2 to 500. Try --modulus 67.")
    if neurons not in NEURONS:
        raise BadInput(f"{neurons} neurons are not within 1 to 12. Try --neurons 5.")
    if activation not in ACTIVATIONS:
        raise unknown("activation", activation, ACTIVATIONS)

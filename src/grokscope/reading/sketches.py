"""Small drawings of words that a picture says best, as SVG in the colour of the text."""

from collections.abc import Callable
from math import cos, pi, sin

STROKE = 'fill="none" stroke="currentColor"'
GREEN, ORANGE = "#009e73", "#d55e00"


def _svg(inside: str, title: str) -> str:
    return (
        f'<svg viewBox="0 0 180 76" width="180" height="76" role="img" aria-label="{title}" '
        f'class="sketch">{inside}</svg>'
    )


def _at(x: int, turn: float, r: int = 30) -> tuple[float, float]:
    """A point on a circle about (x, 38), so many turns on from the top."""
    return x + r * sin(2 * pi * turn), 38 - r * cos(2 * pi * turn)


def _circle(x: int) -> str:
    return f'<circle cx="{x}" cy="38" r="30" {STROKE} opacity=".4"/>'


def _hand(x: int, turn: float, colour: str) -> str:
    right, down = _at(x, turn)
    return (
        f'<path d="M{x} 38L{right:.1f} {down:.1f}" stroke="{colour}" stroke-width="2.5"/>'
        f'<circle cx="{right:.1f}" cy="{down:.1f}" r="3.5" fill="{colour}"/>'
    )


def _clock() -> str:
    """The angles of a and of b, and their sum."""
    a, b = 0.12, 0.2
    hands = _hand(40, a, GREEN) + _hand(40, b, ORANGE) + _hand(138, a + b, "currentColor")
    return _svg(
        f'{_circle(40)}{_circle(138)}{hands}<text x="80" y="42" fill="currentColor">add →</text>',
        "two hands of a clock, and one at the sum of their angles",
    )


def _pizza() -> str:
    """The middle of the points of a and b, and its direction."""
    a, b = 0.05, 0.25
    (x, y), (u, v) = _at(40, a), _at(40, b)
    middle = ((x + u) / 2, (y + v) / 2)
    return _svg(
        f'{_circle(40)}<path d="M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" {STROKE} stroke-dasharray="3 3"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{GREEN}"/>'
        f'<circle cx="{u:.1f}" cy="{v:.1f}" r="3.5" fill="{ORANGE}"/>'
        f'<path d="M40 38L{middle[0]:.1f} {middle[1]:.1f}" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{middle[0]:.1f}" cy="{middle[1]:.1f}" r="3.5" fill="currentColor"/>'
        '<text x="82" y="42" fill="currentColor">the middle points</text>'
        '<text x="82" y="56" fill="currentColor">to half the sum</text>',
        "two points on a circle, and the middle of the two",
    )


def _cosets() -> str:
    """A group of twelve in pieces of three."""
    colours = (GREEN, ORANGE, "#0072b2", "#cc79a7")
    cells = "".join(
        f'<rect x="{10 + 40 * i}" y="{10 + 20 * j}" width="34" height="15" rx="3" fill="{colour}"/>'
        for i, colour in enumerate(colours)
        for j in range(3)
    )
    return _svg(cells, "twelve elements in four pieces of three")


def _rho_set() -> str:
    """Three vectors that a turn by a third takes to one another."""
    arrows = "".join(_hand(40, k / 3, c) for k, c in enumerate((GREEN, ORANGE, "#0072b2")))
    return _svg(
        f'{_circle(40)}{arrows}<text x="82" y="34" fill="currentColor">each element</text>'
        '<text x="82" y="48" fill="currentColor">swaps them around</text>',
        "three arrows from one point, that turns take to one another",
    )


def _lens() -> str:
    """A wiggle as a sum of two waves."""

    def wave(left: int, f: Callable[[float], float], colour: str) -> str:
        line = "L".join(f"{left + x},{38 - 16 * f(x / 44):.1f}" for x in range(45))
        return f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def slow(x: float) -> float:
        return sin(2 * pi * x)

    def fast(x: float) -> float:
        return 0.6 * sin(6 * pi * x)

    return _svg(
        wave(4, lambda x: slow(x) + fast(x), "currentColor")
        + wave(68, slow, GREEN)
        + wave(130, fast, ORANGE)
        + '<text x="52" y="42" fill="currentColor">=</text>'
        + '<text x="116" y="42" fill="currentColor">+</text>',
        "a curve that is the sum of a slow and a fast wave",
    )


SKETCHES = {
    "clock": _clock(),
    "pizza": _pizza(),
    "coset": _cosets(),
    "ρ-set": _rho_set(),
    "lens": _lens(),
}

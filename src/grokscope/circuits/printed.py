"""Circuits as Python that anyone can run: sources that need nothing but Python itself.

Axes: g = an element of a group; point = a product; c = an answer.
"""

from collections.abc import Sequence
from textwrap import fill

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.lenses import Lens
from grokscope.algebra.splits import isotypic

DIGITS = 6  # significant, of a printed number


def convolution(
    lens: Lens, group: Group, kernel: Float[Tensor, " g"], ends: Sequence[float]
) -> str:
    """A kernel on a group: as waves where the group is cyclic, else as a list."""
    log = logarithm(group)
    if log is None:
        return _on_elements(group, kernel)
    n = group.order
    element = torch.arange(len(lens.answers)) if lens.element is None else lens.element
    angle = torch.where(element >= 0, log[element.clamp(min=0)], torch.tensor(-1))
    ordered = torch.empty_like(kernel)
    ordered[log] = kernel
    a, b = points(lens)
    place = angle.new_full((len(lens.answers),), -1)
    place[lens.answers] = angle  # of each answer
    has_gaps = bool((place < 0).any() or (angle[a] < 0).any() or (angle[b] < 0).any())
    said = f"# {lens.law}: each symbol and answer has a place on a circle of {n}"
    gaps = [f"ENDS = {tuple(round_(x) for x in ends)}  # without a place: the answer too, or not"]
    one = "wave(c - A[a] - B[b])"
    body = [
        "    if A[a] < 0 or B[b] < 0:",
        "        return [ENDS[c >= 0] for c in C]",
        f"    return [{one} if c >= 0 else ENDS[2] for c in C]",
    ]
    return "\n".join(
        [
            "from math import cos, pi",
            "",
            said + (", -1 for none" if has_gaps else ""),
            _named("A", angle[a].tolist()),
            _named("B", angle[b].tolist()),
            _named("C", place.tolist()),
            "WAVES = {  # frequency: amplitude, phase",
            *(f"    {k}: {x}," for k, x in _waves(ordered).items()),
            "}",
            *(gaps if has_gaps else []),
            "",
            "",
            "def wave(x):",
            f"    return sum(h * cos(2 * pi * k * x / {n} - t) for k, (h, t) in WAVES.items())",
            "",
            "",
            "def logits(a, b):",
            *(body if has_gaps else [f"    return [{one} for c in C]"]),
            "",
            ANSWER,
        ]
    )


def on_product(lens: Lens, table: Float[Tensor, "point c"]) -> str:
    """A table over products and answers."""
    a, b = points(lens)
    sign = {"additive": "+", "multiplicative": "*"}[lens.name]
    occur = lens.fibres.points.tolist()
    rows = {p: [round_(x) for x in row] for p, row in zip(occur, table.tolist(), strict=True)}
    return "\n".join(
        [
            f"# {lens.law}: each operand has a point",
            _named("A", a.tolist()),
            _named("B", b.tolist()),
            "TABLE = {  # of each product, the logits",
            *(f"    {p}: {row}," for p, row in rows.items()),
            "}",
            "",
            "",
            "def logits(a, b):",
            f"    return TABLE[(A[a] {sign} B[b]) % {len(lens.answers)}]",
            "",
            ANSWER,
        ]
    )


ANSWER = """
def answer(a, b):
    found = logits(a, b)
    return found.index(max(found))
"""


def _on_elements(group: Group, kernel: Float[Tensor, " g"]) -> str:
    return "\n".join(
        [
            *product_of(group),
            _named("KERNEL", [round_(x) for x in kernel.tolist()]),
            "",
            "",
            "def logits(a, b):  # the kernel at a⁻¹ c b⁻¹",
            "    left, right = inverse(a), inverse(b)",
            "    return [KERNEL[product(product(left, c), right)] for c in range(N)]",
            "",
            ANSWER,
        ]
    )


def product_of(group: Group) -> list[str]:
    """Lines that define N, product(a, b) and inverse(a) of a group: by its permutations if it has
    them, else by its table."""
    head = [f"# {group.name}: elements by their numbers", f"N = {group.order}"]
    tail = ["", "", "def inverse(a):", "    return INVERSE[a]", ""]
    inverse = _named("INVERSE", group.inverse.tolist())
    if group.points is None or group.points.shape[1] > 10:
        rows = [f"    {row}," for row in group.table.tolist()]
        body = ["", "", "def product(a, b):", "    return TABLE[a][b]"]
        return [*head, "TABLE = [", *rows, "]", inverse, *body, *tail]
    words = " ".join("".join(map(str, g)) for g in group.points.tolist())
    p, q = group.points[0], group.points[1]
    first = torch.equal(group.points[group.table[0, 1]], q[p])  # the left factor acts first
    inner, outer = ("a", "b") if first else ("b", "a")
    return [
        *head,
        f'MOVES = """\n{fill(words, 96)}\n""".split()  # element g sends i to MOVES[g][i]',
        "NUMBER = {word: g for g, word in enumerate(MOVES)}",
        inverse,
        "",
        "",
        "def product(a, b):",
        f'    return NUMBER["".join(MOVES[{outer}][int(i)] for i in MOVES[{inner}])]',
        *tail,
    ]


def logarithm(group: Group) -> Tensor | None:
    """Where each element stands on a circle, to the generator that names the group's parts; None if
    the group is not cyclic."""
    if group.is_addition:
        return torch.arange(group.order)
    generators = (group.orders == group.order).nonzero()[:, 0].tolist()
    if not generators or "character 1" not in isotypic(group).names:
        return None
    log, power = torch.zeros(group.order, dtype=torch.long), group.identity
    for j in range(group.order):
        log[power], power = j, int(group.table[power, generators[0]])
    return log


def points(lens: Lens) -> tuple[Tensor, Tensor]:
    """The point of each value of a, and of b."""
    x = torch.arange(len(lens.answers))
    found = []
    for role in "ab":
        matrix = lens.views[role].matrix
        found.append(x if matrix is None else matrix.argmax(dim=0))
    return found[0], found[1]


def _waves(kernel: Float[Tensor, " g"]) -> dict[int, tuple[float, float]]:
    """The waves of a function on a circle that are not 0, with amplitude and phase: their sum is
    the function less its mean."""
    n = len(kernel)
    spectrum = torch.fft.rfft(kernel.double())
    height, phase = 2 / n * spectrum.abs(), -spectrum.angle()
    if n % 2 == 0:
        height[-1] /= 2
    floor = 1e-9 * float(height.max())
    return {
        k: (round_(float(height[k])), round_(float(phase[k])))
        for k in range(1, len(spectrum))
        if float(height[k]) > floor
    }


def round_(x: float) -> float:
    """To the digits that are printed."""
    return float(f"{x:.{DIGITS}g}")


def _named(name: str, values: Sequence[float | int]) -> str:
    """`name = [...]`, or a range where it is one."""
    found = list(values)
    if found == list(range(len(found))):
        return f"{name} = list(range({len(found)}))"
    return fill(f"{name} = {found}", 96, subsequent_indent="     ", break_long_words=False)

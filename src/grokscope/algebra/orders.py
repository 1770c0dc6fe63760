"""The orders in which published networks number the elements of a permutation group.

A network's weights say nothing of which row is which element: reading another's network starts with
its element order. Here are the known ones, each by its name.

Axes: g = an element; point = what a permutation moves.
"""

from itertools import permutations, product
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.errors import BadInput, lookup

Parity = Literal["any", "even"]

# Chains of stabilisers, level by level: one permutation for each point that the first base point is
# sent to by the permutations that fix the earlier ones. So sympy 1.11 writes its groups, from the
# generators (0 1 ... n-1), (0 1) of S_n and (0 1 2 3 4), (1 2)(3 4) of A5.
TRANSVERSALS = {
    "S4": ("0123 1230 2301 3120", "0123 0231 0312", "0123 0132"),
    "S5": (
        "01234 12340 23401 34012 41230",
        "01234 02143 03412 04123",
        "01423 01234 01243",
        "01234 01432",
    ),
    "S6": (
        "012345 123450 234501 345012 451230 512340",
        "012345 021354 031254 045123 051234",
        "013524 012534 012345 012354",
        "012345 013542 015243",
        "012345 012543",
    ),
    "A5": ("01234 12340 23401 34012 42130", "01234 02143 03124 04213", "01234 01342 01423"),
}


def lexicographic(n: int, parity: Parity) -> list[tuple[int, ...]]:
    """The permutations sorted by their one-line notation."""
    every = permutations(range(n))
    return [x for x in every if parity == "any" or not is_odd(x)]


def chughtai2023(n: int, parity: Parity) -> list[tuple[int, ...]]:
    """The numbering of Chughtai et al. 2023, which is that of sympy 1.11; S4, S5, S6 and A5."""
    name = f"{'S' if parity == 'any' else 'A'}{n}"
    if name not in TRANSVERSALS:
        raise BadInput(
            f"Chughtai et al. 2023 have no order of {name}; they have one of "
            f"{', '.join(TRANSVERSALS)}. Leave elements at `lexicographic`."
        )
    levels = [[tuple(map(int, x)) for x in level.split()] for level in TRANSVERSALS[name]]
    elements = []
    for chosen in product(*reversed(levels)):
        x = tuple(range(n))
        for step in chosen:
            x = tuple(step[i] for i in x)
        elements.append(x)
    return elements


def stander2023(n: int, parity: Parity) -> list[tuple[int, ...]]:
    """The numbering of Stander et al. 2023: the even ones first, each half by one-line notation."""
    return sorted(lexicographic(n, parity), key=lambda x: (is_odd(x), x))


ORDERS = {f.__name__: f for f in (lexicographic, chughtai2023, stander2023)}


def permutations_in(elements: str, n: int, parity: Parity = "any") -> Int[Tensor, "g point"]:
    """All permutations of n points, or the even ones, in the order called `elements`."""
    return torch.tensor(lookup("element order", elements, ORDERS)(n, parity))


def is_odd(x: tuple[int, ...]) -> bool:
    """Whether a permutation has an odd number of inversions."""
    inversions = sum(x[i] > x[j] for j in range(len(x)) for i in range(j))
    return inversions % 2 == 1

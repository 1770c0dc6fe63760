"""The product in S3 by cosets of its subgroups of order 2: a coset circuit as a program, which
needs nothing but Python itself. Any other prints the same with its own numbers.

    logit(z) = Σ u(HzK) act(l(Hx) + r(yK)), the sum over neurons; and a few irreps ±1

x, y and z are the elements that a, b and an answer stand for. A coset is known by its smallest
member.
"""

from functools import cache

# Element g sends i to MOVES[g][i]; in a product ab, a acts first.
MOVES = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
# Points that tell all elements apart by where they are sent.
BASE = [0, 1, 2]
# The elements that each a, each b and each answer stand for.
A = list(range(6))
B = list(range(6))
C = list(range(6))
# The irreps ±1, and how much of each is added to every score.
SIGNS = [[1.0, -1.0, -1.0, 1.0, 1.0, -1.0]]
BIAS = [0.0]
SUBGROUPS = {
    0: [0, 1],
    1: [0, 5],
    2: [0, 2],
}
# H and K of each neuron; l on Hx, r on yK, u on HzK; how much of each irrep ±1 it adds beside.
# Above neurons stands what they ask: whether ab lies in Hz, which is zK.
NEURONS = [
    (0, 0, {0: 1.0, 2: 0.0, 4: -1.0}, {0: -1.0, 2: 0.0, 3: 1.0}, {0: -2.0, 2: 1.0}, [0.0]),
    (0, 1, {0: 1.0, 2: 0.0, 4: -1.0}, {0: 0.0, 1: 1.0, 2: -1.0}, {0: 1.0, 2: -2.0}, [0.0]),
    (0, 2, {0: 1.0, 2: 0.0, 4: -1.0}, {0: 1.0, 1: 0.0, 4: -1.0}, {0: 1.0, 4: -2.0}, [0.0]),
    (1, 0, {0: 0.0, 1: -1.0, 2: 1.0}, {0: -1.0, 2: 0.0, 3: 1.0}, {0: 1.0, 2: -2.0}, [0.0]),
    (1, 1, {0: 0.0, 1: -1.0, 2: 1.0}, {0: 0.0, 1: 1.0, 2: -1.0}, {0: -2.0, 1: 1.0}, [0.0]),
    (1, 2, {0: 0.0, 1: -1.0, 2: 1.0}, {0: 1.0, 1: 0.0, 4: -1.0}, {0: 1.0, 1: -2.0}, [0.0]),
    (2, 0, {0: -1.0, 1: 0.0, 3: 1.0}, {0: -1.0, 2: 0.0, 3: 1.0}, {0: 1.0, 3: -2.0}, [0.0]),
    (2, 1, {0: -1.0, 1: 0.0, 3: 1.0}, {0: 0.0, 1: 1.0, 2: -1.0}, {0: 1.0, 1: -2.0}, [0.0]),
    (2, 2, {0: -1.0, 1: 0.0, 3: 1.0}, {0: 1.0, 1: 0.0, 4: -1.0}, {0: -2.0, 1: 1.0}, [0.0]),
    (0, 0, {0: -1.0, 2: 0.0, 4: 1.0}, {0: 1.0, 2: 0.0, 3: -1.0}, {0: -2.0, 2: 1.0}, [0.0]),
    (0, 1, {0: -1.0, 2: 0.0, 4: 1.0}, {0: 0.0, 1: -1.0, 2: 1.0}, {0: 1.0, 2: -2.0}, [0.0]),
    (0, 2, {0: -1.0, 2: 0.0, 4: 1.0}, {0: -1.0, 1: 0.0, 4: 1.0}, {0: 1.0, 4: -2.0}, [0.0]),
    (1, 0, {0: 0.0, 1: 1.0, 2: -1.0}, {0: 1.0, 2: 0.0, 3: -1.0}, {0: 1.0, 2: -2.0}, [0.0]),
    (1, 1, {0: 0.0, 1: 1.0, 2: -1.0}, {0: 0.0, 1: -1.0, 2: 1.0}, {0: -2.0, 1: 1.0}, [0.0]),
    (1, 2, {0: 0.0, 1: 1.0, 2: -1.0}, {0: -1.0, 1: 0.0, 4: 1.0}, {0: 1.0, 1: -2.0}, [0.0]),
    (2, 0, {0: 1.0, 1: 0.0, 3: -1.0}, {0: 1.0, 2: 0.0, 3: -1.0}, {0: 1.0, 3: -2.0}, [0.0]),
    (2, 1, {0: 1.0, 1: 0.0, 3: -1.0}, {0: 0.0, 1: -1.0, 2: 1.0}, {0: 1.0, 1: -2.0}, [0.0]),
    (2, 2, {0: 1.0, 1: 0.0, 3: -1.0}, {0: -1.0, 1: 0.0, 4: 1.0}, {0: -2.0, 1: 1.0}, [0.0]),
]
NUMBER = {tuple(move[i] for i in BASE): g for g, move in enumerate(MOVES)}


def act(x):
    return max(0.0, x)


def product(a, b):
    return NUMBER[tuple(MOVES[b][MOVES[a][i]] for i in BASE)]


@cache
def right(H, x):
    """The smallest member of Hx."""
    return min(product(h, x) for h in SUBGROUPS[H])


@cache
def left(y, K):
    """The smallest member of yK."""
    return min(product(y, k) for k in SUBGROUPS[K])


@cache
def double(H, z, K):
    """The smallest member of HzK."""
    return min(right(H, product(z, k)) for k in SUBGROUPS[K])


def of_signs(parts, z):
    return sum((k * sign[z] for k, sign in zip(parts, SIGNS, strict=True)), 0.0)


def logits(a, b):
    x, y = A[a], B[b]
    total = [of_signs(BIAS, z) for z in range(len(MOVES))]
    for H, K, l, r, u, signs in NEURONS:
        post = act(l[right(H, x)] + r[left(y, K)])
        if post:
            for z in range(len(MOVES)):
                total[z] += post * (u[double(H, z, K)] + of_signs(signs, z))
    return [total[z] for z in C]


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

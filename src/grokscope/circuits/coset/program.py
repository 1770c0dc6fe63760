"""A coset circuit as a program that needs nothing but Python.

    logit(z) = BIAS[z] + Σ u(HzK) act(l(Hx) + r(yK)), the sum over neurons

x, y and z are the elements that a, b and an answer stand for. Each neuron has its subgroups H and
K, and a table each of l, r and u, by the smallest member of a coset.
"""

from functools import cache

# Numbers
# logit(z) = Σ_i u_i(HzK) relu(l_i(Hx) + r_i(yK)), K conjugate to H; subgroups H: C2
# S3: elements by their numbers
N = 6
MOVES = ["012", "021", "102", "120", "201", "210"]  # element g sends i to MOVES[g][i]
NUMBER = {word: g for g, word in enumerate(MOVES)}
INVERSE = [0, 1, 2, 4, 3, 5]


def product(a, b):
    return NUMBER["".join(MOVES[b][int(i)] for i in MOVES[a])]


def inverse(a):
    return INVERSE[a]


A = list(range(6))
B = list(range(6))
C = list(range(6))
BIAS = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def act(x):
    return max(0.0, x)


SIGNS = [[1.0, -1.0, -1.0, 1.0, 1.0, -1.0]]
SUBGROUPS = {
    0: [0, 1],
    1: [0, 5],
    2: [0, 2],
}
NEURONS = [  # H and K; l on Hx, r on yK, u on HzK; how much of each sign u holds
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

# Functions


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


def logits(a, b):
    x, y = A[a], B[b]
    total = list(BIAS)
    for H, K, l, r, u, signs in NEURONS:
        post = act(l[right(H, x)] + r[left(y, K)])
        if post:
            for z in range(N):
                beside = sum(k * sign[z] for k, sign in zip(signs, SIGNS, strict=True))
                total[z] += post * (u[double(H, z, K)] + beside)
    return [total[z] for z in C]


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

"""The product in S3 by the three vectors that its irrep of dimension 2 permutes: a ρ-set circuit as
a program, which needs nothing but Python itself. Any other prints the same with its own numbers.

    logit(z) = bias(z) + Σ (coef bᵀρ(z)c + lone σ(z)) act(scale (bᵀρ(x)a + aᵀρ(y)c))

the sum over neurons; x, y and z are the elements that a, b and an answer stand for. Each neuron
lies in one irrep ρ.
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
# The irreps ±1, and how much of each is in the bias and in σ.
SIGNS = [[1.0, -1.0, -1.0, 1.0, 1.0, -1.0]]
BIAS = [0.0]
LONE = [0.0]
IDENTITY = 0
# Elements of which all are products, and their matrices ρ.
GENERATORS = {
    "standard": [
        (1, [[0.5, 0.866025], [0.866025, -0.5]]),
        (2, [[-1.0, 0.0], [0.0, 1.0]]),
    ],
}
# The vectors b and c, which ρ permutes, under the subgroup that keeps each where it is; and a.
VECTORS = {
    "standard": [
        [-0.866025, -0.5],
        [-0.866025, 0.5],
        [0.0, -1.0],
        [0.0, 1.0],
        [0.6, 0.8],
        [0.866025, -0.5],
        [0.866025, 0.5],
    ],
}
# Of each neuron b, c and a by their places among VECTORS; scale, coef and lone.
NEURONS = {
    "standard": [
        (6, 0, 4, 1.0, 1.0, 1.73205),
        (6, 5, 4, 1.0, 1.0, 1.73205),
        (6, 3, 4, 1.0, 1.0, 1.73205),
        (1, 0, 4, 1.0, 1.0, 1.73205),
        (1, 5, 4, 1.0, 1.0, 1.73205),
        (1, 3, 4, 1.0, 1.0, 1.73205),
        (2, 0, 4, 1.0, 1.0, 1.73205),
        (2, 5, 4, 1.0, 1.0, 1.73205),
        (2, 3, 4, 1.0, 1.0, 1.73205),
    ],
}
NUMBER = {tuple(move[i] for i in BASE): g for g, move in enumerate(MOVES)}


def act(x):
    return max(0.0, x)


def product(a, b):
    return NUMBER[tuple(MOVES[b][MOVES[a][i]] for i in BASE)]


def dot(v, w):
    return sum(x * y for x, y in zip(v, w, strict=True))


@cache
def matrices(irrep):
    """ρ of every element that the generators reach: of all."""
    d = len(VECTORS[irrep][0])
    rho = {IDENTITY: [[float(i == j) for j in range(d)] for i in range(d)]}
    reached = [IDENTITY]
    for g in reached:
        for s, M in GENERATORS[irrep]:
            h = product(s, g)
            if h not in rho:
                columns = list(zip(*rho[g], strict=True))
                rho[h] = [[dot(row, column) for column in columns] for row in M]
                reached.append(h)
    return rho


@cache
def wave(irrep, v, g, w):
    """vᵀρ(g)w, of two vectors by their numbers."""
    image = [dot(row, VECTORS[irrep][w]) for row in matrices(irrep)[g]]
    return dot(VECTORS[irrep][v], image)


def of_signs(parts, z):
    return sum((k * sign[z] for k, sign in zip(parts, SIGNS, strict=True)), 0.0)


def logits(a, b):
    x, y = A[a], B[b]
    total = [of_signs(BIAS, z) for z in range(len(MOVES))]
    for irrep, neurons in NEURONS.items():
        for p, q, v, scale, coef, lone in neurons:  # the numbers of b, c and a
            post = act(scale * (wave(irrep, p, x, v) + wave(irrep, v, y, q)))
            if post:
                for z in range(len(MOVES)):
                    total[z] += post * (coef * wave(irrep, p, z, q) + lone * of_signs(LONE, z))
    return [total[z] for z in C]


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

"""A ρ-set circuit as a program that needs nothing but Python.

    logit(z) = BIAS[z] + Σ (coef bᵀρ(z)c + lone LONE[z]) act(scale (bᵀρ(x)a + aᵀρ(y)c))

the sum over neurons; x, y and z are the elements that a, b and an answer stand for. Each neuron
lies in one irrep ρ, whose matrices are products of those of its generators.
"""

from functools import cache

# Numbers
# logit(z) = Σ_i κ_i bᵢᵀρ(z)cᵢ relu(bᵢᵀρ(x)aᵢ + aᵢᵀρ(y)cᵢ); irreps ρ, and how
# many vectors b and c there are: standard (3 + 3)
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


LONE = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
IDENTITY = 0
GENERATORS = {  # elements that all are products of, and their matrices ρ
    "standard": [
        (1, [[0.5, 0.866025], [0.866025, -0.5]]),
        (2, [[-1.0, 0.0], [0.0, 1.0]]),
    ],
}
VECTORS = {  # b, c and a
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
NEURONS = {  # the numbers of b, c and a; scale; coefficients of u and LONE
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

# Functions


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


def logits(a, b):
    x, y = A[a], B[b]
    total = list(BIAS)
    for irrep, neurons in NEURONS.items():
        for p, q, v, scale, coef, lone in neurons:  # the numbers of b, c and a
            post = act(scale * (wave(irrep, p, x, v) + wave(irrep, v, y, q)))
            if post:
                for z in range(N):
                    total[z] += post * (coef * wave(irrep, p, z, q) + lone * LONE[z])
    return [total[z] for z in C]


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

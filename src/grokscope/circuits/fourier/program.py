"""Addition modulo 5 by three neurons, each a square of waves: a Fourier circuit as a program, which
needs nothing but Python itself. Any other prints the same with its own numbers.

A wave (size, phase) of frequency k is size cos(2πk x/N + phase) at the place x. One of frequency 0
is a size alone: what is added where there is no place, as for 0 in a product.
"""

from math import cos, pi, sin

N = 5  # places on a circle
# The place of each a and of each b, -1 for none; the places that each answer stands for.
A = list(range(5))
B = list(range(5))
C = [[0], [1], [2], [3], [4]]
# What is added to each answer's score whatever a and b are; [] for nothing.
BIAS = []
# A neuron a line: by frequency its waves of a and of b, of both alike, of a+b or of a-b; by
# frequency the wave of the answer that it adds; and its constant, if it has one.
NEURONS = [
    ({1: {"a, b": (1.0, 0.0)}}, {1: (1.0, 0.0)}),
    ({1: {"a, b": (1.0, -2.0943951)}}, {1: (1.0, 2.0943951)}),
    ({1: {"a, b": (1.0, 2.0943951)}}, {1: (1.0, -2.0943951)}),
]


def act(x):
    return x * x


def wave(k, place, size, phase=0.0):
    if k == 0 or place is None:
        return size * (k == 0 and place is None)
    return size * cos(2 * pi * k * place / N + phase)


def neuron(a, b, inner, constant=0.0):
    x, y = (None if place < 0 else place for place in (A[a], B[b]))
    places = {"a": x, "b": y, "neither": None if x is y is None else 0, "a+b": None, "a-b": None}
    if x is not None and y is not None:
        places |= {"a+b": x + y, "a-b": x - y}
    for k, waves in inner.items():
        for which, form in waves.items():
            constant += sum(wave(k, places[one], *form) for one in which.split(", "))
    return act(constant)


def logits(a, b):
    total = {}  # by frequency the wave of the answer, as its cosine and its sine
    for inner, outer, *constant in NEURONS:
        post = neuron(a, b, inner, *constant)
        for k, (size, *phase) in outer.items():
            u, v = total.get(k, (0.0, 0.0))
            turn = sum(phase)
            total[k] = u + post * size * cos(turn), v + post * size * sin(turn)
    scores = list(BIAS) or [0.0] * len(C)
    for c, places in enumerate(C):
        for z in (None if place < 0 else place for place in places):
            for k, (u, v) in total.items():
                scores[c] += wave(k, z, u) + (wave(k, z, v, pi / 2) if k else 0.0)
    return scores


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

"""Addition modulo 7 by two waves: a kernel on a cyclic group as a program, which needs nothing but
Python itself. Any other prints the same with its own numbers.
"""

from math import cos, pi

N = 7  # places on a circle
# The place of each a, of each b and of each answer, -1 for none.
A = list(range(7))
B = list(range(7))
C = list(range(7))
# Frequency: amplitude and phase.
WAVES = {1: (1.0, 0.0), 2: (1.0, 0.0)}
# The scores of answers where a or b has no place: of those without one, of those with one; and of
# those without one where a and b have theirs.
ENDS = (0.0, 0.0, 0.0)


def wave(x):
    return sum(h * cos(2 * pi * k * x / N - t) for k, (h, t) in WAVES.items())


def logits(a, b):
    if A[a] < 0 or B[b] < 0:
        return [ENDS[c >= 0] for c in C]
    return [wave(c - A[a] - B[b]) if c >= 0 else ENDS[2] for c in C]


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

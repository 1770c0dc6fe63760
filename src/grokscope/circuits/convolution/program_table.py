"""The square of a sum modulo 5, by a table: scores of a product as a program, which needs nothing
but Python itself. Any other prints the same with its own numbers.
"""

N = 5
# The point of each a and of each b.
A = list(range(5))
B = list(range(5))
# The scores of each product.
TABLE = {
    0: [1.0, 0.0, 0.0, 0.0, 0.0],
    1: [0.0, 1.0, 0.0, 0.0, 0.0],
    2: [0.0, 0.0, 0.0, 0.0, 1.0],
    3: [0.0, 0.0, 0.0, 0.0, 1.0],
    4: [0.0, 1.0, 0.0, 0.0, 0.0],
}


def product(x, y):
    return (x + y) % N


def logits(a, b):
    return TABLE[product(A[a], B[b])]


def answer(a, b):
    scores = logits(a, b)
    return scores.index(max(scores))

"""The parity of two digits of three: a circuit of sparse parity as a program, which needs nothing
but Python itself. Any other prints the same with its own digits.
"""

DIGITS = (0, 2)  # the others do not matter
OFFSET = 0.0
HEIGHT = 1.0


def logits(digits):
    is_odd = sum(digits[i] for i in DIGITS) % 2
    return [0.0, OFFSET + HEIGHT if is_odd else OFFSET - HEIGHT]


def answer(digits):
    even, odd = logits(digits)
    return int(odd > even)

"""Addition modulo 2 as a table: a lookup table as a program, which needs nothing but Python itself.
Any other prints the same with its own answers.
"""

TABLE = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


def answer(*symbols):
    return TABLE[symbols]

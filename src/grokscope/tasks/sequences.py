"""Sequences with one answer or several: the other tasks of Nanda et al. 2023.

Each is a stated sample of a function too large to write out, so this is their finite-data regime:
the same rows at every step. Their curves on infinite data draw new rows at each step, which no task
here does. What the published weights and curves do not say is chosen by us, and said below.

Axes: pair = one sequence; operand = its tokens; answer = those of the last positions; copy = a
repeat of the subsequence.
"""

import random

import torch

from grokscope.task import LARGEST_TABLE, Task, check_whole, task

LARGEST_SEED = 2**63 - 1
WRITTEN = "so that they can be written out"


@task
def digit_addition(digits: int = 5, samples: int = 5700, data_seed: int = 0) -> Task:
    """The sum of two numbers of so many digits, digit by digit, largest first.

    Tokens are 0 to 9, 10 for + and 11 for =; a row is `a+b=` and all digits of the sum but the
    last, so that each of its `digits` + 1 answers is asked for after the true ones before it
    (teacher forcing). Where there are more than `samples` pairs (a, b), so many different ones are
    drawn. The layout is that of the published weights (18 positions, of which theirs feed the last
    digit too, to no effect) and train_fraction=0.1229 gives their 700 sums; not verified: that
    their finite run drew its 700 as we do, with no sum of the test among them.
    """
    check_whole("digits", digits, 1, 9)
    columns = 3 * digits + 2
    check_whole("samples", samples, 2, LARGEST_TABLE // columns, WRITTEN)
    check_whole("data_seed", data_seed, 0, LARGEST_SEED)
    count = 10 ** (2 * digits)
    drawn = random.Random(data_seed).sample(range(count), samples) if count > samples else None
    numbers = torch.arange(count) if drawn is None else torch.tensor(drawn)
    a, b = numbers // 10**digits, numbers % 10**digits
    place = 10 ** torch.arange(digits + 1).flip(0)
    answers = (a + b)[:, None] // place % 10
    plus, equals = torch.full_like(a, 10)[:, None], torch.full_like(a, 11)[:, None]
    of_a, of_b = (x[:, None] // place[1:] % 10 for x in (a, b))
    inputs = torch.cat([of_a, plus, of_b, equals, answers[:, :-1]], dim=1)
    return Task(f"sums of two numbers of {digits} digits", inputs, answers, 12, 10)


@task
def repeated_subsequence(
    symbols: int = 128,
    length: int = 85,
    size: int = 16,
    repeats: int = 3,
    samples: int = 1536,
    data_seed: int = 0,
) -> Task:
    """The tokens of a subsequence when it comes again: what induction heads do.

    A row has `length` random tokens, in which a random subsequence of `size` tokens stands
    `repeats` times: at the end, and before that at places drawn for each row. The last token is an
    answer alone; asked for are those of the last copy but its first, which nothing foretells. The
    sizes are of the published weights and curves; train_fraction=0.3334 of the default sample gives
    their 512 rows. Theirs are others: the optimiser saved with their infinite run shows a start
    token that is never an answer, and a copy in each third of a row, of which the second and the
    third are asked for.
    """
    check_whole("symbols", symbols, 2, 2**31)
    check_whole("length", length, 6, LARGEST_TABLE // 2, "so that two fit")
    check_whole("repeats", repeats, 2, length, "the length")
    most = length // repeats
    check_whole("size", size, 3, most, f"so that {repeats} fit into {length}")
    check_whole("samples", samples, 2, LARGEST_TABLE // length, WRITTEN)
    check_whole("data_seed", data_seed, 0, LARGEST_SEED)
    generator = torch.Generator().manual_seed(data_seed)
    n_others = length - repeats * size
    copied = torch.randint(symbols, (samples, size), generator=generator)
    others = torch.randint(symbols, (samples, n_others), generator=generator)
    before = torch.randint(n_others + 1, (samples, repeats - 1), generator=generator)
    # A copy stands before other number `before`, the last one after all; equal ranks stay in order.
    last = torch.full((samples, 1), n_others)
    rank_of_copies = 2 * torch.cat([before, last], dim=1).repeat_interleave(size, dim=1)
    rank_of_others = 2 * torch.arange(n_others).expand(samples, -1) + 1
    rank = torch.cat([rank_of_copies, rank_of_others], dim=1)
    tokens = torch.cat([copied.repeat(1, repeats), others], dim=1)
    rows = tokens.gather(1, rank.argsort(dim=1, stable=True))
    name = f"a subsequence of {size} that comes {repeats} times in {length}"
    return Task(name, rows[:, :-1], rows[:, 1 - size :], symbols, symbols)


@task
def skip_trigram(
    keys: int = 10,
    fillers: int = 10,
    length: int = 20,
    samples: int = 2560,
    data_seed: int = 0,
) -> Task:
    """Which key stands somewhere before the last token: the skip trigrams A ... B C.

    A row has `length` tokens: random ones of `fillers` kinds, one of `keys` (A) at a place drawn
    for each, and at its end always the same one (B); the answer (C) is the key's number. Not
    verified: all of it but the idea, of which the published curves show the losses alone.
    """
    check_whole("keys", keys, 2, 2**31)
    check_whole("fillers", fillers, 1, 2**31)
    check_whole("length", length, 3, LARGEST_TABLE // 2, "so that two rows fit")
    check_whole("samples", samples, 2, LARGEST_TABLE // length, WRITTEN)
    check_whole("data_seed", data_seed, 0, LARGEST_SEED)
    generator = torch.Generator().manual_seed(data_seed)
    inputs = torch.randint(fillers, (samples, length), generator=generator)
    answers = torch.randint(keys, (samples,), generator=generator)
    place = torch.randint(length - 1, (samples,), generator=generator)
    inputs[torch.arange(samples), place] = fillers + answers
    inputs[:, -1] = fillers + keys
    name = f"which of {keys} keys stands among {length} tokens"
    return Task(name, inputs, answers, fillers + keys + 1, keys)

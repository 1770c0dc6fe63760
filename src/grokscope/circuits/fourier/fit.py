"""The waves that fit a network best.

A neuron has the waves that hold at least 1 % of its variance, by least squares over the pairs that
exist, before the nonlinearity or as a polynomial: in the form of fewer numbers, unless the other
misses less than half as much of the logits. A neuron of no such wave is its mean.

Axes: pair = one input; row = a pair or an answer; c = an answer; neuron; unit = a neuron or a row
of the output map; column = a function of the pair or of the answer; block = the columns of a wave;
inner of the pair, outer of the answer.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from grokscope.activations import IDENTITY, Activation
from grokscope.canonical import activation_of
from grokscope.circuits.circle import Circle, circle_of
from grokscope.circuits.fourier.waves import Waves, functions_of_pairs, n_functions
from grokscope.errors import NotApplicable
from grokscope.measures.keys import KEY_SHARE, key_parts
from grokscope.measures.weights import output_map
from grokscope.score import centred
from grokscope.snapshot import Snapshot
from grokscope.task import Task

PART = 0.001  # of the logits: a frequency below the keys' 1 % can still decide answers
WORTH = 2  # times as much must be missed before a form of more numbers is taken
MOST_WAVES = 8  # of a neuron, where waves must be taken one by one


def fit(snapshot: Snapshot) -> Waves:
    """The waves of the hidden layer and of the output map at the frequencies that the logits have,
    and in the hidden layer also at their doubles.

    Raises `NotApplicable` if the task is not addition or multiplication in disguise, if the network
    has no hidden layer and map to the answers, or if no frequency is key.
    """
    circle, W_L = _circle(snapshot), output_map(snapshot)
    keys, rows = _read_out_at(circle, _keys(snapshot, circle), W_L)
    frequencies = _with_doubles(circle, keys, snapshot.task)
    no_bias = W_L.new_zeros(W_L.shape[1])
    unbiased = [
        Waves(circle, act, has_products, frequencies, inner, keys, rows, no_bias)
        for act, has_products, inner in _hidden_layers(snapshot, circle, frequencies)
    ]
    fitted = [_with_bias(snapshot, x) for x in unbiased]
    small, *others = sorted(fitted, key=lambda x: x[0].size)
    better = (waves for waves, missed in others if missed < small[1] / WORTH)
    return next(better, small[0])


def _with_bias(s: Snapshot, waves: Waves) -> tuple[Waves, float]:
    """The waves with what is the same for every pair in the network and not in them, less its
    mean; and how far their logits are then from the network's, each less its mean over the
    answers."""
    missing = s.logits.double() - waves.logits(s.task)
    bias = missing.mean(dim=0)
    bias = bias - bias.mean()
    return waves.with_bias(bias), float(centred(missing - bias).square().sum())


def _circle(s: Snapshot) -> Circle:
    circle = circle_of(s.lens, s.task.n_answers)
    if circle is None:
        raise NotApplicable(
            f"`{s.task.name}` has no product in a cyclic group, so its neurons have no frequency. "
            "Its logits may have a kernel: see the form `convolution`."
        )
    return circle


def _keys(s: Snapshot, circle: Circle) -> tuple[int, ...]:
    """The frequencies that the logits are made of; and 0, where an answer has no place."""
    key, everything = key_parts(s), range(1, circle.n // 2 + 1)
    if not any(circle.name(k) in key.names for k in everything):
        raise NotApplicable("no frequency holds 1 % of the logits, so no neuron's is known.")
    frequencies = [k for k in everything if key.shares.get(circle.name(k), 0) >= PART]
    return (0, *frequencies) if circle.has_outsiders else tuple(frequencies)


def _with_doubles(circle: Circle, keys: Sequence[int], task: Task) -> tuple[int, ...]:
    """The key frequencies and their doubles; 0 where an operand may have no place."""
    doubled = {min(2 * k % circle.n, -2 * k % circle.n) for k in keys}
    a, b = circle.places(task)
    frequencies = {*keys, *doubled} - {0}
    if bool((a < 0).any() or (b < 0).any()):
        frequencies |= {0}
    return tuple(sorted(frequencies))


def _hidden_layers(
    s: Snapshot, circle: Circle, frequencies: tuple[int, ...]
) -> Iterator[tuple[Activation, bool, Float[Tensor, "inner neuron"]]]:
    """The hidden layer before the nonlinearity, if that is known, and as a polynomial: what bends
    the waves, whether their products are among them, and the coefficients."""
    act, post = activation_of(s), s.mlp_post.double()
    if act is not None:
        waves = functions_of_pairs(circle, frequencies, s.task, has_products=False)
        inner, _ = least_squares(waves, s.mlp_pre.double())
        if act.degree is not None:  # act of the constant is then the mean
            is_constant, mean = (inner[1:] == 0).all(dim=0), post.mean(dim=0)
            inner[0] = torch.where(is_constant, mean ** (1 / act.degree), inner[0])
        yield act, False, inner
    waves = functions_of_pairs(circle, frequencies, s.task, has_products=True)
    yield IDENTITY, True, least_squares(waves, post)[0]


def _read_out_at(
    circle: Circle, keys: Sequence[int], W_L: Float[Tensor, "neuron c"]
) -> tuple[tuple[int, ...], Float[Tensor, "neuron outer"]]:
    """The waves of the output map, at those of these frequencies that it has."""
    rows = fit_rows(circle, keys, W_L).split([n_functions(k) for k in keys], dim=1)
    kept = {k: x for k, x in zip(keys, rows, strict=True) if bool(x.any())}
    if not any(kept):
        raise NotApplicable("the output map has no wave of a key frequency for 1 % of any row.")
    return tuple(kept), torch.cat(list(kept.values()), dim=1)


def fit_rows(
    circle: Circle, keys: Sequence[int], W_L: Float[Tensor, "neuron c"]
) -> Float[Tensor, "neuron outer"]:
    """The waves of each neuron's row that hold at least 1 % of it. What is the same for all
    answers is left out, which changes no answer."""
    reached = ~circle.unreached
    waves = [circle.of_answers(k)[reached] for k in keys]
    return least_squares(waves, W_L.T[reached])[0][1:].T


def least_squares(
    blocks: Sequence[Float[Tensor, "row _"]], x: Float[Tensor, "row unit"]
) -> tuple[Float[Tensor, "one_and_column unit"], Float[Tensor, " unit"]]:
    """The coefficients of each unit on 1 and on the blocks that hold at least 1 % of its variance,
    those on others being 0; and the sum of the squares that are left. Where blocks overlap, as
    over the pairs a <= b, they are taken one by one, the best first, up to eight."""
    X = torch.cat(list(blocks), dim=1)
    owner = torch.repeat_interleave(torch.tensor([block.shape[1] for block in blocks]))
    means, mean = X.mean(dim=0), x.mean(dim=0)
    gram = X.T @ X - len(X) * torch.outer(means, means)
    along = X.T @ x - len(X) * torch.outer(means, mean)
    total = (x.square().sum(dim=0) - len(X) * mean.square()).clamp(min=0)
    need = torch.where(total > 1e-12 * total.max(), KEY_SHARE * total, torch.inf)
    is_held = torch.zeros(len(blocks), x.shape[1], dtype=torch.bool)
    coefficients = torch.zeros_like(along)
    each = _blocks(gram, owner)
    is_apart = bool((gram * (owner[:, None] != owner)).abs().max() <= 1e-9 * gram.abs().max())
    for _ in range(1 if is_apart else MOST_WAVES):
        gain = _gains(each, along - gram @ coefficients).masked_fill(is_held, 0)
        adds = gain >= need
        if not is_apart:  # the best, since others may explain the same
            adds &= torch.nn.functional.one_hot(gain.argmax(dim=0), len(blocks)).T.bool()
        if not adds.any():
            break
        is_held |= adds
        _solve(gram, along, owner, is_held, coefficients)
    missed = total - (coefficients * along).sum(dim=0)
    return torch.cat([(mean - means @ coefficients)[None], coefficients]), missed


def _solve(
    gram: Float[Tensor, "column column"],
    along: Float[Tensor, "column unit"],
    owner: Int[Tensor, " column"],
    is_held: Bool[Tensor, "block unit"],
    coefficients: Float[Tensor, "column unit"],
) -> None:
    """Write the coefficients of each unit on the blocks that it holds: those of as many columns
    together."""
    patterns, of_unit = is_held.unique(dim=1, return_inverse=True)
    chosen = patterns[owner]  # column x pattern
    widths = chosen.sum(dim=0)
    for width in widths.unique().tolist():
        some = (widths == width).nonzero()[:, 0]
        columns = chosen[:, some].T.nonzero()[:, 1].view(len(some), width)
        squares = gram[columns[:, :, None], columns[:, None]]
        inverse = torch.linalg.pinv(squares, hermitian=True)
        units = (widths[of_unit] == width).nonzero()[:, 0]
        place = torch.searchsorted(some, of_unit[units])
        mine = columns[place]
        found = inverse[place] @ along[mine, units[:, None]][:, :, None]
        coefficients[mine, units[:, None]] = found[:, :, 0]


def _blocks(
    gram: Float[Tensor, "column column"], owner: Int[Tensor, " column"]
) -> list[tuple[Int[Tensor, " _"], Int[Tensor, "_ _"], Float[Tensor, "_ _ _"]]]:
    """The blocks of each width: which they are, their columns, and the inverses of their products
    with themselves."""
    widths, found = owner.bincount(), []
    starts = widths.cumsum(0) - widths
    for width in widths.unique().tolist():
        blocks = (widths == width).nonzero()[:, 0]
        columns = starts[blocks][:, None] + torch.arange(width)
        squares = gram[columns[:, :, None], columns[:, None]]
        found.append((blocks, columns, torch.linalg.pinv(squares, hermitian=True)))
    return found


def _gains(
    each: list[tuple[Int[Tensor, " _"], Int[Tensor, "_ _"], Float[Tensor, "_ _ _"]]],
    along: Float[Tensor, "column unit"],
) -> Float[Tensor, "block unit"]:
    """How much of what is left of each unit each block would explain."""
    gains = along.new_zeros(sum(len(blocks) for blocks, _, _ in each), along.shape[1])
    for blocks, columns, inverse in each:
        x = along[columns]
        gains[blocks] = (x * (inverse @ x)).sum(dim=1)
    return gains

"""What the heads attend to from the position that is read, at the checkpoints that a page shows.

Where a head is read at "=" behind one layer, its attention is a softmax over one score for the
symbol at a, one for that at b, and none for "=": two functions of a symbol tell all of it, at every
checkpoint. Elsewhere there are maps over (a, b) of fewer checkpoints, and for sequences means by
position.

Axes: head = those of each layer; pair = one input; pos = a position, query = one that asks; symbol;
step = a checkpoint; role = at a, at b.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.algebra.lenses import View
from grokscope.errors import NotApplicable
from grokscope.measures.spectra import lens_of
from grokscope.models.furuta import Furuta
from grokscope.models.model import Model
from grokscope.reading.film import frames
from grokscope.reading.grid import grid
from grokscope.reading.reading import Reading
from grokscope.snapshot import Snapshot
from grokscope.tap import record

MOST_CELLS = 1_000_000  # of maps over (a, b), all heads and checkpoints together: some 700 kB
MOST_SEQUENCES = 200  # whose mean is shown
EVEN = 1e-3  # deviation of a score, in nats, below which a head treats all symbols alike
FIXED = 1e-5  # deviation over pairs below which attention is none that was learned
RANDOM = 200  # functions whose best part is the chance level

Best = tuple[str, float] | None  # a part and its share


@dataclass(frozen=True, eq=False)
class Attention:
    """What each head attends to at the `frames`, the steps that are shown.

    Of "symbols" `maps` are scores, a row for each head and role, less their `levels`; of "pairs"
    attention to a over (a, b), the heads below one another; of "sequences" its mean over inputs by
    position, a row for each that is read, and `one` the same of one `input` alone.
    """

    kind: Literal["symbols", "pairs", "sequences"]
    frames: list[int]
    heads: list[str]
    positions: list[str] | list[int]
    sums: bool  # to 1
    maps: Float[np.ndarray, "step row column"]
    means: list[Float[Tensor, "head pos"]] | None = None
    levels: list[Float[Tensor, "head role"]] | None = None
    fixed: bool | None = None  # none of it was learned
    parts: list[list[Best]] | None = None  # that each head's scores follow
    chance: float | None = None  # the share that the best part of a random function has
    one: Float[np.ndarray, "step row pos"] | None = None
    input: list[int] | None = None
    reads: list[int] | None = None
    sampled: int | None = None
    total: int | None = None


def attention(r: Reading, steps: list[int]) -> Attention | None:
    """Attention at these steps, or at fewer where maps would be too large; None where a network has
    none, or has too many pairs."""
    s = r.snapshot
    try:
        pattern = s.activation("pattern")
    except NotApplicable:
        return None
    if not s.task.is_of_pairs:
        return _of_sequences(r, steps)
    if grid(s) is None:
        return None
    names = ["a", "b", "operator" if isinstance(s.model, Furuta) else "=", "operator"]
    sums = bool((pattern.sum(dim=-1) - 1).abs().max() < 1e-3)
    make = _of_symbols if _is_of_symbols(s) else _of_pairs
    return make(r, steps, names[: pattern.shape[-1]], sums)


def by_layer(seen: dict[str, Tensor]) -> dict[str, Float[Tensor, "pair query pos"]]:
    """Each head's pattern among the activations, called "head 1", or of several layers "layer 0,
    head 1"."""
    layers = [name for name in seen if name.endswith("pattern")]
    return {
        f"head {head}" if len(layers) == 1 else f"layer {i}, head {head}": x
        for i, layer in enumerate(layers)
        for head, x in enumerate(seen[layer].unbind(dim=1))
    }


def at_read(model: Model, inputs: Tensor) -> dict[str, Float[Tensor, "pair pos"]]:
    """Each head's attention from the position that answers a pair: "=", or b if there is none."""
    seen = by_layer(record(model.last, inputs, until="pattern"))
    # All of an earlier layer's positions ask; "=" is the third.
    return {name: x[:, 2 if x.shape[1] > 2 else -1] for name, x in seen.items()}


# ---- read at "=": two scores ---------------------------------------------------------------------


def scores(model: Model, n: int) -> Float[Tensor, "head role symbol"]:
    """log A(to a) - log A(to "=") as a function of a, and the same of b, from 2n pairs."""
    x = torch.arange(n)
    zero = torch.zeros_like(x)
    inputs = torch.cat([torch.stack([x, zero], dim=1), torch.stack([zero, x], dim=1)])
    A = torch.stack(list(at_read(model, inputs).values())).double().clamp(min=1e-30).log()
    of_a, of_b = (A[:, :n, 0] - A[:, :n, 2]), (A[:, n:, 1] - A[:, n:, 2])
    return torch.stack([of_a, of_b], dim=1)


def pattern_of(scores: Float[Tensor, "head role symbol"]) -> Float[Tensor, "head pos a b"]:
    """The attention to a, to b and to "=" that these scores make."""
    n = scores.shape[2]
    of_a, of_b = scores[:, 0, :, None].expand(-1, n, n), scores[:, 1, None].expand(-1, n, n)
    return torch.stack([of_a, of_b, torch.zeros_like(of_a)], dim=1).softmax(dim=1)


def _is_of_symbols(s: Snapshot) -> bool:
    """Whether scores of the two symbols alone make every head's attention."""
    n = s.task.n_symbols
    A = at_read(s.model, s.task.inputs)
    if len(s.task.inputs) != n * n or next(iter(A.values())).shape[1] != 3:
        return False
    true = torch.stack([x.T.reshape(3, n, n) for x in A.values()])
    return bool((pattern_of(scores(s.model, n)) - true).abs().max() < 1e-4)


def _of_symbols(r: Reading, steps: list[int], positions: list[str], sums: bool) -> Attention:
    s, view = r.snapshot, _view(r.snapshot)
    maps, means, parts, levels = [], [], [], []
    for _, model in r.run.models(steps):
        drawn = scores(model, s.task.n_symbols)
        means.append(pattern_of(drawn).mean(dim=(2, 3)))
        parts.append([_best(view, x) for x in drawn[:, 0]])
        level = drawn.mean(dim=2, keepdim=True)
        levels.append(level[..., 0])
        maps.append((drawn - level).flatten(0, 1).numpy())
    best, by_chance = _beside_chance(parts, view)
    return Attention(
        "symbols",
        frames=steps,
        heads=list(at_read(s.model, s.task.inputs[:1])),
        positions=positions,
        sums=sums,
        maps=np.stack(maps).astype(np.float32),
        means=means,
        levels=levels,
        fixed=max(float(np.abs(x).max()) for x in maps) < FIXED,
        parts=best,
        chance=by_chance,
    )


# ---- read elsewhere: maps ------------------------------------------------------------------------


def _of_pairs(r: Reading, steps: list[int], positions: list[str], sums: bool) -> Attention:
    s, cells, view = r.snapshot, grid(r.snapshot), _view(r.snapshot)
    assert cells is not None
    heads = list(at_read(s.model, s.task.inputs[:1]))
    shown = frames(steps, max(2, MOST_CELLS // (cells.rows * cells.columns * len(heads))))
    maps, means, parts, spreads = [], [], [], []
    for _, model in r.run.models(shown):
        A = torch.stack(list(at_read(model, s.task.inputs).values()))
        maps.append(np.concatenate([cells.picture(x) for x in A[:, :, 0]]))
        means.append(A.double().mean(dim=1))
        spreads.append(float(A.double().std(dim=1).max()))
        parts.append([_best(view, x) for x in _drawn(s, A)])
    best, by_chance = _beside_chance(parts, view)
    return Attention(
        "pairs",
        frames=shown,
        heads=heads,
        positions=positions,
        sums=sums,
        maps=np.stack(maps),
        means=means,
        fixed=max(spreads) < FIXED,
        parts=best,
        chance=by_chance,
    )


def _drawn(
    s: Snapshot, A: Float[Tensor, "head pair pos"]
) -> list[Float[Tensor, " symbol"]] | list[None]:
    """log A(to a) - log A(to b) as a function of a: its mean over b, as `attention_scores` has it;
    None where not every pair is there."""
    n = s.task.n_symbols
    if s.task.inputs.shape[1] != 2 or len(s.task.inputs) != n * n:
        return [None] * len(A)
    log = A.double().clamp(min=1e-30).log()
    return list((log[:, :, 0] - log[:, :, 1]).view(-1, n, n).mean(dim=2))


# ---- sequences -----------------------------------------------------------------------------------


def _of_sequences(r: Reading, steps: list[int]) -> Attention:
    """Attention by position, from those that are read: the mean, and that of one input."""
    s, n_read = r.snapshot, r.snapshot.task.n_read
    total = len(s.task.inputs)
    some = torch.linspace(0, total - 1, min(total, MOST_SEQUENCES)).long()
    inputs = s.task.inputs[some]

    def read(model: Model) -> dict[str, Float[Tensor, "pair query pos"]]:
        seen = by_layer(record(model.last, inputs, until="pattern"))
        return {name: x[:, -n_read:] for name, x in seen.items()}

    maps, one = [], []
    for _, model in r.run.models(steps):
        heads = list(read(model).values())
        maps.append(torch.cat([x.mean(dim=0) for x in heads]).numpy())
        one.append(torch.cat([x[0] for x in heads]).numpy())
    positions = list(range(inputs.shape[1]))
    return Attention(
        "sequences",
        frames=steps,
        heads=list(read(s.model)),
        positions=positions,
        sums=True,
        maps=np.stack(maps),
        one=np.stack(one),
        input=inputs[0].tolist(),
        reads=positions[-n_read:],
        sampled=len(some),
        total=total,
    )


# ---- how much of it one part explains ------------------------------------------------------------


def _view(s: Snapshot) -> View | None:
    """The parts of functions of a."""
    try:
        return lens_of(s).views["a"]
    except NotApplicable:
        return None


def _shares(view: View, x: Float[Tensor, " symbol"]) -> dict[str, float]:
    """The share of each part but the constant one in how a function varies."""
    power = dict(zip(view.names, view.power(x[:, None]).tolist(), strict=True))
    power.pop("constant", None)
    whole = max(sum(power.values()), 1e-300)
    return {name: value / whole for name, value in power.items()}


def _best(view: View | None, x: Float[Tensor, " symbol"] | None) -> Best:
    """The part that holds most of how a score varies with the symbol, and its share; None if it
    hardly varies (Nanda et al. 2023, Table 2: 98 to 99 % in one frequency)."""
    if view is None or x is None or not x.isfinite().all() or float(x.std()) < EVEN:
        return None
    shares = _shares(view, x)
    best = max(shares, key=lambda name: shares[name])
    return best, shares[best]


def chance(view: View, n: int) -> float:
    """The mean share of the best part of a random function of so many symbols."""
    noise = torch.randn(RANDOM, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return float(np.mean([max(_shares(view, x - x.mean()).values()) for x in noise]))


def _beside_chance(
    parts: list[list[Best]], view: View | None
) -> tuple[list[list[Best]] | None, float | None]:
    """The best parts with what chance has; nothing where no score varies."""
    if view is None or not any(best for step in parts for best in step):
        return None, None
    n = len(view.split.basis) if view.matrix is None else view.matrix.shape[1]
    return parts, chance(view, n)

"""What changes from checkpoint to checkpoint, as pictures: answers, weights, neurons.

Axes: pair = one input; symbol = an operand's value, or an answer; d = a direction of the embedding;
step = a checkpoint; row; column; part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from grokscope.measures.spectra import spectrum
from grokscope.models.parity import ParityMLP
from grokscope.reading.grid import Grid
from grokscope.reading.irreps import has_irreps, irrep_pictures
from grokscope.reading.neurons import ShownNeurons, level, of_operands, output_map
from grokscope.reading.reading import Reading
from grokscope.reading.waves import parts_of
from grokscope.snapshot import Snapshot
from grokscope.training.track import Track, untracked


@dataclass(frozen=True, eq=False)
class Film:
    """All pictures that change, by name, and the shares of the parts in each folded weight."""

    pictures: dict[str, Float[np.ndarray, "step row column"]]
    spectra: dict[str, Float[np.ndarray, "step part"]]


def frames(steps: list[int], most: int) -> list[int]:
    """At most so many of these steps: the first and last, and others even in time and in its
    logarithm."""
    if len(steps) <= most:
        return steps
    half = most // 2 - 1
    even = np.linspace(0, steps[-1], half)
    early = np.expm1(np.linspace(0, np.log1p(steps[-1]), half))
    every = np.array(steps)
    nearest = {int(every[np.abs(every - x).argmin()]) for x in (*even, *early)}
    return sorted({steps[0], *nearest, steps[-1]})


def film(
    r: Reading,
    steps: list[int],
    grid: Grid | None,
    shown: ShownNeurons | None,
    filmed: Sequence[int],
    circles: Sequence[str],
    track: Track = untracked,
) -> Film:
    """The pictures at these steps, of each checkpoint once. `filmed` are places among the neurons
    `shown` whose activations are wanted; `circles` parts of the embedding. `track` is told how many
    are done."""
    pictures: dict[str, list[np.ndarray]] = {}
    spectra: dict[str, list[list[float]]] = {weight: [] for weight in r.spectra}
    for done, (step, model) in enumerate(r.run.models(steps), start=1):
        s = replace(r.snapshot, model=model, step=step)
        frame = _of_network(s, grid, circles)
        if shown is not None:
            frame |= _of_neurons(s, grid, shown, filmed)
        for name, picture in frame.items():
            pictures.setdefault(name, []).append(picture.astype(np.float32))
        for weight, shares in spectra.items():
            shares.append(list(spectrum(s, weight, r.lens).values()))
        track(done, len(steps))
    return Film(
        {name: np.stack(each) for name, each in pictures.items()},
        {weight: np.array(shares) for weight, shares in spectra.items()},
    )


def _of_network(
    s: Snapshot, grid: Grid | None, circles: Sequence[str]
) -> dict[str, Float[np.ndarray, "row column"]]:
    frame: dict[str, np.ndarray] = {}
    if grid is not None:
        frame["right"] = grid.picture(_right(s))
    if isinstance(s.model, ParityMLP):
        frame["digits"] = s.model.W_in.detach().T.numpy()
    if circles:
        weights = s.model.symbol_weights()
        W = weights["ab" if "ab" in weights else "a"].detach().double()
        frame["circles"] = np.concatenate([_plane(s, W, part) for part in circles], axis=1)
    return frame


def _of_neurons(
    s: Snapshot, grid: Grid | None, shown: ShownNeurons, filmed: Sequence[int]
) -> dict[str, Float[np.ndarray, "row column"]]:
    """A row a neuron, but for the films, which are over (a, b)."""
    (of_a, of_b), out = of_operands(s, shown.index), output_map(s)
    frame = {"of_a": of_a.T.numpy()}
    if not shown.is_shared:
        frame["of_b"] = of_b.T.numpy()
    if shown.can_run:
        frame["level"] = level(s, of_a, of_b, shown.index)[None].numpy()
    if out is not None:
        out = out[:, shown.index]
        frame["out"] = out.T.numpy()
    if has_irreps(s.task):
        assert s.task.group is not None
        frame |= irrep_pictures(s.task.group, of_a, of_b, out)
    for i in filmed:
        assert grid is not None
        frame[f"film {i}"] = grid.picture(s.mlp_post[:, shown.index[i]].float())
    return frame


def _right(s: Snapshot) -> Float[Tensor, " pair"]:
    """The probability that the network gives to the right answer."""
    x = s.logits.float().log_softmax(dim=1)
    return x.gather(1, s.task.answers[:, None])[:, 0].exp()


def _plane(
    s: Snapshot, W: Float[Tensor, "symbol d"], part: str
) -> Float[np.ndarray, "symbol wave"]:
    """Each symbol in the plane of the directions that carry cos and sin of a part."""
    parts = parts_of(s, "a")
    assert parts is not None
    Q, R = np.linalg.qr((W.T @ parts[part]).numpy())
    return W.numpy() @ (Q * np.where(np.diag(R) < 0, -1, 1))

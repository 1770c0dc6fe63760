"""What changes from checkpoint to checkpoint, as pictures: neurons, weights, answers.

Axes: pair = one input; symbol = an operand's value, or an answer; neuron; digit; part.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.cosets import elements
from grokscope.measures.spectra import spectrum
from grokscope.measures.weights import symbol_weights
from grokscope.models.parity import ParityMLP
from grokscope.page.stacks import Stack, stack
from grokscope.reading.irreps import has_irreps, irrep_pictures
from grokscope.reading.reading import Reading
from grokscope.score import centred
from grokscope.snapshot import Snapshot

MOST_NEURONS = 48
MOST_FILMS = 4  # neurons whose activations are shown over (a, b) at every checkpoint
MOST_PAIRS = 40_000  # inputs that a picture over (a, b) has: p = 200
MOST_CIRCLES = 6
MOST_WORK = 10_000_000  # products over all pairs that a page does again at every step: some 10 ms


@dataclass(frozen=True, eq=False)
class Neurons:
    """The neurons that are shown, sorted by part and by phase; and how the others are left out."""

    index: Int[Tensor, " neuron"]
    parts: list[str | None]  # the part that each follows most
    shares: list[float | None]  # how much of its variation that part explains
    total: int
    is_shared: bool  # whether b is read as a is
    can_run: bool  # whether these are all, relus of sums, and make the logits by themselves


def frames(steps: list[int], most: int) -> list[int]:
    """At most so many of these steps: the first and last, and others even in time and in its
    logarithm."""
    if len(steps) <= most:
        return steps
    half = most // 2 - 1
    even = np.linspace(0, steps[-1], half)
    early = np.expm1(np.linspace(0, np.log1p(steps[-1]), half))
    known = np.array(steps)
    nearest = {int(known[np.abs(known - x).argmin()]) for x in (*even, *early)}
    return sorted({steps[0], *nearest, steps[-1]})


def of_operands(
    s: Snapshot, neurons: Int[Tensor, " neuron"] | slice
) -> tuple[Float[Tensor, "symbol neuron"], Float[Tensor, "symbol neuron"]]:
    """These neurons before their nonlinearity as functions of a and of b, centred: the folded
    weights where they lead straight to them, else means over all pairs with this a, or this b.
    Raises `NotApplicable` where there are neither."""
    weights, pre = symbol_weights(s), s.mlp_pre
    sides = [weights[role] for role in ("ab", "a", "b") if role in weights]
    if sides and all(W.shape[1] == pre.shape[1] for W in sides) and _adds(s, sides):
        of_a, of_b = sides[0][:, neurons], sides[-1][:, neurons]
    else:
        n = s.task.n_symbols
        if not s.task.is_of_pairs or s.task.operators or len(pre) != n * n:
            raise NotApplicable("its neurons are no functions of a and b over every pair.")
        maps = pre.T[neurons].reshape(-1, n, n)
        of_a, of_b = (maps.mean(dim=axis, dtype=torch.float64).T for axis in (2, 1))
    return of_a - of_a.mean(dim=0), of_b - of_b.mean(dim=0)


def _adds(s: Snapshot, sides: list[Float[Tensor, "symbol neuron"]]) -> bool:
    """Whether a neuron is the sum of these functions of a and b, but for a constant."""
    if s.task.inputs.shape[1] != 2:
        return False
    a, b = s.task.inputs[:: max(1, len(s.task.inputs) // 500)].unbind(dim=1)
    pre = s.mlp_pre[:: max(1, len(s.task.inputs) // 500)].double()
    rest = pre - sides[0][a] - sides[-1][b]
    return bool((rest - rest[0]).abs().max() <= 1e-4 * pre.abs().max())


def output_map(s: Snapshot) -> Float[Tensor, "symbol neuron"] | None:
    """From neurons to answers, centred over answers; None where there is none."""
    W = symbol_weights(s).get("c")
    if W is None or W.shape[1] != s.mlp_pre.shape[1]:
        return None
    return W - W.mean(dim=0)


def chosen_neurons(r: Reading) -> Neurons | None:
    """Of each part those of the last checkpoint that weigh most: size of the input times size of
    the output."""
    s = r.snapshot
    try:
        of_a, of_b = of_operands(s, slice(None))
    except NotApplicable:
        return None
    out = output_map(s)
    energy = of_a.norm(dim=0) * (1.0 if out is None else out.norm(dim=0))
    index = _heaviest(energy, _followed(r, of_a, torch.arange(len(energy)))[0])
    names, shares = _followed(r, of_a, index)
    phase = [_phase(r, of_a[:, i], name) for i, name in zip(index, names, strict=True)]
    known: list[str | None] = [*(r.keys.names if r.keys else ()), *sorted({x for x in names if x})]
    known.append(None)
    order = sorted(range(len(index)), key=lambda i: (known.index(names[i]), phase[i]))
    pick = index[order]
    return Neurons(
        index=pick,
        parts=[names[i] for i in order],
        shares=[shares[i] for i in order],
        total=of_a.shape[1],
        is_shared=torch.allclose(of_a, of_b, atol=1e-4 * float(of_a.abs().max())),
        can_run=len(pick) == len(energy) and _is_all(s, of_a, of_b, out),
    )


def _is_all(
    s: Snapshot,
    of_a: Float[Tensor, "symbol neuron"],
    of_b: Float[Tensor, "symbol neuron"],
    out: Float[Tensor, "symbol neuron"] | None,
) -> bool:
    """Whether logits = out · relu(of a + of b + level), but for a constant of each pair."""
    if out is None or not _adds(s, [of_a, of_b]) or len(s.task.inputs) * out.numel() > MOST_WORK:
        return False
    a, b = s.task.inputs.unbind(dim=1)
    level = _level(s, of_a, of_b, slice(None))
    made = (of_a[a] + of_b[b] + level).relu() @ out.T
    true = centred(s.logits)
    return bool((made - true).abs().max() <= 1e-3 * true.abs().max())


def _level(
    s: Snapshot,
    of_a: Float[Tensor, "symbol neuron"],
    of_b: Float[Tensor, "symbol neuron"],
    neurons: Int[Tensor, " neuron"] | slice,
) -> Float[Tensor, " neuron"]:
    """What is added to these neurons' functions of a and of b."""
    a, b = s.task.inputs.unbind(dim=1)
    pre = s.mlp_pre[:, neurons].mean(dim=0, dtype=torch.float64)
    return pre - of_a[a].mean(dim=0) - of_b[b].mean(dim=0)


def _heaviest(energy: Float[Tensor, " neuron"], parts: list[str | None]) -> Int[Tensor, " chosen"]:
    """The heaviest neuron of each part, then the second of each, until there are enough."""
    place: dict[str | None, int] = {}
    turns = []
    for i in energy.argsort(descending=True).tolist():
        turns.append((place.setdefault(parts[i], 0), len(turns), i))
        place[parts[i]] += 1
    return torch.tensor([i for _, _, i in sorted(turns)[:MOST_NEURONS]])


def _followed(
    r: Reading, of_a: Float[Tensor, "symbol neuron"], index: Int[Tensor, " chosen"]
) -> tuple[list[str | None], list[float | None]]:
    """The part that holds most of each neuron: over all pairs where that is known, else of its
    function of a."""
    if r.neurons is not None:
        names, by_part = r.neurons[0], r.neurons[1][:, index]
    else:
        parts = _parts(r.snapshot, "a")
        if parts is None:
            return [None] * len(index), [None] * len(index)
        names = [x for x in parts if x != "constant"]
        power = torch.stack([(parts[x].T @ of_a[:, index]).square().sum(dim=0) for x in names])
        by_part = power / power.sum(dim=0).clamp(min=1e-300)
    best, owner = by_part.max(dim=0)
    return [names[i] for i in owner.tolist()], [round(x, 4) for x in best.tolist()]


def _phase(r: Reading, f: Float[Tensor, " symbol"], name: str | None) -> float:
    parts = _parts(r.snapshot, "a")
    if parts is None or name not in parts or parts[name].shape[1] != 2:
        return 0.0
    cos, sin = (parts[name].T @ f).tolist()
    return float(np.arctan2(sin, cos) % (2 * np.pi))


def _parts(s: Snapshot, role: str) -> dict[str, Tensor] | None:
    """The parts of functions of a symbol, in the lens whose product the task is."""
    try:
        found = s.lens.views[role].parts
    except NotApplicable:
        return None
    return None if found is None else found.parts


def circles(r: Reading) -> list[str]:
    """The key parts that are a cosine and a sine, where there is an embedding to show on them."""
    parts = _parts(r.snapshot, "a")
    if r.keys is None or parts is None or not {"ab", "a"} & set(r.spectra):
        return []
    return [k for k in r.keys.names if k in parts and parts[k].shape[1] == 2][:MOST_CIRCLES]


def waves(r: Reading, shown: Neurons) -> list[dict[str, object]]:
    """Cosine and sine of the key parts, or of those that most neurons follow, as functions of a and
    of the answer."""
    followed = [name for name, _ in Counter(x for x in shown.parts if x).most_common()]
    names = [*circles(r), *(x for x in followed if x not in circles(r))][:MOST_CIRCLES]
    a, c = _parts(r.snapshot, "a"), _parts(r.snapshot, "c")
    if a is None or c is None:
        return []
    return [
        {
            "name": name,
            **{
                role: [[round(x, 5) for x in wave] for wave in parts[name].T.tolist()]
                for role, parts in (("a", a), ("c", c))
            },
        }
        for name in a
        if name in names and name in c and a[name].shape[1] == 2
    ]


def cycle(s: Snapshot, role: str) -> dict[str, Any] | None:
    """Where each symbol stands on a cycle of m places, -1 for none, so that the parts named are
    cos and sin of 2πk times the place over m, each normalised; None where parts are other waves."""
    parts = _parts(s, role) or {}
    waves = {name: Q for name, Q in parts.items() if name.split()[-1].isdecimal()}
    first = next((Q for name, Q in waves.items() if name.split()[-1] == "1"), None)
    if first is None or first.shape[1] != 2:
        return None
    is_there = first.norm(dim=1) > 1e-6
    m = int(is_there.sum())
    place = (torch.atan2(first[:, 1], first[:, 0]) * m / (2 * torch.pi)).round().long() % m
    named = [(name, int(name.split()[-1])) for name in waves]
    angle = 2 * torch.pi * place.double() / m
    for name, k in named:
        wave = torch.stack([(k * angle).cos(), (k * angle).sin()], dim=1) * is_there[:, None]
        own = wave[:, : 1 if 2 * k == m else 2]
        own = own / own.norm(dim=0)
        if own.shape != parts[name].shape or (own - parts[name]).abs().max() > 1e-5:
            return None
    if any(Q.shape[1] == 2 for name, Q in parts.items() if name not in waves):
        return None
    return {"places": torch.where(is_there, place, -1).tolist(), "m": m, "parts": named}


def symbol_order(s: Snapshot, role: str) -> list[int] | None:
    """The symbols in the order of the elements they stand for, such as their discrete logarithms;
    None where that is their own, or there is none."""
    try:
        found = elements(s, role)
    except NotApplicable:
        return None
    order = found.argsort(stable=True).tolist()
    return None if order == list(range(len(order))) else order


def grid(s: Snapshot) -> Int[Tensor, " pair"] | None:
    """Where each pair stands in a picture over (a, b), row by row; below one another for each
    operator. None where an input is no pair, or there are too many."""
    if not s.task.is_of_pairs or len(s.task.inputs) > MOST_PAIRS or s.task.answers.ndim > 1:
        return None
    a, b = s.task.inputs[:, 0], s.task.inputs[:, 1]
    operator = s.task.inputs[:, 2] - s.task.inputs[:, 2].min() if s.task.operators else 0 * a
    if int(operator.max()) >= max(1, len(s.task.operators)):
        return None
    return (operator * s.task.n_symbols + a) * s.task.n_symbols + b


def on_grid(s: Snapshot, where: Int[Tensor, " pair"], x: Tensor) -> np.ndarray:
    """A number of each pair as a picture over (a, b)."""
    n = s.task.n_symbols
    rows = n * max(1, len(s.task.operators))
    found = np.full(rows * n, np.nan, dtype=np.float32)
    found[where.numpy()] = x.numpy()
    return found.reshape(rows, n)


def film(r: Reading, steps: list[int], shown: Neurons | None) -> dict[str, Stack]:
    """All pictures that change, at these steps."""
    where = grid(r.snapshot)
    films = films_of(r, shown)
    pictures: dict[str, list[np.ndarray]] = {}
    for x in _snapshots(r, steps):
        for name, picture in _frame(x, where, shown, films, circles(r)).items():
            pictures.setdefault(name, []).append(picture.astype(np.float32))
    scales: dict[str, float] = {"right": 1.0, "irreps_in": 1.0, "irreps_out": 1.0}
    return {name: stack(np.stack(found), scales.get(name)) for name, found in pictures.items()}


def films_of(r: Reading, shown: Neurons | None) -> list[int]:
    """Which of the shown neurons have their activations filmed."""
    if grid(r.snapshot) is None:
        return []
    return _filmed(shown, r.keys.names if r.keys else ())


def _filmed(shown: Neurons | None, keys: tuple[str, ...]) -> list[int]:
    """For each of the first key parts, the neuron that follows it most."""
    if shown is None:
        return []
    found = []
    for key in keys:
        mine = [i for i, part in enumerate(shown.parts) if part == key]
        if mine:
            found.append(max(mine, key=lambda i: shown.shares[i] or 0))
    return found[:MOST_FILMS]


def _snapshots(r: Reading, steps: list[int]) -> Iterator[Snapshot]:
    for step, model in r.run.models(steps):
        yield replace(r.snapshot, model=model, step=step)


def _frame(
    s: Snapshot,
    where: Int[Tensor, " pair"] | None,
    shown: Neurons | None,
    films: list[int],
    keys: list[str],
) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    if where is not None:
        found["right"] = on_grid(s, where, _right(s))
    if isinstance(s.model, ParityMLP):
        found["digits"] = s.model.W_in.detach().T.numpy()
    weights = s.model.symbol_weights()
    if keys:
        W = weights["ab" if "ab" in weights else "a"].detach().double()
        found["circles"] = np.concatenate([_plane(s, W, key) for key in keys], axis=1)
    if shown is not None:
        of_a, of_b = of_operands(s, shown.index)
        found["of_a"] = of_a.T.numpy()
        if not shown.is_shared:
            found["of_b"] = of_b.T.numpy()
        if shown.can_run:
            found["level"] = _level(s, of_a, of_b, shown.index)[None].numpy()
        out = output_map(s)
        if out is not None:
            found["out"] = out[:, shown.index].T.numpy()
        if has_irreps(s.task):
            assert s.task.group is not None
            output = None if out is None else out[:, shown.index]
            found |= irrep_pictures(s.task.group, of_a, of_b, output)
        for i in films:
            assert where is not None
            found[f"film {i}"] = on_grid(s, where, s.mlp_post[:, shown.index[i]].float())
    return found


def _right(s: Snapshot) -> Float[Tensor, " pair"]:
    """The probability that the network gives to the right answer."""
    x = s.logits.float().log_softmax(dim=1)
    return x.gather(1, s.task.answers[:, None])[:, 0].exp()


def _plane(s: Snapshot, W: Float[Tensor, "symbol d"], key: str) -> np.ndarray:
    """Each symbol in the plane of the directions that carry cos and sin of a part."""
    parts = _parts(s, "a")
    assert parts is not None
    Q, R = np.linalg.qr((W.T @ parts[key]).numpy())
    return W.numpy() @ (Q * np.where(np.diag(R) < 0, -1, 1))


def spectra_of(r: Reading, steps: list[int]) -> dict[str, list[list[float]]]:
    """The shares of the parts in each folded weight at these steps."""
    found: dict[str, list[list[float]]] = {weight: [] for weight in r.spectra}
    if not found:
        return found
    for s in _snapshots(r, steps):
        for weight in found:
            shares = spectrum(s, weight, r.lens)
            found[weight].append([float(f"{x:.3g}") for x in shares.values()])
    return found


def trained_on(r: Reading, where: Int[Tensor, " pair"]) -> Stack:
    """Which pairs were shown: 1, or 0 for the others."""
    return stack(on_grid(r.snapshot, where, r.run.is_train.float())[None], 1.0)

"""The waves that functions of a symbol are drawn on: parts that are a cosine and a sine, and the
cycles that they go around.

Axes: symbol = an operand's value, or an answer; wave = the cosine and the sine of a part.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.measures.sides import elements
from grokscope.reading.reading import Reading
from grokscope.snapshot import Snapshot

MOST_CIRCLES = 6

Parts = dict[str, Float[Tensor, "symbol wave"]]


@dataclass(frozen=True)
class Cycle:
    """Where each symbol stands on a cycle of `m` places, -1 for none: each part is the cosine and
    the sine of 2πk times the place over m, both normalised."""

    places: list[int]
    m: int
    parts: list[tuple[str, int]]  # with their k


def parts_of(s: Snapshot, role: str) -> Parts | None:
    """The parts of functions of a symbol, in the lens whose product the task is."""
    try:
        split = s.lens.views[role].parts
    except NotApplicable:
        return None
    return None if split is None else split.parts


def circles(r: Reading) -> list[str]:
    """The key parts that are a cosine and a sine, the largest first, where there is an embedding to
    show on them, and they are more than noise."""
    parts, keys = parts_of(r.snapshot, "a"), r.keys
    if keys is None or parts is None or not {"ab", "a"} & set(r.spectra):
        return []
    largest = sorted(r.facts.key_names, key=lambda k: -keys.shares[k])
    return [k for k in largest if k in parts and parts[k].shape[1] == 2][:MOST_CIRCLES]


def waves(r: Reading, followed: Iterable[str | None]) -> dict[str, Parts]:
    """The key parts, and those that most neurons follow, as functions of a and of the answer.
    `followed` has the part of each neuron."""
    commonest = [name for name, _ in Counter(x for x in followed if x).most_common()]
    names = list(dict.fromkeys([*circles(r), *commonest]))[:MOST_CIRCLES]
    a, c = parts_of(r.snapshot, "a"), parts_of(r.snapshot, "c")
    if a is None or c is None:
        return {}
    return {
        name: {"a": a[name], "c": c[name]}
        for name in a
        if name in names and name in c and a[name].shape[1] == 2
    }


def cycle(s: Snapshot, role: str) -> Cycle | None:
    """The cycle that all parts of a role go around; None where they are other waves."""
    parts = parts_of(s, role) or {}
    harmonics = {name: int(k) for name in parts if (k := name.split()[-1]).isdecimal()}
    first = next((parts[name] for name, k in harmonics.items() if k == 1), None)
    if first is None or first.shape[1] != 2:
        return None
    is_there = first.norm(dim=1) > 1e-6
    m = int(is_there.sum())
    place = (torch.atan2(first[:, 1], first[:, 0]) * m / (2 * torch.pi)).round().long() % m
    angle = 2 * torch.pi * place.double() / m
    for name, k in harmonics.items():
        wave = torch.stack([(k * angle).cos(), (k * angle).sin()], dim=1) * is_there[:, None]
        wave = wave[:, : 1 if 2 * k == m else 2]
        wave = wave / wave.norm(dim=0)
        if wave.shape != parts[name].shape or (wave - parts[name]).abs().max() > 1e-5:
            return None
    if any(wave.shape[1] == 2 for name, wave in parts.items() if name not in harmonics):
        return None
    return Cycle(torch.where(is_there, place, -1).tolist(), m, list(harmonics.items()))


def symbol_order(s: Snapshot, role: str) -> list[int] | None:
    """The symbols in the order of the elements they stand for, such as their discrete logarithms;
    None where that is their own, or there is none."""
    try:
        order = elements(s, role).argsort(stable=True).tolist()
    except NotApplicable:
        return None
    return None if order == list(range(len(order))) else order

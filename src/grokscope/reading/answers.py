"""How a network comes to an answer: its logits, what each part of a circuit adds to them, and how
accurate it is without some of the parts.

Axes: pair = one input; c = an answer; part; s = a pair, or a product that pairs share.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.reading.grid import grid
from grokscope.reading.reading import Reading
from grokscope.score import accuracy, centred
from grokscope.snapshot import Snapshot
from grokscope.training.memory import MOST_DRAWN
from grokscope.verify.certificate import Certificate
from grokscope.verify.evidence import OfAll
from grokscope.verify.verify import less

ALL_SUBSETS = 5  # parts of which every choice is tried; of more, one or all are removed


@dataclass(frozen=True, eq=False)
class Removable:
    """A circuit whose parts can be removed from the logits: what each adds, by product where pairs
    that share one have the same; and the accuracy over all pairs without some parts, by their
    places."""

    certificate: Certificate
    added: Float[np.ndarray, "part s c"]
    product: Int[np.ndarray, " pair"] | None
    without: list[tuple[list[int], float]]
    accuracy: float  # of the network

    @property
    def parts(self) -> tuple[str, ...]:
        return self.certificate.circuit.parts


@dataclass(frozen=True, eq=False)
class Answers:
    """The logits of every pair at the last checkpoint, centred."""

    step: int | None
    logits: Float[np.ndarray, "pair c"]
    circuit: Removable | None


def answers(r: Reading) -> Answers | None:
    """The logits and the circuit that explains them; None where an input is not a pair, there are
    too many, or they are no longer numbers."""
    s = r.snapshot
    n_logits = s.task.answers.numel() * s.task.n_answers
    if grid(s) is None or s.task.operators or n_logits > MOST_DRAWN:
        return None
    if not s.is_of_numbers:
        return None
    chosen = _chosen(r)
    circuit = None if chosen is None else _removable(s, chosen)
    return Answers(s.step, centred(s.logits).numpy(), circuit)


def _chosen(r: Reading) -> Certificate | None:
    """The simplest that holds, or else the best that was found; None where its evidence is of a
    sample."""
    e = r.explanation
    if e is None or e.n_sampled is not None:
        return None
    return e.simplest or next((c for c in e.certificates if not c.circuit.is_null), None)


def _removable(s: Snapshot, c: Certificate) -> Removable | None:
    """None where there are no parts to choose from, or too many numbers."""
    names = c.circuit.parts
    if len(names) < 2:
        return None

    def added() -> Iterator[Float[Tensor, "pair c"]]:  # one after the other: each is a large table
        return (centred(c.circuit.keeping([x]).logits(s.task)) for x in names)

    shared = _by_product(s, added())
    n_logits = s.task.answers.numel() * s.task.n_answers
    if shared is None and len(names) * n_logits > 2 * MOST_DRAWN:
        return None
    rows, product = (torch.stack(list(added())), None) if shared is None else shared
    if rows.numel() > 2 * MOST_DRAWN:
        return None
    without, own = list(_without(s, c)), accuracy(s.logits, s.task.answers)
    return Removable(c, rows.numpy(), None if product is None else product.numpy(), without, own)


def _by_product(
    s: Snapshot, added: Iterable[Float[Tensor, "pair c"]]
) -> tuple[Float[Tensor, "part s c"], Int[Tensor, " pair"]] | None:
    """The same as tables of the product, where the pairs that share one have the same row."""
    if not any(lens.product is not None for lens in s.task.lenses):
        return None
    product = s.fibres.product
    first = torch.from_numpy(np.unique(product.numpy(), return_index=True)[1])
    rows = []
    for x in added:
        if (x[first][product] - x).abs().max() > 1e-9 * x.abs().max():
            return None
        rows.append(x[first])
    return torch.stack(rows), product


def _without(s: Snapshot, c: Certificate) -> Iterator[tuple[list[int], float]]:
    """Without one or all parts it is the certificate's own number."""
    names, network = c.circuit.parts, centred(s.logits)
    for i, name in enumerate(names):
        yield [i], c.value(OfAll.WITHOUT_PART, name)
    several = range(2, len(names)) if len(names) <= ALL_SUBSETS else ()
    for gone in (x for size in several for x in combinations(range(len(names)), size)):
        part = c.circuit.keeping([names[i] for i in gone])
        rest = less(network, centred(part.logits(s.task)))
        yield list(gone), accuracy(rest, s.task.answers)
    yield list(range(len(names))), c.value(OfAll.REMOVED)

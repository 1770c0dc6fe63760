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

from grokscope.circuits.circuit import Circuit
from grokscope.reading.facts import CertificateFacts
from grokscope.reading.grid import grid
from grokscope.reading.reading import Reading
from grokscope.score import accuracy, centred
from grokscope.snapshot import Snapshot
from grokscope.training.memory import MOST_DRAWN
from grokscope.verify.evidence import OfAll
from grokscope.verify.verify import less

ALL_SUBSETS = 5  # parts of which every choice is tried; of more, one or all are removed


@dataclass(frozen=True, eq=False)
class Removable:
    """A circuit whose parts can be removed from the logits: what each adds, by product where pairs
    that share one have the same; and the accuracy over all pairs without some parts, by their
    places."""

    certificate: CertificateFacts
    added: Float[np.ndarray, "part s c"]
    product: Int[np.ndarray, " pair"] | None
    without: list[tuple[list[int], float]]
    accuracy: float  # of the network

    @property
    def parts(self) -> tuple[str, ...]:
        return self.certificate.parts


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
    chosen, circuit = _chosen(r), None
    if r.explained is not None and chosen is not None and len(chosen.parts) > 1:
        circuit = _removable(s, chosen, r.explained.circuit(chosen, s))
    return Answers(s.step, centred(s.logits).numpy(), circuit)


def _chosen(r: Reading) -> CertificateFacts | None:
    """The simplest that holds, or else the best that was found; None where its evidence is of a
    sample."""
    e = None if r.explained is None else r.explained.facts
    if e is None or e.n_sampled is not None:
        return None
    return e.simplest or next(iter(e.tried), None)


def _removable(s: Snapshot, c: CertificateFacts, whole: Circuit) -> Removable | None:
    """None where there are too many numbers."""
    names = whole.parts

    def added() -> Iterator[Float[Tensor, "pair c"]]:  # one after the other: each is a large table
        return (centred(whole.keeping([x]).logits(s.task)) for x in names)

    shared = _by_product(s, added())
    n_logits = s.task.answers.numel() * s.task.n_answers
    if shared is None and len(names) * n_logits > 2 * MOST_DRAWN:
        return None
    rows, product = (torch.stack(list(added())), None) if shared is None else shared
    if rows.numel() > 2 * MOST_DRAWN:
        return None
    without, own = list(_without(s, c, whole)), accuracy(s.logits, s.task.answers)
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


def _without(s: Snapshot, c: CertificateFacts, whole: Circuit) -> Iterator[tuple[list[int], float]]:
    """Without one or all parts it is the certificate's own number."""
    names, network = whole.parts, centred(s.logits)
    for i, name in enumerate(names):
        yield [i], c.value(OfAll.WITHOUT_PART, name)
    several = range(2, len(names)) if len(names) <= ALL_SUBSETS else ()
    for gone in (x for size in several for x in combinations(range(len(names)), size)):
        part = whole.keeping([names[i] for i in gone])
        rest = less(network, centred(part.logits(s.task)))
        yield list(gone), accuracy(rest, s.task.answers)
    yield list(range(len(names))), c.value(OfAll.REMOVED)

"""How a network comes to an answer: its logits, what each part of a circuit adds to them, and how
accurate it is without some of the parts.

Axes: pair = one input; c = an answer; part; s = a product that pairs share.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.page.stacks import LEVELS, Stack, stack
from grokscope.reading.explained import simplest
from grokscope.reading.film import grid
from grokscope.reading.reading import Reading
from grokscope.score import accuracy, centred
from grokscope.verify.certificate import Certificate
from grokscope.verify.verify import less

MOST_LOGITS = 2_500_000  # that are put in a page: p = 135
RUN_IN_PAGE = ("of_a", "of_b", "level", "out")
ALL_SUBSETS = 5  # parts of which every choice is tried; of more, one or all are removed


def told_by(r: Reading) -> Certificate | None:
    """The circuit whose parts can be removed in the page: the simplest that holds, or else the best
    that was found; None where its evidence is of a sample."""
    if r.explanation is None or r.explanation.n_sampled is not None:
        return None
    best = simplest(r.explanation)
    rest = (c for c in r.explanation.certificates if c.circuit.form != "lookup")
    return best or next(rest, None)


def answers(r: Reading) -> dict[str, Any] | None:
    """The logits of every pair at the last checkpoint, with what each part adds to them; None where
    an input is no pair, there are too many, or they are no longer numbers."""
    s, c = r.snapshot, told_by(r)
    if grid(s) is None or s.task.operators or s.logits.numel() > MOST_LOGITS:
        return None
    if not s.logits.isfinite().all():
        return None
    found: dict[str, Any] = {
        "step": s.step,
        "pairs": s.task.inputs.T.tolist(),
        "right": s.task.answers.tolist(),
        "logits": stack(centred(s.logits).numpy()[None]).packed(),
        "parts": [],
    }
    if c is not None and len(c.circuit.parts) > 1:
        found |= _parts(r, c)
    return found


def same_answers(r: Reading, stacks: dict[str, Stack]) -> float:
    """On how many of the pairs the network that is run in the page, of weights rounded to levels,
    gives the answer of the network itself, at the last checkpoint."""
    last = {k: stacks[k].levels[-1] / LEVELS * stacks[k].scale for k in stacks if k in RUN_IN_PAGE}
    a, b = r.run.task.inputs.numpy().T
    pre = last["of_a"][:, a] + last.get("of_b", last["of_a"])[:, b] + last["level"].T
    made = last["out"].T @ np.maximum(pre, 0)
    return float((made.argmax(axis=0) == r.snapshot.logits.argmax(dim=1).numpy()).mean())


def _parts(r: Reading, c: Certificate) -> dict[str, Any]:
    """What each part adds to the logits, and the accuracies without some."""
    s, task = r.snapshot, r.snapshot.task
    names = c.circuit.parts
    alone = {x: centred(c.circuit.keeping([x]).logits(task)) for x in names}
    shared = _by_product(r, list(alone.values()))
    rows = torch.stack(list(alone.values())) if shared is None else shared[0]
    if rows.numel() > 2 * MOST_LOGITS:
        return {}
    return {
        "form": c.circuit.form,
        "verdict": c.verdict,
        "parts": list(names),
        "added": stack(rows.numpy()).packed(),
        "product": None if shared is None else shared[1].tolist(),
        "without": list(_without(r, c)),
        "network": accuracy(s.logits, task.answers),
    }


def _by_product(
    r: Reading, parts: list[Float[Tensor, "pair c"]]
) -> tuple[Float[Tensor, "part s c"], Tensor] | None:
    """The same as tables of the product, where the pairs that share one have the same row."""
    if not any(lens.product is not None for lens in r.snapshot.task.lenses):
        return None
    product = r.snapshot.fibres.product
    first = torch.from_numpy(np.unique(product.numpy(), return_index=True)[1])
    found = []
    for x in parts:
        if (x[first][product] - x).abs().max() > 1e-9 * x.abs().max():
            return None
        found.append(x[first])
    return torch.stack(found), product


def _without(r: Reading, c: Certificate) -> Iterator[dict[str, Any]]:
    """Accuracy over all pairs without some parts, as the certificate counts it: of one or all of
    them its own numbers."""
    s, names = r.snapshot, c.circuit.parts
    network = centred(s.logits)
    for i, name in enumerate(names):
        yield {"gone": [i], "accuracy": c.value(f"accuracy without {name}")}
    several = range(2, len(names)) if len(names) <= ALL_SUBSETS else ()
    for gone in (x for size in several for x in combinations(range(len(names)), size)):
        part = c.circuit.keeping([names[i] for i in gone])
        rest = less(network, centred(part.logits(s.task)))
        yield {"gone": list(gone), "accuracy": accuracy(rest, s.task.answers)}
    whole = c.value("accuracy without it, all")
    yield {"gone": list(range(len(names))), "accuracy": whole}

"""What the heads attend to from the position that is read."""

from typing import Any

import numpy as np
from jaxtyping import Float

from grokscope.page.figure import WHEN, Figure, Weight
from grokscope.page.stacks import LEVELS, packed, short, stack
from grokscope.reading.attention import Attention
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import percent

AS_IT_IS = (
    "kind", "frames", "heads", "positions", "sums", "fixed", "input", "reads", "sampled", "total",
)  # fmt: skip


def facts(p: Pictures) -> dict[str, Any] | None:
    seen = p.attention
    if seen is None:
        return None
    return {"attention": _numbers(seen), "stacks": _stacks(seen)}


def _numbers(seen: Attention) -> dict[str, Any]:
    numbers = {name: getattr(seen, name) for name in AS_IT_IS}
    for name, tensors in (("means", seen.means), ("levels", seen.levels)):
        numbers[name] = tensors and [x.double().numpy().round(5).tolist() for x in tensors]
    if seen.parts is not None and seen.chance is not None:
        numbers["parts"] = [
            [best and (best[0], short(best[1], 3)) for best in heads] for heads in seen.parts
        ]
        numbers["chance"] = short(seen.chance, 3)
    return {name: x for name, x in numbers.items() if x is not None}


def _stacks(seen: Attention) -> dict[str, Any]:
    if seen.kind == "symbols":
        return _finely(seen.maps)
    if seen.one is None:
        return {"attention": packed(seen.maps, 1.0)}
    return {"attention": packed(seen.maps), "attention of one": packed(seen.one, 1.0)}


def _finely(x: Float[np.ndarray, "step row symbol"]) -> dict[str, Any]:
    """Rounded twice, so that what an exponential makes of them is off by less than a level."""
    coarse = stack(x)
    rest = x - coarse.levels.astype(np.float32) / LEVELS * coarse.scale
    return {"attention": coarse.packed(), "attention rest": packed(rest)}


def caption(run: Facts, page: dict[str, Any]) -> str:
    seen = page["attention"]
    if seen["kind"] == "sequences":
        some, total = seen["sampled"], seen["total"]
        of = "all" if some == total else f"{some:,} of {total:,}"
        return (
            f"The attention of each head at {WHEN}, from the positions whose answers are "
            f"read: the mean over {of} inputs, or that of one input."
        )
    read = '"="' if "=" in seen["positions"] else "b"
    sums = "" if seen["sums"] else " In this model they need not add up to 1."
    if seen["fixed"]:
        return (
            f"Attention is fixed in this network: from {read}, where the answer is read, it is the "
            f"same for every pair at every checkpoint.{sums}"
        )
    count = len(seen["frames"])
    when = WHEN if count == len(page["frames"]) else f"the nearest of {count} checkpoints"
    parts = (
        ""
        if "parts" not in seen
        else " Coloured: the part that explains most of how strongly a head is drawn to a as a "
        "changes (in logarithms), and its share; the best part of a random function has "
        f"{percent(seen['chance'])}."
    )
    return (
        f"How much each head attends to a from {read}, where the answer is read, for each pair "
        f"(a, b) at {when}. Beneath: its means, and those of attention to "
        f"each position.{sums}{parts}"
    )


FIGURE = Figure(
    "attention", "weights", 30, "What its heads attend to", facts, caption, Weight(3, "attention")
)

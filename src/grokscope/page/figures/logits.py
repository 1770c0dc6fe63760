"""How the network comes to an answer: the logits of a pair, with and without parts of a circuit."""

from typing import Any

from grokscope.page.figure import Figure, Leads, Weight
from grokscope.page.stacks import packed
from grokscope.page.still import bars, unpacked
from grokscope.reading.answers import Removable
from grokscope.reading.facts import Facts
from grokscope.reading.pictures import Pictures


def facts(p: Pictures) -> dict[str, Any] | None:
    if p.answers is None:
        return None
    task = p.reading.run.task
    answers = {
        "step": p.answers.step,
        "pairs": task.inputs.T.tolist(),
        "right": task.answers.tolist(),
        "logits": packed(p.answers.logits[None]),
        "parts": [],
    }
    circuit = p.answers.circuit
    return {"answers": answers if circuit is None else answers | _circuit(circuit)}


def _circuit(c: Removable) -> dict[str, Any]:
    return {
        "form": c.certificate.form,
        "verdict": c.certificate.verdict,
        "parts": list(c.parts),
        "added": packed(c.added),
        "product": None if c.product is None else c.product.tolist(),
        "without": [{"gone": gone, "accuracy": accuracy} for gone, accuracy in c.without],
        "network": c.accuracy,
    }


def caption(run: Facts, page: dict[str, Any]) -> str:
    has_cycles = "(1 2 3)" in (page["names"] or ())
    cycles = " (1 2 3) sends 1 to 2, 2 to 3 and 3 to 1; in ab, a moves first." if has_cycles else ""
    return (
        f"The network at its last checkpoint, step {run.step or 0:,}: choose a and b. To untick a "
        f"part is to subtract it from the network's logits.{cycles}"
    )


def still(page: dict[str, Any]) -> str:
    """Of one pair."""
    found, i = page["answers"], len(page["answers"]["right"]) // 2
    a, b = (pairs[i] for pairs in found["pairs"])
    logits = unpacked(found["logits"], 0)[i].tolist()
    return bars(
        logits, [found["right"][i]], f"the logits of a = {a}, b = {b}; green: the right answer"
    )


FIGURE = Figure(
    "logits", "how", 10, "How it comes to an answer", facts, caption,
    Weight(1, "the logits of every pair"), Leads("how", 1), still,
)  # fmt: skip

"""The network run in the page, where its shown neurons are all it has."""

from typing import Any

from grokscope.page.figure import Figure, Leads
from grokscope.page.stacks import LEVELS, stack
from grokscope.reading.facts import Facts
from grokscope.reading.neurons import same_answers
from grokscope.reading.pictures import Pictures
from grokscope.reading.sentences import percent


def facts(p: Pictures) -> dict[str, Any] | None:
    """The level of each neuron besides the facts of `weights`; and how often the network of the
    rounded weights answers as the network itself does, at the last checkpoint."""
    if p.neurons is None or not p.neurons.can_run:
        return None
    names = [name for name in ("of_a", "of_b", "level", "out") if name in p.film.pictures]
    stacks = {name: stack(p.film.pictures[name]) for name in names}
    last = {name: x.levels[-1] / LEVELS * x.scale for name, x in stacks.items()}
    s = p.reading.snapshot
    of_a, of_b, level = last["of_a"].T, last.get("of_b", last["of_a"]).T, last["level"][0]
    neurons = {
        "same": same_answers(s, p.neurons.act, of_a, of_b, level, last["out"].T),
        "pairs": s.task.inputs.T.tolist(),
        "right": s.task.answers.tolist(),
    }
    return {"neurons": neurons, "stacks": {"level": stacks["level"].packed()}}


def caption(run: Facts, page: dict[str, Any]) -> str:
    return (
        "Logits of the pair (a, b) at the chosen step, computed here from the rounded weights: at "
        "the last checkpoint it gives the network's own answer to "
        f"{percent(page['neurons']['same'])} of the pairs. Untick a part to silence its neurons."
    )


FIGURE = Figure(
    "forward", "weights", 90, "The network, run in this page", facts, caption,
    leads=Leads("how", 2),
)  # fmt: skip

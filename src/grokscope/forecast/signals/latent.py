"""Latent accuracy: what the network would answer if the circuit in it were all of it."""

import grokscope.circuits  # noqa: F401  (registers the forms)
from grokscope.canonical import canonical
from grokscope.circuits.circuit import FORMS
from grokscope.errors import NotApplicable
from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen
from grokscope.score import accuracy


@signal(
    "algorithm",
    "Swaroop 2026 (2603.23784)",
    "held-out accuracy of the best circuit that `explain` finds, of forms that account for neurons",
    cost=330.0,
)
def latent_accuracy(x: Seen) -> float:
    s = x.snapshot
    view, here, found = canonical(s), s.is_test, list[float]()
    for form in FORMS.values():
        try:
            circuit = form.find(view)
        except NotApplicable:
            continue
        if circuit.neurons():  # a convolution of the logits is right wherever a table is
            found.append(accuracy(circuit.logits(s.task)[here], s.task.answers[here]))
    return max(found, default=s.task.chance)

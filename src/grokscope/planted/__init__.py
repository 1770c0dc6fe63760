"""Networks with weights set by hand: their algorithm is known, or known to be none.

    from grokscope.planted import TRUTHS, IMPOSTORS, exam

`TRUTHS` and `IMPOSTORS` hold the kinds by name; `kind("clock_relu").draw(seed=3, noise=0.01)` is
one network, `waves.clock_relu(3, 0.01, p=31)` one of chosen sizes.
"""

from grokscope.planted import digits, groups, impostors, waves
from grokscope.planted.exam import EXPLAINERS, Answer, Exam, exam, explainer
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import (
    IMPOSTORS,
    TRUTHS,
    Draft,
    Kind,
    Planted,
    impostor,
    kind,
    relabelled,
    truth,
)

__all__ = [
    "EXPLAINERS",
    "IMPOSTORS",
    "TRUTHS",
    "Answer",
    "Draft",
    "Exam",
    "Kind",
    "Neurons",
    "Planted",
    "digits",
    "exam",
    "explainer",
    "groups",
    "impostor",
    "impostors",
    "kind",
    "relabelled",
    "truth",
    "waves",
]

"""Networks with weights set by hand: their algorithm is known, or known to be none.

    from grokscope.planted import TRUTHS, IMPOSTORS, exam

`TRUTHS` and `IMPOSTORS` hold the kinds by name; `kind("clock_relu").draw(seed=3, noise=0.01)` is
one network, `waves.clock_relu(3, 0.01, p=31)` one of chosen sizes.
"""

from importlib import import_module
from pkgutil import iter_modules

from grokscope.planted import digits, groups, impostors, mixtures, tricks, waves
from grokscope.planted.disguises import DISGUISES, disguised
from grokscope.planted.exam import EXPLAINERS, Account, Answer, Exam, exam, explainer
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import (
    IMPOSTORS,
    MIXED,
    TRUTHS,
    Draft,
    Kind,
    Planted,
    impostor,
    kind,
    mixed,
    relabelled,
    truth,
)

for _kinds in iter_modules(__path__, f"{__name__}."):  # a truth of its own is one file
    import_module(_kinds.name)

__all__ = [
    "DISGUISES",
    "EXPLAINERS",
    "IMPOSTORS",
    "MIXED",
    "TRUTHS",
    "Account",
    "Answer",
    "Draft",
    "Exam",
    "Kind",
    "Neurons",
    "Planted",
    "digits",
    "disguised",
    "exam",
    "explainer",
    "groups",
    "impostor",
    "impostors",
    "kind",
    "mixed",
    "mixtures",
    "relabelled",
    "tricks",
    "truth",
    "waves",
]

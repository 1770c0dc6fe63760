"""The first-passage law of the norm: a network generalises when V = |θ|² has shrunk to V*.

V decays as exp(-2κηλt), so that t_grok - t = ln(V / V*) / (2κηλ) (Truong 2026, arXiv 2603.13331 and
2605.18845). κ and V* are of one cell, and are used for all of the same task and model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from grokscope.errors import BadInput, NotApplicable
from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen

KAPPA = 0.705  # published: γ = 2κηλ = 1.41ηλ with AdamW


@signal(
    "weights",
    "Truong 2026 (2603.13331, 2605.18845)",
    "ln(V) / (2κηλ) with κ .705: steps to go, but for a constant over ηλ that one cell gives",
)
def norm_law(x: Seen) -> float:
    spec = x.run.spec
    if spec.weight_decay == 0:
        raise NotApplicable("without weight decay the norm's law has no end. Set weight_decay.")
    return log(max(x.row["sum_of_squares"], 1e-300)) / (2 * KAPPA * spec.lr * spec.weight_decay)


@dataclass(frozen=True)
class Law:
    """What one cell gives: κ, and V* at which its networks generalise."""

    kappa: float
    v_star: float

    def delay(self, v: float, lr: float, weight_decay: float) -> float:
        """Steps to go from a squared norm `v`; 0 where it is below V* already."""
        return max(0.0, log(v / self.v_star) / (2 * self.kappa * lr * weight_decay))


def fit(
    v: Sequence[float], v_grok: Sequence[float], delay: Sequence[float], lr: float, decay: float
) -> Law:
    """The law of one cell, of its networks that generalised: their V at some step, V when they
    did, and how many steps that was later. V* is the median, κ the median of single ones. Raises
    `BadInput` where none of them has shrunk to V*."""
    star = float(np.median(v_grok)) if len(v_grok) else 0.0
    pairs = [(log(x / star), d) for x, d in zip(v, delay, strict=True) if d > 0 and x > star > 0]
    if not pairs or decay == 0:
        raise BadInput(
            "the law of the norm needs networks that generalise later than they memorise, under "
            "weight decay, and with a smaller norm. Choose another cell."
        )
    kappa = float(np.median([fall / (2 * lr * decay * d) for fall, d in pairs]))
    return Law(kappa, star)

"""What gradients of parts of the training pairs have in common; see `measures.gradients`."""

from grokscope.forecast.register import measured, signal
from grokscope.forecast.seen import Seen


@signal(
    "weights", "Xu 2026 (2602.16967)", "|θ_AB - θ_BA| / (|η g_A| |η g_B|), median of 9", cost=13.0
)
def commutator_defect(x: Seen) -> float:
    return measured(x, "commutator_defect")


@signal(
    "weights",
    "McCandlish et al. 2018 (1812.06162)",
    "tr Σ / |g|² of single pairs' gradients",
    cost=4.0,
)
def gradient_noise(x: Seen) -> float:
    return measured(x, "gradient_noise")

"""What forecasts need of training: the train loss of each of the first steps, and what evaluations
say: at landmarks how it oscillated, and at all of them quantiles.

Axes: member = one network; step; pair = one training input.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.spec import Spec
from grokscope.training.rule import Count, Rule
from grokscope.training.stack import Stack

RECORDED = "record.losses"  # its name beside the weights, where a run is saved
HIGH_PASS = 1 / 10  # cycles a step: slower than a period of 10 steps is trend
FEWEST = 20  # steps, twice that period
LEAST = 1e-12  # nats: a loss below it is rounding
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


class Record(Rule):
    """The losses of the first `spec.record` steps; what is not trained yet is 0. One column more
    takes those of later steps."""

    reads_steps = False

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        super().__init__(specs, stack)
        self.state = {
            "losses": stack.flat.new_zeros(len(specs), specs[0].record + 1, dtype=torch.float64)
        }

    def update(self, stack: Stack, step: Count) -> None:
        kept, last = self.state["losses"], self.specs[0].record
        if isinstance(step, Tensor):
            kept.index_copy_(1, step.long().clamp(max=last)[None], stack.losses.double()[:, None])
        elif step < last:
            kept[:, step] = stack.losses


def oscillation(losses: Float[Tensor, " step"]) -> dict[str, float]:
    """How the logarithm of these losses oscillates: Hjorth's activity, mobility and complexity.

    Of ln(loss) the line of least squares is taken off, the rest tapered by a Hann window w, and
    what is slower than `HIGH_PASS` left out. With F its Fourier transform at angular frequencies ω
    and m_n = Σ ωⁿ |F|² / (T Σ w²), T steps: activity m0 (squared nats), mobility √(m2/m0) and
    complexity √(m4/m2), both in radians a step (Notsawo et al. 2023). Empty for fewer than `FEWEST`
    steps.
    """
    if len(losses) < FEWEST:
        return {}
    y = losses.detach().cpu().clamp(min=LEAST).log()
    t = torch.linspace(-1, 1, len(y), dtype=y.dtype)
    y = y - y.mean() - t * (t @ y) / (t @ t)
    taper = torch.hann_window(len(y), periodic=False, dtype=y.dtype)
    frequency = torch.fft.rfftfreq(len(y), dtype=y.dtype)
    power = torch.fft.rfft(y * taper).abs().square() * (frequency >= HIGH_PASS)
    power[1 : (len(y) + 1) // 2] *= 2  # what stands for two: all but 0 and 1/2
    power = power / (len(y) * taper.square().sum())
    omega = 2 * torch.pi * frequency
    m0, m2, m4 = (float((omega**n * power).sum()) for n in (0, 2, 4))
    if not 0 < m2 < float("inf"):
        return {}
    return {
        "hjorth_activity": m0,
        "hjorth_mobility": (m2 / m0) ** 0.5,
        "hjorth_complexity": (m4 / m2) ** 0.5,
    }


def quantiles(losses: Float[Tensor, " pair"]) -> dict[str, float]:
    """The quantiles of the log-probabilities of what is taught, at `LEVELS`, in nats; linear
    between the pairs."""
    ascending, last = losses.sort(descending=True).values, len(losses) - 1
    below = [min(int(level * last), last - 1) if last else 0 for level in LEVELS]
    ends = ascending[[*below, *(min(k + 1, last) for k in below)]].tolist()
    found = {}
    for level, k, x, y in zip(LEVELS, below, ends, ends[len(LEVELS) :], strict=False):
        found[f"log_p_{level:g}"] = -(x + (level * last - k) * (y - x))
    return found

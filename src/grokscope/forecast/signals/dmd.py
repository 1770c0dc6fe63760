"""Hankel-DMD: how badly a linear system reproduces the quantiles of log-probabilities so far.

Axes: time = an evaluation; quantile; row = a quantile at a delay.
"""

import numpy as np
from jaxtyping import Float

from grokscope.errors import NotApplicable
from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen
from grokscope.training.record import LEVELS

DELAYS, MODES, WINDOW = 3, 6, 40  # of the Hankel matrix; at most; evaluations, the last ones
FEWEST = 2 * DELAYS
ROUNDING = 1e-9  # of the largest singular value


@signal(
    "loss",
    "Wang, Ying, Kanamori 2026 (2605.08237)",
    "|H - Ĥ| / |H|: H of the quantiles of ln p of training labels, 3 delays; Ĥ by 6 DMD modes",
)
def dmd_residual(x: Seen) -> float:
    series = [x.series(f"log_p_{level:g}")[1] for level in LEVELS]
    if len(series[0]) < FEWEST:
        raise NotApplicable(
            f"a Hankel matrix needs {FEWEST} evaluations with quantiles, and there are "
            f"{len(series[0])}. Train with record=2000 and a smaller eval_every."
        )
    return residual(np.stack(series)[:, -WINDOW:])


def residual(X: Float[np.ndarray, "quantile time"]) -> float:
    """|H - Ĥ| / |H| of a series: H its Hankel matrix of `DELAYS` delays, and Ĥ the first column,
    taken on by the linear map of at most `MODES` modes that fits best. A linear system of so many
    modes: 0. At most 1e6: unstable modes grow without end."""
    n = X.shape[1] - DELAYS + 1
    H = np.concatenate([X[:, k : k + n] for k in range(DELAYS)])
    U, scale, Vh = np.linalg.svd(H[:, :-1], full_matrices=False)
    r = min(MODES, int((scale > ROUNDING * scale[0]).sum()))
    if not r:
        return 0.0
    U, scale, Vh = U[:, :r], scale[:r], Vh[:r]
    A = U.T @ H[:, 1:] @ Vh.T / scale
    z, columns = U.T @ H[:, 0], [H[:, 0]]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(n - 1):
            z = A @ z
            columns.append(U @ z)
        found = np.linalg.norm(H - np.stack(columns, axis=1)) / np.linalg.norm(H)
    return float(np.nan_to_num(min(found, 1e6), nan=1e6))

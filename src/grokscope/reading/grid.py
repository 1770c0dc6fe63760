"""Pictures over the pairs (a, b).

Axes: pair = one input; row = a, below one another for each operator; column = b.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from grokscope.snapshot import Snapshot

MOST_PAIRS = 40_000  # inputs that are drawn: p = 200


@dataclass(frozen=True, eq=False)
class Grid:
    """Where each pair stands in a picture, counted row by row."""

    cell: Int[Tensor, " pair"]
    rows: int
    columns: int

    def picture(self, x: Shaped[Tensor, " pair"]) -> Float[np.ndarray, "row column"]:
        """A number of each pair in its cell; not a number where there is no pair."""
        cells = np.full(self.rows * self.columns, np.nan, dtype=np.float32)
        cells[self.cell.numpy()] = x.numpy()
        return cells.reshape(self.rows, self.columns)


def grid(s: Snapshot) -> Grid | None:
    """The grid of a task's pairs; None where an input is not a pair, or there are too many."""
    task = s.task
    if not task.is_of_pairs or len(task.inputs) > MOST_PAIRS or task.answers.ndim > 1:
        return None
    a, b = task.inputs[:, 0], task.inputs[:, 1]
    operator = task.inputs[:, 2] - task.inputs[:, 2].min() if task.operators else 0 * a
    n, count = task.n_symbols, task.n_operators
    return None if int(operator.max()) >= count else Grid((operator * n + a) * n + b, count * n, n)

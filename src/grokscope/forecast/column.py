"""The column that a pool's sweep adds to its table: what each signal said at each landmark, as
JSON. Each worker of the sweep loads this file."""

import json

from grokscope.forecast.landmarks import rows_of
from grokscope.forecast.signal import SIGNALS
from grokscope.runs import Entry, column

COSTLY, TENTH = 100.0, 10  # milliseconds; such a signal is measured of every tenth seed


@column(of="events")
def landmarks(x: Entry) -> str:
    """The rows of `forecast.landmarks.rows_of`."""
    cheap = [name for name, one in SIGNALS.items() if one.cost <= COSTLY]
    return json.dumps(rows_of(x.run, names=cheap if x.run.spec.seed % TENTH else None))

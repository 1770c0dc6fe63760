"""The column that a pool's sweep adds to its table: what each signal said at each landmark, as
JSON. Each worker of the sweep loads this file."""

import json

from grokscope.forecast.landmarks import costly, rows_of
from grokscope.forecast.signal import SIGNALS
from grokscope.runs import Entry, column

TENTH = 10  # costly signals are measured of every tenth seed


@column(of="events")
def landmarks(x: Entry) -> str:
    """The rows of `forecast.landmarks.rows_of`."""
    cheap = SIGNALS.keys() - costly()
    return json.dumps(rows_of(x.run, names=cheap if x.run.spec.seed % TENTH else None))

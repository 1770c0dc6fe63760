"""The column that a pool's sweep adds to its table: what each signal said at each landmark, as
JSON. Each worker of the sweep loads this file, and nothing imports it."""

import json

from grokscope.forecast.landmarks import TENTH, costly, rows_of
from grokscope.forecast.signal import SIGNALS
from grokscope.runs import Entry, column


@column(of="events")
def landmarks(x: Entry) -> str:
    """The rows of `forecast.landmarks.rows_of`."""
    cheap = SIGNALS.keys() - costly()
    return json.dumps(rows_of(x.run, names=cheap if x.run.spec.seed % TENTH else None))

"""The one time of a page: where it opens, and whether its axis is linear or logarithmic."""

import math

from grokscope.reading.facts import Facts


def opens_at(f: Facts) -> int:
    """The step at which a page opens: the middle of the change, where the test accuracy has gone
    half of its way; the last step of a network that did not generalise."""
    last = f.step or 0
    if f.events.t_grok is None or not f.rows:
        return last
    low = f.at(f.events.t_memorize)["test_accuracy"] if f.events.t_memorize is not None else 0.0
    half = (low + 1) / 2
    return next((int(row["step"]) for row in f.rows if row["test_accuracy"] >= half), last)


def is_logarithmic(f: Facts) -> bool:
    """Whether time is better logarithmic: on that axis the delay, from memorising to generalising,
    is nearer to half of the width than on a linear one. So too where there is no delay."""
    e, last = f.events, f.rows[-1]["step"] if f.rows else 0
    if e.delay is None or e.t_memorize is None or e.t_grok is None or e.delay <= 0 or not last:
        return True
    linear = e.delay / last
    log = (math.log1p(e.t_grok) - math.log1p(e.t_memorize)) / math.log1p(last)
    return abs(log - 0.5) < abs(linear - 0.5)

"""Watching training in a notebook: one line of text below the cell, written again as it goes.

Text, and no widget: it is kept with the notebook, and is read where nothing runs.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

from grokscope.spec import Spec
from grokscope.training.events import Events, Row
from grokscope.training.run import Run
from grokscope.training.track import TrackRun, untracked

EVERY = 0.2  # seconds between two lines
WIDTH = 20  # of the bar, in letters


def bar_of(specs: Sequence[Spec]) -> TrackRun:
    """What shows in a notebook how far these networks are; elsewhere nothing does."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return untracked if getattr(shell, "kernel", None) is None else _bar(specs)


def _bar(specs: Sequence[Spec]) -> TrackRun:
    from IPython.display import display

    from grokscope.training.progress import described, end_of

    latest: dict[str, tuple[Row, Events]] = {}
    ends: dict[str, int | float] = {spec.id: spec.steps for spec in specs}
    shown: list[Any] = []  # the handle of the line, once there is one
    last = 0.0

    def track(run: Run, row: Row, events: Events) -> None:
        nonlocal last
        latest[run.spec.id] = row, events
        ends[run.spec.id] = end_of(run, row, events)
        is_over = all(e.stop is not None for _, e in latest.values()) and len(latest) == len(ends)
        if time.monotonic() - last < EVERY and not is_over:
            return
        last = time.monotonic()
        done = sum(r["step"] for r, _ in latest.values()) / max(1, sum(ends.values()))
        bar = "█" * round(WIDTH * done) + "░" * (WIDTH - round(WIDTH * done))
        step = max(r["step"] for r, _ in latest.values())
        line = {"text/plain": f"{bar} step {step:,.0f} {described(latest, len(specs))}"}
        if shown:
            shown[0].update(line, raw=True)
        else:
            shown.append(display(line, raw=True, display_id=True))

    return track

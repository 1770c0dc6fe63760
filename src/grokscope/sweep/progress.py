"""Watching a sweep on a terminal: one bar, or a line now and then where there is none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from grokscope.printable import Screen
from grokscope.sweep.drive import Progress, Track

EVERY = 60.0  # seconds between lines


@contextmanager
def progress_bar(console: Screen) -> Iterator[Track]:
    """A tracker that shows networks per minute, when it will end, and how many memorised, grokked
    and failed."""
    start, told = time.monotonic(), -EVERY
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[said]}"),
        console=console,
        disable=not console.is_terminal,
    )

    def track(progress: Progress) -> None:
        nonlocal told
        now = time.monotonic()
        said = sentence(progress, now - start, time.time())
        bar.update(task, completed=progress.done, total=progress.total, said=said)
        if not console.is_terminal and (now >= told + EVERY or progress.done >= progress.total):
            told = now
            console.print(f"{count(progress)} {said}", soft_wrap=True)
        bar.update(task, description=count(progress))

    with bar:
        task = bar.add_task("starting", total=None, said="")
        yield track


def count(progress: Progress) -> str:
    return f"{progress.done:,} of {progress.total:,} networks"


def sentence(progress: Progress, seconds: float, now: float) -> str:
    """How fast it goes, when it will end, and what became of the networks that were made."""
    if not progress.made:
        return ""
    rate = progress.made / max(seconds, 1e-9)
    left = max(0, progress.total - progress.done) / rate
    at = time.localtime(now + left)
    end = time.strftime("%H:%M" if left < 20 * 3600 else "%a %d %b %H:%M", at)
    events = f"{progress.memorised:,} memorised, {progress.grokked:,} grokked"
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    return f"{60 * rate:,.1f} a minute, ends about {end}; {events}{failed}"

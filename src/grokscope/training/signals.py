"""Ctrl-C, and the SIGTERM of schedulers and containers, while networks train.

A step that is half done cannot be saved. So a signal is kept until the step is over and what was
trained is on the disk, and then acts as it would have.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Keep the signals of `ENDING` while it lasts; yields whether one has come. The first acts when
    it is left, a second at once. Outside the main thread, which hears no signal, nothing is kept.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came: list[int] = []
    before = {s: handler for s in ENDING if (handler := signal.getsignal(s)) not in _LEFT_ALONE}

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    def keep(signum: int, frame: object) -> None:
        came.append(signum)
        restore()

    for signum in before:
        signal.signal(signum, keep)
    try:
        yield lambda: bool(came)
    except KeyboardInterrupt:
        if not came:
            raise
    finally:
        restore()
    if came:
        signal.raise_signal(came[0])


_LEFT_ALONE = (signal.SIG_IGN, None)  # ignored, as under nohup; or not set by Python

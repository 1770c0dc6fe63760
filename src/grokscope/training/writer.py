"""A thread that writes while the next steps are trained, in the order in which it is asked.

A disk takes milliseconds to promise that a file is there; a step need not wait for that. Who says
that something is saved does: `settle` returns when all that was asked for is on the disk.
"""

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]
WAITING = 8  # jobs; who asks for more waits, as each may hold a copy of all weights


class Writer:
    """Does jobs one after the other. What the first that fails raises is raised to who asks next,
    and no later one is done."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(WAITING)
        self._failed: BaseException | None = None
        # A second Ctrl-C must end the process though the disk hangs: files appear whole or not.
        self._thread = threading.Thread(target=self._work, daemon=True, name="writer")
        self._thread.start()

    def ask(self, job: Job) -> None:
        """Have it done. Raises what a job before it raised."""
        self._raise()
        self._jobs.put(job)

    def settle(self) -> None:
        """Wait until all is done. Raises what a job raised."""
        self._jobs.join()
        self._raise()

    def close(self, wait: bool = True) -> None:
        """Do what was asked for, and end; `wait` until then."""
        if wait:
            self._jobs.put(None)
            self._thread.join()
        else:
            threading.Thread(target=self._jobs.put, args=(None,), daemon=True).start()

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._failed is None:
                    job()
            except BaseException as error:
                self._failed = error
            finally:
                self._jobs.task_done()
        self._jobs.task_done()

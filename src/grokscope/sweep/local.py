"""The local engine: worker processes, of which only the dead one's batch fails.

A batch whose worker dies is tried again, from where it was saved; after three deaths its halves are
tried, so that one network that kills whoever trains it is found, and its row says so.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from grokscope.errors import BadInput, StorageError
from grokscope.sweep.batch import Batch, Done, How, give_up
from grokscope.sweep.worker import to_line, to_message

COMMAND = [sys.executable, "-m", "grokscope.sweep.worker"]
TRIES = 3
PATIENCE = 120.0  # seconds, for a worker to save what it trains
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


@dataclass(eq=False)
class Worker:
    """A process, what it is at, and what it wrote to its standard error."""

    process: "subprocess.Popen[bytes]"
    said: IO[bytes]
    batch: Batch | None = None
    is_ready: bool = False
    heard: bytes = b""  # the beginning of a line

    @classmethod
    def start(cls, how: How, use: Sequence[Path]) -> "Worker":
        words = json.dumps([asdict(how), [str(file) for file in use]])
        said = tempfile.TemporaryFile()  # noqa: SIM115  (it lasts as long as the worker)
        process = subprocess.Popen(
            [*COMMAND, words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=os.environ | ONE_THREAD,
            start_new_session=True,  # Ctrl-C is the driver's to hear
        )
        return cls(process, said)

    @property
    def mouth(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def ear(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def ask(self, batch: Batch) -> None:
        """Give it a batch; if it is dead, that is heard soon."""
        self.batch = batch
        with suppress(BrokenPipeError):
            self.ear.write(to_line(to_message(batch)))
            self.ear.flush()

    def answers(self) -> list[dict[str, Any]] | None:
        """What it has said since; None if it is dead."""
        some = os.read(self.mouth.fileno(), 1 << 16)
        *lines, self.heard = (self.heard + some).split(b"\n")
        return [json.loads(line) for line in lines] if some else None

    def why_dead(self) -> str:
        """How it ended, and its last words."""
        code = self.process.wait()
        how = f"with code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        hint = ", as where memory is short" if code == -signal.SIGKILL else ""
        self.said.seek(0)
        words = self.said.read()[-400:].decode(errors="replace").strip()
        return f"ended {how}{hint}" + (f": {words}" if words else "")

    def leave(self) -> None:
        """Let it save what it is at, and end."""
        with suppress(BrokenPipeError):
            self.ear.close()

    def bury(self) -> None:
        """End it, if it has not."""
        self.process.kill()
        self.process.wait()
        self.leave()
        self.mouth.close()
        self.said.close()


@dataclass(eq=False)
class Local:
    """So many workers, at batches that are asked for when one is free."""

    how: How
    count: int
    use: Sequence[Path] = ()
    workers: list[Worker] = field(default_factory=list)
    again: "deque[Batch]" = field(default_factory=deque)
    deaths: dict[str, int] = field(default_factory=dict)

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Done]:
        """Do all batches; yields each as it is done. Raises what a worker could not help."""
        with selectors.DefaultSelector() as heard:
            try:
                while self._employ(batches, heard) or any(w.batch for w in self.workers):
                    for key, _ in heard.select():
                        yield from self._hear(key.data, heard)
            finally:
                self._end()

    def _employ(self, batches: Iterator[Batch], heard: selectors.BaseSelector) -> bool:
        """Give each free worker a batch, and start those that are missing; whether any got one."""
        got = False
        while free := self._free():
            batch = self.again.popleft() if self.again else next(batches, None)
            if batch is None:
                break
            worker = free[0]
            if worker is None:
                worker = Worker.start(self.how, self.use)
                self.workers.append(worker)
                heard.register(worker.mouth, selectors.EVENT_READ, worker)
            worker.ask(batch)
            got = True
        return got

    def _free(self) -> "list[Worker | None]":
        idle: list[Worker | None] = [w for w in self.workers if w.batch is None]
        return idle + [None] * (self.count - len(self.workers))

    def _hear(self, worker: Worker, heard: selectors.BaseSelector) -> Iterator[Done]:
        answers = worker.answers()
        if answers is None:
            heard.unregister(worker.mouth)
            self.workers.remove(worker)
            yield from self._bury(worker)
            return
        for answer in answers:
            if "error" in answer:
                raise (StorageError if answer["kind"] == "storage" else BadInput)(answer["error"])
            if "ready" in answer:
                worker.is_ready = True
            else:
                worker.batch = None
                yield Done(**answer)

    def _bury(self, worker: Worker) -> Iterator[Done]:
        """See to the batch of a worker that died."""
        batch, why = worker.batch, worker.why_dead()
        worker.bury()
        if batch is None:
            return
        deaths = self.deaths[batch.name] = self.deaths.get(batch.name, 0) + 1
        if deaths < TRIES:
            self.again.append(batch)
        elif not worker.is_ready:
            raise StorageError(f"no worker can be started: it {why}.")
        elif len(batch.specs) > 1:
            self.again.extend(batch.halves)
        else:
            yield give_up(batch, self.how, f"its worker {why}, {TRIES} times.")

    def _end(self) -> None:
        """Have all workers save what they are at, and end; those that do not, are ended."""
        for worker in self.workers:
            worker.leave()
        try:
            for worker in self.workers:
                with suppress(subprocess.TimeoutExpired):
                    worker.process.wait(PATIENCE)
        finally:
            for worker in self.workers:
                worker.bury()
            self.workers.clear()

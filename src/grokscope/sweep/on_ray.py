"""The Ray engine: each batch a task of one CPU, on whatever nodes the cluster has.

Ray itself tries a task again whose worker or node is lost; what a task raises ends the sweep. A
batch that is lost for good is halved, as by the local engine. Only specs go out and only counts
come back; rows are written by who made them, so all nodes must see the sweep's folder, or store.
"""

import json
import os
import socket
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from grokscope.errors import BadInput, StorageError
from grokscope.sweep.batch import Batch, Done, How, give_up
from grokscope.sweep.worker import to_batch, to_line, to_message

TRIES = 3  # after the first, of a task whose worker or node is lost
ANSWERS_IN = 2.0  # seconds, of a head that is there
AHEAD = 2  # tasks that wait or run, for each CPU
LAST_STARTED = Path("/tmp/ray/ray_current_cluster")  # where `ray start` notes its address
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def packed(batch: Batch) -> bytes:
    """A batch as few bytes, so that it travels with its task."""
    return zlib.compress(to_line(to_message(batch)))


def do_packed(content: bytes, how: dict[str, Any], use: list[str]) -> dict[str, Any]:
    """What a task does: a batch, by one thread."""
    import torch

    from grokscope.plugins import load
    from grokscope.sweep.batch import do

    torch.set_num_threads(1)
    load([Path(file) for file in use])
    return asdict(do(to_batch(json.loads(zlib.decompress(content))), How(**how)))


def found_address() -> tuple[str, str] | None:
    """The address of a cluster, and who names it; None where there is none to join."""
    if named := os.environ.get("RAY_ADDRESS"):
        return named, "RAY_ADDRESS"
    if LAST_STARTED.is_file():
        return LAST_STARTED.read_text().strip(), f"the last `ray start` here ({LAST_STARTED})"
    return None


def check_answers(address: str, source: str) -> str:
    """The host of an address at which a head answers. Raises `StorageError` within two seconds
    where none does: Ray itself would wait for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        raise BadInput(f"the address `{address}`, from {source}, is not host:port.")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWERS_IN).close()
    except OSError as error:
        raise StorageError(
            f"no Ray head answers at {address}, which is from {source} ({error}). Start one with "
            "`ray start --head`, or forget a stale address with `ray stop` and `unset RAY_ADDRESS`."
        ) from None
    return host


def join(workers: int) -> int:
    """Join the cluster that is there, or start one on this machine; how many CPUs it has."""
    ray = _ray()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    found = found_address()
    if found is None:
        options |= {"num_cpus": workers, "include_dashboard": False}
    else:
        host = check_answers(*found)
        options |= {"address": found[0]}
        if host in LOOPBACK:  # else Ray looks for this node under another address, and hangs
            options |= {"_node_ip_address": "127.0.0.1"}
    if not ray.is_initialized():
        ray.init(**options)
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _ray() -> Any:
    """Ray itself, which is an extra. Raises `BadInput` where it is not installed."""
    try:
        return import_module("ray")
    except ImportError as error:
        raise BadInput('--engine ray needs Ray: pip install "grokscope[ray]".') from error


@dataclass(eq=False)
class OnRay:
    """Batches as tasks, at most twice as many at a time as there are CPUs."""

    how: How
    cpus: int
    use: Sequence[Path] = ()
    again: "deque[Batch]" = field(default_factory=deque)

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Done]:
        """Do all batches; yields each as it is done. Raises what a task could not help."""
        ray = _ray()
        task = ray.remote(num_cpus=1, max_retries=TRIES, retry_exceptions=False)(do_packed)
        how, use = asdict(self.how), [str(Path(file).resolve()) for file in self.use]
        pending: dict[Any, Batch] = {}
        try:
            while True:
                while len(pending) < AHEAD * self.cpus:
                    batch = self.again.popleft() if self.again else next(batches, None)
                    if batch is None:
                        break
                    pending[task.remote(packed(batch), how, use)] = batch
                if not pending:
                    return
                for ready in ray.wait(list(pending), num_returns=1)[0]:
                    yield from self._result(ready, pending.pop(ready))
        finally:
            ray.shutdown()

    def _result(self, ready: Any, batch: Batch) -> Iterator[Done]:
        ray = _ray()
        try:
            yield Done(**ray.get(ready))
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, StorageError | BadInput):
                raise type(cause)(str(cause)) from None
            raise
        except ray.exceptions.RayError as error:  # its worker or its node was lost, too often
            if len(batch.specs) > 1:
                self.again.extend(batch.halves)
            else:
                what = str(error).partition("\n")[0][:300]
                why = f"its worker was lost {TRIES + 1} times: {type(error).__name__}: {what}"
                yield give_up(batch, self.how, why)

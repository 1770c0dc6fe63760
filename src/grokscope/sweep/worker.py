"""A worker of the local engine: a process that does batches, one after the other, by one thread.

It is told a batch by a line of JSON on its standard input, and answers each by one. Where the input
ends its driver is gone: what it trains is saved, and it ends too.
"""

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grokscope.errors import GrokscopeError, StorageError
from grokscope.spec import Spec

if TYPE_CHECKING:
    from grokscope.sweep.batch import Batch

READY = {"ready": True}


def to_line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def to_message(batch: "Batch") -> dict[str, Any]:
    """A batch as JSON can carry it; `to_batch` reads it."""
    return {"name": batch.name, "specs": [json.loads(spec.to_json()) for spec in batch.specs]}


def to_batch(message: Mapping[str, Any]) -> "Batch":
    """The batch that a message asks for."""
    from grokscope.sweep.batch import Batch

    specs = (Spec.from_json(json.dumps(spec)) for spec in message["specs"])
    return Batch(message["name"], tuple(specs))


def work(how: Mapping[str, Any], use: list[str]) -> None:
    """Do what is asked until nothing more can be."""
    import torch

    from grokscope.plugins import load
    from grokscope.sweep.batch import How, do

    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a plug-in prints is no answer
    torch.set_num_threads(1)
    asked: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    try:
        load([Path(file) for file in use])
        answers.write(to_line(READY))
        while (line := asked.get()) is not None:
            answers.write(to_line(asdict(do(to_batch(json.loads(line)), How(**how)))))
    except GrokscopeError as error:
        kind = "storage" if isinstance(error, StorageError) else "input"
        answers.write(to_line({"error": str(error), "kind": kind}))


def _listen(asked: "queue.Queue[bytes | None]") -> None:
    for line in sys.stdin.buffer:
        asked.put(line)
    asked.put(None)
    if asked.qsize() > 0:  # it is at work, and does not ask
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    asked_how, asked_use = json.loads(sys.argv[1])
    work(asked_how, asked_use)

"""Processes that train and are ended: at a file operation, by a signal, by a power cut.

They are forked from a server that has imported torch once."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from grokscope.cli import main
from grokscope.cli.ending import hear_sigterm
from grokscope.spec import Spec
from grokscope.training import member
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.faults.shim import Power, installed

SMALL = Spec(
    task_args={"p": 5},
    model="mlp",
    model_args={"d_embed": 4, "d_mlp": 4},
    train_fraction=0.6,
    steps=12,
    eval_every=2,
    checkpoint_every=4,
)

BATCH = [SMALL, replace(SMALL, seed=1, steps=9), replace(SMALL, seed=2)]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def started(target: Callable[..., None], *args: Any) -> BaseProcess:
    """A process that runs this function."""
    process = _context.Process(target=target, args=args)
    process.start()
    return process


def ended(target: Callable[..., None], *args: Any) -> int:
    """How a process that runs this function ends: its exit code, or minus the signal."""
    process = started(target, *args)
    process.join(120)
    assert process.exitcode is not None, "it did not end"
    return process.exitcode


def send(process: BaseProcess, signum: int) -> None:
    """A signal to a process, if it is still there."""
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signum)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(out: Path, at: int, specs: Spec | list[Spec] = SMALL) -> None:
    """Train `SMALL`, or several as a batch, and be killed before the file operation of this
    number."""
    torch.set_num_threads(1)
    left = iter(range(at))

    def count(operation: str, path: str) -> None:
        if next(left, None) is None:
            die()

    with installed(count):
        _train(specs, out)


def train_and_lose_power(out: Path, after: Path, at: int) -> None:
    """Train `SMALL` until the power fails before the file operation of this number; what is on the
    disk then is in `after`, and the step that was said to be saved in `after`.said."""
    said = after.with_suffix(".said")

    def tell(run: Run, row: Any, events: Any) -> None:
        _note(said, run.resumes_at)

    with power_cut(out, after, at):
        run = train(SMALL, out, save_every=0.0, track=tell)
        _note(said, run.resumes_at)


def train_batch_and_lose_power(out: Path, after: Path, at: int) -> None:
    """Train `BATCH` until the power fails, as `train_and_lose_power` does; it notes nothing."""
    with power_cut(out, after, at):
        _train(BATCH, out)


@contextlib.contextmanager
def power_cut(out: Path, after: Path, at: int) -> Iterator[None]:
    """The power fails before the file operation of this number in `out`, or at the end; what is on
    the disk then is in `after`."""
    torch.set_num_threads(1)
    out.mkdir()
    power, left = Power(out), iter(range(at))
    real = os.fsync

    def count(operation: str, path: str) -> None:
        if next(left, None) is None:
            power.fail(after)
            die()

    def fsync(file: int) -> None:
        real(file)
        power.fsync(file)

    os.fsync = fsync
    with installed(count):
        yield
    power.fail(after)


def _train(specs: Spec | list[Spec], out: Path) -> None:
    if isinstance(specs, Spec):
        train(specs, out, save_every=0.0)
    else:
        train(specs, out, save_every=0.0, stacked=True)


def _note(file: Path, step: int | None) -> None:
    """A step in a file that no fault reaches."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(handle, str(step or 0).encode())
    os.close(handle)


def train_and_save_slowly(spec: Spec, out: Path) -> None:
    """Train until step 100, wait for a signal, and be slow to save, with files that tell it."""
    torch.set_num_threads(1)
    hear_sigterm()
    real = member.write_tensors

    def slowly(path: Path, *args: Any) -> None:
        if (out / "go").exists():
            (out / "saving").touch()
            time.sleep(20)
        real(path, *args)

    def wait(run: Run, row: Any, events: Any) -> None:
        if row["step"] == 100:
            (out / "waiting").touch()
            while not (out / "go").exists():
                time.sleep(0.01)

    member.write_tensors = slowly
    train(spec, out, save_every=0.0, track=wait)


def command(args: list[str], said: Path) -> None:
    """The command line, which writes what it says into a file."""
    torch.set_num_threads(1)
    with said.open("w") as file, contextlib.redirect_stderr(file), contextlib.redirect_stdout(file):
        main(args)

"""Weights & Biases, and trackio, which takes the same calls.

Both stay on this machine unless their own variables say otherwise: WANDB_MODE, and for trackio
what its `init` reads.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from grokscope.trackers.tracker import Log, Numbers, settings, tracker
from grokscope.training.run import Run

PROJECT = "grokscope"


@tracker("wandb", extra="wandb")
@contextmanager
def wandb(run: Run, place: Path) -> Iterator[Log]:
    """A run of the project "grokscope", offline; `wandb sync` sends it."""
    place.mkdir(parents=True, exist_ok=True)
    mode = os.environ.get("WANDB_MODE", "offline")
    package = import_module("wandb")
    quiet = package.Settings(silent=True)
    with _opened(package, run, dir=str(place), mode=mode, settings=quiet) as log:
        yield log


@tracker("trackio", extra="trackio")
@contextmanager
def trackio(run: Run, place: Path) -> Iterator[Log]:
    """A run of the project "grokscope", in trackio's database under `place` (TRACKIO_DIR); of
    several runs in one process, under that of the first."""
    place.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TRACKIO_DIR", str(place))
    with _opened(import_module("trackio"), run) as log:
        yield log


@contextmanager
def _opened(package: Any, run: Run, **options: Any) -> Iterator[Log]:
    began = package.init(project=PROJECT, name=run.name, config=settings(run), **options)

    def log(step: int, numbers: Numbers) -> None:
        began.log(numbers, step=step)

    try:
        yield log
    finally:
        began.finish()

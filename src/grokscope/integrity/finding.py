"""What is found wrong with a file of a run, and what became of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grokscope.training.files import write_atomically, writing

State = Literal["damaged", "mended", "note"]  # a note is no damage


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written, and what was done or can be."""

    file: str
    state: State
    what: str
    then: str = ""


def is_close(x: int | float | None, y: int | float | None, near: float, least: float) -> bool:
    """Whether two numbers are equal but for rounding, or neither is one."""
    if x is None or y is None or math.isnan(x) or math.isnan(y):
        return (x is None or math.isnan(x)) and (y is None or math.isnan(y))
    return math.isclose(x, y, rel_tol=near, abs_tol=least)


def set_aside(path: Path) -> str:
    """Give a file of a run a name that nothing reads, and return it. Raises `StorageError`."""
    free = _free(path)
    with writing(path):
        path.replace(free)
    return free.name


def keep_copy(path: Path) -> str:
    """A copy of a file that is to be mended, under a name that nothing reads."""
    free = _free(path)
    write_atomically(free, path.read_bytes())
    return free.name


def _free(path: Path) -> Path:
    beside = (path.with_name(f"damaged{n or ''}.{path.name}") for n in range(1_000_000))
    return next(name for name in beside if not name.exists())

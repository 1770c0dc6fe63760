"""What is slow to compute of a group, kept on disk: under $GROKSCOPE_CACHE, or where the user's
other caches are. It is only a cache: what cannot be read is computed again, what cannot be written
is not kept.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokscope.algebra.groups import Group
from grokscope.disk import cache_folder

FORMAT = 1  # to be raised whenever what is kept, or its order, changes
SMALLEST = 60  # groups of lower order are computed faster than they are read


def cached(kind: str, group: Group, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """`compute()`, or what it gave for the same table before."""
    if group.order < SMALLEST:
        return compute()
    with suppress(Exception):  # a damaged archive fails in many ways, and all mean the same
        return _read(_path(kind, group))
    arrays = compute()
    with suppress(OSError, RuntimeError):  # RuntimeError: there is no home folder
        _write(_path(kind, group), arrays)
    return arrays


def _read(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: torch.from_numpy(archive[name]) for name in archive.files}


def _write(path: Path, arrays: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, Any] = {key: x.numpy() for key, x in arrays.items()}
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **numbers)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _path(kind: str, group: Group) -> Path:
    return cache_folder() / f"{kind}-{_digest(group)}.npz"


def _digest(group: Group) -> str:
    """A hash of all that decides the result: the table, and the points that order the parts."""
    digest = hashlib.sha256(f"{FORMAT} {group.order}".encode())
    for numbers in (group.table, group.points):
        if numbers is not None:
            digest.update(numbers.to(torch.int16).contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]

"""Writing and reading the files of a run so that nothing is lost.

A file appears whole or not at all: it is written beside its place, flushed, and renamed. Files of
tensors are the matter of `training.tensors`; here no tensor is needed.
"""

import errno
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from grokscope.disk import cannot_read, cannot_write, open_regular
from grokscope.errors import DamagedFile

LARGEST_NOTES = 10**7  # bytes


def as_json(value: Any) -> str:
    """JSON on one line; it knows no infinity, so numbers that are not finite become null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(v) for key, v in value.items()}
        case list() | tuple():
            return [_finite(v) for v in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file, or raise `StorageError` and leave what was there as it was."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        make_folder(path.parent)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            flush(file.fileno())
        beside.replace(path)
        settle(path.parent)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            beside.unlink()
        raise cannot_write(path, len(content), error) from error


def append(path: Path, lines: bytes) -> None:
    """Add lines to a file. Raises `StorageError`."""
    try:
        with path.open("ab") as file:
            file.write(lines)
    except OSError as error:
        raise cannot_write(path, len(lines), error) from error


def flush_file(path: Path) -> None:
    """Have on the disk what was added to a file. Raises `StorageError`."""
    with writing(path), path.open("rb") as file:
        flush(file.fileno())


def replace_keeping_older(path: Path, new: Path, older: Path) -> None:
    """Put a new file in the place of another, which stays as the older one. Raises
    `StorageError`."""
    with writing(path):
        if path.exists():
            path.replace(older)
        new.replace(path)
        settle(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing. Raises `OSError`."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        settle(folder.parent)


def settle(folder: Path) -> None:
    """Have the names in a folder on the disk: a power cut would undo a rename that is not there."""
    if os.name == "nt":  # which opens no folder
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        flush(held)
    finally:
        os.close(held)


def flush(file: int) -> None:
    """Have an open file on the disk, where that can be had."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what cannot be flushed need not be
            raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise `StorageError` for what the system refuses of a file meanwhile."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, 0, error) from error


def read_notes(path: Path) -> dict[str, str]:
    """The notes alone, whose checksum is not looked at. Raises `DamagedFile`."""
    try:
        with open_regular(path) as file:
            size = file.read(8)
            return notes_of(size + file.read(min(LARGEST_NOTES, int.from_bytes(size, "little"))))
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged and cannot be read ({error}).") from error


def notes_of(content: bytes) -> dict[str, str]:
    """The notes of a file of tensors that begins so. Raises much of what is none."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]).get("__metadata__") or {}

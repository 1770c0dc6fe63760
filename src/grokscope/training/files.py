"""Writing and reading the files of a run so that nothing is lost.

A file appears whole or not at all: it is written beside its place, flushed, and renamed. Tensors
are safetensors with a checksum, so a damaged file is recognised instead of being used.
"""

import errno
import json
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from grokscope.disk import cannot_read, cannot_write, open_regular, read_regular
from grokscope.errors import DamagedFile

MOST_BYTES = 4 * 10**9  # of tensors


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


def write_tensors(path: Path, tensors: dict[str, Tensor], notes: dict[str, str]) -> None:
    """Write named tensors, with notes as text, and their checksum."""
    own = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    write_atomically(path, save(own, {**notes, "crc32": _checksum(own, notes)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and notes that `write_tensors` wrote. Raises `DamagedFile`, and `StorageError` if
    the system does not let it be read."""
    try:
        content = read_regular(path, MOST_BYTES)
        tensors, notes = load(content), _notes(content)
    except FileNotFoundError:
        raise DamagedFile(f"{path} is missing.") from None
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged and cannot be read ({error}).") from error
    if notes.pop("crc32", None) != _checksum(tensors, notes):
        raise DamagedFile(f"{path} is damaged: its content does not match its checksum.")
    return tensors, notes


def read_notes(path: Path) -> dict[str, str]:
    """The notes alone, whose checksum is not looked at. Raises `DamagedFile`."""
    try:
        with open_regular(path) as file:
            size = file.read(8)
            return _notes(size + file.read(min(LARGEST_NOTES, int.from_bytes(size, "little"))))
    except OSError as error:
        raise cannot_read(path, error) from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged and cannot be read ({error}).") from error


def _checksum(tensors: dict[str, Tensor], notes: dict[str, str]) -> str:
    """A checksum of the notes, and of every tensor's name, kind, shape and numbers."""
    value = zlib.crc32(json.dumps(notes, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, value)
    return str(value)


def _notes(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + size]).get("__metadata__") or {}

"""Files of tensors: safetensors with notes and a checksum, so that a damaged file is recognised
instead of being used."""

import json
import zlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from grokscope.disk import read_regular
from grokscope.errors import DamagedFile
from grokscope.training.files import notes_of, write_atomically

MOST_BYTES = 4 * 10**9


def write_tensors(path: Path, tensors: dict[str, Tensor], notes: dict[str, str]) -> None:
    """Write named tensors, with notes as text, and their checksum."""
    own = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    write_atomically(path, save(own, {**notes, "crc32": checksum(own, notes)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and notes that `write_tensors` wrote. Raises `DamagedFile`, and `StorageError` if
    the system does not let it be read."""
    try:
        content = read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        raise DamagedFile(f"{path} is missing.") from None
    return parsed(content, path)


def parsed(content: bytes, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and notes of such a file, or of a network's share of one (see `training.batch`).
    Raises `DamagedFile`, which names `path`."""
    try:
        tensors, notes = load(content), notes_of(content)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged and cannot be read ({error}).") from error
    if notes.pop("crc32", None) != checksum(tensors, notes):
        raise DamagedFile(f"{path} is damaged: its content does not match its checksum.")
    return tensors, notes


def checksum(tensors: dict[str, Tensor], notes: dict[str, str]) -> str:
    """A checksum of the notes, and of every tensor's name, kind, shape and numbers."""
    value = zlib.crc32(json.dumps(notes, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, value)
    return str(value)

"""Which format a foreign file has, by its first bytes, and what it holds."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from grokscope.border.arrays import MAGIC as NUMPY
from grokscope.border.arrays import npy
from grokscope.border.budget import LARGEST, LARGEST_PICKLE, LARGEST_TEXT, within
from grokscope.border.held import Held
from grokscope.border.legacy import MAGIC as LEGACY
from grokscope.border.legacy import legacy
from grokscope.border.machine import loads
from grokscope.border.tensors import safetensors
from grokscope.border.tree import Tree
from grokscope.border.zips import npz, torch_zip
from grokscope.errors import BadInput

Reader = Callable[[BinaryIO, int], Held]
POINTER = b"version https://git-lfs"
WEB_PAGE = (b"<!doctype", b"<html")


def held(file: BinaryIO, size: int, path: Path) -> Held:
    """What the file of this path holds, which has so many bytes. Raises `BadInput` with the reason
    and what to do if it is not read."""
    within(size, LARGEST, "it has", "Save the weights alone, or fewer checkpoints in a file.")
    if path.suffix == ".json":
        return _json(file, size)
    head = file.read(64)
    file.seek(0)
    return _reader(head, path)(file, size)


def _reader(head: bytes, path: Path) -> Reader:
    if head.startswith(POINTER):
        raise BadInput(
            "it is a Git-LFS pointer, not the file itself. Fetch it with `git lfs pull`, or "
            "download it from the repository's page."
        )
    if head.lower().startswith(WEB_PAGE):
        raise BadInput("it is a web page. Download the file itself.")
    if len(head) < 8:
        raise BadInput("it is empty or cut off. Download it again.")
    if head.startswith(NUMPY):
        return partial(npy, name=path.stem)
    if head.startswith(b"PK"):
        return npz if path.suffix == ".npz" else torch_zip
    if head.startswith(LEGACY):
        return legacy
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        return safetensors
    if head[:1] == b"\x80":
        return _bare_pickle
    raise BadInput(
        f"it is not a file of weights, or is damaged: it begins {head[:12]!r}. Files of torch, "
        "safetensors and numpy are read."
    )


def _bare_pickle(file: BinaryIO, size: int) -> Held:
    loads(file.read(LARGEST_PICKLE + 1))  # one that would run code is refused for that
    raise BadInput("it is a pickle without tensors of its own. Save the weights with torch.save.")


def _json(file: BinaryIO, size: int) -> Held:
    within(size, LARGEST_TEXT, "it has")
    try:
        content = json.loads(file.read().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"it is not readable JSON: {str(error)[:100]}.") from None
    return Held(Tree(content), lambda _: iter(()))

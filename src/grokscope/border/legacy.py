"""torch's files before 1.6: pickles in a row, then for each storage its length and its numbers."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from grokscope.border.budget import AGAIN, LARGEST_PICKLE
from grokscope.border.held import Held, Storage, blocks, check_sizes
from grokscope.border.machine import load
from grokscope.border.tree import Tree
from grokscope.errors import BadInput

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
LENGTH = 8  # bytes of the number of numbers that goes before them


def legacy(file: BinaryIO, size: int) -> Held:
    """A file of torch before 1.6."""
    text = io.BytesIO(file.read(LARGEST_PICKLE))
    (_, _, system), (content, storages), keys = _heads(text), load(text), load(text)[0]
    is_big = isinstance(system, dict) and system.get("little_endian") is False
    tree = Tree(content, is_big)
    check_sizes(tree.tensors, dict.fromkeys(tree.storages, size), size)
    if not isinstance(keys, list) or not all(str(key) in storages for key in keys):
        raise BadInput(f"it does not say where its numbers are. {AGAIN}")
    starts, at = dict[str, int](), text.tell()
    for key in map(str, keys):
        starts[key] = at
        at += LENGTH + storages[key].size
    if not set(tree.storages) <= set(starts):
        raise BadInput(f"the numbers of one of its tensors are missing. {AGAIN}")
    return Held(tree, lambda storage: _blocks(file, storage, starts[storage.key]))


def _heads(text: io.BytesIO) -> list[object]:
    """The magic number, the protocol, the system that wrote it."""
    return [load(text)[0] for _ in range(3)]


def _blocks(file: BinaryIO, storage: Storage, start: int) -> Iterator[bytes]:
    file.seek(start)
    order = "big" if storage.is_big_endian else "little"
    count = int.from_bytes(file.read(LENGTH), order)
    if count != storage.length:
        raise BadInput(
            f"a tensor is said to have {storage.length:,} numbers, and {count:,} are there. {AGAIN}"
        )
    return blocks(file, storage.size)

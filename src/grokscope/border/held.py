"""What a foreign file holds: plain data, and tensors that say where their numbers are."""

import math
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from grokscope.border.budget import (
    AGAIN,
    LARGEST,
    MOST_AXES,
    MOST_REPEATED,
    within,
)
from grokscope.errors import BadInput

WIDTHS = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2,
    "int8": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "bool": 1,
}  # fmt: skip
BLOCK = 2**20


class Storage(NamedTuple):
    """Numbers in a file: their kind, how many are said to be there, under which key."""

    kind: str
    key: str
    length: int
    is_big_endian: bool = False

    @property
    def width(self) -> int:
        """Bytes of one. Raises `BadInput` for a kind that is not read."""
        if self.kind not in WIDTHS:
            raise BadInput(f"it holds numbers of kind {self.kind}, which is not read.")
        return WIDTHS[self.kind]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return self.length * self.width


class Declared(NamedTuple):
    """A tensor as the file describes it, before any memory is taken for it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes that it takes written out; an axis of length 0 counts as one of 1."""
        return math.prod(max(1, n) for n in self.shape) * self.storage.width


class Held(NamedTuple):
    """The tree of a file, and what reads the numbers of a storage, block by block."""

    tree: Any
    blocks: Callable[[Storage], Iterator[bytes]]


def is_key(x: Any) -> bool:
    """Whether it can be a key: text, or a whole number so small that no two have one hash, of which
    a hostile file could have thousands."""
    return isinstance(x, str) or (isinstance(x, int) and abs(x) < 2**60)


def declared(storage: Storage, offset: Any, shape: Any, stride: Any) -> Declared:
    """A tensor. Raises `BadInput` unless it lies within its storage."""
    whole = isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) == len(stride)
    numbers = (offset, *shape, *stride) if whole else (-1,)
    if any(type(x) is not int or not 0 <= x < 2**48 for x in numbers):
        raise BadInput("one of its tensors has no size.")
    if len(shape) > MOST_AXES:
        raise BadInput(f"a tensor has {len(shape)} axes; at most {MOST_AXES} are read.")
    tensor = Declared(storage, offset, shape, stride)
    if not math.prod(shape):
        within(tensor.size, LARGEST, f"an empty tensor of shape {shape} would be of")
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if math.prod(shape) and last >= storage.length:
        raise BadInput(
            f"a tensor of shape {shape} reaches beyond the {storage.length:,} numbers it has."
        )
    return tensor


def strides(shape: tuple[int, ...], is_fortran: bool = False) -> tuple[int, ...]:
    """How far apart neighbours along each axis are: the last axis is closest, or the first."""
    inner = [shape[:i] if is_fortran else shape[i + 1 :] for i in range(len(shape))]
    return tuple(math.prod(max(1, n) for n in axes) for axes in inner)


def check_sizes(tensors: list[Declared], held: dict[str, int], size: int) -> None:
    """Refuse storages that are said to be larger than what is `held` of them or than the file, of
    so many bytes, and tensors that, written out, would be larger than is read."""
    storages = {x.storage.key: x.storage for x in tensors}
    for key, storage in storages.items():
        if storage.size > held[key]:
            raise BadInput(
                f"a tensor is said to have {storage.size:,} bytes, and {held[key]:,} are there. "
                f"{AGAIN}"
            )
    if sum(x.size for x in storages.values()) > size:
        raise BadInput(f"its tensors are said to have more than the {size:,} bytes there are.")
    written_out = sum(x.size for x in tensors)
    if written_out > MOST_REPEATED * size:
        raise BadInput(f"its tensors, written out, have {written_out:,} bytes; the file, {size:,}.")


def blocks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The next bytes of a file, so many. Raises `BadInput` if it ends before."""
    left = size
    while left:
        block = file.read(min(left, BLOCK))
        if not block:
            raise BadInput(f"it is cut off: {left:,} bytes of its numbers are missing. {AGAIN}")
        left -= len(block)
        yield block

"""numpy's .npy: a header that is a Python literal, then the numbers."""

import ast
import math
from typing import IO, BinaryIO

from grokscope.border.budget import AGAIN
from grokscope.border.held import WIDTHS, Declared, Held, Storage, blocks, declared, strides
from grokscope.border.tree import Tree
from grokscope.errors import BadInput

MAGIC = b"\x93NUMPY"
KINDS = {
    "f2": "float16", "f4": "float32", "f8": "float64", "i1": "int8", "i2": "int16", "i4": "int32",
    "i8": "int64", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "b1": "bool",
}  # fmt: skip
LONGEST_HEADER = 10_000  # bytes, as in numpy


def npy(file: BinaryIO, size: int, name: str) -> Held:
    """A file of one array, which is called so."""
    tensor, start = array(file, size, name)
    file.seek(start)
    return Held(Tree({name: tensor}), lambda storage: blocks(file, storage.size))


def array(file: IO[bytes], size: int, key: str) -> tuple[Declared, int]:
    """The array in a file of so many bytes, and where its numbers begin. Raises `BadInput` where
    its size is not that of the file."""
    header, start = _header(file)
    try:
        fields = ast.literal_eval(header.decode("latin1").strip())
        code, is_fortran, shape = (fields[x] for x in ("descr", "fortran_order", "shape"))
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        raise BadInput(f"it is damaged or cut off (no header of numpy). {AGAIN}") from None
    if not isinstance(code, str) or code[1:] not in KINDS or code[:1] not in "<>|=":
        raise BadInput(f"it holds an array of {str(code)[:40]}, and only numbers are read.")
    if not isinstance(shape, tuple) or any(type(n) is not int or n < 0 for n in shape):
        raise BadInput(f"its array is said to have the shape {str(shape)[:80]}, which is none.")
    kind, there = KINDS[code[1:]], size - start
    if math.prod(shape) * WIDTHS[kind] != there:
        raise BadInput(
            f"an array of shape {str(shape)[:80]} needs {math.prod(shape) * WIDTHS[kind]:,} bytes, "
            f"and {there:,} are there. {AGAIN}"
        )
    storage = Storage(kind, key, math.prod(shape), code[0] == ">")
    return declared(storage, 0, shape, strides(shape, bool(is_fortran))), start


def _header(file: IO[bytes]) -> tuple[bytes, int]:
    start = file.read(8)
    width = {1: 2, 2: 4, 3: 4}.get(start[6]) if len(start) == 8 else None
    if start[:6] != MAGIC or width is None:
        raise BadInput(f"it is damaged or cut off (no header of numpy). {AGAIN}")
    length = int.from_bytes(file.read(width), "little")
    if length > LONGEST_HEADER:
        raise BadInput(f"its header has {length:,} bytes; numpy's have at most {LONGEST_HEADER:,}.")
    header = file.read(length)
    if len(header) < length:
        raise BadInput(f"it is damaged or cut off (its header is not whole). {AGAIN}")
    return header, 8 + width + length

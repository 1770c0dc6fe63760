"""safetensors: a JSON header of names, kinds, shapes and places, then the numbers.

Of what else a header says, a record of the playground is read, and nothing more.
"""

import json
import math
from typing import Any, BinaryIO

from grokscope.border.budget import AGAIN, LARGEST_TEXT, within
from grokscope.border.held import WIDTHS, Declared, Held, Storage, blocks, declared, strides
from grokscope.border.tree import Tree
from grokscope.errors import BadInput

KINDS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64",
    "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "U16": "uint16", "U32": "uint32",
    "U64": "uint64", "BOOL": "bool", "C64": "complex64",
}  # fmt: skip

RECORD = "grokscope_playground"  # the name in a header's metadata under which a run is described


def safetensors(file: BinaryIO, size: int) -> Held:
    """A file of safetensors: its tensors lie one behind the other, and fill it."""
    length = int.from_bytes(file.read(8), "little")
    if length > size - 8:
        raise BadInput(f"it is damaged or cut off (a header of {length:,} bytes). {AGAIN}")
    within(length, LARGEST_TEXT, "its header has")
    tensors: dict[str, Declared] = {}
    ends: dict[str, tuple[int, int]] = {}
    header = _header(file.read(length))
    for name, about in header.items():
        if name != "__metadata__":
            tensors[name], ends[name] = _declared(name, about)
    at = 0
    for begin, end in sorted(ends.values()):
        if begin != at:
            raise BadInput(f"it is damaged: its tensors overlap, or leave gaps. {AGAIN}")
        at = end
    if at != size - 8 - length:
        raise BadInput(
            f"it is damaged or cut off: its tensors have {at:,} bytes, and {size - 8 - length:,} "
            f"are there. {AGAIN}"
        )

    def numbers(storage: Storage):
        file.seek(8 + length + ends[storage.key][0])
        return blocks(file, storage.size)

    return Held(Tree({**tensors, **_record(header.get("__metadata__"))}), numbers)


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise BadInput(f"it is damaged or cut off (its header is no JSON object). {AGAIN}")
    return header


def _record(metadata: Any) -> dict[str, Any]:
    """What the playground wrote of a run, by its name; empty in any other file."""
    text = metadata.get(RECORD) if isinstance(metadata, dict) else None
    if text is None:
        return {}
    try:
        record = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise BadInput(f"it is damaged: what it says of its run is no JSON object. {AGAIN}")
    return {RECORD: record}


def _declared(name: str, about: Any) -> tuple[Declared, tuple[int, int]]:
    """A tensor, and where its numbers begin and end."""
    about = about if isinstance(about, dict) else {}
    kind, shape, ends = (about.get(x) for x in ("dtype", "shape", "data_offsets"))
    if not (_are_sizes(shape) and _are_sizes(ends) and len(ends) == 2 and isinstance(kind, str)):
        raise BadInput(
            f"it is damaged: its tensor {name[:80]} has no kind, shape or place. {AGAIN}"
        )
    storage = Storage(KINDS.get(kind, kind[:40]), name, math.prod(shape))
    if storage.kind in WIDTHS and ends[1] - ends[0] != storage.size:
        raise BadInput(
            f"it is damaged: its tensor {name[:80]} of shape {str(tuple(shape))[:80]} is said to "
            f"have {ends[1] - ends[0]:,} bytes. {AGAIN}"
        )
    return declared(storage, 0, tuple(shape), strides(tuple(shape))), (ends[0], ends[1])


def _are_sizes(x: Any) -> bool:
    return isinstance(x, list) and all(type(n) is int and 0 <= n < 2**62 for n in x)

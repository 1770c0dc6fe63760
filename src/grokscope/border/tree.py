"""The content of a foreign file as JSON can carry it."""

from typing import Any

from grokscope.border.budget import DEEPEST, LARGEST, MOST_TENSORS, MOST_VALUES, within
from grokscope.border.held import Declared, Storage
from grokscope.border.standins import Array, Instance
from grokscope.errors import BadInput


class Tree:
    """A content as JSON can carry it, and the tensors and storages in it, in their order.

    Lists are lists, a dictionary is {"d": [[key, value], ...]} with its keys as they are, a tensor
    {"t": its number}. Raises `BadInput` for what is nested without end, or holds too much.
    """

    def __init__(self, content: Any, is_big_endian: bool = False):
        self.is_big_endian = is_big_endian
        self.tensors: list[Declared] = []
        self.storages: dict[str, Storage] = {}
        self._left = MOST_VALUES
        self.root = self._of(content, 0)

    def _of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            raise BadInput(
                f"it is nested more than {DEEPEST} deep, or holds over {MOST_VALUES:,} values."
            )
        match value:
            case Declared():
                return self._tensor(value)
            case dict():
                return {"d": [[k, self._of(v, depth + 1)] for k, v in value.items()]}
            case list() | tuple() | range():
                return [self._of(x, depth + 1) for x in value]
            case Array():
                return self._numbers(value)
            case Instance():
                return self._of(value.fields, depth)
            case _:
                return value if _is_plain(value) else None

    def _numbers(self, array: Array) -> Any:
        self._left -= array.count
        return array.values() if self._left > 0 else self._of(None, 0)

    def _tensor(self, tensor: Declared) -> dict[str, int]:
        storage = tensor.storage._replace(
            is_big_endian=tensor.storage.is_big_endian or self.is_big_endian
        )
        within(storage.size, LARGEST, "the numbers of a tensor have")  # of a kind that is read
        self.storages.setdefault(storage.key, storage)
        self.tensors.append(tensor)
        if len(self.tensors) > MOST_TENSORS:
            raise BadInput(f"it holds more than {MOST_TENSORS:,} tensors.")
        return {"t": len(self.tensors) - 1}

    @property
    def described(self) -> dict[str, Any]:
        """All but the numbers, as JSON can carry it."""
        numbers = {key: i for i, key in enumerate(self.storages)}
        return {
            "content": self.root,
            "tensors": [[numbers[x.storage.key], *x[1:]] for x in self.tensors],
            "storages": [[x.kind, x.length, x.is_big_endian] for x in self.storages.values()],
        }


def _is_plain(x: Any) -> bool:
    """Whether JSON can carry it; whole numbers of a hundred digits are of no use to anyone."""
    if isinstance(x, int):
        return x.bit_length() < 256
    return x is None or isinstance(x, float | str)

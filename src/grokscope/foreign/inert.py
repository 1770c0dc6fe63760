"""Pickles read without running anything that they name.

A pickle is a small program: it names functions of installed modules and calls them. Here a name is
never looked up. It becomes an inert stand-in, and the few functions that honest files of weights
need are our own: what a tensor, a number or an ordered dictionary is made of. A pickle that calls
anything else is refused, with the name of it. Instances of foreign classes (a configuration, say)
become `Stub`s, whose fields can be read.

A tensor becomes a `Declared`: what the file says of its size, before any memory is taken for it.
"""

import io
import math
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch

from grokscope.errors import BadInput

KINDS = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool, "UntypedStorage": torch.uint8,
}  # fmt: skip
HAS_CODE = "It would run code when read, and was not opened."


class Stub:
    """An instance of a class that is not looked up; its fields are attributes, as in the file."""

    origin = "?"

    def __init__(self, *args: Any, **kwargs: Any):
        raise BadInput(f"it calls `{self.origin}`. {HAS_CODE}")

    def __setstate__(self, state: Any) -> None:
        fields, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        for some in (fields, slots):
            if isinstance(some, dict):
                self.__dict__.update({str(key): value for key, value in some.items()})


@dataclass(frozen=True)
class Storage:
    """Numbers in the file: the kind torch gives them, where, and how many are said to be there."""

    kind: str
    key: str
    count: int

    @property
    def dtype(self) -> torch.dtype:
        """Torch's name of the kind. Raises `BadInput` for a kind that is not read."""
        if self.kind not in KINDS:
            raise BadInput(f"it holds a {self.kind}, a kind of number that is not read.")
        return KINDS[self.kind]

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return self.count * self.dtype.itemsize


class Declared(NamedTuple):
    """A tensor as the file describes it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many bytes it takes, written out."""
        return math.prod(self.shape) * self.storage.dtype.itemsize


@dataclass(frozen=True)
class Scan:
    """What a pickle holds: its content with inert stand-ins, and its storages and tensors."""

    content: Any
    storages: dict[str, Storage]
    tensors: list[Declared]


def scan(text: bytes | io.BufferedIOBase) -> Scan:
    """The next pickle of `text`. Raises `BadInput` if it would run code, or is not a pickle."""
    reader = _Reader(io.BytesIO(text) if isinstance(text, bytes) else text)
    try:
        content = reader.load()
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"it is damaged or cut off ({type(error).__name__}: {error}).") from None
    return Scan(content, reader.storages, reader.tensors)


class _Reader(pickle.Unpickler):
    """Python's own unpickler, which is given nothing to call."""

    def __init__(self, file: io.BufferedIOBase):
        super().__init__(file)
        self.storages: dict[str, Storage] = {}
        self.tensors: list[Declared] = []

    def find_class(self, module_name: str, global_name: str) -> Any:
        origin = f"{module_name}.{global_name}"
        if module_name == "torch" and global_name.endswith("Storage"):
            return global_name
        if module_name == "torch.storage" and global_name.endswith("Storage"):
            return global_name
        if origin in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"):
            return self._tensor
        if origin in _KNOWN:
            return _KNOWN[origin]
        if module_name == "torch" and global_name.islower():  # float32, strided
            return Name(origin)
        return type(global_name, (Stub,), {"origin": origin})

    def persistent_load(self, pid: Any) -> Storage:
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"):
            raise BadInput("it refers to something that is not in the file.")
        kind, key, count = pid[1], str(pid[2]), pid[4]
        if not isinstance(kind, str) or type(count) is not int or count < 0:
            raise BadInput("one of its tensors has no size.")
        self.storages[key] = Storage(kind, key, count)
        return self.storages[key]

    def _tensor(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Declared:
        whole = isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) == len(stride)
        if not (isinstance(storage, Storage) and whole) or any(
            type(x) is not int or x < 0 for x in (offset, *shape, *stride)
        ):
            raise BadInput("one of its tensors has no size.")
        tensor = Declared(storage, offset, shape, stride)
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if math.prod(shape) and last >= storage.count:
            raise BadInput(
                f"a tensor of shape {shape} reaches beyond the {storage.count:,} numbers it has."
            )
        self.tensors.append(tensor)
        return tensor


class Name(str):
    """The name of something of torch's that is not a tensor: float32, cpu."""


class _Dtype:
    """numpy.dtype, of numbers alone."""

    def __init__(self, code: str = "", *_: Any):
        self.code = code

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.code = state[1] + self.code

    def read(self, data: Any) -> np.ndarray:
        """The numbers in these bytes."""
        if not isinstance(data, bytes) or self.code.lstrip("<>|")[:1] not in ("f", "i", "u", "b"):
            raise BadInput("it holds a numpy array that is not of numbers.")
        return np.frombuffer(data, dtype=self.code)


class _Array:
    """numpy.ndarray as numpy pickles it; `value` is the array."""

    value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, data = state
        numbers = dtype.read(data)
        self.value = numbers.reshape(shape, order="F" if is_fortran else "C")


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _scalar(dtype: _Dtype, data: Any) -> Any:
    return dtype.read(data)[0].item()


def _encode(text: Any, coding: Any = "latin1") -> bytes:
    return str(text).encode("latin1")


def _device(*args: Any) -> Name:
    return Name(":".join(map(str, args)))


def _a_dict(*args: Any) -> dict[Any, Any]:
    return OrderedDict(*args[:1]) if args and isinstance(args[0], list) else OrderedDict()


def _a_default(*_: Any) -> dict[Any, Any]:
    return defaultdict(dict)


def _instance(cls: Any, *_: Any) -> Any:
    """copyreg._reconstructor: an instance that was not initialised."""
    if not (isinstance(cls, type) and issubclass(cls, Stub)):
        raise BadInput(f"it makes an instance of `{cls}`. {HAS_CODE}")
    return cls.__new__(cls)


_KNOWN: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.device": _device,
    "torch.Size": lambda *args: tuple(args[0]) if args else (),
    "collections.OrderedDict": _a_dict,
    "collections.defaultdict": _a_default,
    "builtins.set": lambda *args: set(*args),
    "__builtin__.set": lambda *args: set(*args),
    "builtins.range": lambda *args: range(*args),
    "__builtin__.xrange": lambda *args: range(*args),
    "builtins.slice": lambda *args: slice(*args),
    "argparse.Namespace": SimpleNamespace,
    "pathlib.PosixPath": lambda *parts: "/".join(map(str, parts)),
    "pathlib.WindowsPath": lambda *parts: "/".join(map(str, parts)),
    "_codecs.encode": _encode,
    "copyreg._reconstructor": _instance,
    "copy_reg._reconstructor": _instance,
    "builtins.object": object,
    "__builtin__.object": object,
    "builtins.dict": dict,
    "numpy.dtype": _Dtype,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.ndarray": Name,
    "numpy.core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy._core.multiarray._reconstruct": lambda *_: _Array(),
}


MOST_VALUES, DEEPEST = 5_000_000, 50


def plain(value: Any, tensor: Callable[[Declared], Any]) -> Any:
    """The content of a scan as plain data: stubs as dictionaries of their fields, numpy's arrays as
    lists, tensors by `tensor`. Raises `BadInput` if it is nested without end."""
    return _plain(value, tensor, iter(range(MOST_VALUES)), 0)


def _plain(value: Any, tensor: Callable[[Declared], Any], left: Iterator[int], depth: int) -> Any:
    if depth > DEEPEST or next(left, None) is None:
        raise BadInput(
            f"it is nested more than {DEEPEST} deep, or holds over {MOST_VALUES:,} values."
        )

    def inner(x: Any) -> Any:
        return _plain(x, tensor, left, depth + 1)

    match value:
        case Declared():
            return tensor(value)
        case Stub() | SimpleNamespace():
            return {k: inner(v) for k, v in vars(value).items()}
        case _Array():
            return [] if value.value is None else value.value.tolist()
        case dict():
            return {k: inner(v) for k, v in value.items()}
        case list() | tuple() | set():
            return [inner(x) for x in value]
        case range() if len(value) <= MOST_VALUES:
            return list(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return None

"""What stands in for the things that pickles name: nothing named is ever looked up.

A few functions of torch, numpy and Python are enough for honest files of weights; each has a small
one of ours here. An instance of any class becomes an `Instance`, whose fields can be read.
"""

import math
import struct
from collections.abc import Callable
from typing import Any

from grokscope.border.budget import MOST_VALUES
from grokscope.border.held import Declared, Storage, declared, is_key
from grokscope.errors import BadInput

KINDS = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "UntypedStorage": "uint8", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip
CODES = {  # numpy's -> struct's
    "f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B",
    "u2": "H", "u4": "I", "u8": "Q", "b1": "?",
}  # fmt: skip
OF_TENSORS = ("torch._utils._rebuild", "torch._tensor.")
HAS_CODE = "It would run code when read, and was not opened."


class Named(str):
    """The full name of something in a module: posix.system, torch.float32."""


class Instance:
    """An instance of a class that is not looked up; its fields, as in the file."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def build(self, state: Any) -> None:
        """Take the fields that the file gives it: a dictionary, or one and another of slots."""
        for some in state if isinstance(state, tuple) and len(state) == 2 else (state,):
            if isinstance(some, dict):
                self.fields.update({str(key): value for key, value in some.items()})


class Dtype(Instance):
    """numpy.dtype, of numbers alone."""

    def __init__(self, code: Any) -> None:
        super().__init__()
        self.code, self.order = str(code), "<"

    def build(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    def values(self, data: Any) -> list[Any]:
        """The numbers in these bytes. Raises `BadInput` for what is no number."""
        data = data.encode("latin1") if isinstance(data, str) else data  # of Python 2
        code = CODES.get(self.code.lstrip("<>|="))
        if code is None or not isinstance(data, bytes):
            raise BadInput("it holds a numpy array that is not of numbers.")
        return [x for (x,) in struct.iter_unpack(self.order + code, data)]


class Array(Instance):
    """numpy.ndarray as numpy pickles it, read when it is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.state: tuple[Any, ...] = ()

    def build(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], Dtype)):
            raise BadInput("it holds a numpy array that is not of numbers.")
        if any(type(n) is not int or n < 0 for n in state[1]):
            raise BadInput("it holds a numpy array without a size.")
        self.state = state

    @property
    def count(self) -> int:
        """How many values it takes; an axis of length 0 counts as one of 1."""
        return math.prod(max(1, n) for n in self.state[1]) if self.state else 0

    def values(self) -> Any:
        """Its numbers as lists of lists."""
        if not self.state:
            return []
        _, shape, dtype, is_fortran, data = self.state
        numbers = dtype.values(data)
        if math.prod(shape) != len(numbers):
            raise BadInput(f"it holds a numpy array of shape {shape} with {len(numbers)} numbers.")
        return _columns(numbers, shape) if is_fortran else _rows(numbers, shape)


def _rows(numbers: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return numbers
    step = len(numbers) // shape[0] if shape[0] else 0
    return [_rows(numbers[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _columns(numbers: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return numbers
    return [_columns(numbers[i :: shape[0]], shape[1:]) for i in range(shape[0])]


def of_storage(pid: Any) -> Storage:
    """The storage that a pickle refers to. Raises `BadInput` for anything else."""
    if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"):
        raise BadInput("it refers to something that is not in the file.")
    kind, key, count = pid[1], pid[2], pid[4]
    name = kind.rpartition(".")[2] if isinstance(kind, Named) else ""
    if not name.endswith("Storage") or not isinstance(key, str | int):
        raise BadInput("it refers to something that is not in the file.")
    if type(count) is not int or count < 0:
        raise BadInput("one of its tensors has no size.")
    if len(pid) > 5 and pid[5] is not None:
        raise BadInput("its tensors are views of others, as torch saved them before 2017.")
    return Storage(KINDS.get(name, name), str(key), count)


def instance(cls: Any) -> Any:
    """An instance of a class that is named; it was not initialised."""
    if not isinstance(cls, Named) or cls in KNOWN:
        return called(cls, ())
    return Instance()


def called(function: Any, arguments: Any) -> Any:
    """What one of our stand-ins returns. Raises `BadInput` for any other function."""
    if not isinstance(arguments, tuple):
        raise BadInput("it calls something with arguments that are none.")
    if isinstance(function, Named) and function in KNOWN:
        return KNOWN[function](*arguments)
    name = str(function) if isinstance(function, Named) else f"a {type(function).__name__}"
    if name.startswith(OF_TENSORS):
        raise BadInput(f"it holds a kind of tensor that is not read (`{name[:80]}`).")
    raise BadInput(f"it calls `{name[:80]}`. {HAS_CODE}")


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Declared:
    if not isinstance(storage, Storage):
        raise BadInput("one of its tensors has no numbers.")
    return declared(storage, offset, shape, stride)


def _first(value: Any = (), *_: Any) -> Any:
    return value


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, Dtype):
        raise BadInput("it holds a number of numpy that is none.")
    return dtype.values(data)[0]


def _encode(text: Any, *_: Any) -> bytes:
    return text.encode("latin1") if isinstance(text, str) else b""


def _joined(between: str) -> Callable[..., Named]:
    def joined(*parts: Any) -> Named:
        if any(type(x) not in (str, int) for x in parts):
            raise BadInput("a device or a path in it is made of something else than text.")
        return Named(between.join(map(str, parts)))

    return joined


def _a_dict(pairs: Any = (), *_: Any) -> dict[Any, Any]:
    """An ordered dictionary of pairs, as Python 2 wrote it, or an empty one."""
    if not isinstance(pairs, list):
        return {}
    each = [x for x in pairs if isinstance(x, list | tuple) and len(x) == 2]
    return {k: v for k, v in each if is_key(k)}


def _nothing(*_: Any) -> None:
    """What no layout needs to know."""


def _range(*ends: Any) -> range:
    if any(type(x) is not int for x in ends) or len(made := range(*ends)) > MOST_VALUES:
        raise BadInput(f"it holds a range of more than {MOST_VALUES:,} numbers.")
    return made


def _instance(cls: Any, *_: Any) -> Any:
    """copyreg._reconstructor: an instance that was not initialised."""
    return instance(cls)


KNOWN: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.nn.parameter.Parameter": _first,
    "torch.device": _joined(":"),
    "torch.Size": _first,
    "collections.OrderedDict": _a_dict,
    "collections.defaultdict": lambda *_: {},
    "builtins.dict": _a_dict,
    "__builtin__.dict": _a_dict,
    "builtins.list": _first,
    "builtins.set": _first,
    "__builtin__.set": _first,
    "builtins.frozenset": _first,
    "builtins.range": _range,
    "__builtin__.xrange": _range,
    "builtins.slice": _nothing,
    "builtins.bytearray": _nothing,
    "builtins.complex": _nothing,
    "__builtin__.bytearray": _nothing,
    "__builtin__.complex": _nothing,
    "torch.serialization._get_layout": _joined(""),
    "argparse.Namespace": lambda *_: Instance(),
    "types.SimpleNamespace": lambda *_: Instance(),
    "pathlib.PosixPath": _joined("/"),
    "pathlib.WindowsPath": _joined("/"),
    "pathlib._local.PosixPath": _joined("/"),
    "pathlib._local.WindowsPath": _joined("/"),
    "_codecs.encode": _encode,
    "copyreg._reconstructor": _instance,
    "copy_reg._reconstructor": _instance,
    "builtins.object": lambda *_: Instance(),
    "__builtin__.object": lambda *_: Instance(),
    "numpy.dtype": lambda code="", *_: Dtype(code),
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.multiarray._reconstruct": lambda *_: Array(),
    "numpy._core.multiarray._reconstruct": lambda *_: Array(),
}

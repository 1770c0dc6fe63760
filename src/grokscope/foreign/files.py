"""Other people's files, read by a process of its own (`grokscope.border`): what it sends is data.

The process has limits of memory and time; what it sends is compared with what it announced, and
becomes plain data and tensors on the CPU. A file that takes too long, or brings the process down,
is refused as any other.
"""

import json
import math
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import IO, Any

import torch
from torch import Tensor

import grokscope
from grokscope.border.budget import LARGEST, MEMORY, seconds_for
from grokscope.border.held import WIDTHS
from grokscope.border.process import DESCRIBED, END, LENGTH, NUMBERS, REFUSED
from grokscope.border.regular import kind_of, shown
from grokscope.errors import BadInput

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".npy", ".npz")
HOME = str(Path(grokscope.__file__).parents[1])
PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from grokscope.border.process import main; main()"
)
COMMAND = [sys.executable, "-I", "-S", "-X", "utf8", "-c", PROGRAM, HOME]
PATIENCE = 6  # times the seconds of a processor, on a busy machine


class Reader:
    """The process that reads the files of one source; it starts when the first is asked for."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def read(self, path: Path) -> Any:
        """What a file holds, as plain data and tensors on the CPU; JSON by its ending. Raises
        `BadInput` with the reason and what to do if it is not read."""
        size = _size(path)
        if self._process is None:
            self._process = _started()
        asked = json.dumps(str(path.absolute()))
        timer = Timer(PATIENCE * seconds_for(min(size, LARGEST)), self._process.kill)
        timer.start()
        try:
            return _answer(self._process, asked)
        except (EOFError, BrokenPipeError):
            self.__exit__()
            raise BadInput(
                f"{shown(path)} is refused: reading it takes more than "
                f"{seconds_for(min(size, LARGEST))} seconds of a processor, or "
                f"{MEMORY / 1e6:g} MB beside its numbers."
            ) from None
        except BadInput as error:
            raise BadInput(f"{shown(path)} is refused: {error}") from None
        finally:
            timer.cancel()

    def read_object(self, path: Path) -> dict[str, Any]:
        """The JSON object in a file. Raises `BadInput` if it holds none."""
        content = self.read(path)
        if not isinstance(content, dict):
            raise BadInput(f"{shown(path)} does not hold a JSON object.")
        return {str(key): value for key, value in content.items()}


def read_file(path: Path) -> Any:
    """What one file holds, read by a process of its own; as `Reader.read`."""
    with Reader() as reader:
        return reader.read(path)


def _size(path: Path) -> int:
    """The size of a regular file. Raises `BadInput` for anything else."""
    kind = kind_of(path)
    if kind != "file":
        what = "there is no such file" if kind == "nothing" else "it is not a regular file"
        raise BadInput(f"{shown(path)} is refused: {what}.")
    return path.stat().st_size


def _started() -> subprocess.Popen[bytes]:
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, stderr=nothing)


def _answer(process: subprocess.Popen[bytes], asked: str) -> Any:
    """The content of a file that the process was asked for. Raises `BadInput` if it is refused,
    `EOFError` if the process ends before it is told."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(asked.encode() + b"\n")
    process.stdin.flush()
    answers = process.stdout
    described = json.loads(_frame(answers, DESCRIBED))
    numbers = [_numbers(answers, *about) for about in described["storages"]]
    _frame(answers, END)
    tensors = [_tensor(numbers[i], *about) for i, *about in described["tensors"]]
    return _content(described["content"], tensors)


def _frame(answers: IO[bytes], letter: bytes) -> bytes:
    """The next frame, which must be of this kind."""
    head = _exactly(answers, 1 + LENGTH)
    size = int.from_bytes(head[1:], "little")
    if head[:1] == REFUSED:
        raise BadInput(_exactly(answers, min(size, 10_000)).decode("utf-8", "replace"))
    if head[:1] != letter or size > LARGEST:
        raise EOFError
    return _exactly(answers, size)


def _exactly(answers: IO[bytes], size: int) -> bytes:
    content = answers.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _numbers(answers: IO[bytes], kind: str, count: int, is_big_endian: bool) -> Tensor:
    """The numbers of one storage."""
    width = WIDTHS[kind]
    content, at = bytearray(count * width), 0
    while at < len(content):
        block = _frame(answers, NUMBERS)
        if at + len(block) > len(content):
            raise EOFError
        content[at : at + len(block)] = block
        at += len(block)
    if not content:
        return torch.empty(0, dtype=getattr(torch, kind))
    flat = torch.frombuffer(content, dtype=torch.uint8)
    if is_big_endian:
        flat = flat.view(-1, width).flip(1).reshape(-1)
    return flat != 0 if kind == "bool" else flat.view(getattr(torch, kind))


def _tensor(numbers: Tensor, offset: int, shape: list[int], stride: list[int]) -> Tensor:
    if not math.prod(shape):
        return numbers.new_empty(shape)
    return numbers.as_strided(shape, stride, offset)


def _content(value: Any, tensors: list[Tensor]) -> Any:
    """Plain data, with the tensors in their places."""
    match value:
        case list():
            return [_content(x, tensors) for x in value]
        case {"t": number}:
            return tensors[number]
        case {"d": pairs}:
            return {key: _content(x, tensors) for key, x in pairs}
        case _:
            return value

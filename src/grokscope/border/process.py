"""The process that reads foreign files: asked on its input, it answers on its output.

It is asked by a line of JSON, a path, and answers in frames: a letter, the length of what follows,
and that. First D, what the file holds without its numbers, as JSON; then N, numbers, of one storage
after the other; at the end E. R, why it is refused, can come instead of any of them.
"""

import json
import sys
from pathlib import Path
from typing import BinaryIO

from grokscope.border.budget import AGAIN, LARGEST, MEMORY, limit_process, limit_seconds
from grokscope.border.formats import held
from grokscope.border.regular import open_regular
from grokscope.errors import BadInput

DESCRIBED, NUMBERS, END, REFUSED = b"D", b"N", b"E", b"R"
LENGTH = 8  # bytes


def main() -> None:
    """Answer until nothing more is asked."""
    limit_process()
    answers = sys.stdout.buffer
    for line in sys.stdin.buffer:
        try:
            _answer(answers, Path(json.loads(line)))
            _write(answers, END, b"")
        except BadInput as error:
            _write(answers, REFUSED, str(error).encode("utf-8", "replace"))
        except MemoryError:
            text = f"reading it takes more than {MEMORY / 1e6:g} MB beside its numbers."
            _write(answers, REFUSED, text.encode())
        except Exception as error:  # of a damaged file, it can be any
            first = (str(error).splitlines() or [type(error).__name__])[0][:200]
            text = f"it is damaged or cut off ({first}). {AGAIN}"
            _write(answers, REFUSED, text.encode("utf-8", "replace"))
        answers.flush()


def _answer(answers: BinaryIO, path: Path) -> None:
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        limit_seconds(min(size, LARGEST))
        tree, blocks = held(file, size, path)
        _write(answers, DESCRIBED, json.dumps(tree.described).encode())
        for storage in tree.storages.values():
            for block in blocks(storage):
                _write(answers, NUMBERS, block)


def _write(answers: BinaryIO, letter: bytes, content: bytes) -> None:
    answers.write(letter + len(content).to_bytes(LENGTH, "little"))
    answers.write(content)

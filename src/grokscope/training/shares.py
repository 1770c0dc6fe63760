"""The files of a batch written: each network's share beside those of the others.

What is asked of one network or of some leaves the others' shares as they are, to the byte; see
`training.batch` for what is where.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from grokscope.disk import is_there, read_regular
from grokscope.errors import DamagedFile
from grokscope.spec import Spec
from grokscope.training.batch import (
    LARGEST_METRICS,
    METRICS,
    SPECS,
    Share,
    header,
    prefix,
    stacked_lines,
)
from grokscope.training.files import notes_of, write_atomically, writing
from grokscope.training.tensors import checksum


@dataclass(frozen=True, eq=False)
class Shares:
    """What some networks have in a file: tensors with a row for each of these numbers, and the
    notes of each."""

    numbers: list[int]
    tensors: dict[str, Tensor]
    notes: list[dict[str, str]]

    def sealed(self) -> "Shares":
        """The same, the checksum of each network among its notes."""
        rows = [{name: x[i] for name, x in self.tensors.items()} for i in range(len(self.numbers))]
        notes = [
            {**own, "crc32": checksum(row, own)} for row, own in zip(rows, self.notes, strict=True)
        ]
        return replace(self, notes=notes)


def put(file: Path, new: Shares, without: Collection[int] = (), to: Path | None = None) -> None:
    """Write shares into a file, beside those that it has of other networks, but for those
    `without`; a file of none is removed. `to` is where the whole is written instead. Raises
    `DamagedFile` if the file that is there cannot be read, and `StorageError`."""
    kept = _others(file, {*new.numbers, *without})
    parts = [part for part in (kept, new.sealed() if new.numbers else None) if part is not None]
    if not parts:
        with writing(file):
            file.unlink(missing_ok=True)
        return
    whole = parts[0] if len(parts) == 1 else _joined(parts, file)
    noted = {"members": whole.numbers, "notes": whole.notes}
    write_atomically(to or file, save(whole.tensors, {"batch": json.dumps(noted)}))


def drop(file: Path, numbers: Collection[int]) -> None:
    """Take the shares of these networks out of a file, if there is one."""
    if is_there(file) and header(file).members.keys() & set(numbers):
        put(file, Shares([], {}, []), without=numbers)


def _others(file: Path, but: Collection[int]) -> Shares | None:
    """The shares of a file but some, as they are, whether their checksum is right or not."""
    try:
        numbers = [number for number in header(file).members if number not in but]
    except FileNotFoundError:
        return None
    if not numbers:
        return None
    contents = [Share(file.parent, number).content(file) for number in numbers]
    rows = [load(content) for content in contents]
    tensors = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    return Shares(numbers, tensors, [notes_of(content) for content in contents])


def _joined(parts: Sequence[Shares], file: Path) -> Shares:
    first = parts[0]
    for part in parts:
        shapes = [{name: x.shape[1:] for name, x in p.tensors.items()} for p in (first, part)]
        if shapes[0] != shapes[1]:
            raise DamagedFile(f"{file} does not hold this batch's weights: other names or shapes.")
    return Shares(
        [number for part in parts for number in part.numbers],
        {name: torch.cat([part.tensors[name] for part in parts]) for name in first.tensors},
        [notes for part in parts for notes in part.notes],
    )


def write_specs(batch: Path, specs: Sequence[Spec]) -> None:
    """Write what is asked of a batch's networks, in the order of their numbers."""
    write_atomically(batch / SPECS, b"".join(map(spec_line, specs)))


def spec_line(spec: Spec) -> bytes:
    """A network's line of specs.jsonl."""
    whole = json.loads(spec.to_json())
    return f'{{"run": {json.dumps(spec.id)}, "spec": {json.dumps(whole)}}}\n'.encode()


def put_lines(batch: Path, own: dict[int, bytes]) -> None:
    """Write the evaluations of some networks, as they would be alone, in place of those that are
    there of them. What is there of others, and of none, is kept."""
    try:
        content = read_regular(batch / METRICS, LARGEST_METRICS)
    except FileNotFoundError:
        content = b""
    starts = tuple(prefix(number) for number in own)
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):  # cut off by a kill, which no one can read
        lines.pop()
    kept = [line for line in lines if not line.startswith(starts)] if starts else lines
    new = [stacked_lines(lines, number) for number, lines in own.items()]
    write_atomically(batch / METRICS, b"".join([*kept, *new]))

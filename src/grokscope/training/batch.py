"""A batch: networks that train as one stack and are kept in one folder.

    <out>/batch-<hash of the ids>/
        specs.jsonl                 what was asked: a line a network, its id and its spec
        metrics.jsonl               a line an evaluation, with the network's number
        step-000000.safetensors     checkpoints: each weight with a row a network
        last.safetensors            the last checkpoint of those that are finished
        resume.safetensors          weights and state of the others, to go on from; the one
        resume.older.safetensors    before it is kept beside it
        <id>/                       what is written of one network alone: its report, its trace

A file of tensors has the notes of each of its networks, with a checksum of its own. A network's
share of it is the very file that it would have alone, and its lines of metrics.jsonl are those that
it would have alone: who reads a network reads one folder or the other, and never its neighbours.

Here no tensor is needed; `training.shares` writes them.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from grokscope.disk import cannot_read, is_there, names_in, open_regular, read_regular
from grokscope.errors import BadInput, DamagedFile
from grokscope.spec import Spec
from grokscope.training.files import LARGEST_NOTES

NAME = re.compile(r"batch-[0-9a-f]{12}")
SPECS, METRICS, LAST = "specs.jsonl", "metrics.jsonl", "last.safetensors"
RESUME, OLDER = "resume.safetensors", "resume.older.safetensors"
STEP = re.compile(r"step-([0-9]{6}|[1-9][0-9]{6,14})\.safetensors")
MOST = 256  # networks: what is damaged, or read again, is no more
LARGEST_SPECS = 10**9  # bytes
LARGEST_METRICS = 10**9
_MEMBER = re.compile(rb'\{"member": (0|[1-9][0-9]{0,8}), ')
_LINE = re.compile(rb'\{"run": "([^"\\]+)", "spec": ')


def folder_for(ids: Sequence[str], out: Path) -> Path:
    """Where a batch of these networks is kept under `out`."""
    return out / f"batch-{hashlib.sha256(json.dumps(list(ids)).encode()).hexdigest()[:12]}"


def is_batch(folder: Path) -> bool:
    """Whether a folder is a batch's, though it may have lost its specs. Raises `StorageError`."""
    if NAME.fullmatch(folder.name) is None:
        return False
    if is_there(folder / SPECS):
        return True
    return any(STEP.fullmatch(name) or name == LAST for name in names_in(folder))


def batch_of(folder: Path) -> Path | None:
    """The batch that this folder is, or is in. Raises `StorageError`."""
    return next((x for x in (folder, folder.parent) if is_batch(x)), None)


def numbers_in(folder: Path) -> dict[str, int]:
    """The ids of a batch's networks, with their numbers: their lines in specs.jsonl. A line that
    is damaged is left out. Raises `StorageError`."""
    return {name: k for k, name in enumerate(_names_in(folder)) if name is not None}


def are_specs_whole(folder: Path) -> bool:
    """Whether specs.jsonl is there, and every line of it names a network."""
    names = _names_in(folder)
    return bool(names) and None not in names


def _names_in(folder: Path) -> list[str | None]:
    try:
        stat = (folder / SPECS).stat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise cannot_read(folder / SPECS, error) from error
    return _names(folder / SPECS, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _names(path: Path, inode: int, changed: int, size: int) -> list[str | None]:
    starts = (_LINE.match(line) for line in read_regular(path, LARGEST_SPECS).splitlines())
    return [start[1].decode(errors="replace") if start else None for start in starts]


def batches_in(out: Path) -> list[Path]:
    """The folders of the batches under `out`. Raises `StorageError`."""
    folders = (out / name for name in names_in(out) if NAME.fullmatch(name))
    return [folder for folder in folders if is_batch(folder)]


def members_in(out: Path) -> dict[str, Path]:
    """The networks that are kept in batches under `out`: id -> the folder that is its own. Those
    whose line of specs.jsonl is damaged are known by their checkpoints."""
    found: dict[str, Path] = {}
    for folder in batches_in(out):
        names = list(numbers_in(folder))
        if not are_specs_whole(folder):
            names += [spec.id for spec in recorded_specs(folder).values()]
        found |= {name: folder / name for name in names}
    return found


def recorded_specs(folder: Path) -> dict[int, Spec]:
    """The spec of each network of a batch, by the notes of the checkpoints."""
    recorded: dict[int, Spec] = {}
    for name in names_in(folder):
        if STEP.fullmatch(name) is None and name != LAST:
            continue
        try:
            there = header(folder / name)
            for number in there.members.keys() - recorded.keys():
                recorded[number] = Spec.from_json(there.notes[there.members[number]]["spec"])
        except (DamagedFile, BadInput, KeyError):
            continue
    return recorded


@dataclass(frozen=True)
class Share:
    """What a batch has of one network."""

    batch: Path
    number: int

    @classmethod
    def of(cls, folder: Path) -> "Share | None":
        """That of the network whose own folder this is, or would be; None if it is in no batch."""
        batch = folder.parent
        if NAME.fullmatch(batch.name) is None:
            return None
        number = numbers_in(batch).get(folder.name)
        return None if number is None else cls(batch, number)

    @property
    def spec(self) -> Spec:
        """What was asked of it. Raises `DamagedFile`, and `BadInput` for a spec of no kind."""
        line = read_regular(self.batch / SPECS, LARGEST_SPECS).splitlines()[self.number]
        try:
            return Spec.from_json(json.dumps(json.loads(line)["spec"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadInput(f"line {self.number + 1} is no spec ({error}).") from error

    @property
    def lines(self) -> bytes:
        """Its evaluations so far, as it would have written them alone."""
        try:
            stat = (self.batch / METRICS).stat()
            key = stat.st_ino, stat.st_mtime_ns, stat.st_size
            return _lines(self.batch / METRICS, *key).get(self.number, b"")
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:
            raise cannot_read(self.batch / METRICS, error) from error

    @property
    def steps(self) -> list[int]:
        """The steps that have a checkpoint of it, in order."""
        found = (STEP.fullmatch(name) for name in names_in(self.batch))
        steps = {int(match[1]) for match in found if match}
        steps = {step for step in steps if self.is_in(self.batch / step_file(step))}
        last = self.last_step
        return sorted(steps if last is None else {*steps, last})

    @property
    def last_step(self) -> int | None:
        """The step of its last checkpoint; None while it trains."""
        notes = self.notes(self.batch / LAST)
        try:
            return None if notes is None else int(notes["step"])
        except (KeyError, ValueError):
            return None

    def checkpoint(self, step: int) -> Path:
        """The file that its weights of this step are in, or belong in."""
        regular = self.batch / step_file(step)
        if not self.is_in(regular) and self.last_step == step:
            return self.batch / LAST
        return regular

    @property
    def spent(self) -> list[Path]:
        """The states to resume from that no network needs any more."""
        with suppress(FileNotFoundError, DamagedFile):
            finished = header(self.batch / LAST).members.keys()
            files = [self.batch / name for name in (RESUME, OLDER)]
            return [x for x in files if is_there(x) and header(x).members.keys() <= finished]
        return []

    def is_in(self, file: Path) -> bool:
        """Whether a file of tensors has a share of it; of one that is damaged it may."""
        try:
            return self.number in header(file).members
        except FileNotFoundError:
            return False
        except DamagedFile:
            return True

    def notes(self, file: Path) -> dict[str, str] | None:
        """What is noted of it in a file of tensors; None if it is not in there, or not to be
        read."""
        try:
            there = header(file)
        except (FileNotFoundError, DamagedFile):
            return None
        row = there.members.get(self.number)
        return None if row is None else dict(there.notes[row])

    def content(self, file: Path) -> bytes:
        """Its share of a file of tensors, as the file that it would be alone. Raises
        `FileNotFoundError`, `DamagedFile` and `StorageError`."""
        there = header(file)
        row = there.members.get(self.number)
        if row is None:
            raise FileNotFoundError(str(file))
        own: dict[str, Any] = {"__metadata__": there.notes[row]}
        parts: list[bytes] = []
        end = 0
        try:
            with open_regular(file) as opened:
                for name, kind, shape, start, size in there.tensors:
                    opened.seek(there.start + start + row * size)
                    parts.append(opened.read(size))
                    own[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
                    end += size
        except OSError as error:
            raise cannot_read(file, error) from error
        text = json.dumps(own).encode()
        text += b" " * (-len(text) % 8)
        return b"".join([len(text).to_bytes(8, "little"), text, *parts])


@dataclass(frozen=True)
class Header:
    """What a stacked file of tensors holds, and where."""

    members: dict[int, int]  # the number of a network -> its row
    notes: list[dict[str, str]]  # of each row
    tensors: list[tuple[str, str, list[int], int, int]]  # name, kind, a row's shape, start, size
    start: int  # of the numbers, in bytes


def header(file: Path) -> Header:
    """Raises `FileNotFoundError`, `DamagedFile` for what is no stacked file, and `StorageError`."""
    try:
        with open_regular(file) as opened:
            stat = os.fstat(opened.fileno())
            key = file, stat.st_ino, stat.st_mtime_ns, stat.st_size
    except FileNotFoundError:
        raise
    except OSError as error:
        raise cannot_read(file, error) from error
    return _header(*key)


@lru_cache(maxsize=64)
def _header(file: Path, inode: int, changed: int, size: int) -> Header:
    try:
        with open_regular(file) as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > LARGEST_NOTES:
                raise ValueError("its header is too large")
            text = json.loads(opened.read(length))
        batch = json.loads(text.pop("__metadata__")["batch"])
        tensors = [_tensor(name, x, len(batch["members"])) for name, x in text.items()]
        members = {int(number): row for row, number in enumerate(batch["members"])}
        notes = [{str(k): str(v) for k, v in x.items()} for x in batch["notes"]]
        whole = 8 + length + sum(len(members) * bytes_ for *_, bytes_ in tensors)
        if len(notes) != len(members) or whole != size:
            raise ValueError("it is not as long as it says")
        return Header(members, notes, sorted(tensors, key=lambda x: x[3]), 8 + length)
    except OSError as error:
        raise cannot_read(file, error) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile(f"{file} is damaged and cannot be read ({error}).") from error


def _tensor(name: str, x: Any, rows: int) -> tuple[str, str, list[int], int, int]:
    shape, (start, end) = [int(n) for n in x["shape"]], x["data_offsets"]
    if shape[0] != rows or not 0 <= start <= end or (end - start) % rows:
        raise ValueError(f"{name} has no row for each network")
    return name, str(x["dtype"]), shape[1:], int(start), (end - start) // rows


def step_file(step: int) -> str:
    return f"step-{step:06d}.safetensors"


def prefix(number: int) -> bytes:
    """How the lines of a network begin in metrics.jsonl, in place of a brace."""
    return b'{"member": %d, ' % number


@lru_cache(maxsize=2)
def _lines(path: Path, inode: int, changed: int, size: int) -> dict[int, bytes]:
    """The lines of each network, as it would have written them alone."""
    found: dict[int, list[bytes]] = {}
    for line in read_regular(path, LARGEST_METRICS).splitlines(keepends=True):
        start = _MEMBER.match(line)
        if start is not None:
            found.setdefault(int(start[1]), []).append(b"{" + line[start.end() :])
    return {number: b"".join(lines) for number, lines in found.items()}


def stacked_lines(lines: bytes, number: int) -> bytes:
    """Lines that a network would have written alone, as they stand in the batch."""
    start = prefix(number)
    return b"".join(start + line[1:] for line in lines.splitlines(keepends=True))

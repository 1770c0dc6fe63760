"""File operations that fail, kill, or lose power: what stands between a program and its disk.

`installed(at)` calls `at(operation, path)` before every operation that changes a file or a folder:
open, write, fsync, replace, unlink, mkdir. What `at` raises is what the system says; of a write
that fails, half has arrived by then.
"""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

At = Callable[[str, str], None]


class _File:
    """An open file whose writes can fail half way."""

    def __init__(self, file: Any, path: str, at: At):
        self.file, self.path, self.at = file, path, at

    def write(self, content: Any) -> int:
        half = len(content) // 2
        self.file.write(content[:half])
        self.file.flush()
        self.at("write", self.path)
        return half + self.file.write(content[half:])

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@contextmanager
def installed(at: At) -> Iterator[None]:
    """Put it between this process and its disk."""
    opened, busy = io.open, set[str]()

    def at_once(operation: str, path: str) -> None:
        if busy:  # what `at` does itself
            return
        busy.add(operation)
        try:
            at(operation, path)
        finally:
            busy.clear()

    def faulty_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wax+"):
            return opened(file, mode, *args, **kwargs)
        at_once("open", str(file))
        return _File(opened(file, mode, *args, **kwargs), str(file), at_once)

    def before(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            at_once(name, str(path))
            return real(path, *args, **kwargs)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", faulty_open)
        for name in ("fsync", "replace", "unlink", "mkdir"):
            patch.setattr(os, name, before(name))
        yield


class Power:
    """What of a folder would be on the disk if the power failed: contents and names that were
    flushed, and nothing else. Made before anything is written there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.contents: dict[int, bytes] = {}  # inode -> what was flushed
        self.names: dict[int, dict[str, int]] = {}  # inode of a folder -> name -> inode
        self.held: list[int] = []  # open, so that no inode is used twice
        self.folders: set[int] = set()
        self.fsync(os.open(folder, os.O_RDONLY))

    def fsync(self, file: int) -> None:
        """A file or folder is flushed."""
        inode = os.fstat(file).st_ino
        path = f"/proc/self/fd/{file}"
        self.held.append(os.dup(file))
        if Path(path).is_dir():
            self.folders.add(inode)
            self.names[inode] = {x.name: x.inode() for x in os.scandir(Path(path).resolve())}
        else:
            self.contents[inode] = Path(path).read_bytes()

    def fail(self, to: Path) -> None:
        """Write what is left to another folder."""
        self._write(self.folder.stat().st_ino, to)

    def _write(self, inode: int, to: Path) -> None:
        to.mkdir()
        for name, inner in self.names.get(inode, {}).items():
            path = self.folder_of(inner)
            if path is not None:
                self._write(inner, to / name)
            else:
                (to / name).write_bytes(self.contents.get(inner, b""))

    def folder_of(self, inode: int) -> int | None:
        """The inode, where it is a folder's."""
        if inode in self.folders or any(
            x.inode() == inode and x.is_dir() for x in os.scandir(self.folder)
        ):
            return inode
        return None

"""Where a sweep's files are: a folder, or an object store, in which each appears whole or not.

`s3://bucket/path` and other addresses are read and written through fsspec; there a file is one
object, written once. What a batch that is not finished goes on from stays on this machine.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from grokscope.disk import cache_folder, is_there, names_in, read_regular
from grokscope.errors import BadInput, StorageError
from grokscope.training.files import write_atomically

LARGEST = 4 * 10**9  # bytes of a file


@dataclass(frozen=True)
class Store:
    """Files by their names below a root, as `shards/x.parquet`."""

    root: str

    @property
    def is_remote(self) -> bool:
        return "://" in self.root

    @property
    def home(self) -> Path:
        """The folder on this machine that a driver holds."""
        if not self.is_remote:
            return Path(self.root)
        known = hashlib.sha256(self.root.encode()).hexdigest()[:12]
        return cache_folder() / "sweeps" / known

    @property
    def work(self) -> Path:
        """Where batches are that are not finished."""
        return self.home / "work"

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file, in place of one that is there. Raises `StorageError`."""
        if not self.is_remote:
            write_atomically(Path(self.root, name), content)
            return
        path = self._path(name)
        with self._asking("write", name):
            try:
                self._files.pipe_file(path, content)
            except FileNotFoundError:  # of a store with folders
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        """Raises `FileNotFoundError`, `StorageError` and `DamagedFile`."""
        if not self.is_remote:
            return read_regular(Path(self.root, name), LARGEST)
        with self._asking("read", name):
            return self._files.cat_file(self._path(name))

    def has(self, name: str) -> bool:
        """Raises `StorageError` where that cannot be seen."""
        if not self.is_remote:
            return is_there(Path(self.root, name))
        with self._asking("look for", name):
            return bool(self._files.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        """The files in a folder, in order; none where there is no folder. Raises `StorageError`."""
        if not self.is_remote:
            return [name for name in names_in(Path(self.root, folder)) if not name.startswith(".")]
        try:
            with self._asking("look into", folder):
                self._files.invalidate_cache()
                found = self._files.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    @cached_property
    def _files(self) -> Any:
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise BadInput(
                f'{self.root} needs fsspec: pip install "grokscope[stores]", and the package of '
                "that store, as s3fs."
            ) from error
        try:
            return url_to_fs(self.root)[0]
        except (ValueError, ImportError) as error:
            raise BadInput(f"{self.root} is no store that can be reached: {error}") from error

    def _path(self, name: str) -> str:
        return f"{self._files._strip_protocol(self.root)}/{name}"

    @contextmanager
    def _asking(self, what: str, name: str) -> Iterator[None]:
        """Whatever a store's own package raises is told as that."""
        try:
            yield
        except (FileNotFoundError, BadInput):
            raise
        except Exception as error:
            raise StorageError(
                f"cannot {what} {self.root}/{name}: {type(error).__name__}: {error}. Repeat the "
                "command when the store can be reached."
            ) from error

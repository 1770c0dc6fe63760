"""Where a sweep's files are: a folder, in which each appears whole or not at all."""

from dataclasses import dataclass
from pathlib import Path

from grokscope.disk import is_there, names_in, read_regular
from grokscope.training.files import write_atomically

LARGEST = 4 * 10**9  # bytes of a file


@dataclass(frozen=True)
class Store:
    """Files by their names below a root, as `shards/x.parquet`."""

    root: str

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file, in place of one that is there. Raises `StorageError`."""
        write_atomically(Path(self.root, name), content)

    def read(self, name: str) -> bytes:
        """Raises `FileNotFoundError`, `StorageError` and `DamagedFile`."""
        return read_regular(Path(self.root, name), LARGEST)

    def has(self, name: str) -> bool:
        """Raises `StorageError` where that cannot be seen."""
        return is_there(Path(self.root, name))

    def names(self, folder: str) -> list[str]:
        """The files in a folder, in order; none where there is no folder. Raises `StorageError`."""
        return [name for name in names_in(Path(self.root, folder)) if not name.startswith(".")]

"""What this machine measured, told from what others did, and by which code: a stamp that no one
else can make, and hashes of files.

The key is random and stays in the folder of the cache, readable by its user alone. Who loses it
computes again.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import grokscope
from grokscope.disk import cache_folder, open_regular, too_large

LENGTH = 32  # bytes
MOST = 10**9  # of a file that is hashed


def stamp(content: bytes) -> str | None:
    """The stamp of a content (HMAC-SHA256); None where no key can be kept, and nothing is
    believed."""
    try:
        return hmac.new(_key(), content, "sha256").hexdigest()
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None


def is_stamped(content: bytes, stamped: object) -> bool:
    """Whether this machine stamped it so."""
    own = stamp(content)
    return own is not None and isinstance(stamped, str) and hmac.compare_digest(own, stamped)


@cache
def of_package() -> str:
    """A hash of this package's source."""
    return of_files(*sorted(Path(grokscope.__file__).parent.rglob("*.py")))


def of_files(*files: Path) -> str:
    """A hash of what is in these files. Raises `OSError`, `StorageError` for a device, and
    `DamagedFile` for one of more than `MOST` bytes."""
    digest = hashlib.sha256()
    for file in files:
        with open_regular(file) as content:
            size = os.fstat(content.fileno()).st_size
            if size > MOST:
                raise too_large(file, size, MOST)
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def _key() -> bytes:
    path = cache_folder() / "key"
    with suppress(FileNotFoundError):
        key = path.read_bytes()
        if len(key) == LENGTH:
            return key
    _write(path)
    return path.read_bytes()


def _write(path: Path) -> None:
    """A new key, whole or not at all; of two that are written at once the last stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".tmp")  # for its user alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(LENGTH))
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)

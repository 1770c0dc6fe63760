"""What this machine measured, told from what others did: a stamp that no one else can make.

The key is random and stays in the folder of the cache, readable by its user alone. Who loses it
computes again.
"""

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from grokscope.algebra.cache import cache_folder

LENGTH = 32  # bytes


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

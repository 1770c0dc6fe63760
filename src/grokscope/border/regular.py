"""Files that are opened: regular ones alone, whatever links lead to them."""

import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

from grokscope.errors import BadInput

Kind = Literal["file", "folder", "special", "nothing"]
WAYS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def kind_of(path: Path) -> Kind:
    """What is there, at the end of all links. Raises `BadInput` where the system does not say."""
    try:
        return _kind(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except (OSError, ValueError) as error:  # too long, a loop of links, no permission, a NUL
        raise BadInput(f"{shown(path)} cannot be looked at: {reason(error)}.") from None


def open_regular(path: Path) -> BinaryIO:
    """A regular file, opened for reading. Raises `BadInput` for a device, a pipe or a socket, which
    are not waited for, and for what cannot be opened."""
    kind = kind_of(path)
    if kind == "nothing":
        raise BadInput(f"{shown(path)}: there is no such file.")
    if kind == "file":
        try:
            number = os.open(path, WAYS)
        except OSError as error:
            raise BadInput(f"{shown(path)} cannot be read: {reason(error)}.") from None
        if _kind(os.fstat(number).st_mode) == "file":
            return os.fdopen(number, "rb")
        os.close(number)
    raise BadInput(f"{shown(path)} is not a regular file. Copy what it holds into one.")


def _kind(mode: int) -> Kind:
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "special"


def shown(path: Path) -> str:
    """A path as an error names it: the end of a very long one."""
    text = str(path)
    return text if len(text) <= 300 else f"...{text[-200:]}"


def reason(error: OSError | ValueError) -> str:
    """Why the system refused."""
    return getattr(error, "strerror", None) or str(error)

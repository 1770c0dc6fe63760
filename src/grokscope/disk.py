"""What is read of a disk, and what a disk refuses, with the cause and what to do.

Regular files alone are read, up to a limit: a name may lead to a pipe or a device, which has no
end. What the system refuses (no permission, too many open files, a disk that fails) is no damage,
and no reason to delete anything.
"""

import errno
import os
import shutil
import stat
from io import BufferedReader
from pathlib import Path

from grokscope.errors import DamagedFile, StorageError, brief

ABSENT = (errno.ENOENT, errno.ENOTDIR)  # there is no such file, or a folder of its path is a file
NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP)  # no file can be called so
AGAIN = "Repeat the command when this is mended."
CURES = {
    errno.EACCES: "Its owner can allow it, with `chmod`; or take another path.",
    errno.EPERM: "Its owner, or who runs this machine, can allow it; or take another path.",
    errno.EIO: "The disk or its cable fails: save what you can from it, then try again.",
    errno.EMFILE: "Raise the limit of this shell, with `ulimit -n 4096`, and repeat the command.",
    errno.ENFILE: "Close other programs, and repeat the command.",
    errno.ESTALE: "Mount that network folder again, and repeat the command.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOENT: "Write the path of what is there, or make its folder.",
    errno.ELOOP: "Its links lead in a circle: write the file that is meant.",
    errno.ENOTDIR: "A part of its path is a file, not a folder: write another path.",
    errno.EISDIR: "Write the path of a file, or move the folder away.",
    errno.EROFS: "That disk is mounted to be read alone: write to another.",
    errno.ENOSPC: "Make room there, or write to another disk, and repeat the command.",
    errno.EDQUOT: "Make room there, or write to another disk, and repeat the command.",
    errno.EFBIG: "That disk takes no file of this size: write to another.",
}
FULL = (errno.ENOSPC, errno.EDQUOT)
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_regular(path: Path, most: int) -> bytes:
    """The content of a file of at most `most` bytes.

    Raises `FileNotFoundError` if there is none, `StorageError` if it cannot be read or is no
    regular file, `DamagedFile` if it is larger.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise too_large(path, size, most)
            return file.read(size)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except (OSError, ValueError) as error:
        raise cannot_read(path, error) from error


def open_regular(path: Path) -> BufferedReader:
    """A file open to be read. Raises `StorageError` if it is no regular file, and `OSError`."""
    return open(path, "rb", opener=_at_once)


def _at_once(path: str, flags: int) -> int:
    """A file opened without waiting for who writes to a pipe. Raises `StorageError` for what is no
    regular file."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise no_file(Path(path), kind)
    return handle


def no_file(path: Path, kind: int) -> StorageError:
    """The error for a folder, a pipe or a device where a file should be."""
    what = KINDS.get(kind, "something else")
    return StorageError(
        f"cannot read {_name(path)}: it is {what}, not a file. Move it away, or write another path."
    )


def too_large(path: Path, size: int, most: int) -> DamagedFile:
    """The error for a file of more bytes than any that is written here."""
    return DamagedFile(
        f"{_name(path)} has {size / 1e6:,.1f} MB, and files of its kind have at most "
        f"{most / 1e6:,g}. It is not what was written: move it away."
    )


def is_there(path: Path) -> bool:
    """Whether there is anything of this name. Raises `StorageError` where that cannot be seen."""
    try:
        path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in (*ABSENT, *NO_PATH):
            return False
        raise cannot_read(path, error) from error
    return True


def names_in(folder: Path) -> list[str]:
    """What a folder holds, in order; nothing where there is no such folder. Raises `StorageError`
    for one that cannot be looked into."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in (*ABSENT, *NO_PATH):
            return []
        raise cannot_read(folder, error) from error


def cannot_read(path: Path, error: OSError | ValueError) -> StorageError:
    """The error for what the system does not let us read: its cause, and the cure."""
    if isinstance(error, ValueError):  # a NUL, or half of a character
        return StorageError(f"cannot read {_name(path)}: no file can be called so ({error}).")
    cure = CURES.get(error.errno or 0, AGAIN)
    return StorageError(f"cannot read {_name(path)}: {error.strerror or error}. {cure}")


def refused(error: OSError) -> StorageError:
    """The error for what the system refused where nothing was read or written."""
    cure = CURES.get(error.errno or 0, AGAIN)
    return StorageError(f"{_name(Path(error.filename or '.'))}: {error.strerror or error}. {cure}")


def cannot_write(path: Path, size: int, error: OSError | ValueError) -> StorageError:
    """The error for what the system does not let us write: its cause, and the cure."""
    if isinstance(error, ValueError):
        return StorageError(f"cannot write {_name(path)}: no file can be called so ({error}).")
    room = _room(path) if error.errno in FULL else ""
    cure = CURES.get(error.errno or 0, AGAIN)
    return StorageError(
        f"cannot write {_name(path)} ({size / 1e6:,.1f} MB): {error.strerror or error}{room}. What "
        f"was there before is intact. {cure}"
    )


def _room(path: Path) -> str:
    try:
        return f"; {shutil.disk_usage(path.parent).free / 1e6:,.1f} MB are free there"
    except OSError:
        return ""


def _name(path: Path) -> str:
    return brief(str(path), 300)


def cache_folder() -> Path:
    """Where what can be computed again is kept: $GROKSCOPE_CACHE, or beside the user's other
    caches. Raises `RuntimeError` where there is no home folder."""
    own, users = os.environ.get("GROKSCOPE_CACHE"), os.environ.get("XDG_CACHE_HOME")
    others = Path(users) if users else Path("~/.cache").expanduser()
    return Path(own) if own else others / "grokscope"

"""What is said of a finished run, in words and as data, kept in its folder once it was read, so
that it can be said again without a weight being read.

    <run>/reading.json      under a key: what it was made of, and by which code

It holds as long as the run's files are what they were, and the package and the plug-ins too; and it
has this machine's own stamp: what came with a folder from elsewhere is read again. It is only kept:
what cannot be read is read from the weights, what cannot be written is not kept.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokscope.disk import read_regular
from grokscope.errors import DamagedFile, StorageError
from grokscope.reading.facts import Facts
from grokscope.reading.record import of_reading
from grokscope.reading.story import headline, lead, numbers, told
from grokscope.stamp import is_stamped, of_files, of_package, stamp
from grokscope.training.files import as_json, write_atomically
from grokscope.training.run import SPLIT_FILE, Run

LARGEST = 10**8  # bytes


@dataclass(frozen=True)
class Said:
    """The verdict, the whole in three sentences, the main numbers, the paragraphs beneath, and all
    of it as data."""

    headline: str
    lead: str
    numbers: tuple[tuple[str, str], ...]
    paragraphs: tuple[str, ...]
    record: dict[str, Any]  # what `show --json` prints

    @classmethod
    def of(cls, f: Facts) -> "Said":
        return cls(headline(f), lead(f), tuple(numbers(f)), tuple(told(f)), of_reading(f))


def keep(run: Run, said: Said, plugins: Iterable[Path] = ()) -> None:
    """Keep what is said of a run that is finished, made with these `--use` files."""
    if not run.is_finished:
        return
    with suppress(StorageError, DamagedFile):  # of a disk that refuses, or a file that is too large
        content = {"key": _key(run, plugins), "said": vars(said)}
        text = as_json({**content, "stamp": stamp(as_json(content).encode())})
        write_atomically(_file(run), text.encode())


def kept(run: Run, plugins: Iterable[Path] = ()) -> Said | None:
    """What was kept of a run, if it still holds."""
    with suppress(
        FileNotFoundError, StorageError, DamagedFile, LookupError, TypeError, ValueError,
        RecursionError,
    ):  # fmt: skip
        content = json.loads(read_regular(_file(run), LARGEST))
        stamped = content.pop("stamp")
        is_own = is_stamped(as_json(content).encode(), stamped)
        if is_own and content["key"] == _key(run, plugins):
            said = content["said"]
            rows = tuple((label, text) for label, text in said["numbers"])
            paragraphs = tuple(said["paragraphs"])
            return Said(said["headline"], said["lead"], rows, paragraphs, said["record"])
    return None


def _file(run: Run) -> Path:
    return run.folder / "reading.json"


def _key(run: Run, plugins: Iterable[Path]) -> dict[str, Any]:
    """What the words depend on. Of the checkpoints before the last, when they were written."""
    checkpoints = [run.checkpoint(step) for step in run.steps]
    beside = sorted({f for file in plugins for f in Path(file).resolve().parent.glob("*.py")})
    return {
        "folder": str(run.folder),
        "package": of_package(),
        "plugins": of_files(*plugins, *beside),
        "files": _files(run, checkpoints[-1:]),
        "checkpoints": [[x.name, x.stat().st_size, x.stat().st_mtime_ns] for x in checkpoints],
    }


def _files(run: Run, last: list[Path]) -> str:
    """A hash of what is written of the run but its earlier checkpoints, or of its share of that."""
    if run.share is not None:
        own = [run.spec.to_json().encode(), run.lines, *map(run.content, last)]
        return hashlib.sha256(b"".join(hashlib.sha256(x).digest() for x in own)).hexdigest()[:16]
    files = [run.folder / "spec.json", run.metrics_file, *last, run.folder / SPLIT_FILE]
    return of_files(*(file for file in files if file.exists()))

"""What a person writes of a run: a note and tags, in its folder."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from grokscope.disk import read_regular
from grokscope.errors import BadInput, DamagedFile, written
from grokscope.training.files import as_json, write_atomically
from grokscope.training.run import Run

FILE = "note.json"
LARGEST = 10**6  # bytes
TAG = re.compile(r"[\w.:+-]{1,60}")


@dataclass(frozen=True)
class Note:
    """Raises `BadInput` for a tag that is no single word."""

    text: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for tag in self.tags:
            if not TAG.fullmatch(tag):
                raise BadInput(f"the tag {written(tag)} is not one word. Use letters, digits, -.:+")


def note_of(folder: Path) -> Note:
    """The note in a run's folder; an empty one if there is none. Raises `DamagedFile`."""
    try:
        held = json.loads(read_regular(folder / FILE, LARGEST))
        return Note(str(held["text"]), tuple(map(str, held["tags"])))
    except FileNotFoundError:
        return Note()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFile(
            f"{folder / FILE} is no note ({error}). Remove it, and write it again."
        ) from error


def write_note(run: Run, note: Note) -> None:
    """Keep a note with its run, in place of the one before. Raises `StorageError`."""
    write_atomically(run.folder / FILE, as_json(asdict(note)).encode())

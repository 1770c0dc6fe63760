"""What this machine found of a run's checkpoints, kept as one JSON file of entries, each stamped.

    <run>/explanation.json      the newest first

An entry is believed where it has this machine's own stamp: what came with a folder from elsewhere,
or was changed since, is computed again before anything rests on it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grokscope.disk import read_regular
from grokscope.errors import DamagedFile
from grokscope.stamp import is_stamped, stamp
from grokscope.training.files import write_atomically

EXPLANATIONS = "explanation.json"
LARGEST = 50 * 10**6  # bytes
MOST = 40  # entries


@dataclass(frozen=True)
class Entry:
    """What was found, and the key that says of what: each part by its name."""

    key: Mapping[str, str]
    found: Any  # plain data
    is_own: bool  # this machine found it


def read_entries(path: Path) -> list[Entry]:
    """The entries of a file, the newest first; none where it is not there. Raises `DamagedFile` for
    what holds none, and `StorageError` if the system does not let it be read."""
    try:
        content = json.loads(read_regular(path, LARGEST))
        return [_entry(x["key"], x["found"], x["stamp"]) for x in content["entries"]]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedFile(f"{path} is damaged: it does not hold what was found.") from None


def _entry(key: Any, found: Any, stamped: Any) -> Entry:
    """Raises `TypeError` for what is none."""
    if not isinstance(key, dict) or not all(isinstance(x, str) for x in key.values()):
        raise TypeError("key")
    return Entry(key, found, is_stamped(_content(key, found), stamped))


def write_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Write those of this machine, the first `MOST` of them. Raises `StorageError`."""
    own = [entry for entry in entries if entry.is_own][:MOST]
    content = [
        {"stamp": stamp(_content(x.key, x.found)), "key": dict(x.key), "found": x.found}
        for x in own
    ]
    write_atomically(path, json.dumps({"entries": content}).encode())


def _content(key: Mapping[str, str], found: Any) -> bytes:
    return json.dumps([dict(key), found], sort_keys=True).encode()

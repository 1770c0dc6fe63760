"""A sweep: a folder of batches, and their one table.

<DIR>/
    sweep.json            what was asked
    shards/               the table; see `sweep.table`
    weights/              where they are kept
    work/<batch>/         what a batch that is not finished goes on from
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from grokscope.errors import BadInput, DamagedFile
from grokscope.sweep.store import Store
from grokscope.sweep.table import LOSS, RATIO, read_table
from grokscope.training.files import as_json

ASKED = "sweep.json"


@dataclass(frozen=True)
class Sweep:
    """What was asked of a sweep, in all commands that were given to it."""

    folder: str
    name: str  # of the experiment, or of the sweep in `papers`; else "settings"
    settings: list[list[str]]  # as typed, of each command
    axes: dict[str, list[Any]]  # what varies: a setting, and its values in order
    read: str
    keep: str
    networks: int
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Any) -> "Sweep":
        """The sweep in this folder. Raises `BadInput` if there is none, `DamagedFile`."""
        store = Store(str(folder))
        try:
            return cls(folder=store.root, **json.loads(store.read(ASKED)))
        except FileNotFoundError:
            raise BadInput(
                f"{store.root} is not a sweep: it has no {ASKED}. `grokscope sweep` makes one."
            ) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise DamagedFile(
                f"{store.root}/{ASKED} is damaged ({error}). Move it away, and repeat the command "
                "of the sweep: it writes it again."
            ) from error

    def write(self) -> None:
        """Raises `StorageError`."""
        content = {name: value for name, value in asdict(self).items() if name != "folder"}
        Store(self.folder).write(ASKED, as_json(content).encode())

    def table(self, loss: float = LOSS, ratio: float = RATIO) -> pl.DataFrame:
        """Its table so far; see `read_table`."""
        return read_table(self.folder, loss, ratio)

"""Which networks a sweep has: a grid of settings, a sample of one, or a table of them.

A setting of one value is that of every network; one of several (see `sweep.settings`) is an axis of
the grid.
"""

import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import Any, overload

from grokscope.disk import read_regular
from grokscope.errors import BadInput, brief, must_be
from grokscope.spec import Spec
from grokscope.sweep.settings import parted

MOST = 100_000_000  # networks of a grid
LARGEST_LIST = 10**9  # bytes
Settings = tuple[str, ...]  # key=value, each of one value


@dataclass(frozen=True)
class Grid(Sequence[Spec]):
    """A spec with what varies: each of `rows` with each combination of the axes' values. It is
    written out network by network, and never held as a whole."""

    base: Spec
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # key -> texts of its values
    rows: tuple[Settings, ...] = ((),)
    chosen: tuple[int, ...] | None = None  # of the whole grid, where it is a sample of it

    @cached_property
    def size(self) -> int:
        """Of the whole grid."""
        return len(self.rows) * prod(len(values) for values in self.axes.values())

    def __len__(self) -> int:
        return self.size if self.chosen is None else len(self.chosen)

    @overload
    def __getitem__(self, place: int) -> Spec: ...
    @overload
    def __getitem__(self, place: slice) -> list[Spec]: ...
    def __getitem__(self, place: int | slice) -> Spec | list[Spec]:
        if isinstance(place, slice):
            return [self[i] for i in range(len(self))[place]]
        i = range(len(self))[place] if self.chosen is None else self.chosen[place]
        settings: list[str] = []
        for key, values in reversed(list(self.axes.items())):
            i, digit = divmod(i, len(values))
            settings.append(f"{key}={values[digit]}")
        return self.base.override(*self.rows[i], *settings)

    def sample(self, count: int, seed: int = 0) -> "Grid":
        """So many of its networks, at random; a larger sample of the same seed has all of a smaller
        one. Raises `BadInput` for more than there are."""
        if not 1 <= count <= len(self):
            raise must_be("--sample", f"a whole number from 1 to {len(self):,}", count)
        draw, chosen = random.Random(seed), dict[int, None]()
        while len(chosen) < count:
            chosen[draw.randrange(len(self))] = None
        return Grid(self.base, self.axes, self.rows, tuple(chosen))

    def values(self) -> dict[str, list[Any]]:
        """What varies, and its values in order, as a spec holds them."""
        found = {
            key: [held(self.base.override(f"{key}={text}"), key) for text in texts]
            for key, texts in self.axes.items()
        }
        for key in dict.fromkeys(setting.partition("=")[0] for row in self.rows for setting in row):
            specs = (self.base.override(*row) for row in self.rows)
            found[key] = list({json.dumps(x): x for x in (held(s, key) for s in specs)}.values())
        return {key: values for key, values in found.items() if len(values) > 1}


def grid(base: Spec, settings: Sequence[str], rows: Sequence[Settings] = ((),)) -> Grid:
    """The grid that these settings span. Raises `BadInput` for a key that does not exist or comes
    twice, for a value that is none or comes twice, and for more networks than `MOST`."""
    plain, axes = list[str](), dict[str, tuple[str, ...]]()
    for key, texts in parted(settings).items():
        if len(texts) == 1:
            plain.append(f"{key}={texts[0]}")
        else:
            axes[key] = texts
    start = base.override(*plain)
    for key, texts in axes.items():
        _refuse_twins(key, [held(start.override(f"{key}={text}"), key) for text in texts])
    _refuse_both(settings, rows)
    made = Grid(start, axes, tuple(rows))
    if made.size > MOST:
        raise BadInput(
            f"{made.size:,} networks are more than the {MOST:,} of the largest sweep. Take fewer "
            "values."
        )
    return made


def held(spec: Spec, key: str) -> Any:
    """What a spec holds under a key, `task.p` say."""
    head, dot, tail = key.partition(".")
    return getattr(spec, f"{head}_args").get(tail) if dot else getattr(spec, key)


def _refuse_twins(key: str, values: Sequence[Any]) -> None:
    seen: set[str] = set()
    for value in values:
        text = json.dumps(value)
        if text in seen:
            raise BadInput(f"`{key}` has the value {brief(text)} twice. Leave out one of them.")
        seen.add(text)


def _refuse_both(settings: Sequence[str], rows: Sequence[Settings]) -> None:
    listed = {setting.partition("=")[0] for row in rows for setting in row}
    for key in (setting.partition("=")[0] for setting in settings):
        if key in listed:
            raise BadInput(f"each row sets `{key}` already. Leave `{key}=` out of the settings.")


def listed(file: Path) -> tuple[Settings, ...]:
    """The rows of a table of settings, in Parquet, CSV or JSON lines; a cell that is empty says
    nothing. Raises `BadInput` for what is no such table, and `StorageError`."""
    import polars as pl

    try:
        content = io.BytesIO(read_regular(file, LARGEST_LIST))
    except FileNotFoundError:
        raise BadInput(f"--list {file}: there is no such file.") from None
    lines = partial(pl.read_ndjson, infer_schema_length=None)
    readers = {
        ".parquet": pl.read_parquet,
        ".csv": lambda file: pl.read_csv(file, infer_schema=False),
        ".jsonl": lines,
        ".ndjson": lines,
    }
    read = readers.get(file.suffix.lower())
    if read is None:
        raise BadInput(f"--list {file}: name it .parquet, .csv or .jsonl, for what it holds.")
    try:
        table = read(content)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise BadInput(f"--list {file} is no table of settings: {error}") from error
    if not len(table):
        raise BadInput(f"--list {file} has no rows. Write one for each network.")
    return tuple(_row(row) for row in table.iter_rows(named=True))


def _row(row: Mapping[str, Any]) -> Settings:
    return tuple(f"{key}={_text(value)}" for key, value in row.items() if value not in (None, ""))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

"""An item made again: its networks trained, measured, drawn and set beside what was published.

    <DIR>/
        index.html              what reproduces: every item, in one screen
        runs/                   the networks, shared by the items that are of the same ones
        sweeps/<paper>-<item>/  those of items of many networks
        <paper>/<item>/
            item.json           its rows, a row a subject, and what came of them
            table.csv           published and ours, a line a number
            rows.csv            what was measured of each network or case
            picture.svg .png
            index.html

What is there is not made again: a network by its spec, a row by its subject and the function that
measured it. So whatever was interrupted goes on with the same command, and of an item that has
changed no more is made than has changed.
"""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from grokscope.disk import read_regular
from grokscope.errors import BadInput, GrokscopeError, NotApplicable
from grokscope.papers.item import Item, Row, Size, Subject, key, label
from grokscope.papers.rule import Judged, judge, verdict_of
from grokscope.plots import save
from grokscope.spec import Spec
from grokscope.training.files import as_json, write_atomically
from grokscope.training.track import TrackRun, untracked
from grokscope.training.train import train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")
FILE, TABLE, ROWS, PICTURE = "item.json", "table.csv", "rows.csv", "picture"
RUNS, SWEEPS = "runs", "sweeps"
LARGEST = 10**9  # bytes of an item.json
WHY_NOT = "why not"  # the column of a row of which nothing could be measured
EVERY = 10.0  # seconds between two states of an item.json


@dataclass(frozen=True)
class Made:
    """What there is of an item: the rows of its size, of how many, and what comes of them."""

    item: Item
    size: str
    rows: tuple[Row, ...]
    wanted: int
    outdated: int = 0  # rows that were of other specs, or measured by another function

    @property
    def is_whole(self) -> bool:
        return len(self.rows) == self.wanted

    @property
    def shown(self) -> list[Row]:
        """The rows that are drawn: those of which something could be measured."""
        return [row for row in self.rows if WHY_NOT not in row]

    @property
    def judged(self) -> list[Judged]:
        """Every published number beside ours."""
        return [judge(published, self.rows, self.size) for published in self.item.published]

    @property
    def verdict(self) -> str:
        """ "unfinished", or what `rule.verdict_of` says."""
        return verdict_of(self.judged) if self.is_whole else "unfinished"


def home_of(item: Item, out: Path) -> Path:
    """The folder of an item's results."""
    paper, _, name = item.name.partition(":")
    return out / paper / name


def made_before(item: Item, out: Path) -> Made | None:
    """What there is of an item in `out`; None where there is nothing, or it cannot be read."""
    content = _content(item, out)
    size = content.get("size")
    if size not in ("full", "quick") or (size == "quick" and item.quick is None):
        return None
    return _made(item, size, content)


def reproduce(
    item: Item,
    size: str,
    out: Path,
    track: TrackRun = untracked,
    workers: int | None = None,
    use: Sequence[Path] = (),
    first: int | None = None,
) -> Made:
    """Make an item at a size, as far as it is not there, and write all of its files; with `first`
    no more than so many of its subjects. A full-sized one that is whole is not replaced by a quick
    one: it is returned. Raises `BadInput` where there is no such size, and what training and
    measuring raise."""
    before = made_before(item, out)
    if before is not None and (before.size, before.is_whole, size) == ("full", True, "quick"):
        size = "full"
    subjects = item.size(size)
    rows, told = _rows_kept(item, _content(item, out)), time.monotonic()
    missing = [subject for subject in subjects.subjects[:first] if key(subject) not in rows]
    if missing and subjects.sources:
        train(list(subjects.sources), out / RUNS, track=track, stacked=True)
    try:
        for subject, row in _measured(item, missing, out, track, workers, use):
            rows[key(subject)] = row
            if time.monotonic() > told + EVERY:
                _keep(item, size, rows, out)
                told = time.monotonic()
    finally:
        _keep(item, size, rows, out)
    made = _made(item, size, _content(item, out))
    write_results(made, home_of(item, out))
    return made


def _made(item: Item, size: str, content: Mapping[str, Any]) -> Made:
    subjects, rows = item.size(size).subjects, _rows_kept(item, content)
    there = tuple(rows[key(subject)] for subject in subjects if key(subject) in rows)
    known = {key(x) for s in (item.full, item.quick) if s is not None for x in s.subjects}
    outdated = sum(name not in known or name not in rows for name in content.get("rows", {}))
    return Made(item, size, there, len(subjects), outdated)


def _content(item: Item, out: Path) -> dict[str, Any]:
    """What item.json says; empty where it is not there, or damaged: it is then made again."""
    try:
        found = json.loads(read_regular(home_of(item, out) / FILE, LARGEST))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("rows"), dict) else {}


def _rows_kept(item: Item, content: Mapping[str, Any]) -> dict[str, Row]:
    """The rows that the item's own function measured, by their subjects."""
    return dict(content["rows"]) if content.get("code") == item.code else {}


def _measured(
    item: Item,
    subjects: Sequence[Subject],
    out: Path,
    track: TrackRun,
    workers: int | None,
    use: Sequence[Path],
) -> Iterator[tuple[Subject, Row]]:
    """The row of each subject, trained first where it is a spec."""
    if not subjects:
        return
    specs = Size(subjects, 0).specs
    if item.read is not None:
        given = _swept(item, item.read, specs, out, workers, use)
    else:
        runs = train(specs, out / RUNS, track=track, stacked=True) if specs else []
        given = {run.spec.id: run for run in runs}
    for subject in subjects:
        of = given[key(subject)] if isinstance(subject, Spec) else subject
        yield subject, label(subject) | _row(item, of)


def _row(item: Item, of: Any) -> dict[str, Any]:
    """What is measured of a run, a row of a sweep or a case; of a network that what is measured has
    no meaning for, such as one that never learned, why."""
    try:
        return _plain(item, _asked(item, "what measures", item.measure, of))
    except NotApplicable as error:
        return {WHY_NOT: str(error)}


def _swept(
    item: Item,
    read: str,
    specs: Sequence[Spec],
    out: Path,
    workers: int | None,
    use: Sequence[Path],
) -> dict[str, Row]:
    """The rows of a sweep's table of these networks, by their ids."""
    from grokscope.sweep.drive import sweep

    folder = out / SWEEPS / item.name.replace(":", "-")
    made = sweep(specs, folder, read=read, workers=workers, use=use, name=item.name)
    table = made.table()
    return {row["id"]: row for row in table.iter_rows(named=True)}


def _plain(item: Item, row: Any) -> dict[str, Any]:
    """A row as JSON holds it, so that one that was kept is as one that was just measured."""
    try:
        return json.loads(as_json(dict(row)))
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"the function of {item.name} gave what is no row of plain data ({error}). Give a dict "
            "of numbers, texts and lists of them."
        ) from error


def _keep(item: Item, size: str, rows: Mapping[str, Row], out: Path) -> None:
    """Write item.json, with the rows that either size has."""
    known = {key(x): None for s in (item.full, item.quick) if s is not None for x in s.subjects}
    kept = {name: rows[name] for name in known if name in rows}
    made = _made(item, size, {"rows": kept, "code": item.code})
    content = {
        "item": item.name,
        "shows": item.shows,
        "size": size,
        "verdict": made.verdict,
        "command": command(item, size),
        "numbers": lines(made),
        "code": item.code,
        "rows": kept,
    }
    write_atomically(home_of(item, out) / FILE, as_json(content).encode())


def command(item: Item, size: str) -> str:
    """What makes it."""
    return f"grokscope reproduce {item.name}" + (" --quick" if size == "quick" else "")


def lines(made: Made) -> list[dict[str, Any]]:
    """Published and ours as a table: a line a number."""
    return [
        {
            "number": x.published.name,
            "published": x.published.value,
            "ours": x.ours.value,
            "low": x.ours.low,
            "high": x.ours.high,
            "networks": x.ours.networks,
            "verdict": x.verdict,
            "reason": x.reason,
        }
        for x in made.judged
    ]


def write_results(made: Made, home: Path) -> None:
    """The picture and the tables of an item, as far as it goes."""
    write_atomically(home / TABLE, as_csv(lines(made)))
    write_atomically(home / ROWS, as_csv([_short(row) for row in made.rows]))
    if made.shown:
        figure = _drawn(made)
        for ending in ("svg", "png"):
            save(figure, home / f"{PICTURE}.{ending}")


def _drawn(made: Made) -> "Figure":
    return _asked(made.item, "what draws", made.item.draw, made.shown)


def _asked(item: Item, what: str, f: Callable[[Any], T], x: Any) -> T:
    """What a function of an item gives. Raises `BadInput` for one that is not ours and fails."""
    try:
        return f(x)
    except GrokscopeError:
        raise
    except Exception as error:
        if item.is_ours:
            raise
        raise BadInput(f"{what} {item.name} failed: {type(error).__name__}: {error}") from error


def _short(row: Row) -> dict[str, Any]:
    """What of a row fits a cell: no lists."""
    return {k: v for k, v in row.items() if not isinstance(v, list | dict)}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV, with the columns of all of them; what a row lacks is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()

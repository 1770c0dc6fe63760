"""The small tables of a folder of results, copied so that they can be kept with the documentation.

    <DIR>/
        index.csv               a line an item: size, how much of it, verdict, command
        <paper>-<item>.csv      published and ours, a line a number
        index.md                what reproduces, in one screen

Of an item that stands there already, the larger one stays: the full size before the quick one, and
of one size that of more networks.
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from grokscope.disk import read_regular
from grokscope.errors import BadInput
from grokscope.papers.item import Item
from grokscope.papers.reproduce import Made, as_csv, command, lines, made_before
from grokscope.papers.rule import verdict_of
from grokscope.training.files import write_atomically

INDEX, PAGE = "index.csv", "index.md"
LARGEST = 10**6  # bytes of an index.csv
COLUMNS = ("item", "size", "made", "of", "verdict", "agree", "differ", "command")
HEADS = ("source", "agrees", "differs", "nothing to compare", "not made here")
Line = dict[str, str]  # of index.csv


def keep(items: Mapping[str, Item], out: Path, home: Path) -> Path:
    """Copy to `home` the tables of what there is in `out`, and write the page of all that is there;
    return where. Raises `BadInput` for an index.csv of something else, and `StorageError`."""
    kept = read_index(home)
    for item in items.values():
        made = made_before(item, out)
        if made is None or not made.rows or _is_smaller(made, kept.get(item.name)):
            continue
        write_atomically(home / table_of(item.name), as_csv(lines(made)))
        kept[item.name] = _line(made)
    kept = {name: kept[name] for name in sorted(kept)}
    write_atomically(home / INDEX, as_csv([*kept.values()]) if kept else b"")
    write_atomically(home / PAGE, page(items, kept).encode())
    return home / PAGE


def read_index(home: Path) -> dict[str, Line]:
    """The lines of an index.csv by their items; none where there is none."""
    try:
        text = read_regular(home / INDEX, LARGEST).decode()
    except FileNotFoundError:
        return {}
    found = list(csv.DictReader(io.StringIO(text)))
    if any(set(line) != set(COLUMNS) for line in found):
        raise BadInput(f"{home / INDEX} is no index of results. Name another folder.")
    return {line["item"]: line for line in found}


def table_of(name: str) -> str:
    """The file of an item's table."""
    return f"{name.replace(':', '-')}.csv"


def _line(made: Made) -> Line:
    verdicts = [x.verdict for x in made.judged]
    return {
        "item": made.item.name,
        "size": made.size,
        "made": str(len(made.rows)),
        "of": str(made.wanted),
        "verdict": verdict_of(made.judged),
        "agree": str(verdicts.count("agrees")),
        "differ": str(verdicts.count("differs")),
        "command": command(made.item, made.size),
    }


def _is_smaller(made: Made, kept: Line | None) -> bool:
    if kept is None:
        return False
    return (made.size == "full", len(made.rows)) < (kept["size"] == "full", int(kept["made"]))


def page(items: Mapping[str, Item], kept: Mapping[str, Line]) -> str:
    """What reproduces, as Markdown: a row a source, every item with its table."""
    papers = dict.fromkeys(item.paper for item in items.values())
    return "\n".join([
        "# What reproduces",
        "",
        _counted(items, kept),
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *(_row(paper, items, kept) for paper in papers),
        "",
        "A name leads to its table, with the numbers and the reasons. *q* is the quick size, and "
        "*3/5* three networks of five. `grokscope reproduce NAME` makes one again.",
        "",
    ])  # fmt: skip


def _counted(items: Mapping[str, Item], kept: Mapping[str, Line]) -> str:
    there = [kept[name]["verdict"] for name in items if name in kept]
    agree, differ = there.count("agrees"), there.count("differs")
    return (
        f"{len(items)} figures and tables of the sources: {agree} agree, {differ} "
        f"differ, {len(there) - agree - differ} were made and have nothing to compare, "
        f"{len(items) - len(there)} were not made here."
    )


def _row(paper: str, items: Mapping[str, Item], kept: Mapping[str, Line]) -> str:
    own = [name for name in items if items[name].paper == paper]

    def those(*verdicts: str) -> str:
        return ", ".join(
            _link(kept[n]) for n in own if n in kept and kept[n]["verdict"] in verdicts
        )

    missing = ", ".join(_short(name) for name in own if name not in kept)
    made = (those("agrees"), those("differs"), those("not comparable", "picture"))
    cells = [paper, *made, missing]
    return f"| {' | '.join(cells)} |"


def _link(line: Line) -> str:
    told = ["q"] if line["size"] == "quick" else []
    told += [f"{line['made']}/{line['of']}"] if line["made"] != line["of"] else []
    tail = f" *{' '.join(told)}*" if told else ""
    return f"[{_short(line['item'])}]({table_of(line['item'])}){tail}"


def _short(name: str) -> str:
    return name.partition(":")[2].replace("_", " ")

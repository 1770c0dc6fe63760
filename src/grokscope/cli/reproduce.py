"""`grokscope reproduce`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from grokscope.cli.ending import Ended
from grokscope.cli.options import Json, Plugins, absent, load
from grokscope.errors import must_be
from grokscope.printable import Screen

if TYPE_CHECKING:
    from grokscope.papers.item import Item
    from grokscope.papers.reproduce import Made


def reproduce(
    what: Positional[
        Annotated[
            str, arg(metavar="[PAPER[:ITEM]]", help="an item, all of a paper, or all; none: a list")
        ]
    ] = "",
    /,
    quick: Annotated[bool, arg(help="at a size of minutes that shows the effect")] = False,
    out: Annotated[Path, arg(metavar="DIR", help="the folder of the results")] = Path("reproduced"),
    first: Annotated[
        int | None, absent("N", "so many of its networks, or cases; the others later")
    ] = None,
    tables: Annotated[
        Path | None, absent("DIR", "copy the small tables of what is there to this folder")
    ] = None,
    workers: Annotated[
        int | None, absent("N", "processes of a sweep; by default one a core")
    ] = None,
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Make a figure or a table of a source again, and set it beside the published numbers.

    Without a name: the list of all items, with what they cost. With one: its networks are trained,
    measured and drawn; each published number is said beside ours, with whether it agrees. What is
    there is not made again, so that the same command goes on where it was interrupted. --tables
    alone makes nothing, and copies what is there.

    Example: grokscope reproduce pair2023:construction --quick
    """
    from grokscope.papers.item import ITEMS, chosen
    from grokscope.papers.items import load_items
    from grokscope.papers.kept import keep
    from grokscope.papers.summary import write_summary
    from grokscope.terminal import print_file

    load_items()
    load(use)
    if first is not None and first < 1:
        raise must_be("--first", "a whole number from 1", first)
    if not what and tables is None:
        _list(list(ITEMS.values()), json)
        return
    for item in chosen(what, ITEMS) if what else []:
        _make(item, quick, out, first, workers, json, use)
    pages = [write_summary(ITEMS, out)] if what else []
    pages += [keep(ITEMS, out, tables)] if tables is not None else []
    for page in pages if not json else []:
        print_file(page)


def _list(items: "list[Item]", json: bool) -> None:
    """Every row of the inventory: what it shows, and what it costs."""
    from grokscope.terminal import print_json, print_table

    rows: list[dict[str, Any]] = [
        {
            "item": x.name,
            "full": _hours(x.full.hours),
            "quick": "-" if x.quick is None else _hours(x.quick.hours),
            "shows": x.shows,
        }
        for x in items
    ]
    rows.sort(key=lambda row: row["item"].partition(":")[0])
    print_json(rows) if json else print_table(rows)


def _hours(hours: int | float) -> str:
    """A cost as people say it."""
    from grokscope.cli.sweep import duration

    return duration(3600.0 * hours)


def _make(
    item: "Item",
    quick: bool,
    out: Path,
    first: int | None,
    workers: int | None,
    json: bool,
    use: Plugins,
) -> None:
    from grokscope.papers.reproduce import home_of
    from grokscope.papers.reproduce import reproduce as make
    from grokscope.papers.summary import write_item
    from grokscope.terminal import print_json
    from grokscope.training.machine import use_threads
    from grokscope.training.progress import progress_bar

    use_threads()
    size = "quick" if quick and item.quick is not None else "full"
    notes = Screen(stderr=True)
    if quick and item.quick is None:
        notes.print(f"{item.name} has one size, the full one.", soft_wrap=True)
    asked = item.size(size)
    count = f"{len(asked.subjects[:first]):,} {'networks' if asked.specs else 'cases'}"
    count += (
        f" of {len(asked.subjects):,}" if len(asked.subjects[:first]) < len(asked.subjects) else ""
    )
    notes.print(
        f"{item.name}: {item.shows}. {count}, about {_hours(asked.hours)} of one processor.",
        soft_wrap=True,
    )
    try:
        with progress_bar(asked.specs, notes) as track:
            made = make(item, size, out, track, workers, use, first)
    except Ended as end:
        raise type(end)(" The same command goes on from what is there.") from None
    write_item(made, home_of(item, out))
    print_json(_record(made)) if json else _say(made, out)


def _record(made: "Made") -> dict[str, Any]:
    from grokscope.papers.reproduce import lines

    return {"item": made.item.name, "size": made.size, "verdict": made.verdict,
            "rows": list(made.rows), "numbers": lines(made)}  # fmt: skip


def _say(made: "Made", out: Path) -> None:
    from grokscope.papers.reproduce import home_of, lines
    from grokscope.papers.summary import short
    from grokscope.terminal import print_table

    if made.outdated:
        line = f"{made.outdated} rows of {made.item.name} were of other specs and are made anew."
        Screen(stderr=True).print(line, soft_wrap=True)
    found = lines(made)
    rows = [
        {k: short(v) if k in ("published", "ours", "low", "high") else v for k, v in x.items()}
        for x in found
        if x["networks"] or not any(y["networks"] for y in found)
    ]
    print_table(rows, f"{made.item.name}: no number was published of it.")
    if len(rows) < len(found):
        line = f"{len(found) - len(rows):,} more were published of networks that this size has not."
        Screen().print(line, soft_wrap=True)
    home = home_of(made.item, out)
    Screen().print(f"{made.item.name} ({made.size}): {made.verdict}. {home}", soft_wrap=True)

"""What reproduces: every item of the sources in one screen, with links; and a page for each.

Drawn of the items' own files alone, so that it is what a folder holds, whoever made it and when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from grokscope.papers.item import Item
from grokscope.papers.reproduce import PICTURE, ROWS, TABLE, Made, command, lines, made_before
from grokscope.training.files import write_atomically

FILE = "index.html"
NOT_MADE = "not made"
ORDER = ("agrees", "differs", "not comparable", "picture", "unfinished", NOT_MADE)
MEANS = {
    "agrees": "a number that was published agrees, and none differs",
    "differs": "at least one number differs",
    "not comparable": "measured, and nothing published can be set beside it at this size",
    "picture": "drawn; no number was published",
    "unfinished": "begun: the same command goes on",
    NOT_MADE: "there is an item; its command makes it",
}
STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--quiet:#595959;--line:#d8d8d8}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--paper:#16181a;--quiet:#b4b4b4;--line:#3a3d40}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:76rem;
margin:0 auto;padding:1rem}h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:.7rem 0 .2rem}
p{margin:.2rem 0 .5rem;color:var(--quiet)}ul{list-style:none;margin:0;padding:0;display:flex;
flex-wrap:wrap;gap:.3rem}li{border:1px solid var(--line);border-left:.4rem solid var(--kind);
border-radius:.3rem;padding:0 .4rem;font-size:.85rem}a{color:inherit}table{border-collapse:collapse;
font-variant-numeric:tabular-nums}td,th{border-bottom:1px solid var(--line);text-align:left;
padding:.15rem .7rem .15rem 0;font-size:.9rem}img{max-width:100%;background:#fff}
.agrees{--kind:#009e73}.differs{--kind:#d55e00}.not-comparable{--kind:#e69f00}
.picture{--kind:#0072b2}.unfinished,.not-made{--kind:#999}small{color:var(--quiet)}
"""


@dataclass(frozen=True)
class Line:
    """A row of the inventory as the page shows it."""

    name: str
    verdict: str
    says: str
    size: str = ""
    link: str = ""


def write_summary(items: Mapping[str, Item], out: Path) -> Path:
    """Write the page of what is in `out`, and return where. Raises `StorageError`."""
    made = {name: made_before(item, out) for name, item in items.items()}
    found = [_line(items[name], m) for name, m in made.items()]
    path = out / FILE
    write_atomically(path, _page("What reproduces", _summary(found)).encode())
    return path


def write_item(made: Made, home: Path) -> Path:
    """Write the page of one item, and return where. Raises `StorageError`."""
    item, path = made.item, home / FILE
    size = "full size" if made.size == "full" else "quick size"
    told = f"{len(made.rows)} of {made.wanted} at {size}. Made by: {command(item, made.size)}"
    parts = [
        f"<p>{escape(item.shows)}. {escape(told)}. <a href='../../{FILE}'>All items</a></p>",
        _table(lines(made)),
        f"<p><a href='{TABLE}'>{TABLE}</a> <a href='{ROWS}'>{ROWS}</a></p>",
        f"<img src='{PICTURE}.svg' alt='{escape(item.shows, quote=True)}'>" if made.shown else "",
    ]
    write_atomically(path, _page(item.name, "\n".join(parts)).encode())
    return path


def counts(found: Sequence[Line]) -> dict[str, int]:
    """How many lines there are of each verdict."""
    return {kind: sum(x.verdict == kind for x in found) for kind in ORDER}


def _line(item: Item, made: Made | None) -> Line:
    if made is None:
        return Line(item.name, NOT_MADE, f"{item.shows}: {command(item, 'full')}")
    link = "/".join([*item.name.split(":"), FILE])
    return Line(item.name, made.verdict, _says(made), made.size, link)


def _says(made: Made) -> str:
    if not made.is_whole:
        return f"{made.item.shows}: {len(made.rows)} of {made.wanted}"
    told = [f"{x['number']} {short(x['ours'])} ({x['published']:g})" for x in lines(made)[:4]]
    return f"{made.item.shows}. Ours (published): {', '.join(told)}" if told else made.item.shows


def short(x: int | float | None) -> str:
    """A number to four digits; a dash where there is none."""
    return "-" if x is None else f"{x:.4g}"


def _summary(found: Sequence[Line]) -> str:
    there = counts(found)
    said = ", ".join(f"{n} {kind}" for kind, n in there.items() if n)
    parts = [f"<p>{len(found)} figures and tables of the sources: {said}. An item's name leads to "
             "its table and picture.</p>"]  # fmt: skip
    for paper in dict.fromkeys(x.name.partition(":")[0] for x in found):
        own = [x for x in found if x.name.partition(":")[0] == paper]
        own.sort(key=lambda x: ORDER.index(x.verdict))
        parts.append(f"<h2>{escape(paper)}</h2><ul>{''.join(map(_chip, own))}</ul>")
    told = "; ".join(f"{kind}: {MEANS[kind]}" for kind, n in there.items() if n)
    return "\n".join([*parts, f"<p><small>{told}.</small></p>"])


def _chip(x: Line) -> str:
    name = escape(x.name.partition(":")[2])
    name = f"<a href='{escape(x.link)}'>{name}</a>" if x.link else name
    size = " <small>quick</small>" if x.size == "quick" else ""
    kind = x.verdict.replace(" ", "-")
    title = escape(x.says, quote=True)
    return f"<li class='{kind}' title='{title}'>{name} <small>{x.verdict}</small>{size}</li>"


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    if not rows:
        return "<p>No number was published of it.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(x))}</td>" for x in row.values()) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(x: object) -> str:
    if x is None or isinstance(x, int | float):
        return short(x)
    return str(x)


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )

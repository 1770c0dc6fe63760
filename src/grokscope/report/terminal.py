"""A run, or a list of things, on the terminal or as JSON."""

from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from grokscope.report.page import write_page
from grokscope.report.reading import Reading, read
from grokscope.report.words import sentences
from grokscope.training.files import as_json
from grokscope.training.run import Run

LONGEST_ID = 75


def read_with_bar(run: Run) -> Reading:
    """The reading of a run, with a bar while it is made."""
    with Progress(console=Console(stderr=True, emoji=False), transient=True) as bar:
        task = bar.add_task("reading the checkpoints")
        return read(run, lambda done, total: bar.update(task, completed=done, total=total))


def print_reading(run: Run, wants_json: bool, writes_page: bool) -> None:
    """Say what happened in a run: sentences, or one line of JSON; its report is written first."""
    reading = read_with_bar(run)
    page = write_page(reading) if writes_page else run.folder / "report.html"
    if wants_json:
        print(as_json({**reading.to_json(), "report": str(page)}))
        return
    console = Console(highlight=False, emoji=False)
    console.print(Text(run.spec.id, style="bold"))
    for text in sentences(reading):
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    if page.exists():
        console.print(Text.assemble(("report: ", "bold"), str(page)), soft_wrap=True)


def print_table(rows: list[dict[str, Any]], wants_json: bool, empty: str = "") -> None:
    """Rows with the same keys as a table, or as a JSON list; `empty` is said of no rows."""
    if wants_json:
        print(as_json(rows))
        return
    console = Console(highlight=False, emoji=False)
    if not rows:
        console.print(Text(empty))
        return
    cells = [[_cell(value) for value in row.values()] for row in rows]
    if all(len(cell) <= LONGEST_ID for line in cells for cell in line):
        console.width = max(console.width, 160)  # words may fold; an id must stay whole
    table = Table(box=None, padding=(0, 2, 0, 0))
    for key in rows[0]:
        table.add_column(key.replace("_", " "), overflow="fold")
    for line in cells:
        table.add_row(*map(Text, line))
    console.print(table)


def print_upright(rows: list[dict[str, Any]], wants_json: bool) -> None:
    """Each row as a block of keys and values, or all as a JSON list."""
    if wants_json:
        print(as_json(rows))
        return
    for row in rows:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim")
        for key, value in row.items():
            table.add_row(key, Text(_cell(value)))
        Console(highlight=False, emoji=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{k}={_cell(v)}" for k, v in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)

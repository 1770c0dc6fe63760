"""`grokscope report`."""

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import (
    Out,
    Plugins,
    Runs,
    absent,
    check_replaceable,
    load,
)
from grokscope.errors import BadInput
from grokscope.printable import Screen


def report(
    runs: Runs,
    /,
    out: Out = Path("runs"),
    file: Annotated[
        Path | None,
        absent("FILE", "where to write; by default into the (first) run", aliases=["-o"]),
    ] = None,
    open: Annotated[bool, arg(help="open it in a browser")] = False,
    use: Plugins = (),
) -> None:
    """Write a run's report, or one that compares several: one HTML file, which fetches nothing.

    Of a sweep, by its folder: the page of all its networks. It prints the file's name.

    Example: grokscope report a+b-transformer -o demo.html
    """
    from grokscope.cli.find import find
    from grokscope.cli.told import tell_kept
    from grokscope.page.many import is_sweep, write_many
    from grokscope.page.page import write_page
    from grokscope.reading.reading import read
    from grokscope.terminal import bar, print_file

    load(use)
    if not runs:
        raise BadInput("say which run to report. `grokscope list runs` shows the runs.")
    check_replaceable("--file", file)
    if is_sweep(runs):
        written = write_many(runs[0], file)
        print_file(written)
        _show(written, open)
        return
    readings = []
    for run in [find(name, out) for name in runs]:
        with bar("reading the checkpoints") as track:
            readings.append(read(run, track, out, use))
        tell_kept(readings[-1].explained)
    written = write_page(readings[0], file, *readings[1:])
    print_file(written)
    print(f"{written.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    _show(written, open)


def _show(page: Path | str, is_wanted: bool) -> None:
    """Open a page in a browser, or say that there is none to be opened."""
    if is_wanted and not webbrowser.open(Path(page).resolve().as_uri()):
        Screen(stderr=True).print("no browser could be opened: open the file yourself")

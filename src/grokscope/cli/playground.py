"""`grokscope playground`."""

import webbrowser
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import check_replaceable


def playground(
    file: Annotated[Path, arg(metavar="FILE", help="where to write", aliases=["-o"])] = Path(
        "playground.html"
    ),
    open: Annotated[bool, arg(help="open it in a browser")] = False,
) -> None:
    """Write a page in which a network trains while you watch: it needs no run and fetches nothing.

    Settings to turn, experiments to begin with, and a network to break. What it has learned can be
    saved there and read by `grokscope import`.

    Example: grokscope playground -o playground.html --open
    """
    from grokscope.page.playground import write_playground
    from grokscope.terminal import print_file

    check_replaceable("--file", file)
    print_file(write_playground(file))
    if open:
        webbrowser.open(file.resolve().as_uri())

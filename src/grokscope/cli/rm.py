"""`grokscope rm`."""

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import Out, Runs
from grokscope.errors import BadInput
from grokscope.printable import Screen


def rm(
    runs: Runs,
    /,
    yes: Annotated[bool, arg(help="do not ask")] = False,
    out: Out = Path("runs"),
) -> None:
    """Remove runs: the files that they wrote, and no others.

    A batch is removed as a whole, by the name of its folder.

    Example: grokscope rm a+b-transformer-1f --yes
    """
    from grokscope.terminal import print_table
    from grokscope.training.removal import bytes_of, remove, runs_in

    folders = list(dict.fromkeys(_folder(name, out) for name in runs))
    if not folders:
        raise BadInput("say which run to remove. `grokscope list runs` shows the runs.")
    lost = [run for folder in folders for run in runs_in(folder)]
    rows = [{"run": x.name, "mb": round(bytes_of(x) / 1e6, 2)} for x in lost]
    if not yes:
        print_table(rows)
        _ask(len(rows))
    for folder in folders:
        for left in remove(folder):
            Screen(stderr=True).print(f"left, as no run wrote it: {left}", soft_wrap=True)
    Screen().print(f"removed {len(rows)}, {sum(row['mb'] for row in rows):.1f} MB", highlight=False)


def _folder(name: str, out: Path) -> Path:
    """The folder of a run or of a batch. A folder of runs is neither: it is not emptied by one
    word."""
    from grokscope.cli.find import folder_of
    from grokscope.training.batch import is_batch

    batches = [folder for folder in (Path(name), out / name) if is_batch(folder)]
    return batches[0] if batches else folder_of(name, out)


def _ask(count: int) -> None:
    """Raise `BadInput` unless the user says yes."""
    if not sys.stdin.isatty():
        raise BadInput("nothing was removed, as there is no one to ask. Add --yes to remove it.")
    if input(f"Remove {'this run' if count == 1 else f'these {count} runs'}? [y/N] ") != "y":
        raise BadInput("nothing was removed.")

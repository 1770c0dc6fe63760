"""`grokscope open`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from grokscope.cli.options import Json, Out, Plugins, load
from grokscope.printable import Screen


def open_(
    sweep: Positional[Annotated[Path, arg(metavar="SWEEP", help="the folder of a sweep")]],
    row: Positional[
        Annotated[str, arg(metavar="ROW", help="a network's id, its beginning, or its last part")]
    ],
    /,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Make one network of a sweep a run of its own, with its page.

    It is unpacked where all its checkpoints were kept, else trained again.

    Example: grokscope open sweeps/hello a+b-p31-mlp-e1127b4d4f1c
    """
    from grokscope.cli.run import report
    from grokscope.sweep.opening import find_row, opened, spec_of
    from grokscope.sweep.table import read_table
    from grokscope.training.machine import use_threads
    from grokscope.training.progress import progress_bar

    load(use)
    use_threads(1)  # as a sweep's workers, whose weights are wanted
    notes, found = Screen(stderr=True), find_row(read_table(sweep), row)
    with progress_bar([spec_of(found)], notes) as track:
        run, is_same = opened(found, sweep, out, track)
    if not is_same:
        notes.print(
            "These weights are not those of the table: its network was made on another processor, "
            "or by other versions, and rounds otherwise.",
            soft_wrap=True,
        )
    report(run, json, use)

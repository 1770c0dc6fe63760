"""`grokscope check`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from grokscope.cli.options import Json, Out, Plugins, Runs, load
from grokscope.errors import BadInput, DamagedFile


def check(
    runs: Runs,
    /,
    repair: Annotated[bool, arg(help="mend what another file of the run has")] = False,
    full: Annotated[bool, arg(help="compute every evaluation and measure again")] = False,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Check that the files of runs are what was written, and mend them.

    Spec, checkpoints, evaluations and trace are compared with each other, and a sample of the
    numbers is computed again. What is mended is kept beside it under another name. Exits with 1 if
    anything is damaged and not mended.

    Example: grokscope check a+b-transformer --repair
    """
    from dataclasses import asdict

    from grokscope.cli.find import folder_of
    from grokscope.integrity.check import check as checked
    from grokscope.terminal import bar, print_checked, print_json

    load(use)
    if not runs:
        raise BadInput("say which run to check. `grokscope list runs` shows the runs.")
    found = []
    for name in runs:
        with bar("computing evaluations again") as track:
            found.append(checked(folder_of(name, out), repair, full, track))
        if json:
            print_json({**asdict(found[-1]), "folder": str(found[-1].folder)})
        else:
            print_checked(found[-1])
    damaged = [str(x.folder) for x in found if not x.is_sound]
    if damaged:
        hint = "" if repair else " --repair mends what can be mended."
        raise DamagedFile(f"not as it was written: {', '.join(damaged)}.{hint}")

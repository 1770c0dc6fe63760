"""`grokscope export`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from grokscope.cli.options import (
    OneRun,
    Out,
    Plugins,
    Step,
    absent,
    check_replaceable,
    load,
)


def export(
    run: OneRun,
    /,
    to: Annotated[Literal["transformer_lens"], arg(help="whose names and axes")],
    step: Step = None,
    file: Annotated[
        Path | None,
        absent(
            "FILE",
            "a .safetensors or .pt to write, with a .json beside it; by default in the run",
            aliases=["-o"],
        ),
    ] = None,
    out: Out = Path("runs"),
    use: Plugins = (),
) -> None:
    """Write a run's weights for another program.

    Example: grokscope export a+b-transformer --to transformer_lens --file tl.safetensors
    """
    from grokscope.cli.find import find
    from grokscope.foreign import export as exported
    from grokscope.terminal import print_file

    load(use)
    check_replaceable("--file", file)
    check_replaceable("--file", file and file.with_suffix(".json"))  # which is written beside it
    for written in exported(find(run, out), step, file):
        print_file(written)

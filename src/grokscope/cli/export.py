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
from grokscope.errors import BadInput

To = Literal["transformer_lens", "tensorboard", "trackio", "wandb", "mlflow"]


def export(
    run: OneRun,
    /,
    to: Annotated[To, arg(help="whose names and axes, or which tracker's files")],
    step: Step = None,
    file: Annotated[
        Path | None,
        absent(
            "FILE",
            "a .safetensors or .pt to write, with a .json beside it, or a tracker's folder; by "
            "default in the run",
            aliases=["-o"],
        ),
    ] = None,
    all: Annotated[
        bool, arg(help="the weights of every checkpoint, each named by its step, into a folder")
    ] = False,
    out: Out = Path("runs"),
    use: Plugins = (),
) -> None:
    """Write a run for another program: its weights, or all that was measured while it trained.

    Example: grokscope export a+b-transformer --to transformer_lens --file tl.safetensors
    """
    from grokscope.cli.find import find
    from grokscope.foreign.exporting import export, export_all
    from grokscope.terminal import print_file
    from grokscope.trackers import tracked

    load(use)
    if to != "transformer_lens":
        if step is not None or all:
            raise BadInput(f"--to {to} takes all evaluations, and neither --step nor --all.")
        print_file(tracked(find(run, out), to, file))
        return
    if all and step is not None:
        raise BadInput("--all is every checkpoint, and --step is one. State one of them.")
    check = [] if all else [file, file and file.with_suffix(".json")]  # which is written beside it
    for path in check:
        check_replaceable("--file", path)
    its_run = find(run, out)
    for written in export_all(its_run, file) if all else export(its_run, step, file):
        print_file(written)

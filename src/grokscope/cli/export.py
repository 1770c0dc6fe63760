"""`grokscope export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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

if TYPE_CHECKING:
    from grokscope.training.run import Run

To = Literal["transformer_lens", "hub", "tensorboard", "trackio", "wandb", "mlflow"]


def export(
    run: OneRun,
    /,
    to: Annotated[
        To,
        arg(help="whose names and axes, hub for a folder to be pushed, or which tracker's files"),
    ],
    step: Step = None,
    file: Annotated[
        Path | None,
        absent(
            "FILE",
            "a .safetensors or .pt to write, with a .json beside it, or a folder; by default in "
            "the run",
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

    `--to hub` writes what `grokscope push` would: the run, a card, a picture, its weights for
    TransformerLens.

    Example: grokscope export a+b-transformer --to transformer_lens --file tl.safetensors
    """
    from grokscope.cli.find import find
    from grokscope.foreign.exporting import export, export_all
    from grokscope.terminal import print_file

    load(use)
    if to != "transformer_lens":
        if step is not None or all:
            raise BadInput(f"--to {to} takes the whole run, and neither --step nor --all.")
        print_file(_written(find(run, out), to, file))
        return
    if all and step is not None:
        raise BadInput("--all is every checkpoint, and --step is one. State one of them.")
    check = [] if all else [file, file and file.with_suffix(".json")]  # which is written beside it
    for path in check:
        check_replaceable("--file", path)
    its_run = find(run, out)
    for written in export_all(its_run, file) if all else export(its_run, step, file):
        print_file(written)


def _written(run: "Run", to: str, folder: Path | None) -> Path:
    """Its folder for the Hub, or for a tracker."""
    from grokscope.trackers import tracked
    from grokscope.zoo.packing import pack

    return pack(run, folder) if to == "hub" else tracked(run, to, folder)

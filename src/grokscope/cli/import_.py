"""`grokscope import`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from grokscope.cli.options import Json, Out, Plugins, load
from grokscope.errors import BadInput


def import_(
    sources: Positional[
        Annotated[
            tuple[Path, ...],
            arg(
                metavar="[SOURCE ...]",
                help="files of weights, with their JSON beside them, or folders of them",
            ),
        ]
    ],
    /,
    layout: Annotated[
        str | None, arg(help="how the weights are stored; by default told by their names")
    ] = None,
    task: Annotated[
        str | None,
        arg(help="a formula, or a group such as S5; by default what the source says, or what fits"),
    ] = None,
    instance: Annotated[
        int | None, arg(help="which network, of a file that holds several (Wu et al. 2024)")
    ] = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Make run folders of other people's checkpoints.

    A network is named by its file, or by its folder where the file is called model. Nothing in a
    file is run, and what cannot be a network of ours is refused with the reason.

    Example: grokscope import model_p99zdpze5l.pt --task a+b
    """
    from grokscope.foreign import import_networks
    from grokscope.runs import row
    from grokscope.terminal import bar, print_json, print_table

    load(use)
    if not sources:
        raise BadInput("say what to import: a file of weights, or a folder.")
    with bar("reading the files") as track:
        imported, refused = import_networks(sources, out, layout, task, instance, track)
    rows = [
        {
            **row(x.run),
            "state": "found" if x.was_there else "imported",
            "layout": x.layout,
            "model": x.run.spec.model,
            "checkpoints": len(x.run.steps),
            "accuracy": x.accuracy,
            "split": x.run.spec.split,
            "notes": "; ".join(x.notes),
        }
        for x in imported
    ]
    if json:
        print_json(rows)
    else:
        print_table(rows)
    if refused:
        raise BadInput("\n".join(refused))

"""`grokscope import`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from grokscope.cli.options import (
    Json,
    Out,
    Plugins,
    absent,
    load,
)
from grokscope.errors import BadInput, StorageError


def import_(
    sources: Positional[
        Annotated[
            tuple[Path, ...],
            absent(
                "[SOURCE ...]",
                "files of weights, with their JSON beside them, or folders of them",
            ),
        ]
    ],
    /,
    layout: Annotated[
        str | None,
        absent(
            "NAME|FILE.json",
            "how the weights are stored: a layout of ours, or a file that declares one; by default "
            "told by their names",
        ),
    ] = None,
    task: Annotated[
        str | None,
        absent(
            "TASK",
            "a formula, or a group such as S5; S5op where b acts first in ab; by default what "
            "the source says, or what fits",
        ),
    ] = None,
    model: Annotated[
        str | None, absent("NAME", "which of our models it is, where its layout can be several")
    ] = None,
    activation: Annotated[
        str | None,
        absent(
            "NAME",
            "such as relu or square; by default what the source says, or else relu is assumed",
        ),
    ] = None,
    split: Annotated[
        str | None,
        absent(
            "FILE|SCHEME:SEED:FRACTION|all|unknown",
            "which pairs it was shown: a file of pairs, a scheme as in ordered:0:0.3, every "
            "pair, or not known; by default what the source or train_data.* beside it says",
        ),
    ] = None,
    reads: Annotated[
        str | None,
        absent(
            "TOKENS",
            "which tokens a Transformer reads, as in 'a b =' (= is its last token) or 'a 97 b'; by "
            "default what its sizes leave and its answers tell",
        ),
    ] = None,
    instance: Annotated[
        int | None,
        absent("N", "which network, of a file that holds several (Wu et al. 2024)"),
    ] = None,
    out: Out = Path("runs"),
    json: Json = False,
    use: Plugins = (),
) -> None:
    """Make run folders of other people's checkpoints.

    A network is named by its file, or by its folder where the file is called model. Nothing in a
    file is run, and what cannot be a network of ours is refused with the reason. What no one says
    of a network is told by its answers, or assumed and said to be.

    Example: grokscope import model_p99zdpze5l.pt --task a+b
    """
    from grokscope.foreign import import_networks
    from grokscope.runs import row
    from grokscope.terminal import bar, print_imported, print_json

    load(use)
    if not sources:
        raise BadInput("say what to import: a file of weights, or a folder.")
    with bar("reading the files") as track:
        imported, refused = import_networks(
            sources, out, track, layout=layout, task=task, instance=instance, model=model,
            activation=activation, split=split, reads=reads,
        )  # fmt: skip
    rows = [
        {
            **row(x.run),
            "state": "found" if x.was_there else "imported",
            "layout": x.layout,
            "model": x.run.spec.model,
            "checkpoints": len(x.run.steps),
            "accuracy": x.accuracy,
            "split": x.run.spec.split,
            "assumed": x.run.spec.assumed,
            "notes": "; ".join(x.notes),
        }
        for x in imported
    ]
    if json:
        print_json(rows)
    else:
        print_imported(rows)
    if refused:
        is_ours = any(not isinstance(error, BadInput) for error in refused)
        kind = StorageError if is_ours else BadInput  # a disk that refused is no bad input
        raise kind("\n".join(map(str, refused)))

"""`grokscope pull`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from grokscope.cli.options import Json, Out, absent
from grokscope.errors import BadInput


def pull(
    names: Positional[
        Annotated[
            tuple[str, ...],
            absent(
                "[NAME ...]",
                "a network of the zoo, OWNER/NAME on the Hugging Face Hub, or a folder",
            ),
        ]
    ],
    /,
    out: Out = Path("runs"),
    json: Json = False,
) -> None:
    """Fetch trained networks as runs: of the zoo, of the Hub, of a folder.

    Those of the zoo are listed by `grokscope list zoo`; ten of them travel with grokscope, and need
    neither a network nor a package. The others come from the Hub, or from the repository or folder
    that GROKSCOPE_ZOO names. Of a repository only what makes a run is taken. What is there already
    is found.

    Example: grokscope pull s5-cosets
    """
    from grokscope.terminal import bar, print_file, print_json
    from grokscope.zoo.pulling import pull

    if not names:
        raise BadInput("say which network to pull. `grokscope list zoo` lists the zoo's.")
    with bar("pulling") as track:
        found = []
        for name in names:
            track(len(found), len(names))
            found.append(pull(name, out))
    for one in found:
        if json:
            state = "found" if one.was_there else "pulled"
            print_json({"run": one.run.folder.name, "folder": str(one.run.folder), "state": state})
        else:
            print_file(one.run.folder)

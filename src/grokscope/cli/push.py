"""`grokscope push`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from grokscope.cli.options import OneRun, Out, Plugins, load


def push(
    run: OneRun,
    repo: Positional[
        Annotated[str, arg(metavar="REPO", help="OWNER/NAME on the Hugging Face Hub")]
    ],
    /,
    private: Annotated[bool, arg(help="a new repository is seen by its owner alone")] = False,
    out: Out = Path("runs"),
    use: Plugins = (),
) -> None:
    """Put a run on the Hugging Face Hub, with a card that says what it is and how sure that is.

    What is pushed is what `grokscope export --to hub` writes. The Hub asks who you are: log in once
    with `hf auth login`. A folder that `python -m grokscope.zoo` has built is pushed as it is.

    Example: grokscope push a+b-mlp me/sum-mod-31
    """
    from grokscope.cli.find import find
    from grokscope.terminal import print_file
    from grokscope.zoo.pushing import is_zoo, push

    load(use)
    print_file(push(Path(run) if is_zoo(Path(run)) else find(run, out), repo, private))

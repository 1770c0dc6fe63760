"""What is told beside the result: of an explanation that was kept or made again, and of a run that
goes on from a finished one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grokscope.printable import Screen

if TYPE_CHECKING:
    from grokscope.reading.explained import Explained
    from grokscope.spec import Spec


def tell_kept(found: "Explained | None") -> None:
    """Say in a line why it was made again, and in one why it could not be kept."""
    from grokscope.reading.sentences import kept_notes

    if found is not None:
        refused = None if found.refused is None else str(found.refused)
        for line in kept_notes(found.why, refused):
            Screen(stderr=True).print(line, soft_wrap=True)


def tell_earlier(specs: "Sequence[Spec]", out: Path) -> None:
    """Say which finished run each goes on from, or why it does not."""
    from grokscope.training.longer import earlier
    from grokscope.training.run import runs_of

    for found in earlier(runs_of(specs, out)):
        name = found.begun.name
        if found.why_not is None:
            line = f"{name} ended at step {found.step:,}: {found.run.name} goes on from there."
        else:
            line = (
                f"{name} ended at step {found.step:,}, but {found.run.name} cannot go on from "
                f"there: {found.why_not}. It is trained from its beginning."
            )
        Screen(stderr=True).print(line, soft_wrap=True)

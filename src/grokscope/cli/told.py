"""What is told, beside the result, of an explanation that was kept or made again."""

from typing import TYPE_CHECKING

from grokscope.printable import Screen

if TYPE_CHECKING:
    from grokscope.reading.explained import Explained


def tell_kept(found: "Explained | None") -> None:
    """Say in a line why it was made again, and in one why it could not be kept."""
    from grokscope.reading.sentences import kept_notes

    if found is not None:
        refused = None if found.refused is None else str(found.refused)
        for line in kept_notes(found.why, refused):
            Screen(stderr=True).print(line, soft_wrap=True)

"""What may be printed: text from files and names is shown on a terminal, and never obeyed.

A name can hold an escape sequence that moves the cursor or renames the window, or a mark that
turns the letters after it round. Whatever is printed, bars and errors too, goes through here.
"""

import unicodedata
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

# Controls (C0, DEL, C1), marks without a form (among them those of direction), halves of a
# character, and what ends a line or a paragraph.
UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str, keep: str = "\n") -> str:
    """The text with all that is not seen written as Python writes it, `\\x1b` say, but for the
    characters of `keep`."""
    if text.isprintable():
        return text
    return "".join(_escaped(c) if _is_unseen(c) and c not in keep else c for c in text)


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


class Screen(Console):
    """Where people read: whatever is printed on it is `printable`, and no word is coloured or taken
    for a sign."""

    def __init__(self, *, stderr: bool = False):
        super().__init__(stderr=stderr, highlight=False, emoji=False, markup=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)

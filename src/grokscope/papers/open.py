"""What of the sources has no item yet, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Open:
    """A figure or a table of a source that can't be made by a command yet."""

    name: str  # paper:item
    shows: str
    why: str

"""What whoever works long tells of how far it is."""

from collections.abc import Callable

Track = Callable[[int, int], None]  # called with how many are done, of how many


def untracked(*progress: object) -> None:
    """Tell no one."""

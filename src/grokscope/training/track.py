"""What whoever works long tells of how far it is."""

from collections.abc import Callable

from grokscope.training.events import Events, Row
from grokscope.training.run import Run

Track = Callable[[int, int], None]  # called with how many are done, of how many
TrackRun = Callable[[Run, Row, Events], None]  # called after every evaluation
OnRow = Callable[[Run, Row], None]  # the same, for those whom events do not concern


def untracked(*progress: object) -> None:
    """Tell no one."""

"""The board: the records of each track, and when they were set. Any of them is judged again by
`grokscope speedrun NAME`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """An entry as it was judged: its median seed took `step` steps and `seconds` of the processor,
    `ratio` times less than the reference recipe in the same run; of `seeds` so many succeeded, and
    so many certificates held."""

    contest: str
    settings: tuple[str, ...]
    by: str
    date: str
    ratio: float
    seconds: float
    step: int
    seeds: int
    succeeded: int
    held: int
    on: str  # the processor, and the step that trained it


RECORDS: dict[str, Record] = {}

"""What a foreign file may cost, before it is read."""

import math
from contextlib import suppress

from grokscope.errors import BadInput

try:
    import resource
except ImportError:  # Windows has no such limits; there the clock alone is one
    resource = None

LARGEST = 10**9  # bytes of a file, and of the numbers in it
LARGEST_TEXT = 10**7  # bytes of JSON
LARGEST_PICKLE = 5 * 10**7  # bytes of a pickle, which describes the numbers and holds few
MOST_STEPS = 2_000_000  # of a pickle
MOST_VALUES = 1_000_000  # beside the numbers of tensors
MOST_TENSORS = 60_000
MOST_ENTRIES = 100_000  # files in a zip
DEEPEST = 50  # lists in lists
MOST_AXES = 8
MOST_REPEATED = 4  # times the same numbers may stand for tensors
MOST_UNPACKED = 100  # times its size that a file may have unpacked, beyond the first 50 MB
MEMORY = 700 * 10**6  # bytes that a reader may take
SECONDS = 5  # of one processor, for a small file
BYTES_A_SECOND = 2 * 10**7  # of a large one, on a slow disk
AGAIN = "Download it again."


def seconds_for(size: int) -> int:
    """How many seconds of a processor reading so many bytes may take."""
    return SECONDS + size // BYTES_A_SECOND


def limit_process() -> None:
    """Let this process take no more memory than is said, and write no file."""
    if resource is None:
        return
    for name, limit in (("RLIMIT_AS", MEMORY), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
        _limit(getattr(resource, name, None), limit)


def limit_seconds(size: int) -> None:
    """Let this process take the time of a file of so many bytes, from now on."""
    if resource is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = usage.ru_utime + usage.ru_stime
        _limit(resource.RLIMIT_CPU, math.ceil(used) + seconds_for(size))


def _limit(kind: int | None, limit: int) -> None:
    if resource is None or kind is None:
        return
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with suppress(ValueError, OSError):  # macOS does not know all of them
        resource.setrlimit(kind, (limit, hard))


def within(size: int, largest: int, what: str, next_step: str = "") -> None:
    """Refuse what is larger than is read."""
    if size > largest:
        raise BadInput(
            f"{what} {size / 1e6:,.1f} MB; at most {largest / 1e6:,g} MB are read. {next_step}"
        )

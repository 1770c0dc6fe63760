"""What the machine has, and the two settings that make small steps fast on it."""

import ctypes
import os
import platform
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch

from grokscope.errors import BadInput, must_be

LARGEST_KEPT = 1 << 24  # bytes of one block
MOST_KEPT = 1 << 28  # bytes, of all that lies free at the end of the heap


@cache
def keep_memory() -> None:
    """Tell the C library to keep freed memory instead of giving it back to the system.

    A step frees and takes several blocks of 8 MB; returned to the system they are paged in again
    at every step, which costs 16-31 % of it. Blocks above `LARGEST_KEPT` go back at once: there the
    holes between them would cost more memory than the paging costs time. Only with glibc;
    elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except OSError:  # another C library
        return
    M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT)


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # where there is no such thing
        return os.cpu_count() or 1


def use_threads(count: int | None = None) -> int:
    """Let torch compute with `count` threads, by default two: a small step gains little from more,
    and loses much when threads wait for each other on a busy machine. Returns the number used.
    Raises `BadInput` for more than the machine has."""
    cores = os.cpu_count() or 1
    chosen = min(2, cores) if count is None else count
    if not 1 <= chosen <= cores:
        raise must_be("--threads", f"a whole number from 1 to {cores}", chosen)
    torch.set_num_threads(chosen)
    return chosen


@cache
def processor() -> str:
    """What the processor calls itself; else its architecture."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    return platform.processor() or platform.machine()


def free_memory(device: str) -> int:
    """Bytes that can be taken on `device` now, as far as the system says; else a very large
    number."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[0]
    try:
        text = Path("/proc/meminfo").read_text()
        lines = dict(line.split(":", 1) for line in text.splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        free = 1 << 62
    try:  # a container may have less
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{x}").read_text() for x in ("max", "current"))
        return min(free, int(limit) - int(used))
    except (OSError, ValueError):
        return free


def check_device(device: str) -> None:
    """Raise `BadInput` unless torch can compute on `device`."""
    if device == "cpu":
        return
    if not re.fullmatch(r"cuda(:[0-9]+)?", device):
        raise BadInput(f"no device is called `{device}`. Write cpu or cuda.")
    if int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise BadInput(
            f"--device {device}: torch finds no CUDA device of that number. Use --device cpu, or "
            "install a torch built for your GPU."
        )

"""What the benchmarks share: their arguments, fair timing, statistics, and how results are printed.

Variants are timed in turns, so that whatever else the machine does at a moment meets all of them.
Times are in milliseconds of the processor, all threads together. `threads` is torch's number.
"""

import json
import platform
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

Action = Callable[[], object]


@dataclass(frozen=True)
class Spread:
    """The median of some times and their 10th and 90th percentiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, times: Sequence[float]) -> "Spread":
        if len(times) == 1:
            return cls(times[0], times[0], times[0])
        tenths = quantiles(times, n=10, method="inclusive")
        return cls(median(times), tenths[0], tenths[-1])

    @property
    def cells(self) -> tuple[str, str]:
        """As a table shows it: the median, and from where to where."""
        return f"{self.median:.1f}", f"{self.low:.1f} – {self.high:.1f}"

    @property
    def p10_p90(self) -> list[float]:
        """As JSON shows it beside the median."""
        return [self.low, self.high]


def parser(description: str | None, *, threads: int, rounds: int) -> ArgumentParser:
    """The arguments that every benchmark takes, with its own defaults."""
    made = ArgumentParser(description=(description or "").partition("\n")[0])
    made.add_argument("--json", action="store_true", help="print one JSON object")
    told = threads or "one and two, apart"
    made.add_argument("--threads", type=_count, default=threads, help=f"by default {told}")
    made.add_argument("--rounds", type=_count, default=rounds, help=f"by default {rounds}")
    return made


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"`{text}` is not a whole number from 1")
    return int(text)


def milliseconds(action: Callable[..., object], *args: object) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    action(*args)
    return 1e3 * (time.perf_counter() - start)


def cpu_milliseconds(action: Callable[..., object], *args: object) -> float:
    """How much of the processor one call takes, all threads together: what else runs on the machine
    changes it far less than the clock's time."""
    start = time.process_time()
    action(*args)
    return 1e3 * (time.process_time() - start)


def rounds_of(actions: Mapping[str, Action], rounds: int) -> dict[str, list[float]]:
    """The CPU milliseconds of each action in each round; one round without the clock goes before.
    Those of one round met the same machine, so that their ratio is to be trusted."""
    for action in actions.values():
        action()
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            found[name].append(cpu_milliseconds(action))
    return found


def processor() -> str:
    """What the system calls it, and the kind of machine."""
    cpuinfo = Path("/proc/cpuinfo")
    facts: dict[str, str] = {}
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        name, _, value = line.partition(":")
        facts[name.strip()] = value.strip()
    if "cpu family" not in facts:
        return facts.get("model name", platform.machine())
    return f"{facts['model name']}, family {facts['cpu family']}, model {facts['model']}"


def show(
    args: Namespace,
    result: Mapping[str, object],
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str],
) -> None:
    """Print `result` as JSON if that was asked for, else the table and the notes below it."""
    if args.json:
        print(json.dumps(_rounded(result)))
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)


def _rounded(x: object) -> object:
    """Numbers to four digits: no clock here is better than that."""
    if isinstance(x, Mapping):
        return {name: _rounded(value) for name, value in x.items()}
    if isinstance(x, list | tuple):
        return [_rounded(value) for value in x]
    return float(f"{x:.4g}") if isinstance(x, float) else x

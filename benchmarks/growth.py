"""How a step and an evaluation grow with the modulus, the group and the stack, in Markdown.

    python -m benchmarks.growth          a few lines, in about a minute
    python -m benchmarks.growth --all    all of them: docs/performance.md

Each line is a process of its own, on one thread. Times are milliseconds of the processor, the
median of the rounds: of the folded step by torch and of the native one, in turns, each with AdamW;
and of an evaluation of all pairs. GFLOP/s is the native step's arithmetic by its time. Of a stack
they are for one member. Memory is the most that was resident above what was before the first step.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.engine import Engine
from benchmarks.native import flop
from benchmarks.step import highest_mib
from benchmarks.timing import Action, rounds_of
from grokscope.spec import Spec
from grokscope.training import native
from grokscope.training.machine import keep_memory, use_threads

MODULI = (31, 59, 97, 113, 151, 199, 251, 307, 401)
GROUPS = ("S3", "S4", "A5", "S5", "S6")
MEMBERS = (1, 4, 16, 64, 256, 1024)
SHARE = "train_fraction=.4"
TORCH_STOPS_AT = 10**10  # flop: above, torch's step is left out, and few rounds are taken
COLUMNS = ("network", "members", "torch, ms", "native, ms", "times", "GFLOP/s", "evaluation, ms",
           "memory, MiB")  # fmt: skip


@dataclass(frozen=True)
class Line:
    """What is timed: these settings, by a stack of so many members."""

    network: str
    settings: str
    members: int = 1

    @property
    def spec(self) -> Spec:
        return Spec().override(*self.settings.split())


TRANSFORMERS = [Line(f"Transformer, mod {p}, 30 %", f"task.p={p}") for p in MODULI]
MLPS = [Line(f"MLP, mod {p}, 40 %", f"task.p={p} model=mlp {SHARE}") for p in MODULI]
PRODUCTS = [
    Line(f"MLP, {group}, 40 %", f"task=composition task.group={group} model=mlp {SHARE}")
    for group in GROUPS
]
STACKS = [Line("MLP, mod 59, 40 %", f"task.p=59 model=mlp {SHARE}", n) for n in MEMBERS]
ALL = [*TRANSFORMERS, *MLPS, *PRODUCTS, *STACKS]
QUICK = [TRANSFORMERS[0], MLPS[1], PRODUCTS[2], STACKS[2]]


def measure(line: Line, rounds: int) -> dict[str, Any]:
    """In this process."""
    arithmetic = flop(line.spec)
    is_large = arithmetic * line.members > TORCH_STOPS_AT
    has_native = native.why_not() is None
    before = highest_mib()
    best = Engine(line.spec, "native" if has_native else "folded", line.members)
    ms = rounds_of({"step": best.step, "evaluation": best.evaluate}, 2 if is_large else rounds)
    found: dict[str, Any] = {"mib": highest_mib() - before}
    own = median(ms["step"]) / line.members
    found |= {best.formulation: own, "gflops": arithmetic / own / 1e6}
    found["evaluation"] = median(ms["evaluation"])
    if has_native and not is_large:
        other = Engine(line.spec, "folded", line.members)
        turns: dict[str, Action] = {"folded": other.step, "native": best.step}
        pairs = rounds_of(turns, rounds)
        found["folded"] = median(pairs["folded"]) / line.members
        found["times"] = median(a / b for a, b in zip(*pairs.values(), strict=True))
    return found


def apart(line: Line, rounds: int) -> dict[str, Any]:
    """In a process of its own. Raises `CalledProcessError` where that fails."""
    command = [sys.executable, "-m", "benchmarks.growth", "--rounds", str(rounds)]
    command += ["--line", json.dumps(vars(line))]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def as_row(line: Line, x: dict[str, Any]) -> str:
    """A line of the table; what was not timed is left empty."""
    numbers = ("folded", "native", "times", "gflops", "evaluation", "mib")
    cells = ["" if x.get(name) is None else _digits(x[name]) for name in numbers]
    return f"| {' | '.join([line.network, f'{line.members:,}', *cells])} |"


def _digits(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def _arguments() -> Namespace:
    made = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--all", action="store_true", help="all lines")
    made.add_argument("--rounds", type=int, default=9, help="by default 9")
    made.add_argument("--line", help="one line as JSON, in this process")
    return made.parse_args()


def main() -> None:
    args = _arguments()
    if args.line is not None:
        use_threads(1)
        keep_memory()
        print(json.dumps(measure(Line(**json.loads(args.line)), args.rounds)))
        return
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for line in ALL if args.all else QUICK:
        print(as_row(line, apart(line, args.rounds)), flush=True)


if __name__ == "__main__":
    main()

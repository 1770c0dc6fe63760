"""How much memory is said to be needed, and how much is taken, as a table in Markdown.

    python -m benchmarks.memory          a few points, in about two minutes
    python -m benchmarks.memory --all    the whole grid

Each point is a process of its own, on one thread. `taken` is the most that was resident at once
(VmHWM of /proc/self/status, so on Linux alone) above what was after the imports.

    train     `train`, two steps with an evaluation and a checkpoint each, so many members
    run       the same, then `read` with its explanation and `write_page`, as `grokscope run` does
    explain   `explain`, of a network that is not trained: its tables are as large
"""

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from grokscope.explain.explanation import explain
from grokscope.page.page import write_page
from grokscope.reading.reading import is_small, read
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training import memory
from grokscope.training.machine import use_threads
from grokscope.training.run import Run
from grokscope.training.train import train

SHORT = ("steps=2", "eval_every=1")


@dataclass(frozen=True)
class Point:
    """What is done, with which settings, to how many members of a stack."""

    what: str
    settings: str
    members: int = 1

    @property
    def spec(self) -> Spec:
        return Spec().override(*SHORT, *self.settings.split())


@dataclass(frozen=True)
class Measured:
    """Bytes: what is said to be needed, and what is taken."""

    said: int
    taken: int

    @property
    def off(self) -> float:
        """How far what is said is from what is taken, as a share of it."""
        return self.said / self.taken - 1


S5 = "task=composition task.group=S5"
QUICK = (
    Point("train", "task.p=113"),
    Point("train", "task.p=113", 32),
    Point("train", "task.p=113 formulation=reference"),
    Point("run", "model=mlp task.p=113"),
    Point("explain", "task.p=113"),
)
ALL = (
    *QUICK,
    Point("train", "task.p=59"),
    Point("train", "task.p=113", 8),
    Point("train", "task.p=113 formulation=last", 8),
    Point("train", "task.p=113 model.d_mlp=2048"),
    Point("train", "model=mlp task.p=113 model.d_mlp=8"),
    Point("train", "model=pair task.p=59", 2),
    Point("train", "model=power task.p=59"),
    Point("train", "model=power task.p=59", 8),
    Point("train", f"model=mlp {S5}", 8),
    Point("train", "model=mlp task.p=251 model.d_mlp=8"),
    Point("train", "model=mlp task.p=997 model.d_mlp=8 train_fraction=.02"),
    Point("train", "model=paritymlp task=sparse_parity"),
    Point("run", "task.p=59"),
    Point("run", "task.p=113"),
    Point("run", "model=mlp task.p=59"),
    Point("run", "model=mlp task.p=113 model.d_mlp=512"),
    Point("run", "model=pair task.p=59"),
    Point("run", f"model=mlp {S5}"),
    Point("run", "model=mlp task.p=251 model.d_mlp=8"),
    Point("explain", "task.p=59"),
    Point("explain", "model=mlp task.p=113"),
    Point("explain", f"model=mlp {S5}"),
    Point("explain", "model=mlp task.p=251 model.d_mlp=8"),
)


def said(point: Point, out: Path) -> int:
    """What the model of memory says."""
    run = Run.of(point.spec, out)
    model = run.new_model()
    if point.what == "explain":
        return memory.explaining(run.task, model)
    needed = memory.training(run, model).of(point.members)
    if point.what == "train":
        return needed
    is_explained = is_small(Snapshot(run.task, run.is_train, model))
    return max(needed, memory.reading(run, model, is_explained))


def do(point: Point, out: Path) -> None:
    """What is measured."""
    spec = point.spec
    if point.what == "explain":
        run = Run.of(spec, out)
        explain(Snapshot(run.task, run.is_train, run.new_model()))
        return
    runs = train([replace(spec, seed=seed) for seed in range(point.members)], out)
    if point.what == "run":
        write_page(read(runs[0]))


def measure(point: Point) -> Measured:
    """The point in a process of its own. Raises `CalledProcessError` where that fails."""
    command = [sys.executable, "-m", "benchmarks.memory", "--point", json.dumps(asdict(point))]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return Measured(**json.loads(made.stdout.splitlines()[-1]))


def _here(point: Point) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        before = _resident("VmRSS")
        do(point, Path(folder))
        taken = _resident("VmHWM") - before
        return Measured(said(point, Path(folder)), taken)


def _resident(name: str) -> int:
    """Bytes, by the name of a line of the system's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> None:
    made = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--all", action="store_true", help="the whole grid")
    made.add_argument("--point", help="one point as JSON, in this process")
    args = made.parse_args()
    if args.point is not None:
        use_threads(1)
        print(json.dumps(asdict(_here(Point(**json.loads(args.point))))))
        return
    print(*as_markdown_head(), sep="\n", flush=True)
    for point in ALL if args.all else QUICK:
        print(as_row(point, measure(point)), flush=True)


COLUMNS = ("what", "settings", "members", "said, GB", "taken, GB", "said / taken")


def as_markdown_head() -> Sequence[str]:
    return f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"


def as_row(point: Point, x: Measured) -> str:
    cells = [point.what, f"`{point.settings}`", str(point.members)]
    cells += [f"{x.said / 1e9:.2f}", f"{x.taken / 1e9:.2f}", f"{1 + x.off:.2f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

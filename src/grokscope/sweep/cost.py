"""What a sweep costs, from a short timing of one network of each shape, here and now.

Times are seconds of one processor, and at most: a network that stops when it has grokked takes
less.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path

from grokscope.errors import GrokscopeError
from grokscope.runs import LEVELS, READ, Entry, values
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.sweep.batch import Done
from grokscope.sweep.plan import Plan
from grokscope.training.batch import MOST
from grokscope.training.check import check
from grokscope.training.due import is_checkpoint
from grokscope.training.keeping import Keeping
from grokscope.training.machine import free_memory
from grokscope.training.member import Member, begin
from grokscope.training.memory import training
from grokscope.training.run import Run
from grokscope.training.train import SHARE_OF_MEMORY, Together

STEPS, EVALUATIONS = 6, 1  # that are timed
TOGETHER = 8  # networks of a shape that are timed as one stack, at most
SHAPES = 12  # that are timed, at most
TARGET, SHORTEST = 90.0, 10.0  # seconds of a batch
FEWEST = 16  # networks that train as one stack, however long: alone each step costs more
ROW, NOTES = 700, 2_500  # bytes of a network in the table, and beside each of its checkpoints
NOWHERE = Path("nowhere")


@dataclass(frozen=True)
class Cost:
    """Of a network: seconds of training at most and of reading, bytes of what is kept. And how many
    fit into the memory that is free."""

    train: float
    read: float
    kept: int
    fit: int

    @property
    def seconds(self) -> float:
        return self.train + self.read


def cost_of(specs: Sequence[Spec], read: str, keep: str, device: str = "cpu") -> Cost:
    """What a network costs, the mean of these, which are of one shape. Raises `BadInput` where one
    cannot be trained."""
    runs = [Run(spec, NOWHERE / spec.id) for spec in specs]
    models = [check(run, device) for run in runs]
    fit = training(runs[0], models[0], device).most(int(SHARE_OF_MEMORY * free_memory(device)))
    step, evaluation = _times([begin(run, device) for run in runs[:fit]], device)
    n_bytes = sum(w.numel() * w.element_size() for w in models[0].parameters())
    evaluations = sum(spec.steps // spec.eval_every + 1 for spec in specs)
    return Cost(
        train=(sum(spec.steps for spec in specs) * step + evaluations * evaluation) / len(specs),
        read=_reading(runs[0], read),
        kept=ROW + sum(_kept(spec, n_bytes, keep) for spec in specs) // len(specs),
        fit=fit,
    )


def _times(members: list[Member], device: str) -> tuple[float, float]:
    """Seconds of a step and of an evaluation, for each network."""
    together = Together(members, Forgetting(), device)
    everyone = list(range(len(members)))
    step = _time(lambda: together.update(0), STEPS)
    evaluation = _time(lambda: together.evaluate(everyone), EVALUATIONS)
    return step / len(members), evaluation / len(members)


def _time(action: Callable[[], object], count: int) -> float:
    """The median of some times, the first call left out: it brings in what all need."""
    action()
    clock = [time.process_time()]
    for _ in range(count):
        action()
        clock.append(time.process_time())
    return sorted(after - before for before, after in pairwise(clock))[count // 2]


def _reading(run: Run, read: str) -> float:
    """Seconds of reading a network: here an untrained one, whose explanation costs as much."""
    entry = _Untrained(run)
    start = time.process_time()
    for level in LEVELS[1 : LEVELS.index(read) + 1]:
        values(entry, READ[level])
    return time.process_time() - start


class _Untrained(Entry):
    """A run that has no checkpoint yet, at its first weights."""

    @cached_property
    def snapshot(self) -> Snapshot:
        run = self.run
        return Snapshot(run.task, run.is_train, run.new_model().eval().requires_grad_(False))


def _kept(spec: Spec, n_bytes: int, keep: str) -> int:
    if keep == "none":
        return 0
    steps = 1
    if keep == "all":
        steps += sum(is_checkpoint(step, spec.checkpoint_every) for step in range(spec.steps))
    return steps * (n_bytes + NOTES)


class Forgetting(Keeping):
    """Keeps nothing."""

    saves_all = False
    has_checkpoints = False

    def begin(self, members: Sequence[Member]) -> None:
        return

    def evaluated(self, members: Sequence[Member]) -> None:
        return

    def checkpoint(self, members: Sequence[Member], weights: object) -> None:
        return

    def save(self, members: Sequence[Member], weights: object, state: object) -> None:
        return

    def end(self, members: Sequence[Member], weights: object, state: object) -> None:
        return

    def settle(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


@dataclass(frozen=True)
class Estimate:
    """Of all networks that are missing: seconds of one processor, at most, and bytes."""

    networks: int
    seconds: float
    kept: int


def estimate(plan: Plan, read: str, keep: str) -> Estimate:
    """What a plan costs, from a few networks of each of its first shapes. Raises `BadInput` where
    none of those can be trained."""
    seconds = kept = counted = 0.0
    refused: GrokscopeError | None = None
    for places in islice(plan.places.values(), SHAPES):
        try:
            cost = cost_of([plan.specs[place] for place in islice(places, TOGETHER)], read, keep)
        except GrokscopeError as error:
            refused = error
            continue
        counted += len(places)
        seconds += len(places) * cost.seconds
        kept += len(places) * cost.kept
    if refused is not None and not counted:
        raise refused
    scale = len(plan) / counted if counted else 0.0  # shapes that were not timed are as others
    return Estimate(len(plan), scale * seconds, int(scale * kept))


@dataclass
class Sizes:
    """How many networks make a batch of about `TARGET` seconds, of each shape; what was done tells
    better than what was timed."""

    read: str
    workers: int
    device: str = "cpu"

    def __post_init__(self) -> None:
        self.known: dict[str, tuple[float, int]] = {}  # seconds of a network, and how many fit
        self.shapes: dict[str, str] = {}  # of batches that are being made

    def __call__(self, shape: str, specs: Sequence[Spec]) -> tuple[int, int]:
        """At least and at most how many, for the next of this shape."""
        if shape not in self.known:
            try:
                cost = cost_of(specs[:TOGETHER], self.read, "none", self.device)
                self.known[shape] = cost.seconds, cost.fit
            except GrokscopeError:  # its rows will say why
                self.known[shape] = 0.0, MOST
        seconds, fit = self.known[shape]
        most = max(FEWEST, int(TARGET / max(seconds, 1e-3)))
        least = int(SHORTEST / max(seconds, 1e-3))
        fits = max(1, fit // self.workers)
        return min(least, fits), min(most, fits)

    def learn(self, done: Done) -> None:
        """What a batch really took."""
        shape = self.shapes.pop(done.batch, None)
        if shape is not None and done.networks:
            self.known[shape] = done.seconds / done.networks, self.known[shape][1]

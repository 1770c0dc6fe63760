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
from grokscope.training.check import check
from grokscope.training.keeping import Keeping
from grokscope.training.machine import free_memory
from grokscope.training.member import Member, begin
from grokscope.training.memory import training
from grokscope.training.run import Run
from grokscope.training.train import SHARE_OF_MEMORY, Together, is_checkpoint

STEPS, EVALUATIONS = 8, 2  # that are timed
TARGET = 90.0  # seconds of a batch
ROW, NOTES = 1_500, 2_500  # bytes of a network in the table, and beside each of its checkpoints
NOWHERE = Path("nowhere")


@dataclass(frozen=True)
class Cost:
    """Of one network: seconds of training at most and of reading; bytes of its weights and of all
    that is kept; and the networks that fit into the memory that is free."""

    train: float
    read: float
    weights: int
    kept: int
    fit: int

    @property
    def seconds(self) -> float:
        return self.train + self.read


def cost_of(spec: Spec, read: str, keep: str, device: str = "cpu") -> Cost:
    """What a network costs. Raises `BadInput` for one that cannot be trained."""
    run = Run(spec, NOWHERE / spec.id)
    model = check(run, device)
    step, evaluation = _times(begin(run, device), device)
    evaluations = spec.steps // spec.eval_every + 1
    n_bytes = sum(w.numel() * w.element_size() for w in model.parameters())
    needs = training(run, model, device)
    return Cost(
        train=spec.steps * step + evaluations * evaluation,
        read=_reading(run, read),
        weights=n_bytes,
        kept=ROW + _kept(spec, n_bytes, keep),
        fit=needs.most(int(SHARE_OF_MEMORY * free_memory(device))),
    )


def _times(member: Member, device: str) -> tuple[float, float]:
    """Seconds of a step and of an evaluation."""
    together = Together([member], Forgetting(), device)
    return (
        _time(lambda: together.update(0), STEPS),
        _time(lambda: together.evaluate([0]), EVALUATIONS),
    )


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


MEASURED_SHAPES, MEASURED_NETWORKS = 12, 3  # at most, and of each of them


def estimate(plan: Plan, read: str, keep: str) -> Estimate:
    """What a plan costs, from a few of its networks of each of the first shapes. Raises `BadInput`
    where none of those can be trained."""
    costs, refused = list[Cost](), list[GrokscopeError]()
    seconds = kept = counted = 0.0
    for places in islice(plan.places.values(), MEASURED_SHAPES):
        some = [plan.specs[place] for place in islice(places, MEASURED_NETWORKS)]
        found = [x for x in (_if_possible(spec, read, keep, refused) for spec in some) if x]
        costs += found
        if found:
            counted += len(places)
            seconds += len(places) * sum(x.seconds for x in found) / len(found)
            kept += len(places) * sum(x.kept for x in found) / len(found)
    if refused and not costs:
        raise refused[0]
    scale = len(plan) / counted if counted else 0.0  # shapes that were not measured are as others
    return Estimate(len(plan), scale * seconds, int(scale * kept))


def _if_possible(spec: Spec, read: str, keep: str, refused: list[GrokscopeError]) -> Cost | None:
    try:
        return cost_of(spec, read, keep)
    except GrokscopeError as error:
        refused.append(error)
        return None


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

    def __call__(self, shape: str, spec: Spec) -> int:
        if shape not in self.known:
            try:
                cost = cost_of(spec, self.read, "none", self.device)
                self.known[shape] = cost.seconds, cost.fit
            except GrokscopeError:  # its rows will say why
                self.known[shape] = 0.0, 1_000
        seconds, fit = self.known[shape]
        return max(1, min(int(TARGET / max(seconds, 1e-3)), fit // self.workers))

    def learn(self, done: Done) -> None:
        """What a batch really took."""
        shape = self.shapes.pop(done.batch, None)
        if shape is not None and done.networks:
            self.known[shape] = done.seconds / done.networks, self.known[shape][1]

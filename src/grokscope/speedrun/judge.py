"""How long a recipe takes: trained on seeds that its author did not choose, beside the published
recipe in the same run."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from tempfile import TemporaryDirectory

from grokscope.explain.explanation import UNDETERMINED, Explanation, explain
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.speedrun.contest import Contest
from grokscope.training.events import Events, Row
from grokscope.training.run import Run
from grokscope.training.track import Track, untracked
from grokscope.training.train import train

GOAL = 0.99  # of the test pairs
SEEDS = 20
MOST_FAILURES = 0.05  # of the seeds
SLICE = 50  # steps of the reference recipe that are timed at a time


@dataclass(frozen=True)
class Heat:
    """One seed: at which step the goal was reached, after how many seconds of the processor (None
    and infinity: never), and what the network was found to do."""

    seed: int
    step: int | None
    seconds: float
    algorithm: str | None
    holds: bool


@dataclass(frozen=True)
class Result:
    """A recipe on all its seeds, and what the reference recipe would have taken: seconds of one
    processor."""

    heats: tuple[Heat, ...]
    reference: float

    @property
    def seconds(self) -> float:
        """Of the median seed."""
        return median(h.seconds for h in self.heats)

    @property
    def step(self) -> float:
        """Of the median seed."""
        return median(math.inf if h.step is None else float(h.step) for h in self.heats)

    @property
    def ratio(self) -> float:
        """How many times faster than the reference recipe."""
        return self.reference / self.seconds

    @property
    def succeeded(self) -> int:
        return sum(h.step is not None for h in self.heats)

    @property
    def held(self) -> int:
        """How many have a certificate that holds."""
        return sum(h.holds for h in self.heats)

    @property
    def why_not(self) -> str | None:
        """Why it is no record; None: it may be one."""
        n, needed = len(self.heats), math.ceil((1 - MOST_FAILURES) * len(self.heats))
        if n < SEEDS:
            return f"{n} seeds are fewer than {SEEDS}"
        if self.succeeded < needed:
            return f"{self.succeeded} of {n} seeds reached {GOAL:.0%}, and {needed} are needed"
        if self.held < needed:
            return f"{self.held} of {n} certificates hold, and {needed} are needed"
        return None


def judge(contest: Contest, recipe: Spec, seeds: Sequence[int], track: Track = untracked) -> Result:
    """Train a recipe with each of these seeds, and the reference in slices between. `track` is told
    how many seeds of how many are done."""
    heats, slices = [], []
    for i, seed in enumerate(seeds):
        if i % 5 == 0:
            slices.append(_seconds_a_step(contest.reference))
        heats.append(heat(replace(recipe, seed=seed)))
        track(i + 1, len(seeds))
    return Result(tuple(heats), median(slices) * contest.reference_steps)


def heat(spec: Spec) -> Heat:
    """Train one network to the goal by the clock, then `stop_after_grok` steps on without it, and
    explain it."""
    reached: list[tuple[int, float]] = []
    begun = time.process_time()

    def watch(run: Run, row: Row, events: Events) -> None:
        if not reached and row["test_accuracy"] >= GOAL:
            reached.append((int(row["step"]), time.process_time() - begun))

    with TemporaryDirectory() as folder:
        run = train(spec, folder, track=watch, save_every=math.inf)
        if not reached:
            return Heat(spec.seed, None, math.inf, None, False)
        found = explain(Snapshot.of(run))
    return Heat(spec.seed, *reached[0], found.algorithm, _holds(found))


def _holds(found: Explanation) -> bool:
    return found.algorithm not in (None, UNDETERMINED)


def _seconds_a_step(spec: Spec) -> float:
    """Of the reference, without its evaluations: what more steps cost more. The first training of
    a process also pays for what is then kept."""
    _, short, long = (_seconds(replace(spec, steps=n)) for n in (1, 1, 1 + SLICE))
    return max(long - short, 0.0) / SLICE


def _seconds(spec: Spec) -> float:
    with TemporaryDirectory() as folder:
        begun = time.process_time()
        train(replace(spec, checkpoint_every=10**9), folder, save_every=math.inf)
        return time.process_time() - begun


def table(result: Result) -> Iterator[dict[str, object]]:
    """A row a seed."""
    for h in result.heats:
        yield {
            "seed": h.seed,
            "step": h.step,
            "CPU s": None if h.step is None else round(h.seconds, 2),
            "algorithm": h.algorithm,
            "holds": h.holds,
        }

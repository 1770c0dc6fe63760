"""Training: from specs to run folders, one network or many at once.

Specs whose networks have equal shapes train together as one stack, each member with its own seed,
split, fraction, learning rate, weight decay and labels; each stops when its own rules say so, and
its row is then left out. What was finished before is returned as it is, what was interrupted goes
on from its last `resume.safetensors`.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import overload

from grokscope.errors import StorageError
from grokscope.spec import Spec
from grokscope.training.check import check, refuse_another, refuse_imported
from grokscope.training.events import Events, Row, find_events
from grokscope.training.loss import DTYPES
from grokscope.training.losses import Objective
from grokscope.training.machine import check_device, free_memory, keep_memory
from grokscope.training.member import Member, begin, evaluate, lock, save, write_checkpoint
from grokscope.training.memory import training
from grokscope.training.run import Run
from grokscope.training.signals import deferred
from grokscope.training.stack import Stack
from grokscope.training.steps import make_step
from grokscope.training.track import untracked
from grokscope.training.transfer import frozen
from grokscope.training.update import Update

TrackRun = Callable[[Run, Row, Events], None]  # called after every evaluation

SHARE_OF_MEMORY = 0.6  # of what is free; more members than fit train in turns


@overload
def train(
    specs: Spec,
    out: Path | str = ...,
    *,
    device: str = ...,
    track: TrackRun = ...,
    save_every: float = ...,
) -> Run: ...
@overload
def train(
    specs: Sequence[Spec],
    out: Path | str = ...,
    *,
    device: str = ...,
    track: TrackRun = ...,
    save_every: float = ...,
) -> list[Run]: ...
def train(
    specs: Spec | Sequence[Spec],
    out: Path | str = "runs",
    *,
    device: str = "cpu",
    track: TrackRun = untracked,
    save_every: float = 10.0,
) -> Run | list[Run]:
    """Train each spec into its folder under `out`, and return the runs in the same order.

    A run that is finished is not repeated. The state to resume from is written every `save_every`
    seconds, and before Ctrl-C or SIGTERM end it: they are heard between two steps. Raises
    `BadInput`, before anything is written, if a spec cannot be trained; `StorageError` if the disk
    refuses or another process is training the same run; and `DamagedFile` if what it is to go on
    from is not as it was written.
    """
    check_device(device)
    asked = [specs] if isinstance(specs, Spec) else list(specs)
    runs = {spec.id: Run.of(spec, out) for spec in asked}
    for run in runs.values():
        refuse_imported(run.spec)
        refuse_another(run)
    for run in runs.values():
        if run.leftovers:
            with suppress(StorageError), lock(run):  # who holds it will remove them
                run.tidy()
    waiting = [run for run in runs.values() if not run.is_finished]
    for run in waiting:
        check(run, device)
    keep_memory()
    for alike in _batches(waiting, device):
        with ExitStack() as locks:
            for run in alike:
                locks.callback(lock(run).release)
                run.tidy()
            members = [begin(run, device) for run in alike if not run.is_finished]
            for step, formulation in sorted({(m.step, m.formulation) for m in members}):
                started = [m for m in members if (m.step, m.formulation) == (step, formulation)]
                _train_together(started, device, track, save_every)
    ordered = [runs[spec.id] for spec in asked]
    return ordered[0] if isinstance(specs, Spec) else ordered


def _batches(runs: Sequence[Run], device: str) -> Iterator[list[Run]]:
    """The runs that can train as one stack, as many at once as fit into memory."""
    alike: dict[str, list[Run]] = {}
    for run in runs:
        spec, task = run.spec, run.task
        same = [
            spec.model,
            spec.model_args,
            task.inputs.shape[1],
            task.n_operators,
            task.n_symbols,
            task.n_answers,
            task.n_read,
        ]
        same += [spec.precision, spec.loss_precision, spec.formulation]
        same += [spec.freeze, spec.loss, spec.temperature, *Update.shared(spec)]
        alike.setdefault(json.dumps(same, sort_keys=True), []).append(run)
    for group in alike.values():
        free = int(SHARE_OF_MEMORY * free_memory(device))
        size = min(training(run, run.new_model(), device).most(free) for run in group)
        for start in range(0, len(group), size):
            yield group[start : start + size]


class _Batch:
    """Members that train as one stack: their weights, and the step and the update they take."""

    def __init__(self, members: list[Member], device: str):
        spec = members[0].spec
        self.members = members
        self.is_whole = True  # nothing is half done, so that it could be saved
        self.stack = Stack([m.model for m in members], device, DTYPES[spec.precision])
        self.stack.hold(frozen(members[0].model, spec.freeze))
        self.rules = Update([m.spec for m in members], self.stack)
        for k, member in enumerate(members):
            if member.state is not None:
                for name, rows in self.rules.state.items():
                    rows[k] = member.state[name]
        self._choose_step()

    def _choose_step(self) -> None:
        spec, examples = self.members[0].spec, [m.examples for m in self.members]
        name, precision = self.members[0].formulation, spec.loss_precision
        objective = Objective.of(spec)
        self.stack.is_native = name == "native"
        self.gradients = make_step(name, self.stack.template, examples, precision, objective)

    def update(self, step: int) -> None:
        """Train every member by one step."""
        self.gradients(self.stack)
        self.is_whole = False
        self.rules(self.stack, step)
        self.stack.restore()
        self.is_whole = True

    def save_all(self) -> None:
        """Write what each member can go on from, if that is whole."""
        for k in range(len(self.members) * self.is_whole):
            self.save(k)

    def save(self, k: int) -> None:
        """Write what one member can go on from."""
        state = {name: rows[k] for name, rows in self.rules.state.items()}
        save(self.members[k], self.stack.state(k), state)

    def keep(self, rows: list[int]) -> None:
        """Go on without the other members."""
        self.is_whole = False
        self.members = [self.members[k] for k in rows]
        if rows:
            self.stack.keep(rows)
            self.rules.keep(rows)
            self._choose_step()
        self.is_whole = True


def _train_together(members: list[Member], device: str, track: TrackRun, save_every: float) -> None:
    """The loop, whose state is written when someone interrupts it."""
    batch = _Batch(members, device)
    with deferred() as is_to_end:
        try:
            for _ in _steps(batch, members[0].step, track, save_every):
                if is_to_end():
                    batch.save_all()
                    return
        except KeyboardInterrupt:
            if not is_to_end():  # the tracker's own; else a second signal, which waits for nothing
                batch.save_all()
            raise


def _steps(batch: _Batch, start: int, track: TrackRun, save_every: float) -> Iterator[None]:
    """See to every member, leave out those that are done, yield, take a step: what is saved at the
    yield is whole."""
    clock = time.monotonic()
    for step in itertools.count(start):
        now = time.monotonic()
        for member in batch.members:
            member.step, member.seconds = step, member.seconds + now - clock
            member.unsaved += now - clock
        clock = now
        going_on = [k for k in range(len(batch.members)) if _tend(batch, k, track, save_every)]
        if len(going_on) < len(batch.members):
            batch.keep(going_on)
        if not batch.members:
            return
        yield
        batch.update(step)


def _tend(batch: _Batch, k: int, track: TrackRun, save_every: float) -> bool:
    """Evaluate and save a member as its spec asks; whether it goes on.

    The state to resume from is written at the first evaluation after `save_every` seconds.
    """
    member = batch.members[k]
    step, spec, rows = member.step, member.spec, member.rows
    is_new = not rows or rows[-1]["step"] < step  # else it was just resumed from here
    is_evaluated = step % spec.eval_every == 0 or step >= spec.steps
    goes_on = True
    if is_evaluated:
        if is_new:
            evaluate(member, batch.stack, k)
        events = find_events(spec, rows)
        if is_new:
            track(member.run, rows[-1], events)
        goes_on = events.stop is None
    is_kept = not goes_on or is_checkpoint(step, spec.checkpoint_every)
    if is_kept and (is_new or not member.run.checkpoint(step).exists()):
        write_checkpoint(member, batch.stack.state(k))
    if not goes_on or (is_evaluated and member.unsaved >= save_every):
        batch.save(k)
    if not goes_on:
        member.run.tidy()
    return goes_on


def is_checkpoint(step: int, every: int) -> bool:
    """Whether a step is kept: 0, powers of two, and regular ones."""
    return step % every == 0 or step & (step - 1) == 0

"""Training: from specs to run folders, one network or many at once.

Specs whose networks have equal shapes train together as one stack, each member with its own seed,
split, fraction, learning rate, weight decay and labels; each stops when its own rules say so, and
its row is then left out. What was finished before is returned as it is, what was interrupted goes
on from its last `resume.safetensors`, and what was finished with fewer steps from there (see
`training.longer`). Each is kept in a folder of its own, or all in one batch (see
`training.batch`).
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, overload

import torch

from grokscope.errors import StorageError
from grokscope.spec import Spec
from grokscope.training.all_at_once import AllAtOnce
from grokscope.training.batch import MOST, folder_for, is_batch
from grokscope.training.check import check, refuse_another, refuse_imported
from grokscope.training.dropout import Dropout
from grokscope.training.due import is_checkpoint, is_evaluated, is_landmark
from grokscope.training.events import Events, Row
from grokscope.training.keeping import Apart, InBatch, Keeping, lock
from grokscope.training.longer import earlier, take_over
from grokscope.training.loss import DTYPES
from grokscope.training.losses import Objective
from grokscope.training.machine import check_device, free_memory, keep_memory
from grokscope.training.member import Member, add_row, begin, evaluate
from grokscope.training.memory import training
from grokscope.training.notebook import bar_of
from grokscope.training.record import RECORDED, oscillation
from grokscope.training.run import Run, no_spec, runs_of
from grokscope.training.shares import write_specs
from grokscope.training.signals import deferred
from grokscope.training.stack import Stack, State
from grokscope.training.steps import make_step
from grokscope.training.track import OnRow, TrackRun, untracked
from grokscope.training.transfer import frozen
from grokscope.training.update import Update

SHARE_OF_MEMORY = 0.6  # of what is free; more members than fit train in turns


@overload
def train(
    specs: Spec,
    out: Path | str = ...,
    *,
    device: str = ...,
    track: TrackRun | None = ...,
    on_row: OnRow = ...,
    save_every: float = ...,
    stacked: bool = ...,
) -> Run: ...
@overload
def train(
    specs: Sequence[Spec],
    out: Path | str = ...,
    *,
    device: str = ...,
    track: TrackRun | None = ...,
    on_row: OnRow = ...,
    save_every: float = ...,
    stacked: bool = ...,
) -> list[Run]: ...
def train(
    specs: Spec | Sequence[Spec],
    out: Path | str = "runs",
    *,
    device: str = "cpu",
    track: TrackRun | None = None,
    on_row: OnRow = untracked,
    save_every: float = 10.0,
    stacked: bool = False,
) -> Run | list[Run]:
    """Train each spec into its folder under `out`, and return the runs in the same order.

    A run that is finished is not repeated; one that differs from it in a larger `steps` alone, or
    in a looser rule to stop, goes on from its end. The state to resume from is written every
    `save_every` seconds, and before Ctrl-C or SIGTERM end it: they are heard between two steps.
    `on_row(run, row)` is called with each new evaluation, once it is written;
    `track(run, row, events)` too, by default a bar in a notebook and nothing elsewhere.
    `stacked`: what was not begun before, and can train together, is kept as a batch, with few files
    however many networks; what was begun stays where it is. Raises `BadInput`, before anything is
    written, if a spec cannot be trained; `StorageError` if the disk refuses or another process is
    training the same run; and `DamagedFile` if what it is to go on from is not as it was written.
    """
    check_device(device)
    asked = [specs] if isinstance(specs, Spec) else list(specs)
    track = both(bar_of(asked) if track is None else track, on_row)
    runs = {run.spec.id: run for run in runs_of(asked, out)}
    for run in runs.values():
        refuse_imported(run.spec)
        refuse_another(run)
    for home, run in {run.home: run for run in runs.values() if run.leftovers}.items():
        with suppress(StorageError), lock(home):  # who holds it will remove them
            run.tidy()
    waiting = [run for run in runs.values() if not run.is_finished]
    _check(waiting, device)
    for found in earlier(waiting):
        if found.why_not is None:
            with lock(found.run.home):
                take_over(found)
    waiting = [run for run in waiting if not run.is_finished]
    keep_memory()
    for group in _batches(waiting, device):
        for home, some in _homes(group, Path(out), stacked):
            with ExitStack() as locks:
                for folder in [home] if home is not None else [run.home for run in some]:
                    locks.callback(lock(folder).release)
                if home is not None:
                    some = _in_batch(some, home)
                    runs |= {run.spec.id: run for run in some}
                kept = partial(_keeping, home)
                _train_those_unfinished(some, kept, device, track, save_every)
    ordered = [runs[spec.id] for spec in asked]
    return ordered[0] if isinstance(specs, Spec) else ordered


def both(track: TrackRun, on_row: OnRow) -> TrackRun:
    """What tells both of an evaluation."""

    def tracked(run: Run, row: Row, events: Events) -> None:
        track(run, row, events)
        on_row(run, row)

    return tracked


def train_in(
    home: Path,
    specs: Sequence[Spec],
    *,
    device: str = "cpu",
    track: TrackRun = untracked,
    save_every: float = 10.0,
    checkpoints: bool = True,
) -> list[Run]:
    """Train specs as the batch `home`, whose name is such (`batch.folder_for`), and return the runs
    in the same order. Each has passed `check`, and all are `alike`. Without `checkpoints` the last
    weights alone are kept. What was begun goes on, as by `train`, which raises the same."""
    keep_memory()
    with ExitStack() as held:
        held.callback(lock(home).release)
        runs = _in_batch([Run(spec, home / spec.id) for spec in specs], home)
        kept = partial(_keeping, home, checkpoints)
        _train_those_unfinished(runs, kept, device, track, save_every)
    return runs


def _keeping(home: Path | None, checkpoints: bool = True) -> Keeping:
    return Apart() if home is None else InBatch(home, checkpoints)


def _check(runs: Sequence[Run], device: str) -> None:
    """Each run; of those that begin and differ in their seeds alone, one for all. Raises what
    `check` raises, and `BadInput` for a split that leaves no pair."""
    checked = set[str]()
    for run in runs:
        _ = run.is_train, run.taught
        if run.is_begun or run.spec.load is not None:
            check(run, device)
        elif (kind := run.spec.but_for_seeds) not in checked:
            check(run, device)
            checked.add(kind)


def _homes(
    runs: Sequence[Run], out: Path, stacked: bool
) -> Iterator[tuple[Path | None, list[Run]]]:
    """The runs that are kept together, with the batch that they are in, or are to be; None for
    those with a folder each."""
    begun: dict[Path | None, list[Run]] = {}
    new: list[Run] = []
    for run in runs:
        if stacked and not run.is_begun:
            new.append(run)
        else:
            begun.setdefault(None if run.share is None else run.share.batch, []).append(run)
    yield from begun.items()
    for start in range(0, len(new), MOST):
        some = new[start : start + MOST]
        yield folder_for([run.spec.id for run in some], out), some


def _in_batch(runs: Sequence[Run], home: Path) -> list[Run]:
    """The runs in the batch `home`, which is made if it is new."""
    if not is_batch(home):
        write_specs(home, [run.spec for run in runs])
    batched = [Run(run.spec, home / run.spec.id) for run in runs]
    if any(run.share is None for run in batched):
        raise no_spec(home)
    return batched


def _train_those_unfinished(
    runs: Sequence[Run],
    kept: Callable[[], Keeping],
    device: str,
    track: TrackRun,
    save_every: float,
) -> None:
    """Train runs whose folders are locked, and that are kept together, or each in a folder of its
    own."""
    for run in runs:
        run.tidy()
    members = [begin(run, device) for run in runs if not run.is_finished]
    if not members:
        return
    with kept() as keeping:
        keeping.begin(members)
        for step, formulation in sorted({(m.step, m.formulation) for m in members}):
            started = [m for m in members if (m.step, m.formulation) == (step, formulation)]
            _train_together(started, keeping, device, track, save_every)
        keeping.settle()


def _batches(runs: Sequence[Run], device: str) -> Iterator[list[Run]]:
    """The runs that can train as one stack, as many at once as fit into memory."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        spec, task = run.spec, run.task
        shape = [task.n_operators, task.n_symbols, task.n_answers, task.n_read]
        same = [task.inputs.shape[1], *shape, *alike(spec)]
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(run)
    for group in groups.values():
        free = int(SHARE_OF_MEMORY * free_memory(device))
        unlike = {(run.spec.but_for_seeds, int(run.is_train.sum())): run for run in group}
        needs = [training(run, run.new_model(), device) for run in unlike.values()]
        if device != "cpu":
            needs = [x.side_by_side() for x in needs]
        size = min(x.most(free) for x in needs)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def alike(spec: Spec) -> list[Any]:
    """What specs must have in common to train as one stack, besides the shape of their tasks."""
    same = [spec.model, spec.model_args, spec.precision, spec.loss_precision, spec.formulation]
    return [*same, spec.freeze, spec.loss, spec.temperature, spec.dropout, *Update.shared(spec)]


class Together:
    """Members that train as one stack: their weights, and the step and the update they take."""

    def __init__(self, members: list[Member], keeping: Keeping, device: str):
        spec = members[0].spec
        self.members, self.keeping = members, keeping
        self.is_whole = True  # nothing is half done, so that it could be saved
        self.stack = Stack([m.model for m in members], device, DTYPES[spec.precision])
        self.stack.hold(frozen(members[0].model, spec.freeze))
        self.rules = Update([m.spec for m in members], self.stack)
        for k, member in enumerate(members):
            if member.state is not None:
                for name, rows in self.rules.state.items():
                    rows[k] = member.state[name]
        flat = self.stack.flat
        self.count = torch.tensor(float(members[0].step), dtype=torch.float64, device=flat.device)
        self.on_gpu = flat.is_cuda
        self._choose_step()

    def _choose_step(self) -> None:
        spec, examples = self.members[0].spec, [m.examples for m in self.members]
        name, precision = self.members[0].formulation, spec.loss_precision
        objective, dropout = Objective.of(spec), Dropout.of([m.spec for m in self.members])
        self.stack.is_native = name == "native"
        self.gradients = make_step(
            name, self.stack.template, examples, precision, objective, dropout
        )
        can = self.on_gpu and AllAtOnce.can(self.members, self.stack)
        self.all_at_once = AllAtOnce(self.members, self.stack) if can else None

    def update(self, step: int) -> None:
        """Train every member by one step."""
        self.stack.step = step
        self.stack.losses = self.gradients(self.stack)
        self.is_whole = False
        self.rules(self.stack, self.count if self.on_gpu else step)
        self.count += 1
        self.stack.restore()
        self.is_whole = True

    def evaluate(self, ks: list[int]) -> None:
        """Evaluate members, and keep that."""
        if self.all_at_once is not None and len(ks) == len(self.members):
            for member, values in zip(self.members, self.all_at_once(self.stack), strict=True):
                add_row(member, values)
        else:
            for k in ks:
                evaluate(self.members[k], self.stack, k)
        if (recorded := self.rules.state.get(RECORDED)) is not None:
            for k in ks:
                member = self.members[k]
                if is_landmark(member.spec, member.step, member.events):
                    n_steps = min(member.step, member.spec.record)
                    member.rows[-1] |= oscillation(recorded[k, :n_steps])
        self.keeping.evaluated([self.members[k] for k in ks])

    def checkpoint(self, ks: list[int]) -> None:
        if ks:
            self.keeping.checkpoint(self._those(ks), self.stack.states(ks))

    def save(self, ks: list[int]) -> None:
        """Keep what members can go on from."""
        self.keeping.save(self._those(ks), self.stack.states(ks), self._update_states(ks))

    def end(self, ks: list[int]) -> None:
        if ks:
            self.keeping.end(self._those(ks), self.stack.states(ks), self._update_states(ks))

    def save_all(self) -> None:
        """Keep what all can go on from, if that is whole, and wait until it is on the disk."""
        if self.is_whole:
            self.save(list(range(len(self.members))))
        self.keeping.settle()

    def _those(self, ks: list[int]) -> list[Member]:
        return [self.members[k] for k in ks]

    def _update_states(self, ks: list[int]) -> State:
        return {name: rows[ks].cpu() for name, rows in self.rules.state.items()}

    def keep(self, rows: list[int]) -> None:
        """Go on without the other members."""
        self.is_whole = False
        self.members = [self.members[k] for k in rows]
        if rows:
            self.stack.keep(rows)
            self.rules.keep(rows)
            self._choose_step()
        self.is_whole = True


def _train_together(
    members: list[Member], keeping: Keeping, device: str, track: TrackRun, save_every: float
) -> None:
    """The loop, whose state is kept when someone interrupts it."""
    together = Together(members, keeping, device)
    with deferred() as is_to_end:
        try:
            for _ in _steps(together, members[0].step, track, save_every):
                if is_to_end():
                    together.save_all()
                    return
        except KeyboardInterrupt:
            if not is_to_end():  # the tracker's own; else a second signal, which waits for nothing
                together.save_all()
            raise


def _steps(together: Together, start: int, track: TrackRun, save_every: float) -> Iterator[None]:
    """See to all members, leave out those that are done, yield, take a step: what is saved at the
    yield is whole."""
    clock = time.monotonic()
    for step in itertools.count(start):
        now = time.monotonic()
        for member in together.members:
            member.step, member.seconds = step, member.seconds + now - clock
            member.unsaved += now - clock
        clock = now
        going_on = _tend(together, step, track, save_every)
        if len(going_on) < len(together.members):
            together.keep(going_on)
        if not together.members:
            together.save([])
            return
        yield
        together.update(step)


def _tend(together: Together, step: int, track: TrackRun, save_every: float) -> list[int]:
    """Evaluate and save members as their specs ask; those that go on.

    The state to resume from is written at the first evaluation after `save_every` seconds.
    """
    members = together.members
    every = list(range(len(members)))
    due = [k for k in every if is_evaluated(members[k].spec, step)]
    kept = set[int]()
    if together.keeping.has_checkpoints:
        kept = {k for k in every if is_checkpoint(step, members[k].spec.checkpoint_every)}
    if not (due or kept):
        return every
    # Else it was just resumed from here.
    new = {k for k in every if not members[k].rows or members[k].rows[-1]["step"] < step}
    together.evaluate([k for k in due if k in new])
    ending: set[int] = set()
    for k in due:
        events = members[k].events
        if k in new:
            track(members[k].run, members[k].rows[-1], events)
        if events.stop is not None:
            ending.add(k)
        if is_landmark(members[k].spec, step, events):
            kept.add(k)
    together.end(sorted(ending))
    going_on = [k for k in every if k not in ending]
    lacking = [k for k in going_on if k in kept and (k in new or not members[k].run.has(step))]
    together.checkpoint(lacking)
    to_save = [k for k in due if k not in ending and members[k].unsaved >= save_every]
    if to_save:
        together.save(going_on if together.keeping.saves_all else to_save)
    return going_on

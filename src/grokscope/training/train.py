"""Training: from specs to run folders, one network or many at once.

Specs whose networks have equal shapes train together as one stack, each member with its own seed,
split, fraction, learning rate, weight decay and labels; each stops when its own rules say so, and
its row is then left out. What was finished before is returned as it is, what was interrupted goes
on from its last `resume.safetensors`.

Axes: pair = one input; operand = its symbols.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import overload

import torch
from filelock import FileLock, Timeout
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.errors import BadInput, DamagedFile, StorageError
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.tap import record
from grokscope.training.events import Events, Row, find_events
from grokscope.training.files import cannot_write, read_tensors, write_tensors
from grokscope.training.loss import DTYPES, negative_log_likelihood
from grokscope.training.machine import check_device, free_memory, keep_memory
from grokscope.training.optimizer import AdamW
from grokscope.training.run import Run, load_weights
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, logits_of, make_step

Tracker = Callable[[Run, Row, Events], None]  # called after every evaluation

PAIRS_AT_ONCE = 20_000  # in an evaluation
SHARE_OF_MEMORY = 0.6  # of what is free; more members than fit train in turns


def no_tracker(run: Run, row: Row, events: Events) -> None:
    """The tracker that does nothing."""


@overload
def train(
    specs: Spec,
    out: Path | str = ...,
    *,
    device: str = ...,
    track: Tracker = ...,
    save_every: float = ...,
) -> Run: ...
@overload
def train(
    specs: Sequence[Spec],
    out: Path | str = ...,
    *,
    device: str = ...,
    track: Tracker = ...,
    save_every: float = ...,
) -> list[Run]: ...
def train(
    specs: Spec | Sequence[Spec],
    out: Path | str = "runs",
    *,
    device: str = "cpu",
    track: Tracker = no_tracker,
    save_every: float = 10.0,
) -> Run | list[Run]:
    """Train each spec into its folder under `out`, and return the runs in the same order.

    A run that is finished is not repeated. Every `save_every` seconds the state to resume from is
    written. Raises `BadInput`, before anything is written, if a spec cannot be trained; and
    `StorageError` if the disk refuses or another process is training the same run.
    """
    check_device(device)
    asked = [specs] if isinstance(specs, Spec) else list(specs)
    runs = {spec.id: Run.of(spec, out) for spec in asked}
    for run in runs.values():
        _refuse_another(run)
    waiting = [run for run in runs.values() if not run.is_finished]
    for run in waiting:
        check(run, device)
    keep_memory()
    for alike in _batches(waiting, device):
        with ExitStack() as locks:
            for run in alike:
                locks.callback(_lock(run).release)
            members = [_begin(run, device) for run in alike if not run.is_finished]
            for step in sorted({m.step for m in members}):
                started = [m for m in members if m.step == step]
                _train_together(started, device, track, save_every)
    ordered = [runs[spec.id] for spec in asked]
    return ordered[0] if isinstance(specs, Spec) else ordered


def check(run: Run, device: str) -> Model:
    """Everything that can be wrong with a spec, raised before anything is written; returns its new
    model. Raises `BadInput`, or `RewriteError` for a fold that is wrong."""
    spec = run.spec
    _refuse_if_larger(run, 24 * run.count_weights(), device)  # weights, moments, gradients
    model = run.new_model()
    if frozen := [name for name, w in model.named_parameters() if not w.requires_grad]:
        raise BadInput(f"model `{spec.model}` freezes {frozen[0]}, and every weight is trained.")
    if buffers := [name for name, _ in model.named_buffers()]:
        raise BadInput(
            f"model `{spec.model}` has the buffer {buffers[0]}, which no checkpoint would hold. "
            "Make it in forward, or make it a parameter."
        )
    _refuse_if_larger(run, memory_needed(run, model), device)
    examples = Examples(run.task.inputs[run.is_train], run.taught[run.is_train])
    make_step(spec.formulation, model, [examples], spec.loss_precision)
    return model


def _refuse_another(run: Run) -> None:
    """Raise `StorageError` if the run's folder is that of another spec."""
    if (run.folder / "spec.json").exists() and Run.open(run.folder).spec != run.spec:
        raise StorageError(
            f"{run.folder} holds the run of another spec. Move it away, or choose another --out."
        )


def _refuse_if_larger(run: Run, needed: int, device: str) -> None:
    free = free_memory(device)
    if needed > free:
        raise BadInput(
            f"{run.spec.id} needs about {needed / 1e9:,.1f} GB of memory on {device}, and "
            f"{free / 1e9:,.1f} GB are free. Choose a smaller task, model or train_fraction."
        )


def memory_needed(run: Run, model: Model) -> int:
    """About how many bytes training one member takes at its peak.

    Three times what the graph keeps of every training pair, or of the pairs of an evaluation;
    counted on two pairs.
    """
    twice = run.task.inputs[:2]
    with torch.no_grad():
        whole = record(model if run.spec.formulation == "reference" else model.last, twice)
        each = sum(x.numel() for x in whole.values()) // 2
    n_weights = sum(w.numel() for w in model.parameters())
    pairs = max(int(run.is_train.sum()), min(len(run.is_train), PAIRS_AT_ONCE))
    return DTYPES[run.spec.precision].itemsize * (6 * n_weights + 3 * pairs * each)


@dataclass(eq=False)
class Member:
    """One run while it trains."""

    run: Run
    model: Model
    examples: Examples  # what it is taught
    everything: Examples  # every pair, with the answer that counts: in train, the one taught
    is_train: Bool[Tensor, " pair"]
    step: int = 0
    seconds: float = 0.0  # of training, in all
    unsaved: float = 0.0  # of them, since the state to resume from was written
    moments: tuple[Tensor, Tensor] | None = None
    rows: list[dict[str, int | float]] = field(default_factory=list)

    @property
    def spec(self) -> Spec:
        return self.run.spec


def _begin(run: Run, device: str) -> Member:
    """The member at its first step, or where it was interrupted."""
    task, is_train = run.task, run.is_train
    counted = torch.where(is_train, run.taught, task.answers)
    member = Member(
        run=run,
        model=run.new_model(),
        examples=Examples(task.inputs[is_train], run.taught[is_train]).to(device),
        everything=Examples(task.inputs, counted).to(device),
        is_train=is_train.to(device),
    )
    for leftover in run.folder.glob(".*.part"):  # of a write that was killed
        leftover.unlink()
    saved = _resume_file(run)
    if saved is None:
        run.write_spec()
        run.keep(-1)
        return member
    tensors, notes = saved
    member.moments = tensors.pop("moment1"), tensors.pop("moment2")
    load_weights(member.model, tensors, run.resume)
    member.step, member.seconds = int(notes["step"]), float(notes["seconds"])
    member.rows = run.keep(member.step)
    return member


def _resume_file(run: Run) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    for path in (run.resume, run.older_resume):
        if path.exists():
            try:
                tensors, notes = read_tensors(path)
                if not {"moment1", "moment2"} <= set(tensors) or "step" not in notes:
                    raise DamagedFile(f"{path} is not what training wrote.")
                return tensors, notes
            except DamagedFile as error:
                has_older = path == run.resume and run.older_resume.exists()
                rest = "the older one" if has_older else "the beginning"
                raise DamagedFile(f"{error} Delete it to go on from {rest}.") from error
    return None


def _save(batch: "_Batch", k: int) -> None:
    """Write what `_begin` resumes from; the one before it is kept."""
    member = batch.members[k]
    path = member.run.resume
    beside = path.with_name("resume.new.safetensors")
    moments = {"moment1": batch.optimizer.m[k], "moment2": batch.optimizer.v[k]}
    notes = {"step": str(member.step), "seconds": f"{member.seconds:.3f}"}
    member.run.flush()
    write_tensors(beside, {**batch.stack.state(k), **moments}, notes)
    if path.exists():
        path.replace(member.run.older_resume)
    beside.replace(path)
    member.unsaved = 0.0


def _lock(run: Run) -> FileLock:
    """The run's folder, held against other processes until the lock is left."""
    lock = FileLock(run.folder / ".lock", timeout=0)
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StorageError(
            f"{run.folder} is being trained by another process. Wait for it, or stop it."
        ) from None
    except OSError as error:
        raise cannot_write(run.folder, 0, error) from error
    return lock


def _batches(runs: Sequence[Run], device: str) -> Iterator[list[Run]]:
    """The runs that can train as one stack, as many at once as fit into memory."""
    alike: dict[str, list[Run]] = {}
    for run in runs:
        spec, task = run.spec, run.task
        same = [spec.model, spec.model_args, task.n_symbols, task.n_answers, spec.precision]
        same += [spec.loss_precision, spec.formulation]
        alike.setdefault(json.dumps(same, sort_keys=True), []).append(run)
    for group in alike.values():
        each = max(memory_needed(run, run.new_model()) for run in group)
        size = max(1, int(SHARE_OF_MEMORY * free_memory(device) / each))
        for start in range(0, len(group), size):
            yield group[start : start + size]


class _Batch:
    """Members that train as one stack: their weights, moments, and the step they take."""

    def __init__(self, members: list[Member], device: str):
        spec = members[0].spec
        self.members = members
        self.stack = Stack([m.model for m in members], device, DTYPES[spec.precision])
        self.optimizer = AdamW([m.spec for m in members], self.stack)
        for k, member in enumerate(members):
            if member.moments is not None:
                self.optimizer.m[k], self.optimizer.v[k] = member.moments
        self._choose_step()

    def _choose_step(self) -> None:
        spec, examples = self.members[0].spec, [m.examples for m in self.members]
        name, precision = spec.formulation, spec.loss_precision
        self.gradients = make_step(name, self.stack.template, examples, precision)

    def update(self, step: int) -> None:
        """Train every member by one step."""
        self.gradients(self.stack)
        self.optimizer.update(self.stack, step)

    def keep(self, rows: list[int]) -> None:
        """Go on without the other members."""
        self.members = [self.members[k] for k in rows]
        if rows:
            self.stack.keep(rows)
            self.optimizer.keep(rows)
            self._choose_step()


def _train_together(members: list[Member], device: str, track: Tracker, save_every: float) -> None:
    """The loop: see to every member, leave out those that are done, take a step."""
    batch = _Batch(members, device)
    clock = time.monotonic()
    for step in itertools.count(members[0].step):
        now = time.monotonic()
        for member in batch.members:
            member.step, member.seconds = step, member.seconds + now - clock
            member.unsaved += now - clock
        clock = now
        going_on = [k for k in range(len(batch.members)) if _attended(batch, k, track, save_every)]
        if len(going_on) < len(batch.members):
            batch.keep(going_on)
        if not batch.members:
            return
        batch.update(step)


def _attended(batch: _Batch, k: int, track: Tracker, save_every: float) -> bool:
    """Evaluate and save a member as its spec asks; whether it goes on.

    The state to resume from is written at the first evaluation after `save_every` seconds.
    """
    member = batch.members[k]
    step, spec, rows = member.step, member.spec, member.rows
    is_new = not rows or rows[-1]["step"] < step  # else it was just resumed from here
    is_evaluated = step % spec.eval_every == 0 or step >= spec.steps
    goes_on = True
    if is_evaluated:
        events = _evaluated(member, batch.stack, k, track) if is_new else find_events(spec, rows)
        goes_on = events.stop is None
    is_kept = not goes_on or _is_checkpoint(step, spec.checkpoint_every)
    if is_kept and (is_new or not member.run.checkpoint(step).exists()):
        _write_checkpoint(member, batch.stack.state(k))
    if not goes_on or (is_evaluated and member.unsaved >= save_every):
        _save(batch, k)
    if not goes_on:
        member.run.older_resume.unlink(missing_ok=True)
    return goes_on


def _evaluated(member: Member, stack: Stack, k: int, track: Tracker) -> Events:
    """Add a row to the member's metrics, tell the tracker, and return the events so far."""
    nll, is_right = evaluate_pairs(stack, k, member.everything, member.spec)
    row: dict[str, int | float] = {"step": member.step}
    for part, here in (("train", member.is_train), ("test", ~member.is_train)):
        row[f"{part}_loss"] = float(nll[here].mean())
        row[f"{part}_accuracy"] = float(is_right[here].double().mean())
    row["sum_of_squares"] = float(stack.flat[k].double().square().sum())
    row["seconds"] = round(member.seconds, 3)
    member.rows.append(row)
    member.run.append(row)
    events = find_events(member.spec, member.rows)
    track(member.run, row, events)
    return events


@torch.no_grad()
def evaluate_pairs(
    stack: Stack, k: int, examples: Examples, spec: Spec
) -> tuple[Float[Tensor, " pair"], Bool[Tensor, " pair"]]:
    """Of each pair: the loss in nats, over all output classes; and whether the answer is right."""
    weights = {name: leaf[k] for name, leaf in stack.weights.items()}
    losses, rights = [], []
    for start in range(0, len(examples.answers), PAIRS_AT_ONCE):
        some = examples[start : start + PAIRS_AT_ONCE]
        logits = logits_of(stack.template, weights, some.inputs, spec.formulation)
        losses.append(negative_log_likelihood(logits, some.answers, spec.loss_precision))
        rights.append(logits.argmax(dim=1) == some.answers)
    return torch.cat(losses), torch.cat(rights)


def _is_checkpoint(step: int, every: int) -> bool:
    """At 0, at powers of two, and regularly."""
    return step % every == 0 or step & (step - 1) == 0


def _write_checkpoint(member: Member, weights: dict[str, Tensor]) -> None:
    notes = {
        "step": str(member.step),
        "grokscope": version("grokscope"),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
    }
    write_tensors(member.run.checkpoint(member.step), weights, notes)

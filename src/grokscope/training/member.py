"""One run while it trains: where it begins or goes on, its evaluations, and what it writes.

Axes: pair = one input; operand = its symbols; answer = where an input has several.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.errors import DamagedFile
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.training.choice import NOTE, asked_step, chosen_step
from grokscope.training.evaluation import evaluated
from grokscope.training.events import Events, Finding, Row
from grokscope.training.files import replace_keeping_older
from grokscope.training.loss import DTYPES
from grokscope.training.losses import Objective
from grokscope.training.record import quantiles
from grokscope.training.run import Run, load_weights, mend
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, why_not_native
from grokscope.training.tensors import write_tensors
from grokscope.training.transfer import initial_model
from grokscope.training.update import sketch


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
    state: dict[str, Tensor] | None = None  # of its update, where it was interrupted
    rows: list[dict[str, int | float]] = field(default_factory=list)
    begins: bool = True  # at its first step, and does not go on
    lines: bytes = b""  # its evaluations where it goes on, as they are written
    formulation: str = "folded"  # of its step; see `chosen_step`
    _finding: Finding | None = None
    _n_seen: int = 0  # of its rows, by `_finding`

    @property
    def spec(self) -> Spec:
        return self.run.spec

    @property
    def events(self) -> Events:
        """Those of its evaluations so far: each is looked at once."""
        self._finding = self._finding or Finding(self.spec)
        for row in self.rows[self._n_seen :]:
            self._finding.add(row)
        self._n_seen = len(self.rows)
        return self._finding.events


def begin(run: Run, device: str) -> Member:
    """The member at its first step, or where it was interrupted. Nothing is written yet."""
    member = _member(run, device)
    member.formulation = chosen_step(run, member.model, device)
    if not run.states:
        return member
    state = sketch(run.spec, member.model)
    tensors, notes = _resume_file(run, state)
    member.state = {name: tensors.pop(name) for name in state}
    load_weights(member.model, tensors, run.resume)
    member.step, member.seconds = int(notes["step"]), float(notes["seconds"])
    member.begins, member.lines = False, run.sealed(notes)
    return member


def evaluations(run: Run, steps: Iterable[int]) -> Iterator[Row]:
    """The evaluations of these checkpoints, as training writes them but for the time it took, by
    the step that trained them where it can be taken here. Raises `DamagedFile`."""
    member = _member(run, "cpu")
    plain, spec = member.formulation, run.spec
    reason = why_not_native(
        member.model, run.task.inputs, spec.loss_precision, Objective.of(spec)
    )  # fmt: skip
    for step in steps:
        path = run.checkpoint(step)
        weights, notes = run.tensors(path)
        is_native = notes.get(NOTE) == "native" and reason is None
        member.formulation = "native" if is_native else plain
        load_weights(member.model, weights, path)
        stack = Stack([member.model], "cpu", DTYPES[run.spec.precision])
        yield {"step": step, **_evaluation(member, stack, 0)}


def _member(run: Run, device: str) -> Member:
    task, is_train, asked = run.task, run.is_train, asked_step(run.spec)
    counted = task.answers.clone()
    counted[is_train] = run.taught[is_train]
    return Member(
        run=run,
        model=initial_model(run),
        examples=Examples(task.inputs[is_train], run.taught[is_train]).to(device),
        everything=Examples(task.inputs, counted).to(device),
        is_train=is_train.to(device),
        formulation=asked if asked in ("reference", "last") else "folded",
    )


def _resume_file(run: Run, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights, with a state of these names and shapes, and the notes."""
    states = run.states
    path = states[0]
    try:
        tensors, notes = run.tensors(path)
        fits = all(n in tensors and tensors[n].shape == s.shape for n, s in state.items())
        if not fits or not {"step", "seconds"} <= set(notes):
            raise DamagedFile(f"{path} is not what training wrote.")
        return tensors, notes
    except DamagedFile as error:
        rest = "the beginning" if len(states) == 1 else "the older one"
        raise DamagedFile(
            f"{error} {mend(run.folder)} Training then goes on from {rest}."
        ) from error


def save(member: Member, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    """Write what `begin` goes on from; the one before it is kept."""
    path = member.run.resume
    beside = path.with_name("resume.new.safetensors")
    notes = to_go_on(member) | member.run.seal()
    write_tensors(beside, {**weights, **state}, notes)
    replace_keeping_older(path, beside, member.run.older_resume)
    member.unsaved = 0.0


def evaluate(member: Member, stack: Stack, k: int) -> None:
    """Evaluate the member, which is row `k` of the stack, into its rows."""
    add_row(member, _evaluation(member, stack, k))


def add_row(member: Member, evaluation: Row) -> None:
    """Add the evaluation of this step to the member's rows."""
    seconds = round(member.seconds, 3)
    member.rows.append({"step": member.step, **evaluation, "seconds": seconds})


def _evaluation(member: Member, stack: Stack, k: int) -> Row:
    losses, right = _losses(stack, k, member)
    row: dict[str, int | float] = {}
    for part, here in (("train", member.is_train), ("test", ~member.is_train)):
        row[f"{part}_loss"] = float(losses[here].mean())
        row[f"{part}_accuracy"] = float(right[here].double().mean())
    if member.spec.record:
        row |= quantiles(losses[member.is_train])
    return {**row, "sum_of_squares": float(stack.flat[k].double().square().sum())}


def _losses(
    stack: Stack, k: int, member: Member
) -> tuple[Float[Tensor, " pair"], Bool[Tensor, " pair *answer"]]:
    """The loss of each pair that is trained, and whether each of its answers is right."""
    spec = member.spec
    return evaluated(
        stack.template,
        {name: leaf[k] for name, leaf in stack.weights.items()},
        member.everything,
        member.run.task.n_answers,
        Objective.of(spec),
        member.formulation,
        spec.loss_precision,
    )


def write_checkpoint(member: Member, weights: dict[str, Tensor]) -> None:
    """Write the member's weights at its step, with what they were made by."""
    write_tensors(member.run.checkpoint(member.step), weights, noted(member))


def to_go_on(member: Member) -> dict[str, str]:
    """What is noted beside a state to resume from, but for its seal."""
    seconds = f"{member.seconds:.3f}"
    return {"step": str(member.step), "seconds": seconds, NOTE: member.formulation}


def noted(member: Member) -> dict[str, str]:
    """What is noted beside the weights of a step."""
    return {
        "step": str(member.step),
        "grokscope": _version(),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        NOTE: member.formulation,
        "spec": member.spec.to_json(),
    }


@cache
def _version() -> str:
    """Of this package; looking it up costs as much as a few steps of a small network."""
    return version("grokscope")

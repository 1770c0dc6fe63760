"""One run while it trains: where it begins or goes on, its evaluations, and what it writes.

Axes: pair = one input; operand = its symbols; answer = where an input has several.
"""

from dataclasses import dataclass, field
from importlib.metadata import version

import torch
from filelock import FileLock, Timeout
from jaxtyping import Bool, Float
from torch import Tensor

from grokscope.errors import DamagedFile, StorageError
from grokscope.models.model import Model
from grokscope.score import is_right
from grokscope.spec import Spec
from grokscope.training.files import cannot_write, read_tensors, write_tensors
from grokscope.training.losses import Objective
from grokscope.training.memory import PAIRS_AT_ONCE
from grokscope.training.run import Run, load_weights
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, logits_of
from grokscope.training.transfer import initial_model
from grokscope.training.update import sketch


def lock(run: Run) -> FileLock:
    """The run's folder, held against other processes until the lock is left."""
    held = FileLock(run.folder / ".lock", timeout=0)
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except Timeout:
        raise StorageError(
            f"{run.folder} is being trained by another process. Wait for it, or stop it."
        ) from None
    except OSError as error:
        raise cannot_write(run.folder, 0, error) from error
    return held


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

    @property
    def spec(self) -> Spec:
        return self.run.spec


def begin(run: Run, device: str) -> Member:
    """The member at its first step, or where it was interrupted."""
    task, is_train = run.task, run.is_train
    counted = task.answers.clone()
    counted[is_train] = run.taught[is_train]
    member = Member(
        run=run,
        model=initial_model(run),
        examples=Examples(task.inputs[is_train], run.taught[is_train]).to(device),
        everything=Examples(task.inputs, counted).to(device),
        is_train=is_train.to(device),
    )
    for leftover in run.folder.glob(".*.part"):  # of a write that was killed
        leftover.unlink()
    state = sketch(run.spec, member.model)
    saved = _resume_file(run, state)
    if saved is None:
        run.write_spec()
        run.keep(-1)
        return member
    tensors, notes = saved
    member.state = {name: tensors.pop(name) for name in state}
    load_weights(member.model, tensors, run.resume)
    member.step, member.seconds = int(notes["step"]), float(notes["seconds"])
    member.rows = run.keep(member.step)
    return member


def _resume_file(
    run: Run, state: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, str]] | None:
    """The weights, with a state of these names and shapes, and the notes."""
    for path in (run.resume, run.older_resume):
        if path.exists():
            try:
                tensors, notes = read_tensors(path)
                fits = all(n in tensors and tensors[n].shape == s.shape for n, s in state.items())
                if not fits or "step" not in notes:
                    raise DamagedFile(f"{path} is not what training wrote.")
                return tensors, notes
            except DamagedFile as error:
                has_older = path == run.resume and run.older_resume.exists()
                rest = "the older one" if has_older else "the beginning"
                raise DamagedFile(f"{error} Delete it to go on from {rest}.") from error
    return None


def save(member: Member, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    """Write what `begin` goes on from; the one before it is kept."""
    path = member.run.resume
    beside = path.with_name("resume.new.safetensors")
    notes = {"step": str(member.step), "seconds": f"{member.seconds:.3f}"}
    member.run.flush()
    write_tensors(beside, {**weights, **state}, notes)
    if path.exists():
        path.replace(member.run.older_resume)
    beside.replace(path)
    member.unsaved = 0.0


def evaluate(member: Member, stack: Stack, k: int) -> None:
    """Add a row to the member's metrics: it is row `k` of the stack."""
    losses, right = _losses(stack, k, member)
    row: dict[str, int | float] = {"step": member.step}
    for part, here in (("train", member.is_train), ("test", ~member.is_train)):
        row[f"{part}_loss"] = float(losses[here].mean())
        row[f"{part}_accuracy"] = float(right[here].double().mean())
    row["sum_of_squares"] = float(stack.flat[k].double().square().sum())
    row["seconds"] = round(member.seconds, 3)
    member.rows.append(row)
    member.run.append(row)


@torch.no_grad()
def _losses(
    stack: Stack, k: int, member: Member
) -> tuple[Float[Tensor, " pair"], Bool[Tensor, " pair *answer"]]:
    """The loss of each pair that is trained, over all output classes; and whether each of its
    answers is, among the answers proper, right."""
    examples, spec, n_answers = member.everything, member.spec, member.run.task.n_answers
    weights = {name: leaf[k] for name, leaf in stack.weights.items()}
    objective, losses, rights = Objective.of(spec), [], []
    for start in range(0, len(examples.answers), PAIRS_AT_ONCE):
        some = examples[start : start + PAIRS_AT_ONCE]
        logits = logits_of(stack.template, weights, some.inputs, spec.formulation)
        losses.append(objective.each(logits, some.answers, spec.loss_precision))
        rights.append(is_right(logits[..., :n_answers], some.answers))
    return torch.cat(losses), torch.cat(rights)


def write_checkpoint(member: Member, weights: dict[str, Tensor]) -> None:
    """Write the member's weights at its step, with what they were made by."""
    notes = {
        "step": str(member.step),
        "grokscope": version("grokscope"),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
    }
    write_tensors(member.run.checkpoint(member.step), weights, notes)

"""What can be wrong with a spec, found before anything is written: the border of training."""

from torch.func import vmap

from grokscope.disk import is_there
from grokscope.errors import BadInput, StorageError, brief
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.task import ALL_SPLIT, UNKNOWN_SPLIT
from grokscope.training.batch import is_batch
from grokscope.training.choice import chosen_step
from grokscope.training.dropout import Dropout
from grokscope.training.losses import Objective, is_ours
from grokscope.training.memory import refuse, training
from grokscope.training.run import RECORDED_SPLIT, Run, no_spec
from grokscope.training.steps import Examples, make_step
from grokscope.training.transfer import check_frozen, initial_model


def check(run: Run, device: str) -> Model:
    """The run's new model, if all is well. Raises `BadInput` for a spec that cannot be trained,
    `RewriteError` for a fold that is wrong, `StorageError` if its folder is another run's."""
    spec = run.spec
    refuse_imported(spec)
    refuse_another(run)
    _refuse_if_larger(run, 16 * run.count_weights(), device)  # at least, in any update
    model = initial_model(run)
    check_frozen(model, spec.freeze)
    if frozen := [name for name, w in model.named_parameters() if not w.requires_grad]:
        raise BadInput(f"model `{spec.model}` freezes {frozen[0]}, and every weight is trained.")
    if buffers := [name for name, _ in model.named_buffers()]:
        raise BadInput(
            f"model `{spec.model}` has the buffer {buffers[0]}, which no checkpoint would hold. "
            "Make it in forward, or make it a parameter."
        )
    _refuse_if_larger(run, memory_needed(run, model, device), device)
    examples = Examples(run.task.inputs[run.is_train], run.taught[run.is_train])
    objective = Objective.of(spec)
    _check_loss(spec.loss, objective, model, examples[:2])
    step = chosen_step(run, model, device)
    make_step(step, model, [examples], spec.loss_precision, objective, Dropout.of([spec]))
    return model


def _check_loss(name: str, objective: Objective, model: Model, examples: Examples) -> None:
    """Raise `BadInput` unless the model gives each answer of these examples its logits, and the
    loss a number with a gradient, for members side by side."""
    logits = model(examples.inputs).detach()
    if logits.shape[:-1] != examples.answers.shape:
        raise BadInput(
            f"`{type(model).__name__}` gave logits of shape {tuple(logits.shape)} for answers of "
            f"shape {tuple(examples.answers.shape)}. They must be (pairs, classes), or (pairs, "
            "answers, classes) where an input has several answers."
        )
    logits = logits.flatten(0, -2).requires_grad_()
    try:
        losses = vmap(objective.loss)(logits[None], examples.answers.flatten()[None])
    except Exception as error:
        if is_ours(objective.loss):
            raise
        raise BadInput(f"loss `{name}` failed: {type(error).__name__}: {error}") from error
    if losses.shape != (1, len(logits)) or not losses.requires_grad:
        raise BadInput(
            f"loss `{name}` gave a tensor of shape {tuple(losses.shape[1:])} for {len(logits)} "
            f"pairs, {'with' if losses.requires_grad else 'without'} a gradient. It must give one "
            "number for each pair, differentiable in the logits."
        )


def refuse_imported(spec: Spec) -> None:
    """Raise `BadInput` for a spec that describes a network trained elsewhere."""
    if spec.source is not None or spec.split in (UNKNOWN_SPLIT, RECORDED_SPLIT, ALL_SPLIT):
        raise BadInput(
            f"source={brief(str(spec.source))}, split={spec.split}: this describes an imported "
            "network, which is not trained here. Choose another split, as in split=ordered, and "
            "source=none."
        )


def refuse_another(run: Run) -> None:
    """Raise `StorageError` if the run's folder holds the run of another spec, and `DamagedFile` if
    it has lost its own."""
    if run.share is not None:  # its line was found by its id
        return
    if is_batch(run.folder.parent):
        raise no_spec(run.folder)
    has_spec = is_there(run.folder / "spec.json")
    if has_spec and Run.open(run.folder).spec != run.spec:
        raise StorageError(
            f"{run.folder} holds the run of another spec. Move it away, or choose another --out."
        )
    if not has_spec and run.steps:
        raise no_spec(run.folder)


def _refuse_if_larger(run: Run, needed: int, device: str) -> None:
    smaller = "Choose a smaller task, model or train_fraction."
    refuse(f"training {run.spec.id}", needed, smaller, device)


def memory_needed(run: Run, model: Model, device: str = "cpu") -> int:
    """About how many bytes training one member takes at its peak; see `training.memory`."""
    return training(run, model, device).of()

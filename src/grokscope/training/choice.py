"""Which step trains a run: the one its spec names, or the one it was begun with, or the best here.

A run that goes on keeps its step: two of them round differently, and its end would depend on where
it was interrupted. The state to resume from notes the step; in those of versions before there was
a choice it was torch's.
"""

from contextlib import suppress

from grokscope.errors import BadInput, DamagedFile
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.training.losses import Objective
from grokscope.training.run import Run
from grokscope.training.steps import fastest, fastest_of_torch, why_not_native

NOTE = "formulation"


def asked_step(spec: Spec) -> str:
    """The formulation that a spec asks for: with dropout, the one that leaves neurons out."""
    return "last" if spec.dropout else spec.formulation


def chosen_step(run: Run, model: Model, device: str) -> str:
    """The formulation that trains this run, of this model, on `device`. Raises `BadInput` where it
    was begun with one that cannot be taken here."""
    spec, inputs = run.spec, run.task.inputs
    if spec.dropout and spec.formulation not in ("fast", "last"):
        raise BadInput(
            f"formulation={spec.formulation} has no dropout, and dropout={spec.dropout:g} is asked "
            "for. Use formulation=fast, which then is `last`."
        )
    if asked_step(spec) != "fast":
        return asked_step(spec)
    objective = Objective.of(spec)
    notes = _notes(run)
    if notes is None:
        return fastest(model, inputs, spec.loss_precision, objective, device)
    begun = notes.get(NOTE, fastest_of_torch(model))
    if begun == "native":
        reason = why_not_native(model, inputs, spec.loss_precision, objective, device)
        if reason is not None:
            raise BadInput(
                f"{run.folder} was begun with the native step, which it cannot go on with: "
                f"{reason}. Or move the folder away, to train it from its beginning."
            )
    return begun


def _notes(run: Run) -> dict[str, str] | None:
    """Those of the state that it goes on from; None where it begins."""
    for path in run.states:
        with suppress(DamagedFile):  # told where it is read
            return run.notes(path)
    return None

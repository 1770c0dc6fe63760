"""The runs that the playground saves: every checkpoint under its step, as 120/W_E, and in the
header of the file the settings, the split and the evaluations.

The network is the model `pair` with untied embeddings, of digits `paritymlp`; see
`web/src/playground/network.js`.
"""

from math import isfinite
from typing import Any

import torch
from torch import Tensor

from grokscope.border.tensors import RECORD
from grokscope.errors import BadInput
from grokscope.foreign.layout import Contents, ForeignNetwork, layout
from grokscope.spec import Spec
from grokscope.task import UNKNOWN_SPLIT

FORMULAS = ("a+b", "a-b", "a*b")
GROUPS = ("S3", "D5", "S4")
MOST_DIGITS = 16
ROW = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
WHOLE = (int,)
NUMBERS = (int, float)


@layout(where=lambda contents: RECORD in contents.record)
def playground(contents: Contents) -> ForeignNetwork:
    """A network that was trained in the playground."""
    record = contents.record[RECORD]
    settings = record.get("settings")
    if not isinstance(settings, dict):
        raise BadInput("it does not say its settings. Save the run in the playground again.")
    task, args, inputs, n = _task(settings, contents)
    spec = Spec(
        task=task,
        task_args=args,
        **_model(settings, contents),
        split=UNKNOWN_SPLIT,
        lr=float(_said(settings, "lr", NUMBERS)),
        weight_decay=float(_said(settings, "decay", NUMBERS)),
        eps=1e-6,
        steps=max(1, *contents.checkpoints),
        eval_every=5,
        checkpoint_every=10,
        seed=_said(settings, "seed", WHOLE),
    )
    return ForeignNetwork(
        (spec,),
        lambda state: state,
        n,
        says_task=True,
        is_train=_shown(record.get("is_train"), inputs),
        rows=tuple(_row(x) for x in _listed(record.get("rows"))),
        notes=tuple(_notes(record, settings)),
    )


def _task(settings: dict[str, Any], contents: Contents) -> tuple[str, dict[str, Any], int, int]:
    """Its task and that task's arguments, how many inputs it has, and how many symbols."""
    task = _said(settings, "task", (str,))
    if _is_of_digits(contents):
        digits = len(contents.state["W_in"]) - 1
        if not 2 <= digits <= MOST_DIGITS:
            raise BadInput(f"it reads {digits} digits; 2 to {MOST_DIGITS} are read.")
        args = {"n": digits, "k": _said(settings, "relevant", WHOLE), "samples": 2**digits}
        return "sparse_parity", args, 2**digits, 2
    n = contents.shape("W_E", 2)[0]
    if task in FORMULAS:
        return task, {"p": n}, n * n, n
    if task in GROUPS:
        return "composition", {"group": task}, n * n, n
    raise BadInput(f"its task is {task[:40]!r}, and the playground has no such.")


def _model(settings: dict[str, Any], contents: Contents) -> dict[str, Any]:
    act = {"act": _said(settings, "act", (str,))}
    neurons = contents.shape("W_in", 2)[1]
    if _is_of_digits(contents):
        return {"model": "paritymlp", "model_args": {"d_mlp": neurons} | act}
    sizes = {"d_embed": contents.shape("W_E", 2)[1], "d_mlp": neurons}
    return {"model": "pair", "model_args": {"embed": "untied"} | sizes | act}


def _is_of_digits(contents: Contents) -> bool:
    """Whether it reads digits: such a network has no embeddings."""
    return not contents.has("W_E")


def _said(settings: dict[str, Any], name: str, kinds: tuple[type, ...]) -> Any:
    value = settings.get(name)
    if type(value) not in kinds:
        raise BadInput(f"its setting `{name}` is missing. Save the run in the playground again.")
    return value


def _shown(text: Any, inputs: int) -> Tensor:
    """Which inputs were shown: a 1 for each, else a 0."""
    if not isinstance(text, str) or len(text) != inputs or set(text) - set("01"):
        raise BadInput(f"it does not say which of its {inputs:,} inputs were shown.")
    return torch.tensor([x == "1" for x in text])


def _listed(rows: Any) -> list[Any]:
    return rows if isinstance(rows, list) else []


def _row(row: Any) -> dict[str, int | float]:
    """An evaluation. Raises `BadInput` for what is none."""
    is_row = isinstance(row, list) and len(row) == 1 + len(ROW)
    if not is_row or not all(type(x) in NUMBERS and isfinite(x) for x in row):
        raise BadInput("one of its evaluations is not a step and four numbers.")
    return {"step": int(row[0]), **dict(zip(ROW, map(float, row[1:]), strict=True))}


def _notes(record: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    """What its spec does not say of how it was trained."""
    changes = [x for x in _listed(record.get("changes")) if isinstance(x, dict)]
    told = [f"step {x.get('step')}: {x.get('what')}" for x in changes]
    shuffled = settings.get("labels") == "shuffled"
    return [f"changed while it trained: {'; '.join(told)[:500]}"] * bool(told) + [
        "it was taught answers drawn at random, and is measured on the true ones"
    ] * shuffled

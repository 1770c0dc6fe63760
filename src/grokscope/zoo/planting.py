"""Planted networks as run folders: their weights in a model that a spec can name.

Axes: none.
"""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import NotApplicable
from grokscope.models.parity import ParityMLP
from grokscope.planted import Neurons, Planted, kind
from grokscope.spec import Spec
from grokscope.task import ALL_SPLIT
from grokscope.tasks import make_task
from grokscope.training.files import write_atomically
from grokscope.training.run import RECORDED_SPLIT, SPLIT_FILE, Run
from grokscope.training.tensors import write_tensors


def drawn(asked: str) -> Planted:
    """The network that these words ask for: a kind, then its seed and sizes, as in
    "cosets seed=1 group=S4". Raises `UnknownName` and `BadInput`."""
    name, *settings = shlex.split(asked)
    given = dict(setting.split("=", 1) for setting in settings)
    sizes = {key: int(x) if x.isdecimal() else x for key, x in given.items()}
    return kind(name).plant(**sizes)


def write(planted: Planted, task: Spec, folder: Path) -> Run:
    """A run folder of a planted network, on the task of a spec. Raises `NotApplicable` for one of
    another task, or whose weights no model of a spec has, and `StorageError`."""
    its_task = make_task(task.task, task.task_args)
    same = its_task.inputs.shape == planted.task.inputs.shape
    if not same or not torch.equal(its_task.answers, planted.task.answers):
        raise NotApplicable(f"planted `{planted.name}` answers {planted.task.name}, not {task.id}.")
    model, args, weights = _held(planted)
    is_all = bool(planted.is_train.all())
    spec = replace(
        task,
        model=model,
        model_args=args,
        split=ALL_SPLIT if is_all else RECORDED_SPLIT,
        source=f"planted: {planted.name}",
    )
    run = Run(spec, folder)
    if not is_all:
        write_tensors(folder / SPLIT_FILE, {"is_train": planted.is_train}, {})
    write_atomically(folder / "spec.json", spec.to_json().encode())
    notes = {"step": "0", "spec": spec.to_json()}
    write_tensors(run.checkpoint(0), weights, notes)
    return run


def _held(planted: Planted) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """The model of a spec that has these weights, its arguments, and the weights by its names."""
    model = planted.model
    if isinstance(model, ParityMLP):
        return "paritymlp", {"d_mlp": model.W_out.shape[0]}, dict(model.state_dict())
    if not isinstance(model, Neurons):
        raise NotApplicable(f"planted `{planted.name}` is no layer of neurons, and is not kept.")
    weights = {"W_1": torch.cat([model.L, model.R]), "W_U": model.W_U}
    if model.b_U is not None:
        weights["b_U"] = model.b_U
    args = {
        "hidden": str(model.W_U.shape[0]),
        "embed": "onehot",
        "hidden_bias": False,
        "output_bias": model.b_U is not None,
        "act": model.act.name,
    }
    return "dense", args, weights

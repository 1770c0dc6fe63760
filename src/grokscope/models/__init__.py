"""Networks small enough to understand, one architecture a file."""

import inspect
from typing import Any

import torch

from grokscope.errors import BadInput, lookup, unknown
from grokscope.models import mlp as _mlp  # noqa: F401  (registers itself)
from grokscope.models import transformer as _transformer  # noqa: F401
from grokscope.models.model import MODELS, Model
from grokscope.task import Task


def make_model(name: str, args: dict[str, Any], task: Task, seed: int) -> Model:
    """The model called `name` with these arguments, its weights drawn on the CPU from `seed`.

    A model draws its weights with torch's ordinary functions; the global generator is left as it
    was. Raises `UnknownName` or `BadInput` for what cannot be built.
    """
    build = lookup("model", name, MODELS)
    known = inspect.signature(build).parameters
    settable = {k: p for k, p in known.items() if p.default is not inspect.Parameter.empty}
    for key, value in args.items():
        if key not in settable:
            hint = [f"model.{k}" for k in settable]
            raise unknown(f"argument of model `{name}`", f"model.{key}", hint)
        default = settable[key].default
        if type(default) is int and (type(value) is not int or value < 1):
            raise BadInput(f"model.{key}={value!r} cannot be: it must be a whole number from 1.")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build(task.n_symbols, task.n_answers, **args)

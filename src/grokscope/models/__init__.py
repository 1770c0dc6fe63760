"""Networks small enough to understand, one architecture a file."""

import inspect
import math
from threading import Lock
from typing import Any

import torch

from grokscope.errors import BadInput, lookup, must_be, unknown
from grokscope.models import chughtai as _chughtai  # noqa: F401  (registers itself)
from grokscope.models import decoder as _decoder  # noqa: F401
from grokscope.models import dense as _dense  # noqa: F401
from grokscope.models import five_neurons as _five_neurons  # noqa: F401
from grokscope.models import furuta as _furuta  # noqa: F401
from grokscope.models import linear as _linear  # noqa: F401
from grokscope.models import mlp as _mlp  # noqa: F401
from grokscope.models import pair as _pair  # noqa: F401
from grokscope.models import parity as _parity  # noqa: F401
from grokscope.models import pizza as _pizza  # noqa: F401
from grokscope.models import power as _power  # noqa: F401
from grokscope.models import prieto as _prieto  # noqa: F401
from grokscope.models import recurrent as _recurrent  # noqa: F401
from grokscope.models import sequence as _sequence  # noqa: F401
from grokscope.models import transformer as _transformer  # noqa: F401
from grokscope.models.model import MODELS, Model
from grokscope.models.sizes import SizesAlone
from grokscope.task import Task

LARGEST = 10**6  # of a width, or of a number of layers or heads
ONE_AT_A_TIME = Lock()  # torch draws initial weights from one generator for all threads


def make_model(name: str, args: dict[str, Any], task: Task, seed: int) -> Model:
    """The model called `name` with these arguments, its weights drawn on the CPU from `seed`.

    Of the task it is given what its constructor asks for among `n_symbols`, `n_answers`,
    `n_operands` (a model that does not ask for that reads pairs), `n_operators` and `n_read` (one
    that does not ask for that gives one answer); what has a default can be set by `args`. A model
    draws its weights with torch's ordinary functions; the global generator is left as it was.
    Raises `UnknownName` or `BadInput` for what cannot be built.
    """
    build = lookup("model", name, MODELS)
    known = inspect.signature(build).parameters
    settable = {k: p for k, p in known.items() if p.default is not inspect.Parameter.empty}
    sizes = {"n_symbols": task.n_symbols, "n_answers": task.n_answers}
    sizes |= {"n_operands": task.inputs.shape[1], "n_operators": task.n_operators}
    sizes |= {"n_read": task.n_read}
    asked = [k for k in known if k not in settable]
    for key in asked:
        if key not in sizes:
            raise BadInput(
                f"model `{name}` asks for `{key}`, which no task has. Give it a default; without "
                f"one it can ask for {', '.join(sizes)}."
            )
    if "n_operands" not in asked and sizes["n_operands"] != 2:
        raise BadInput(
            f"model `{name}` reads pairs (a, b), and an input of {task.name} has "
            f"{sizes['n_operands']} symbols. Choose model=paritymlp for digits, model=furuta for a "
            "mixture, model=sequence for a sequence, or one that asks for `n_operands`."
        )
    if "n_read" not in asked and sizes["n_read"] != 1:
        raise BadInput(
            f"model `{name}` gives one answer, and an input of {task.name} has "
            f"{sizes['n_read']}. Choose model=sequence, or one that asks for `n_read`."
        )
    for key, value in args.items():
        if key not in settable:
            hint = [f"model.{k}" for k in settable]
            raise unknown(f"argument of model `{name}`", f"model.{key}", hint)
        _check_type(f"model.{key}", value, settable[key].default)
    with ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build(**{key: sizes[key] for key in asked}, **args)


def count_weights(name: str, args: dict[str, Any], task: Task) -> int:
    """How many weights `make_model` would draw, without memory for them; 0 of a model that computes
    with its weights while it is built, and so will not say. Raises what `make_model` does."""
    try:
        with torch.device("meta"), SizesAlone():
            model = make_model(name, args, task, seed=0)
    except (NotImplementedError, RuntimeError):
        return 0
    return sum(w.numel() for w in model.parameters())


def _check_type(key: str, value: Any, default: Any) -> None:
    """Raise `BadInput` unless `value` can stand for `default`."""
    match default:
        case bool():
            good, must = type(value) is bool, "true or false"
        case int():
            good, must = type(value) is int and value >= 1, "a whole number of at least 1"
        case float():
            good, must = type(value) in (int, float) and math.isfinite(value), "a number"
        case str():
            good, must = isinstance(value, str), "a name"
        case _:
            return
    if not good:
        raise must_be(key, must, value)
    if type(value) is int and value > LARGEST:
        raise must_be(key, f"at most {LARGEST:,}", value)

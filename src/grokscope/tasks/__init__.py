"""The functions that networks learn. Importing this package registers the built-in tasks."""

import inspect
import json
from collections import OrderedDict
from functools import partial
from typing import Any

from grokscope.errors import BadInput, brief, must_be, unknown
from grokscope.task import TASKS, Task
from grokscope.tasks import composition as _composition  # noqa: F401  (registers itself)
from grokscope.tasks import conditional as _conditional  # noqa: F401
from grokscope.tasks import mixture as _mixture  # noqa: F401
from grokscope.tasks import numbers as _numbers  # noqa: F401
from grokscope.tasks import parity as _parity  # noqa: F401
from grokscope.tasks import sequences as _sequences  # noqa: F401
from grokscope.tasks import shuffled as _shuffled  # noqa: F401
from grokscope.tasks import words as _words  # noqa: F401
from grokscope.tasks.formula import formula, is_formula


def make_task(name: str, args: dict[str, Any]) -> Task:
    """The task called `name`, or the formula that `name` is, with these arguments.

    Raises `UnknownName` for a name or an argument that does not exist, `BadInput` for arguments
    that make no task.
    """
    if name in TASKS:
        build = TASKS[name]
    elif is_formula(name):
        build = partial(formula, name)
    else:
        raise unknown("task", name, [*TASKS, "a+b", "a*b", "a-b", "a/b"])
    parameters = dict(inspect.signature(build).parameters)
    for key in args:
        if key not in parameters:
            names = [f"task.{k}" for k in parameters]
            raise unknown(f"argument of task `{brief(name)}`", f"task.{key}", names)
        if type(parameters[key].default) is int and isinstance(args[key], float):
            args = {**args, key: int(args[key]) if args[key].is_integer() else args[key]}
        if type(parameters[key].default) is bool and type(args[key]) is not bool:
            raise must_be(f"task.{key}", "true or false", args[key])
    for key, parameter in parameters.items():
        if key not in args and parameter.default is inspect.Parameter.empty:
            raise BadInput(f"the task `{name}` needs task.{key}=...")
    return build(**args)


SHARED = 4  # tasks that are remembered ...
MOST_SHARED = 50_000  # ... and the inputs of the largest of them
_shared: "OrderedDict[tuple[str, str, Any], Task]" = OrderedDict()


def shared_task(name: str, args: dict[str, Any]) -> Task:
    """`make_task`, or the very task that it made for the same name and arguments of late: tasks
    never change, and their lenses take a while. Raises what it does."""
    key = (name, json.dumps(args, sort_keys=True, default=repr), TASKS.get(name))
    if key in _shared:
        _shared.move_to_end(key)
        return _shared[key]
    made = make_task(name, args)
    if len(made.inputs) <= MOST_SHARED:
        _shared[key] = made
        while len(_shared) > SHARED:
            _shared.popitem(last=False)
    return made

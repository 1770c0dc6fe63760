"""The functions that networks learn. Importing this package registers the built-in tasks."""

import inspect
from functools import partial
from typing import Any

from grokscope.errors import BadInput, unknown
from grokscope.task import TASKS, Task
from grokscope.tasks import composition as _composition  # noqa: F401  (registers itself)
from grokscope.tasks import conditional as _conditional  # noqa: F401
from grokscope.tasks import mixture as _mixture  # noqa: F401
from grokscope.tasks import parity as _parity  # noqa: F401
from grokscope.tasks import sequences as _sequences  # noqa: F401
from grokscope.tasks import words as _words  # noqa: F401
from grokscope.tasks.formula import formula, is_formula


def make_task(name: str, given: dict[str, Any]) -> Task:
    """The task called `name`, or the formula that `name` is, with the `given` arguments.

    Raises `UnknownName` for a name or an argument that does not exist, `BadInput` for a task that
    cannot be.
    """
    if name in TASKS:
        build = TASKS[name]
    elif is_formula(name):
        build = partial(formula, name)
    else:
        raise unknown("task", name, [*TASKS, "a+b", "a*b", "a-b", "a/b"])
    known = dict(inspect.signature(build).parameters)
    for key in given:
        if key not in known:
            raise unknown(f"argument of task `{name}`", f"task.{key}", [f"task.{k}" for k in known])
        if type(known[key].default) is int and isinstance(given[key], float):
            given = {**given, key: int(given[key]) if given[key].is_integer() else given[key]}
        if type(known[key].default) is bool and type(given[key]) is not bool:
            raise BadInput(f"task.{key}={given[key]!r} cannot be: it must be true or false.")
    for key, parameter in known.items():
        if key not in given and parameter.default is inspect.Parameter.empty:
            raise BadInput(f"the task `{name}` needs task.{key}=...")
    return build(**given)

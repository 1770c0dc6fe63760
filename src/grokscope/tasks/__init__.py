"""The functions that networks learn. Importing this package registers the built-in tasks."""

import inspect
from typing import Any

from grokscope.errors import BadInput, unknown
from grokscope.task import TASKS, Task
from grokscope.tasks import composition as _composition  # noqa: F401  (registers itself)
from grokscope.tasks.formula import formula, is_formula


def make_task(name: str, args: dict[str, Any]) -> Task:
    """The task called `name`, or the formula that `name` is, with these arguments.

    Raises `UnknownName` for a name or an argument that does not exist, `BadInput` for a task that
    cannot be.
    """
    if name in TASKS:
        build, args = TASKS[name], dict(args)
    elif is_formula(name):
        build, args = formula, {"text": name, **args}
    else:
        raise unknown("task", name, [*TASKS, "a+b", "a*b", "a-b", "a/b"])
    known = inspect.signature(build).parameters
    for key in args:
        if key not in known:
            raise unknown(f"argument of task `{name}`", f"task.{key}", [f"task.{k}" for k in known])
    for key, parameter in known.items():
        if key not in args and parameter.default is inspect.Parameter.empty:
            raise BadInput(f"the task `{name}` needs task.{key}=...")
    return build(**args)

"""What a reader calls the symbols of a task: the elements of a group have names."""

from grokscope.algebra.groups import Group
from grokscope.algebra.names import element_names
from grokscope.task import Task


def names_of(task: Task) -> list[str] | None:
    """What a reader calls the symbols and answers; None where these are their numbers."""
    group = group_of(task)
    found = task.labels or (() if group is None else element_names(group))
    return None if found == tuple(map(str, range(len(found)))) else list(found)


def group_of(task: Task) -> Group | None:
    """The group whose elements the symbols are."""
    return task.group if task.modulus is None else None

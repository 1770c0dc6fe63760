"""Products in a finite group: Chughtai et al. 2023, Stander et al. 2023."""

from grokscope.algebra import groups
from grokscope.errors import BadInput
from grokscope.task import Task, binary, task


@task
def composition(group: str = "S5") -> Task:
    """The product ab in a group named as in C113 or S5; in ab the left factor acts first."""
    if not isinstance(group, str):
        raise BadInput(f"task.group={group!r} is no group. Write a name, as in C113 or S5.")
    g = groups.group(group)
    return binary(f"ab in {g.name}", g.order, lambda a, b: g.table[a, b], g)

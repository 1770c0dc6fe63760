"""Which tasks a foreign network is tried on, and which one `--task` means."""

from collections.abc import Iterator
from dataclasses import replace
from math import log2

from grokscope.algebra import families
from grokscope.algebra.families import FAMILIES, OPPOSITE
from grokscope.algebra.orders import ORDERS
from grokscope.foreign.layout import ForeignNetwork
from grokscope.spec import Spec
from grokscope.task import TASKS
from grokscope.tasks.formula import is_formula

FORMULAS = (
    "a+b", "a-b", "b-a", "a*b", "a/b", "2*a+b", "a+2*b", "2*a-b", "a-2*b", "2*a+3*b", "2*a-3*b",
    "a*b+a+b", "a*b+a", "a*b+b", "a*b-b", "a**2+b", "a**2-b", "a**3+2*b", "a**3-2*b", "a**2+b**2",
    "a**2-b**2", "a**3+b**3", "(a+b)**2", "(a-b)**2", "(a+b)**3", "(a-b)**3", "(a+b)**4",
    "(a-b)**4", "(a+b)**2+a+b", "a**2+a*b+b**2", "a**2+a*b+b**2+a", "a**3+a*b", "a**3+a*b**2+b",
)  # fmt: skip
ALIKE = ("C", "U", "Q")  # families whose groups are a+b, or are tried under another letter


def candidates(foreign: ForeignNetwork) -> Iterator[Spec]:
    """Every task with so many symbols that is tried, for every model that it can be."""
    if not foreign.of_pairs:
        yield from foreign.specs
        return
    for spec in foreign.specs:
        for formula in FORMULAS:
            yield with_task(spec, formula, {"p": foreign.n})
        for name in _groups(foreign.n):
            yield from _of_group(spec, foreign, name)


def _groups(n: int) -> Iterator[str]:
    """The groups of n elements that have a name."""
    for letter, family in FAMILIES.items():
        numbers = range(family.smallest, n + 1) if letter not in ALIKE else ()
        yield from (f"{letter}{k}" for k in numbers if family.order(k) == n)
    if n > 2 and log2(n).is_integer():
        yield f"C2^{round(log2(n))}"


def _of_group(spec: Spec, foreign: ForeignNetwork, name: str) -> Iterator[Spec]:
    """The product in a group, its permutations in each order, then its opposite product."""
    is_opposite = name.endswith(OPPOSITE)
    for group in (name,) if is_opposite else (name, name + OPPOSITE):
        for order in _orders(foreign, name.removesuffix(OPPOSITE)):
            yield with_task(spec, "composition", {"group": group} | order)


def _orders(foreign: ForeignNetwork, name: str) -> list[dict[str, str]]:
    """The orders in which the elements of a group can be numbered, the likeliest first."""
    family = FAMILIES.get(name.rstrip("0123456789"))
    if family is None or not family.has_orders:
        return [{}]
    orders = sorted(ORDERS, key=lambda order: order != foreign.elements)
    return [{"elements": order} for order in orders]


def wanted_specs(foreign: ForeignNetwork, wanted: str) -> list[Spec]:
    """The specs of the task called `wanted`: a formula, a group's name, or a task's name followed
    by key=value pairs. A group's name leaves open how its elements are numbered, and which factor
    of a product acts first."""
    name, *settings = wanted.split() or [""]
    if is_formula(wanted.strip()) and "=" not in wanted:
        formula = "".join(wanted.split())
        return [with_task(spec, formula, {"p": foreign.n}) for spec in foreign.specs]
    if name not in TASKS and not settings:
        families.group(name)  # refuses the name of no group
        return [x for spec in foreign.specs for x in _of_group(spec, foreign, name)]
    args = {"p": foreign.n} if is_formula(name) else {}
    plain = [f"task.{text.removeprefix('task.')}" for text in settings]
    return [with_task(spec, name, args).override(*plain) for spec in foreign.specs]


def with_task(spec: Spec, task: str, args: dict) -> Spec:
    return replace(spec, task=task, task_args=args)


def describe(spec: Spec) -> str:
    """The task of a spec, as its user would write it."""
    return " ".join([spec.task, *(f"{k}={v}" for k, v in spec.task_args.items())])


def option(spec: Spec) -> str:
    """What `--task` takes for the task of a spec."""
    return str(spec.task_args["group"]) if spec.task == "composition" else spec.task

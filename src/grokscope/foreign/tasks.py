"""Which task a network answers: its source says it, or its answers do.

Axes: pair = one input; c = an output class.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import factorial, sqrt
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.algebra import families
from grokscope.errors import BadInput
from grokscope.foreign.layout import ForeignNetwork, State
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.task import TASKS, Task
from grokscope.tasks import make_task
from grokscope.tasks.formula import is_formula

FORMULAS = (
    "a+b", "a-b", "b-a", "a*b", "a/b", "2*a+b", "a+2*b", "2*a-b", "a-2*b", "2*a+3*b", "2*a-3*b",
    "a*b+a+b", "a*b+a", "a*b+b", "a*b-b", "a**2+b", "a**2-b", "a**3+2*b", "a**3-2*b", "a**2+b**2",
    "a**2-b**2", "a**3+b**3", "(a+b)**2", "(a-b)**2", "(a+b)**3", "(a-b)**3", "(a+b)**4",
    "(a-b)**4", "(a+b)**2+a+b", "a**2+a*b+b**2", "a**2+a*b+b**2+a", "a**3+a*b", "a**3+a*b**2+b",
)  # fmt: skip
SIGMAS = 10  # beyond guessing, in standard deviations, from which answers are not an accident
RIGHT = 0.99
CLEARLY = 0.9  # right on so many pairs of another task, a network is refused as that task's


@dataclass(frozen=True)
class TaskScore:
    """A spec, and the share of all its task's pairs that the network answers right."""

    spec: Spec
    accuracy: float
    guessing: float  # one who always gives the commonest answer
    pairs: int

    @property
    def is_beyond_guessing(self) -> bool:
        """Whether so many right answers are beyond what guessing gives."""
        spread = sqrt(self.guessing * (1 - self.guessing) / self.pairs)
        beyond = max(2 * self.guessing, self.guessing + SIGMAS * spread)
        return self.accuracy > min(beyond, RIGHT)


def resolve_task(
    foreign: ForeignNetwork, state: State, wanted: str | None
) -> tuple[TaskScore, tuple[str, ...]]:
    """The task that was asked for, else the one the source says, else the one the network is best
    at; with what there is to note.

    Raises `BadInput` if the network is at chance on the task named, and not on another.
    """
    answers = _Answers(foreign, state)
    others = _candidates(foreign)
    if wanted is None and not foreign.says_task:
        best = _best(answers, others)
        if best is not None and best.is_beyond_guessing:
            return best, _doubts(best)
        first = answers.score(_with_task(foreign.specs[0], *_default(foreign)))
        return first, ("its answers match no known task",)
    specs = [_wanted(spec, foreign, wanted) for spec in foreign.specs]
    named = max((answers.score(spec) for spec in specs), key=lambda x: x.accuracy)
    if named.is_beyond_guessing:
        return named, _doubts(named)
    best = _best(answers, others)
    if best is not None and best.accuracy >= CLEARLY:
        who = "its source says" if wanted is None else "--task says"
        raise BadInput(
            f"{who} {_describe(named.spec)}, of which it answers {named.accuracy:.2%} (guessing: "
            f"{named.guessing:.2%}): it is another task, {_describe(best.spec)}, of which it "
            f"answers {best.accuracy:.2%}. Import it with --task '{_option(best.spec)}'."
        )
    return named, ("its answers match no known task",)


def _doubts(score: TaskScore) -> tuple[str, ...]:
    return () if score.accuracy >= RIGHT else (f"right on {score.accuracy:.1%} of the pairs",)


def _describe(spec: Spec) -> str:
    return " ".join([spec.task, *(f"{k}={v}" for k, v in spec.task_args.items())])


def _option(spec: Spec) -> str:
    return str(spec.task_args["group"]) if spec.task == "composition" else spec.task


def _default(foreign: ForeignNetwork) -> tuple[str, dict]:
    """The task of a network that answers none that is known."""
    spec = foreign.specs[0]
    if spec.task == "composition":
        return "composition", dict(spec.task_args)
    return "a+b", {"p": foreign.n}


def _wanted(spec: Spec, foreign: ForeignNetwork, wanted: str | None) -> Spec:
    """The spec with the task called `wanted`: a formula, a group's name, or a task's name followed
    by key=value pairs."""
    if wanted is None:
        return spec
    name, *settings = wanted.split()
    if is_formula(wanted.strip()) and "=" not in wanted:
        return _with_task(spec, "".join(wanted.split()), {"p": foreign.n})
    if name not in TASKS and not settings:
        families.group(name)  # refuses the name of no group
        orders = _orders(foreign) if name[0] in "SA" and "x" not in name else ["lexicographic"]
        args = {"group": name} | ({"elements": orders[0]} if orders[0] != "lexicographic" else {})
        return _with_task(spec, "composition", args)
    args = {"p": foreign.n} if is_formula(name) else {}
    plain = [f"task.{text.removeprefix('task.')}" for text in settings]
    return _with_task(spec, name, args).override(*plain)


def _with_task(spec: Spec, task: str, args: dict) -> Spec:
    return replace(spec, task=task, task_args=args)


def _orders(foreign: ForeignNetwork) -> list[str]:
    orders = ["lexicographic", "chughtai2023", "stander2023"]
    return sorted(orders, key=lambda name: name != foreign.elements)


def _candidates(foreign: ForeignNetwork) -> Iterator[Spec]:
    """Every task with so many symbols that is tried, for every model that it can be."""
    for spec in foreign.specs:
        for task, args in _tasks(foreign):
            yield _with_task(spec, task, args)


def _tasks(foreign: ForeignNetwork) -> Iterator[tuple[str, dict]]:
    n = foreign.n
    for formula in FORMULAS:
        yield formula, {"p": n}
    if n % 2 == 0 and n >= 6:
        yield "composition", {"group": f"D{n // 2}"}
    for k in range(3, 8):
        for family, order in (("S", factorial(k)), ("A", factorial(k) // 2)):
            for elements in _orders(foreign) if order == n else []:
                yield "composition", {"group": f"{family}{k}", "elements": elements}


def _best(answers: "_Answers", specs: Iterator[Spec]) -> TaskScore | None:
    """The task the network is best at; of several alike the first, and a group by name before the
    formula that it also is only where it is better."""
    best: TaskScore | None = None
    for spec in specs:
        try:
            score = answers.score(spec)
        except BadInput:  # not every task can be of so many symbols
            continue
        if best is None or score.accuracy > best.accuracy:
            best = score
        if best.accuracy == 1:
            break
    return best


class _Answers:
    """The answers of a network, computed once for each model that it can be."""

    def __init__(self, foreign: ForeignNetwork, state: State):
        self.foreign, self.state = foreign, state
        self.answers: dict[str, Int[Tensor, "symbol symbol"]] = {}

    def score(self, spec: Spec) -> TaskScore:
        """How much of the spec's task the network answers right."""
        task = make_task(spec.task, spec.task_args)
        if task.inputs.shape[1] != 2 or task.n_symbols != self.foreign.n:
            raise BadInput(
                f"{task.name} has {task.n_symbols} symbols, and the network {self.foreign.n}: it "
                "is another task."
            )
        if task.n_answers != self.foreign.n:
            raise BadInput(f"{task.name} has {task.n_answers} answers; the network has others.")
        a, b = task.inputs.unbind(dim=1)
        answers = self._answers_of(spec, task)[a, b]
        accuracy = float((answers == task.answers).double().mean())
        commonest = int(task.answers.bincount().max())
        return TaskScore(spec, accuracy, commonest / len(task.inputs), len(task.inputs))

    def _answers_of(self, spec: Spec, task: Task) -> Int[Tensor, "symbol symbol"]:
        key = json.dumps([spec.model, spec.model_args], sort_keys=True)
        if key not in self.answers:
            model = load_model(self.foreign, spec, task, self.state)
            n = self.foreign.n
            pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n))
            with torch.no_grad():
                answers = [model.last(x)[:, :n].argmax(dim=1) for x in pairs.split(20_000)]
            self.answers[key] = torch.cat(answers).view(n, n)
        return self.answers[key]


def load_model(foreign: ForeignNetwork, spec: Spec, task: Task, state: State) -> Model:
    """The spec's model with the weights of a foreign state. Raises `BadInput` if they are not
    its own."""
    weights = foreign.weights(state)
    with torch.device("meta"):
        model = make_model(spec.model, spec.model_args, task, 0)
    shapes = {name: tuple(w.shape) for name, w in model.named_parameters()}
    for name, shape in shapes.items():
        if name not in weights:
            raise BadInput(f"it has no {name}, which model `{spec.model}` needs.")
        if not weights[name].is_floating_point():
            raise BadInput(f"its {name} holds {weights[name].dtype}, which are not weights.")
        if tuple(weights[name].shape) != shape:
            raise BadInput(
                f"its {name} has the shape {tuple(weights[name].shape)}, and that of model "
                f"`{spec.model}` on {task.name} is {shape}."
            )
    if extra := [name for name in weights if name not in shapes]:
        raise BadInput(f"model `{spec.model}` has no {extra[0]}.")
    is_double = any(w.dtype == torch.float64 for w in weights.values())
    model = make_model(spec.model, spec.model_args, task, 0)
    model = model.to(torch.float64 if is_double else torch.float32)
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def precision_of(model: Model) -> Literal["float32", "float64"]:
    """The precision of its weights."""
    return "float64" if next(model.parameters()).dtype == torch.float64 else "float32"

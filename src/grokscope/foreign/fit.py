"""How many pairs of a task a foreign network answers right.

Axes: pair = one input; answer = where an input has several; symbol.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.layout import ForeignNetwork, State
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.task import Task
from grokscope.tasks import make_task

SIGMAS = 10  # beyond guessing, in standard deviations, from which answers are not an accident
RIGHT = 0.99
AT_ONCE = 20_000  # pairs
PRECISE = (torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class Fit:
    """A spec, its task, and which pairs of it the network answers right."""

    spec: Spec
    task: Task
    is_right: Bool[Tensor, " pair *answer"]

    @cached_property
    def accuracy(self) -> float:
        """Over all pairs."""
        return float(self.is_right.double().mean())

    @property
    def guessing(self) -> float:
        """The accuracy of one who always gives the commonest answer."""
        return self.task.chance

    @property
    def is_beyond_guessing(self) -> bool:
        """Whether so many right answers are beyond what guessing gives."""
        spread = sqrt(self.guessing * (1 - self.guessing) / self.is_right.numel())
        beyond = max(2 * self.guessing, self.guessing + SIGMAS * spread)
        return self.accuracy > min(beyond, RIGHT)

    def is_same_function(self, other: "Fit") -> bool:
        """Whether both tasks are one table, under whatever names."""
        return torch.equal(self.task.inputs, other.task.inputs) and torch.equal(
            self.task.answers, other.task.answers
        )


class Answers:
    """The answers of a network, computed once for each model that it can be."""

    def __init__(self, foreign: ForeignNetwork, state: State):
        self.foreign, self.state = foreign, state
        self._answers: dict[str, Int[Tensor, "symbol symbol"]] = {}
        self._tasks: dict[str, Task] = {}

    def task(self, spec: Spec) -> Task:
        """The spec's task. Raises `BadInput` if the network cannot be one of it."""
        key = json.dumps([spec.task, spec.task_args], sort_keys=True)
        if key not in self._tasks:
            self._tasks[key] = make_task(spec.task, spec.task_args)
        task, n = self._tasks[key], self.foreign.n
        if not (self.foreign.of_pairs and (task.is_of_pairs or not self.foreign.says_task)):
            return task
        if task.inputs.shape[1] != 2 or task.n_symbols != n:
            raise BadInput(
                f"{task.name} has {task.n_symbols} symbols, and the network {n}: it is another "
                "task."
            )
        if task.n_answers != n:
            raise BadInput(f"{task.name} has {task.n_answers} answers; the network has others.")
        return task

    def fit(self, spec: Spec) -> Fit:
        """How the network does on the spec's task."""
        task = self.task(spec)
        if not (task.is_of_pairs and self.foreign.of_pairs):
            return Fit(spec, task, self._read(spec, task, task.inputs) == task.answers)
        a, b = task.inputs.unbind(dim=1)
        return Fit(spec, task, self._table(spec, task)[a, b] == task.answers)

    def sampled(self, spec: Spec) -> Fit:
        """The same on at most `AT_ONCE` of the pairs, drawn at random: quick, and to .3 %."""
        task = self.task(spec)
        drawn = torch.randperm(len(task.inputs), generator=torch.Generator().manual_seed(0))
        some = task.at(drawn[:AT_ONCE].sort().values)
        return Fit(spec, some, self._read(spec, task, some.inputs) == some.answers)

    def _table(self, spec: Spec, task: Task) -> Int[Tensor, "symbol symbol"]:
        key = json.dumps([spec.model, spec.model_args], sort_keys=True)
        if key not in self._answers:
            symbols = torch.arange(self.foreign.n)
            answers = self._read(spec, task, torch.cartesian_prod(symbols, symbols))
            self._answers[key] = answers.view(len(symbols), len(symbols))
        return self._answers[key]

    @torch.no_grad()
    def _read(
        self, spec: Spec, task: Task, pairs: Int[Tensor, "pair operand"]
    ) -> Int[Tensor, " pair *answer"]:
        model, n = load_model(self.foreign, spec, task, self.state), self.foreign.n
        return torch.cat([model.last(x)[..., :n].argmax(dim=-1) for x in pairs.split(AT_ONCE)])


def load_model(foreign: ForeignNetwork, spec: Spec, task: Task, state: State) -> Model:
    """The spec's model with the weights of a foreign state. Raises `BadInput` if they are not
    its own."""
    weights = {name: _as_weights(name, w) for name, w in foreign.weights(state).items()}
    with torch.device("meta"):
        model = make_model(spec.model, spec.model_args, task, 0)
    shapes = {name: tuple(w.shape) for name, w in model.named_parameters()}
    for name, shape in shapes.items():
        if name not in weights:
            raise BadInput(f"it has no {name}, which model `{spec.model}` needs.")
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


def _as_weights(name: str, w: Tensor) -> Tensor:
    """Weights in float32 or float64; of whole numbers, those that float32 has exactly. Raises
    `BadInput` for what are no weights."""
    if w.dtype in PRECISE:
        return w
    if w.dtype == torch.bool or (not w.is_floating_point() and not _is_exact(w)):
        raise BadInput(f"its {name} holds {_kind(w)}, which are not weights.")
    return w.float()


def _is_exact(w: Tensor) -> bool:
    return bool((w.double().abs() <= 2**24).all())


def _kind(w: Tensor) -> str:
    return str(w.dtype).removeprefix("torch.")


def note_of_kinds(weights: State) -> tuple[str, ...]:
    """That weights of another precision than ours were converted, if some were."""
    kinds = dict.fromkeys(_kind(w) for w in weights.values() if w.dtype not in PRECISE)
    return (f"its weights are {' and '.join(kinds)}: converted to float32",) if kinds else ()


def precision_of(model: Model) -> Literal["float32", "float64"]:
    """The precision of its weights."""
    return "float64" if next(model.parameters()).dtype == torch.float64 else "float32"

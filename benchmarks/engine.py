"""What `train` runs of a step and of an evaluation, for the benchmarks to time."""

import torch

from grokscope.spec import Spec
from grokscope.training.evaluation import evaluated
from grokscope.training.losses import Objective
from grokscope.training.optimizers.adamw import AdamW
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, make_step


class Engine:
    """A stack of members that are all as the spec says, by a formulation of the step: loss,
    gradients and AdamW."""

    def __init__(self, spec: Spec, formulation: str, members: int = 1):
        run = Run.of(spec)
        self.spec, self.formulation, self.taken = spec, formulation, 0
        self.objective, self.n_answers = Objective.of(spec), run.task.n_answers
        self.every = Examples(run.task.inputs, run.taught)
        some = Examples(run.task.inputs[run.is_train], run.taught[run.is_train])
        self.stack = Stack([run.new_model() for _ in range(members)], "cpu", torch.float32)
        self.stack.is_native = formulation == "native"
        self.gradients = make_step(
            formulation, self.stack.template, [some] * members, spec.loss_precision, self.objective
        )
        self.optimizer = AdamW([spec] * members, self.stack)

    def step(self) -> None:
        self.gradients(self.stack)
        with torch.no_grad():
            self.optimizer.update(self.stack, self.taken)
        self.taken += 1

    @torch.no_grad()
    def evaluate(self) -> None:
        """All pairs, by the first member."""
        weights = {name: leaf[0] for name, leaf in self.stack.weights.items()}
        evaluated(
            self.stack.template, weights, self.every, self.n_answers, self.objective,
            self.formulation, self.spec.loss_precision,
        )  # fmt: skip

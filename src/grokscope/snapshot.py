"""One checkpoint with all there is to see, computed once and shared by every measure.

Many measures see the logits only through their means over the pairs that have the same answer
(for a+b mod p: the antidiagonals). The last map of a network is linear, so these means are taken
of its hidden layer, and the logits of all pairs are never computed: milliseconds a checkpoint.

Axes: pair = one input; c = an answer; neuron; s = an answer, as what pairs have in common.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from grokscope.algebra.splits import Split, isotypic
from grokscope.errors import NotApplicable
from grokscope.models.model import Fold, Model
from grokscope.tap import record
from grokscope.task import Task
from grokscope.training.run import Run
from grokscope.training.steps import can_fold, check_fold


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network on its task. `keys` are the parts that restricted and excluded losses keep and
    remove; given from outside, so that all checkpoints of a run can be read with the last one's."""

    task: Task
    is_train: Bool[Tensor, " pair"]
    model: Model
    step: int | None = None
    keys: tuple[str, ...] | None = None
    taught: Int[Tensor, " pair"] | None = None  # the answers shown; None: the task's

    @classmethod
    def of(cls, run: Run, step: int | None = None) -> "Snapshot":
        """The run's checkpoint at `step`, by default the last."""
        model = run.model(step)
        at = run.steps[-1] if step is None else step
        return cls(run.task, run.is_train, model, at, taught=run.taught)

    @cached_property
    def activations(self) -> dict[str, Tensor]:
        """Every named activation, computed no further than the last position needs."""
        with torch.no_grad():
            return record(self.model.last, self.task.inputs)

    @cached_property
    def mlp_post(self) -> Float[Tensor, "pair neuron"]:
        """The hidden layer after its nonlinearity."""
        if self._fold is not None:
            return self._hidden[0]
        if "mlp_post" not in self.activations:
            raise NotApplicable(f"{type(self.model).__name__} has no activation `mlp_post`.")
        post = self.activations["mlp_post"]
        return post[:, -1] if post.ndim == 3 else post

    @cached_property
    def logits(self) -> Float[Tensor, "pair c"]:
        """Of every pair; classes that are no answer are dropped."""
        return self._logits(slice(None))

    @cached_property
    def train_logits(self) -> Float[Tensor, "train c"]:
        return self._logits(self.is_train)

    @property
    def train_answers(self) -> Int[Tensor, " train"]:
        """What training taught of its pairs: the task's answers, or with label noise others."""
        return (self.task.answers if self.taught is None else self.taught)[self.is_train]

    @cached_property
    def mean_logits(self) -> Float[Tensor, "s c"]:
        """The mean of the logits over the pairs whose answer is s."""
        n, answers = self.task.n_answers, self.task.answers
        by_answer = answers.argsort(stable=True)
        counts = torch.bincount(answers, minlength=n)
        starts = counts.cumsum(0) - counts

        def mean(x: Float[Tensor, "pair width"]) -> Float[Tensor, "s width"]:
            return embedding_bag(by_answer, x, starts, mode="mean")

        if self._fold is None:
            return mean(self.logits)
        post, direct = self._hidden
        logits = self._fold.read_out(mean(post), None if direct is None else mean(direct))
        return logits[:, :n]

    @property
    def split(self) -> Split:
        """The parts of R^G that this task's functions fall into."""
        if self.task.group is None:
            raise NotApplicable(f"`{self.task.name}` is not a group's product on all pairs.")
        return isotypic(self.task.group)

    @cached_property
    def _fold(self) -> Fold | None:
        if not can_fold(self.model):
            return None
        check_fold(self.model, self.task.inputs)
        with torch.no_grad():
            return self.model.fold(self.task.inputs)

    @cached_property
    def _hidden(self) -> tuple[Tensor, Tensor | None]:
        assert self._fold is not None
        return self._fold.hidden()

    def _logits(self, pairs: slice | Tensor) -> Float[Tensor, "pair c"]:
        if self._fold is None:
            return self.activations["logits"][pairs, : self.task.n_answers]
        post, direct = self._hidden
        logits = self._fold.read_out(post[pairs], None if direct is None else direct[pairs])
        return logits[:, : self.task.n_answers]

"""Evaluations of all members of a stack at once, of which only the results leave the device.

The same numbers as those of one member after the other, `training.member`; that is what a CPU does,
whose caches a member alone fills.

Axes: member = one network; pair = one input.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from grokscope.score import is_right
from grokscope.training.events import Row
from grokscope.training.losses import Objective
from grokscope.training.member import Member
from grokscope.training.memory import AT_ONCE_ON_GPU
from grokscope.training.stack import Stack
from grokscope.training.stacked import below_each_other, stacked_logits
from grokscope.training.steps import can_fold, first_fold, rows_of, stacked_tables

VALUES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "sum_of_squares")


class AllAtOnce:
    """The evaluation of these members, whose pairs are as many and have one answer each."""

    def __init__(self, members: Sequence[Member], stack: Stack):
        spec, self.template = members[0].spec, stack.template
        self.objective, self.loss_precision = Objective.of(spec), spec.loss_precision
        self.n_answers = members[0].run.task.n_answers
        self.inputs = torch.stack([m.everything.inputs for m in members])
        self.answers = torch.stack([m.everything.answers for m in members])
        self.is_train = torch.stack([m.is_train for m in members])
        self.fold = first_fold(self.template, self.inputs[0])
        self.tables = stacked_tables(self.template)
        count = self.inputs.shape[1]
        size = max(1, AT_ONCE_ON_GPU // len(members))
        self.parts = [slice(i, i + size) for i in range(0, count, size)]
        self.rows = [rows_of(self.template, self.inputs[:, part]) for part in self.parts]

    @staticmethod
    def can(members: Sequence[Member], stack: Stack) -> bool:
        """Whether these members can be evaluated so."""
        shapes = {m.everything.answers.shape for m in members}
        if members[0].spec.record:  # whose evaluations have more
            return False
        is_folded = members[0].formulation in ("folded", "stacked")
        return len(shapes) == 1 and is_folded and can_fold(stack.template)

    @torch.no_grad()
    def __call__(self, stack: Stack) -> list[Row]:
        """What `training.member` has of each, in the order of the stack."""
        parts = [
            self._part(stack, part, rows) for part, rows in zip(self.parts, self.rows, strict=True)
        ]
        losses, rights = (torch.cat(x, dim=1) for x in zip(*parts, strict=True))
        columns = [
            mean
            for here in (self.is_train, ~self.is_train)
            for mean in (_mean(losses, here), _mean(rights, here))
        ]
        columns.append(stack.flat.double().square().sum(dim=1))
        table = torch.stack(
            columns, dim=1
        ).tolist()  # here, and nowhere else, the device is awaited
        return [dict(zip(VALUES, row, strict=True)) for row in table]

    def _part(self, stack: Stack, part: slice, rows: Tensor) -> tuple[Tensor, Tensor]:
        table, weights, W_L = self.tables(stack.weights, self.inputs[:, part])
        flat = below_each_other(rows, table.shape[1])
        logits = stacked_logits(table, weights, W_L, self.fold, flat)
        answers = self.answers[:, part].flatten()
        losses = self.objective.each(logits, answers, self.loss_precision)
        right = is_right(logits[:, : self.n_answers], answers)
        return losses.view(len(table), -1), right.view(len(table), -1)


def _mean(x: Tensor, here: Tensor) -> Tensor:
    """Over the pairs of a part, of each member; NaN where it has none."""
    return torch.where(here, x.double(), 0.0).sum(dim=1) / here.sum(dim=1)

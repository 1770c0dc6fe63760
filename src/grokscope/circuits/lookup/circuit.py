"""The lookup table: the null hypothesis, which always competes.

It stores the answer of every pair, one number each, and so agrees with any network. Whatever claims
to explain a network has to do with fewer numbers.

Axes: pair = one input; c = an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from grokscope.circuits import printed
from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.circuits.lookup import program
from grokscope.snapshot import Snapshot
from grokscope.task import Task


@dataclass(frozen=True, eq=False)
class Lookup(Circuit):
    """The answer of every pair, and how high its logit is above the others."""

    answers: Int[Tensor, " pair"]
    inputs: Int[Tensor, "pair operand"]
    height: float
    form: ClassVar[str] = "lookup"
    title: ClassVar[str] = "a table of all answers"
    how: ClassVar[str] = "It gives what stands in a table of all answers"
    algorithms: ClassVar[tuple[str, ...]] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        return ("table",)

    @property
    def size(self) -> int:
        return len(self.answers) + 1

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        rows, asked = _numbers(self.inputs, task.inputs)
        numbers, order = rows.sort()
        answers = self.answers[order[torch.searchsorted(numbers, asked)]]
        return self.height * torch.nn.functional.one_hot(answers, task.n_answers).double()

    def keeping(self, parts: Iterable[str]) -> "Lookup":
        chosen_parts(self, parts)
        return self

    @property
    def equation(self) -> str:
        return "answer = table[a, b]"

    def program(self) -> str:
        rows = zip(self.inputs.tolist(), self.answers.tolist(), strict=True)
        table = printed.in_lines((f"{tuple(symbols)}: {c}" for symbols, c in rows), "{}")
        return printed.program(program, self.equation, TABLE=table)


def _numbers(
    rows: Int[Tensor, "row operand"], asked: Int[Tensor, "pair operand"]
) -> tuple[Int[Tensor, " row"], Int[Tensor, " pair"]]:
    """One number for each input, the same in both: its symbols as digits, or where these are too
    many its place among all."""
    both = torch.cat([rows, asked])
    base = int(both.max()) + 1
    if base ** both.shape[1] < 2**63:
        powers = torch.tensor([base**i for i in range(both.shape[1])])
        numbers = both @ powers.to(both)
    else:
        numbers = both.unique(dim=0, return_inverse=True)[1]
    return numbers[: len(rows)], numbers[len(rows) :]


@finder(Lookup, needs_all_pairs=True)
def find(snapshot: Snapshot) -> Lookup:
    """The network's own answers, with the height that fits its logits best."""
    answers, above = [], []
    for x, _ in snapshot.answered():
        answers.append(x.argmax(dim=1))
        above.append(x.amax(dim=1).double() - x.mean(dim=1))
    n = snapshot.task.n_answers
    height = float(torch.cat(above).mean()) / (1 - 1 / n) if n > 1 else 0.0
    return Lookup(torch.cat(answers), snapshot.task.inputs, height)

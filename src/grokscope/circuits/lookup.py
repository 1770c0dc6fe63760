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

from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.snapshot import Snapshot
from grokscope.task import Task


@dataclass(frozen=True, eq=False)
class Lookup(Circuit):
    """The answer of every pair, and how high its logit is above the others."""

    answers: Int[Tensor, " pair"]
    inputs: Int[Tensor, "pair operand"]
    height: float
    form: ClassVar[str] = "lookup"

    @property
    def parts(self) -> tuple[str, ...]:
        return ("table",)

    @property
    def size(self) -> int:
        return len(self.answers) + 1

    def logits(self, task: Task) -> Float[Tensor, "pair c"]:
        return self.height * torch.nn.functional.one_hot(self.answers, task.n_answers).double()

    def keeping(self, parts: Iterable[str]) -> "Lookup":
        chosen_parts(self, parts)
        return self

    @property
    def equation(self) -> str:
        return "answer = table[a, b]"

    def program(self) -> str:
        rows = dict(zip(map(tuple, self.inputs.tolist()), self.answers.tolist(), strict=True))
        return f"TABLE = {rows}\n\n\ndef answer(*symbols):\n    return TABLE[symbols]\n"


@finder("lookup")
def find(snapshot: Snapshot) -> Lookup:
    """The network's own answers, with the height that fits its logits best."""
    logits = snapshot.logits.double()
    centred = logits - logits.mean(dim=1, keepdim=True)
    answers = logits.argmax(dim=1)
    top = centred.gather(1, answers[:, None])
    n = logits.shape[1]
    return Lookup(answers, snapshot.task.inputs, float(top.mean()) / (1 - 1 / n))

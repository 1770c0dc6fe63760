"""Dropout: in each step, and for each pair anew, a share of the hidden neurons is left out, and the
others are made larger by as much (Srivastava et al. 2014).

The hidden layers are those that a model calls `mlp_post`. Evaluations, measures and readings see
the whole network. What is left out follows from the seed and the step alone, so that a run that
goes on, or trains in a stack, is the one that it would have been.

Axes: pair = one training input; answer = where an input has several; c = an output class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.tap import Tap, record

HIDDEN = "mlp_post"


@dataclass(frozen=True)
class Dropout:
    """How likely a neuron is left out, and the seeds of a stack's members."""

    rate: float
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, specs: Sequence[Spec]) -> "Dropout | None":
        """What the specs of a stack ask for; None for none."""
        rate = specs[0].dropout
        return cls(rate, tuple(spec.seed for spec in specs)) if rate else None

    def tap(self, member: int, step: int) -> Tap:
        """What leaves a member's neurons out in a step, counted from 0."""
        seed = np.random.SeedSequence((self.seeds[member], step)).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed[0]))

        def drop(name: str, x: Tensor) -> Tensor:
            if not name.endswith(HIDDEN):
                return x
            kept = torch.empty(x.shape).bernoulli_(1 - self.rate, generator=generator)
            return x * kept.to(x) / (1 - self.rate)

        return drop


def check_dropout(model: Model, inputs: Int[Tensor, "pair operand"]) -> None:
    """Raise `BadInput` for a model that has nothing to leave out."""
    seen: Any = record(model.last, inputs[:1])
    if not any(name.endswith(HIDDEN) for name in seen):
        raise BadInput(
            f"`{type(model).__name__}` has no hidden layer called {HIDDEN}, of which dropout could "
            "leave neurons out. Leave out `dropout`, or choose model=transformer or model=mlp."
        )

"""What a network of a mixture makes of each operator.

A mixture has no product of its own, and so no parts; each of its formulas may have. `by_operator`
gives the network as one of each formula alone, with its own lens and split, so that every measure
of a formula is one of a mixture.

Axes: pair = one input; operand = a, b; c = an output class; symbol.
"""

from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from grokscope.errors import NotApplicable
from grokscope.measures.keys import key_parts
from grokscope.measures.losses import pair_losses
from grokscope.measures.measure import measure
from grokscope.models.model import Fold, Model, View
from grokscope.snapshot import Snapshot, once_per_snapshot
from grokscope.tap import Tap, no_tap
from grokscope.task import Task


class OneOperator(View):
    """A network of a mixture as one of the formula that this operator stands for."""

    def __init__(self, base: Model, operator: int):
        super().__init__(base)
        self.operator = operator

    @property
    def folds(self) -> bool:
        return self.base.folds

    def forward(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self.base(self._asked(inputs), tap)

    def last(
        self, inputs: Int[Tensor, "pair operand"], tap: Tap = no_tap
    ) -> Float[Tensor, "pair c"]:
        return self.base.last(self._asked(inputs), tap)

    def fold(self, inputs: Int[Tensor, "pair operand"]) -> Fold | None:
        return self.base.fold(self._asked(inputs))

    def _asked(self, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair 3"]:
        return pad(inputs, (0, 1), value=self.operator)

    def symbol_weights(self) -> dict[str, Float[Tensor, "symbol _"]]:
        return self.base.symbol_weights()


@once_per_snapshot
def by_operator(s: Snapshot) -> dict[str, Snapshot]:
    """The network on each formula alone. Raises `NotApplicable` for a task that is no mixture."""
    if not s.task.operators:
        raise NotApplicable(f"`{s.task.name}` is not a mixture of operators.")
    return {name: _alone(s, i, name) for i, name in enumerate(s.task.operators)}


def _alone(s: Snapshot, operator: int, name: str) -> Snapshot:
    here = (s.task.inputs[:, -1] == operator).nonzero()[:, 0]
    task = Task(
        f"{name} mod {s.task.modulus}",
        s.task.inputs[here, :2],
        s.task.answers[here],
        s.task.n_symbols,
        s.task.n_answers,
        modulus=s.task.modulus,
    )
    taught = None if s.taught is None else s.taught[here]
    return Snapshot(task, s.is_train[here], OneOperator(s.model, operator), s.step, taught=taught)


@measure(invariant=True)
def unseen_accuracy_by_operator(s: Snapshot) -> dict[str, float]:
    """Accuracy of each operator on test pairs that were not given away: of a symmetric formula
    those whose mirror (b, a) was not trained on. Chance: the share of the commonest answer."""
    found = {name: alone.is_right[alone.is_unseen] for name, alone in by_operator(s).items()}
    if not any(len(right) for right in found.values()):
        raise NotApplicable("the split gives every test pair away.")
    return {name: float(right.double().mean()) for name, right in found.items() if len(right)}


@measure(invariant=True)
def key_parts_by_operator(s: Snapshot) -> dict[str, float]:
    """How many key parts each operator's logits have, of those whose formula has a lens. Chance:
    none at the start."""
    return {name: float(len(keys)) for name, keys in keys_by_operator(s).items()}


@measure(invariant=True)
def shared_key_parts(s: Snapshot) -> dict[str, float]:
    """How many key parts each two operators share: parts of one name, so of one lens. Chance: the
    product of their numbers over the number of parts."""
    found = keys_by_operator(s)
    return {f"{x} & {y}": float(len({*found[x]} & {*found[y]})) for x, y in combinations(found, 2)}


@once_per_snapshot
def keys_by_operator(s: Snapshot) -> dict[str, tuple[str, ...]]:
    """The key parts of each operator whose formula has a lens. Raises `NotApplicable` where none
    has."""
    found = dict[str, tuple[str, ...]]()
    for name, alone in by_operator(s).items():
        try:
            found[name] = key_parts(alone).names
        except NotApplicable:
            continue
    if not found:
        raise NotApplicable(f"no formula of `{s.task.name}` is known to have a lens of its own.")
    return found


@measure(invariant=True)
def test_accuracy_by_operator(s: Snapshot) -> dict[str, float]:
    """Share of the held-out inputs of each operator that are answered right (Furuta et al. 2024).
    Chance: the share of the
    commonest answer."""
    held_out = _held_out(s)
    right = s.is_right.double()
    return {name: float(right[here].mean()) for name, here in held_out.items()}


@measure(invariant=True)
def test_loss_by_operator(s: Snapshot) -> dict[str, float]:
    """Mean cross-entropy of the held-out inputs of each operator, in nats. Chance: ln(number of
    answers)."""
    held_out = _held_out(s)
    losses = pair_losses(s)
    return {name: float(losses[here].mean()) for name, here in held_out.items()}


def _held_out(s: Snapshot) -> dict[str, Bool[Tensor, " pair"]]:
    """Which inputs of each operator were not trained on."""
    if not s.task.operators:
        raise NotApplicable(f"`{s.task.name}` is not a mixture of operators.")
    operator = s.task.inputs[:, -1]
    held_out = {name: s.is_test & (operator == i) for i, name in enumerate(s.task.operators)}
    for name, here in held_out.items():
        if not torch.any(here):
            raise NotApplicable(f"the split holds out no input of `{name}`.")
    return held_out

"""The native step of a network of one output unit over digits 0 and 1 (see `OneUnit`).

The library looks five digits up at a time, so pairs are packed for it once: five digits a byte.

Axes: pair = one input; digit = 0 or 1; five = a number of five digits; member = one network.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from grokscope.activations import Activation
from grokscope.models.model import Model, OneUnit
from grokscope.training import native
from grokscope.training.losses import Objective, clipped_bce, cross_entropy_per_class
from grokscope.training.stack import Stack


def one_unit_of(model: Model) -> OneUnit | None:
    """That of the model, unless its network was written anew after it."""
    for cls in type(model).__mro__:
        if "one_unit" in vars(cls):
            return model.one_unit()
        if {"forward", "last"} & vars(cls).keys():
            return None
    return None


def why_not_unit(act: Activation) -> str | None:
    """Why the library cannot take a unit of this activation."""
    if not hasattr(native.library(), "Unit"):
        return f"this grokscope-core has no step for a network of one unit: {native.BUILD} again"
    return native.why_not_act(act)


class Digits:
    """Pairs with their answers, as the library reads them. Digit 5 q + j of a pair is bit j of its
    number q."""

    def __init__(self, inputs: Int[Tensor, "pair digit"], answers: Int[Tensor, " pair"]):
        for x in (inputs, answers):
            assert bool(((x == 0) | (x == 1)).all())
        self.shape, self.answers = inputs.shape, answers.int().contiguous()
        assert len(answers) == len(inputs)
        self.fives = packed(inputs)

    def unit(self, weights: dict[str, torch.Size], act: Activation, loss: object) -> Any:
        """The network of W_in and W_out of these shapes, on these pairs."""
        (n_pairs, n_digits), (W_in, W_out) = self.shape, weights.values()
        n_neurons = W_in[1]
        assert (W_in, W_out) == ((n_digits + 1, n_neurons), (n_neurons, 1))
        core = native.library()
        return core.Unit(
            self.fives.data_ptr(), self.answers.data_ptr(), n_pairs, n_digits, n_neurons,
            loss is clipped_bce, getattr(core.Act, act.name),
        )  # fmt: skip


def packed(inputs: Int[Tensor, "pair digit"]) -> UInt8[Tensor, "pair five"]:
    """Five digits a number, the first of them its lowest bit; those that are lacking are 0."""
    whole = torch.nn.functional.pad(inputs, (0, -inputs.shape[1] % 5))
    bits = whole.unflatten(1, (-1, 5)) << torch.arange(5)
    return bits.sum(dim=-1).to(torch.uint8)


class UnitStep:
    """The step of members that are one unit: their losses, and the gradients of all weights. With
    several threads each takes some members."""

    def __init__(self, unit: OneUnit, model: Model, sets: Sequence[Digits], objective: Objective):
        shapes = {name: w.shape for name, w in model.named_parameters()}
        assert shapes.keys() == {unit.W_in, unit.W_out}
        own = {name: shapes[name] for name in (unit.W_in, unit.W_out)}
        starts, self.size = native.starts_of(shapes), sum(w.numel() for w in shapes.values())
        self.sets = list(sets)  # the library has their addresses
        self.units = [x.unit(own, model.act, objective.loss) for x in sets]
        self.settings = starts[unit.W_in], starts[unit.W_out], share(objective)

    def __call__(self, stack: Stack) -> Float[Tensor, " member"]:
        def some(first: int, last: int, *addresses: int) -> None:
            native.library().unit_gradients(self.units[first:last], *self.settings, *addresses)

        return native.stepped(stack, len(self.units), self.size, some)


@torch.no_grad()
def unit_evaluated(
    unit: OneUnit,
    model: Model,
    weights: dict[str, Tensor],
    digits: Digits,
    objective: Objective,
) -> tuple[Float[Tensor, " pair"], Bool[Tensor, " pair"]]:
    """The loss of each pair, and whether its answer is right, as `grokscope.score.is_right` counts
    it."""
    own = {name: weights[name].detach().contiguous() for name in (unit.W_in, unit.W_out)}
    assert all(w.dtype == torch.float32 for w in own.values())
    losses = torch.empty(len(digits.answers), dtype=torch.float64)
    right = torch.empty(len(digits.answers), dtype=torch.bool)
    addresses = [x.data_ptr() for x in (*own.values(), losses, right)]
    shapes = {name: w.shape for name, w in own.items()}
    digits.unit(shapes, model.act, objective.loss).evaluate(*addresses)
    return losses * share(objective), right


def share(objective: Objective) -> float:
    """What the loss is of cross-entropy, or of clipped_bce."""
    return 0.5 if objective.loss is cross_entropy_per_class else 1.0

"""Networks of one shape, their weights stacked so that many train as one.

All weights of all members are one matrix, and so are all gradients; each named weight is a view of
it with a leading axis. An optimiser is then a few lines on matrices, with a learning rate and
a weight decay for each member, and a member that has finished is a row that is left out.

Axes: member = one network; weight = one number of it.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.models.model import Model

State = dict[str, Tensor]


class Stack:
    """`weights[name]` are leaves of shape (member, ...) that share memory with `flat`;
    `backward` writes the gradients into `grad`, laid out as `flat` is; of what is held they are
    0. `losses` are those of the step whose update is taken, and `step` is its number, from 0."""

    def __init__(self, models: Sequence[Model], device: str, dtype: torch.dtype):
        self.template = deepcopy(models[0]).to(device=device, dtype=dtype)  # called, not trained
        self.shapes = {name: w.shape for name, w in models[0].named_parameters()}
        rows = torch.stack(
            [torch.cat([w.detach().flatten() for w in m.parameters()]) for m in models]
        )
        # Rows of whole cache lines: a member rounds alike wherever in a stack it stands.
        padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % 16))
        self._lay_out(padded.to(device=device, dtype=dtype))
        self.losses: Float[Tensor, " member"] = padded.new_zeros(len(models))
        self.step = 0
        self.held: dict[str, Tensor] = {}  # weights that are not trained; see `hold`
        self.is_native = False  # whether its updates may be taken natively, as its steps are

    def _lay_out(self, flat: Float[Tensor, "member weight"]) -> None:
        self.flat, self.grad = flat, torch.zeros_like(flat)
        self.weights: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + shape.numel()
            self.weights[name] = flat[:, start:stop].view(-1, *shape).requires_grad_()
            self.gradients[name] = self.grad[:, start:stop].view(-1, *shape)
            start = stop

    def backward(self, losses: Float[Tensor, " member"]) -> None:
        """Write each member's gradient of its own loss into `grad`."""
        leaves = list(self.weights.values())
        gradients = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
        for kept, new in zip(self.gradients.values(), gradients, strict=True):
            kept.zero_() if new is None else kept.copy_(new)
        for name in self.held:
            self.gradients[name].zero_()

    def members(self) -> list[dict[str, Tensor]]:
        """The weights of each member, differentiable as parts of the stack."""
        unbound = [leaf.unbind(0) for leaf in self.weights.values()]
        return [dict(zip(self.weights, row, strict=True)) for row in zip(*unbound, strict=True)]

    def hold(self, names: Sequence[str]) -> None:
        """From now on `restore` brings these weights back to what they are now."""
        self.held = {name: self.weights[name].detach().clone() for name in names}

    @torch.no_grad()
    def restore(self) -> None:
        for name, kept in self.held.items():
            self.weights[name].copy_(kept)

    def states(self, members: list[int]) -> State:
        """A copy of some members' weights, with a row for each, on the CPU."""
        return {name: w.detach()[members].cpu() for name, w in self.weights.items()}

    def keep(self, members: list[int]) -> None:
        """Leave out all other members."""
        self._lay_out(self.flat[members].clone())
        self.held = {name: kept[members] for name, kept in self.held.items()}

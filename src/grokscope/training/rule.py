"""What an update consists of: rules, each a change of every member's gradients or weights.

Filters of the gradient, optimisers and the norm clamp are rules, written for a whole stack. What
the spec sets for all of them (lr, weight_decay, betas, eps, warmup) is a column with a row for each
member; what one alone has is an argument, alike for all members of a stack.

Axes: member = one network; weight = one number of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from grokscope.errors import BadInput, must_be
from grokscope.spec import Spec
from grokscope.training.stack import Stack

Count = int | Tensor  # of updates; on a GPU a tensor that stays there


class Rule(ABC):
    """A change in every step, and what it remembers from one step to the next.

    A subclass takes its arguments, all with defaults, after `specs` and `stack`; sets `state`; and
    says in `update` what it does. Whatever `state` holds, by any names, has a row for each member:
    it is saved with the weights and restored exactly, and counted where memory is. The constructor
    is called on a stack without numbers too (device "meta"), where arguments and sizes are checked:
    it may read shapes, not values. A rule that looks at `spec.steps`, as a rate that falls to the
    end does, says so by `reads_steps`: a finished run does not go on with it.
    """

    reads_steps: bool | None = None  # None: not said, so that one of your own may
    state: dict[str, Float[Tensor, "member ..."]]

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        self.state = {}
        self._columns(specs, stack.flat.device)

    def _columns(self, specs: Sequence[Spec], device: torch.device) -> None:
        def column(values: Sequence[float]) -> Float[Tensor, "member 1"]:
            return torch.tensor(values, dtype=torch.float64, device=device)[:, None]

        self.specs = list(specs)
        self.lr = column([s.lr for s in specs])
        self.weight_decay = column([s.weight_decay for s in specs])
        self.beta1 = column([s.betas[0] for s in specs])
        self.beta2 = column([s.betas[1] for s in specs])
        self.eps = column([s.eps for s in specs])
        self.warmup = column([float(s.warmup) for s in specs])

    @abstractmethod
    def update(self, stack: Stack, step: Count) -> None:
        """Change `stack.grad` or `stack.flat` in update number `step`, from 0;
        on a GPU that is a float64 tensor of one number there, so that nothing waits for it.

        Called without autograd. Their named views are `stack.gradients` and `stack.weights`.
        """

    def ramp(self, step: Count) -> Float[Tensor, "member 1"]:
        """The share of the learning rate while it warms up: step / warmup, then 1."""
        return torch.where(self.warmup > step, step / self.warmup, 1.0)

    def keep(self, members: list[int]) -> None:
        """Leave out all other members."""
        self.state = {name: rows[members].clone() for name, rows in self.state.items()}
        self._columns([self.specs[k] for k in members], self.lr.device)


R = TypeVar("R", bound=type[Rule])
OPTIMIZERS: dict[str, type[Rule]] = {}
FILTERS: dict[str, type[Rule]] = {}


def optimizer(cls: R) -> R:
    """Make an optimiser available by the name of its class, in lower case. Raises `BadInput` for
    the name of one of grokscope's own."""
    return _register(OPTIMIZERS, cls)


def gradient_filter(cls: R) -> R:
    """Make a filter of the gradient available in the same way."""
    return _register(FILTERS, cls)


def _register(registry: dict[str, type[Rule]], cls: R) -> R:
    name = cls.__name__.lower()
    taken = registry.get(name)
    if taken and taken.__module__.startswith("grokscope.") and taken.__module__ != cls.__module__:
        raise BadInput(f"`{name}` is one of grokscope's own. Call yours by another name.")
    registry[name] = cls
    return cls


def by_member(
    f: Callable[[Tensor], Tensor], rows: Float[Tensor, "member ..."]
) -> Float[Tensor, "member ..."]:
    """`f` of each row alone, so that a member rounds alike in any stack: sums and matrix products
    over all rows at once may take another order when their number changes."""
    return torch.stack([f(row) for row in rows])


def require(good: bool, key: str, value: object, wanted: str) -> None:
    """Raise `BadInput` that says what `key` must be, unless it is `good`."""
    if not good:
        raise must_be(key, wanted, value)

"""One update of a stack: the filter of the gradient, the optimiser, then the norm clamp and the
record of losses if asked."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput, lookup, unknown
from grokscope.models.model import Model
from grokscope.models.sizes import SizesAlone
from grokscope.spec import Spec, typed
from grokscope.training import filters as _filters  # noqa: F401  (registers the built-in ones)
from grokscope.training import optimizers as _optimizers  # noqa: F401
from grokscope.training.clamp import NormClamp
from grokscope.training.record import Record
from grokscope.training.rule import FILTERS, OPTIMIZERS, Count, Rule
from grokscope.training.stack import Stack


class Update:
    """The rules that the specs of a stack's members share, in the order of their use.

    Raises `UnknownName` or `BadInput` for a name or an argument that is not one of theirs.
    """

    def __init__(self, specs: Sequence[Spec], stack: Stack):
        spec = specs[0]
        roles: dict[str, tuple[str, dict[str, type[Rule]], dict[str, Any]]] = {
            "gradient": (spec.gradient, FILTERS, spec.gradient_args),
            "optimizer": (spec.optimizer, OPTIMIZERS, spec.optimizer_args),
        }
        self.rules: dict[str, Rule] = {}
        for role, (name, registry, args) in roles.items():
            cls = lookup("filter of the gradient" if role == "gradient" else role, name, registry)
            self.rules[role] = cls(specs, stack, **_checked(f"{role} `{name}`", role, cls, args))
        if spec.norm_clamp is not None:
            self.rules["clamp"] = NormClamp(specs, stack)
        if spec.record:
            self.rules["record"] = Record(specs, stack)

    @staticmethod
    def shared(spec: Spec) -> list[Any]:
        """What is alike in all members of a stack."""
        own = [spec.optimizer, spec.optimizer_args, spec.gradient, spec.gradient_args]
        return [*own, spec.norm_clamp is None, spec.record]

    @property
    def state(self) -> dict[str, Tensor]:
        """All that the rules remember, by the names under which it is saved: the optimiser's own,
        and those of other rules after their role. Each member has a row."""
        return {
            name if role == "optimizer" else f"{role}.{name}": rows
            for role, rule in self.rules.items()
            for name, rows in rule.state.items()
        }

    @torch.no_grad()
    def __call__(self, stack: Stack, step: Count) -> None:
        """Update number `step`, from 0, by the gradients in `stack.grad`."""
        for rule in self.rules.values():
            rule.update(stack, step)

    def keep(self, members: list[int]) -> None:
        """Leave out all other members."""
        for rule in self.rules.values():
            rule.keep(members)


def sketch(spec: Spec, model: Model) -> dict[str, Tensor]:
    """The state of one member's update, in shapes without numbers: names, sizes, and errors."""
    dtype = next(model.parameters()).dtype
    with SizesAlone():
        state = Update([spec], Stack([model], "meta", dtype)).state
    if both := sorted(state.keys() & dict(model.named_parameters()).keys()):
        raise BadInput(
            f"model `{spec.model}` has a weight called `{both[0]}`, and so has the state of "
            f"optimizer `{spec.optimizer}`. Call the weight by another name."
        )
    return {name: rows[0] for name, rows in state.items()}


def _checked(what: str, role: str, cls: type[Rule], args: dict[str, Any]) -> dict[str, Any]:
    """The arguments as `cls` takes them. Raises for an unknown one, or of another kind."""
    defaults = {k: p.default for k, p in inspect.signature(cls).parameters.items()}
    settable = {k: x for k, x in defaults.items() if x is not inspect.Parameter.empty}
    for key in args:
        if key not in settable and not settable:
            raise BadInput(f"{what} has no arguments. Leave out `{role}.{key}`.")
        if key not in settable:
            raise unknown(f"argument of {what}", f"{role}.{key}", [f"{role}.{k}" for k in settable])
    kinds = {key: type(default) for key, default in settable.items()}
    plain = (bool, int, float, str)  # of another kind the class itself is the judge
    return {
        key: typed(f"{role}.{key}", value, kinds[key]) if kinds[key] in plain else value
        for key, value in args.items()
    }

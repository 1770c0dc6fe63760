"""Seeing and changing what happens inside a network.

Every model names its activations by passing them through one function, the tap:
`h = tap("mlp_post", h)`. Recording is a tap that keeps a copy; an ablation is a tap that returns
something else. There are no hooks to add, and so none to forget to remove.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from torch import Tensor

from grokscope.errors import unknown

Tap = Callable[[str, Tensor], Tensor]
Edit = Callable[[Tensor], Tensor]


def no_tap(name: str, x: Tensor) -> Tensor:
    """The tap that changes nothing."""
    return x


class _Reached(Exception):
    """Ends a forward pass that has shown what was asked for."""


def record(
    model: Callable[..., Tensor], inputs: Tensor, until: str | None = None
) -> dict[str, Tensor]:
    """Every named activation of `model` on `inputs`, in the order of the computation; no further
    than the one called `until`, if the model has it."""
    seen: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x.detach()
        if name == until:
            raise _Reached
        return x

    with suppress(_Reached):
        model(inputs, tap)
    return seen


def edit(model: Callable[..., Tensor], inputs: Tensor, edits: Mapping[str, Edit]) -> Tensor:
    """The logits of `model` when each activation named in `edits` is replaced by its edit.

    Raises `UnknownName` if the model has no activation of that name.
    """
    passed: set[str] = set()

    def tap(name: str, x: Tensor) -> Tensor:
        passed.add(name)
        return edits[name](x) if name in edits else x

    logits = model(inputs, tap)
    for name in edits:
        if name not in passed:
            raise unknown("activation", name, passed)
    return logits

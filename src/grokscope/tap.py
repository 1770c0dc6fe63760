"""Seeing and changing what happens inside a network.

Every model names its activations by passing them through one function, the tap:
`h = tap("mlp_post", h)`. Recording is a tap that keeps a copy; an ablation is a tap that returns
something else. There are no hooks to add, and so none to forget to remove.

A Transformer whose activations are TransformerLens's, positions and all, has its names for them
too: "blocks.0.mlp.hook_post" is "mlp_post". It says so by passing `pos_embed` first.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from torch import Tensor

from grokscope.errors import unknown

Tap = Callable[[str, Tensor], Tensor]
Edit = Callable[[Tensor], Tensor]

OUTSIDE = {"embed": "hook_embed", "pos_embed": "hook_pos_embed"}
IN_A_LAYER = {
    "resid_pre": "hook_resid_pre",
    "q": "attn.hook_q",
    "k": "attn.hook_k",
    "v": "attn.hook_v",
    "attn_scores": "attn.hook_attn_scores",
    "pattern": "attn.hook_pattern",
    "z": "attn.hook_z",
    "attn_out": "hook_attn_out",
    "resid_mid": "hook_resid_mid",
    "mlp_pre": "mlp.hook_pre",
    "mlp_pre_linear": "mlp.hook_pre_linear",
    "mlp_post": "mlp.hook_post",
    "mlp_out": "hook_mlp_out",
    "resid_post": "hook_resid_post",
}


def no_tap(name: str, x: Tensor) -> Tensor:
    """The tap that changes nothing."""
    return x


class HookNames:
    """TransformerLens's names for the activations of one pass, told as they go by."""

    def __init__(self) -> None:
        self._has_them, self._earlier = False, 0

    def of(self, name: str) -> str:
        """The name of an activation: TransformerLens's, or its own where it has none."""
        self._has_them = self._has_them or name == "pos_embed"
        layer, _, last = name.rpartition(".")
        number = layer.removeprefix("layer")
        self._earlier = max(self._earlier, int(number) + 1) if number.isdecimal() else self._earlier
        if not self._has_them:
            return name
        if last in IN_A_LAYER:
            return f"blocks.{number or self._earlier}.{IN_A_LAYER[last]}"
        return OUTSIDE.get(name, name)


class Activations(dict[str, Tensor]):
    """Activations by their names; asked for by TransformerLens's, they are found too."""

    def __init__(self) -> None:
        super().__init__()
        self.hooked: dict[str, str] = {}  # TransformerLens's name -> ours

    def __missing__(self, name: str) -> Tensor:
        if name in self.hooked:
            return self[self.hooked[name]]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.hooked


class _Reached(Exception):
    """Ends a forward pass that has shown what was asked for."""


def record(model: Callable[..., Tensor], inputs: Tensor, until: str | None = None) -> Activations:
    """Every named activation of `model` on `inputs`, in the order of the computation; no further
    than the one called `until`, if the model has it."""
    seen, names = Activations(), HookNames()

    def tap(name: str, x: Tensor) -> Tensor:
        seen[name] = x.detach()
        hooked = names.of(name)
        if hooked != name:
            seen.hooked[hooked] = name
        if until in (name, hooked):
            raise _Reached
        return x

    with suppress(_Reached):
        model(inputs, tap)
    return seen


def edit(model: Callable[..., Tensor], inputs: Tensor, edits: Mapping[str, Edit]) -> Tensor:
    """The logits of `model` when each activation named in `edits`, by either of its names, is
    replaced by its edit.

    Raises `UnknownName` if the model has no activation of that name.
    """
    passed, names = set[str](), HookNames()

    def tap(name: str, x: Tensor) -> Tensor:
        for called in dict.fromkeys((name, names.of(name))):
            passed.add(called)
            x = edits[called](x) if called in edits else x
        return x

    logits = model(inputs, tap)
    for name in edits:
        if name not in passed:
            raise unknown("activation", name, passed)
    return logits

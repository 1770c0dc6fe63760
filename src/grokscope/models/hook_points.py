"""A network as a torch module whose activations are submodules, for what looks at those: torch's
own hooks, nnsight, captum.

Axes: pair = one input; operand = its symbols; answer; c = an output class.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from grokscope.models.model import Model
from grokscope.tap import HookNames, record


class HookPoints(nn.Module):
    """A model, and beside it an identity for each of its activations, at the place of its name:
    TransformerLens's, such as `blocks[0].mlp.hook_post`, or where it has none ours.

    Every activation passes its identity, so what a hook on it returns takes its place.
    """

    def __init__(self, model: Model, inputs: Int[Tensor, "pair operand"]):
        super().__init__()
        self.network = model
        seen = record(model, inputs)
        hooked = {ours: theirs for theirs, ours in seen.hooked.items()}
        for name in seen:
            _put(self, hooked.get(name, name).split("."))

    def forward(self, inputs: Int[Tensor, "pair operand"]) -> Float[Tensor, "pair *answer c"]:
        names = HookNames()
        return self.network(inputs, lambda name, x: self.get_submodule(names.of(name))(x))


def _put(owner: nn.Module, path: list[str]) -> None:
    """An identity at this path, and the modules on the way; numbers are places in a list."""
    first, *rest = path
    children = dict(owner.named_children())
    if not rest:
        owner.add_module(first, nn.Identity())
        return
    if first not in children:
        owner.add_module(first, nn.ModuleList() if rest[0].isdecimal() else nn.Module())
    _put(owner.get_submodule(first), rest)

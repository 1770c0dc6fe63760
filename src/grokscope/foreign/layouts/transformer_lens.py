"""TransformerLens's names and axes; the package itself is not needed.

A state of `HookedTransformer` (2.x, 3.x) has our axes, a name for each layer's weight, biases
everywhere, and buffers, which are left out. 4.x has no such class: its native form has torch's axes
(`blocks.0.attn.q.weight`), and `convert_tl_checkpoint` of
`transformer_lens.utilities.tl_checkpoint_conversion` makes it from the state that
`models.hooked` makes of ours.

Axes: layer; head; d = d_model, e = d_head; neuron; symbol; c = an output class.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.decoders import Facts, decoder
from grokscope.foreign.layout import Contents, ForeignNetwork, State, layout
from grokscope.foreign.reasons import check

NORMS = {None: "none", "LN": "layer", "LNPre": "layer", "RMS": "rms", "RMSPre": "rms"}


def _has_heads(contents: Contents) -> bool:
    return contents.state["blocks.0.attn.W_O"].ndim == 3


@layout("embed.W_E", "blocks.0.attn.W_O", "unembed.W_U", where=_has_heads, rank=1)
def transformer_lens(contents: Contents) -> ForeignNetwork:
    """A `HookedTransformer` of TransformerLens 2.x or 3.x."""
    return _read(contents, lambda w: w)


@layout("embed.weight", "blocks.0.attn.q.weight", "unembed.weight")
def transformer_lens4(contents: Contents) -> ForeignNetwork:
    """The same as TransformerLens 4.x stores it; the number of heads stands in its JSON."""
    n_heads = contents.config.get("n_heads")
    if type(n_heads) is not int or n_heads < 1:
        raise BadInput(
            "its number of heads is not in the weights. Put a JSON with n_heads beside it, named "
            "as the file is."
        )

    def old_names(w: State) -> State:
        return dict(_old(name, x, n_heads) for name, x in w.items())

    return _read(contents, old_names)


def _old(name: str, x: Tensor, n_heads: int) -> tuple[str, Tensor]:
    """A tensor of 4.x with the name and axes that it had in 3.x."""
    place, _, last = name.rpartition(".")
    stem, _, part = place.rpartition(".")  # "blocks.0.mlp", "in"; "", "ln_final"
    side = "W" if last == "weight" else "b"
    match part:
        case "q" | "k" | "v":
            by_head = x.unflatten(0, (n_heads, -1))
            return f"{stem}.{side}_{part.upper()}", by_head.mT if side == "W" else by_head
        case "o":
            return f"{stem}.{side}_O", x.T.unflatten(0, (n_heads, -1)) if side == "W" else x
        case "in" | "out" | "gate":
            return f"{stem}.{side}_{part}", x.T if side == "W" else x
        case "ln1" | "ln2" | "ln_final":
            return f"{place}.{side.lower()}", x
    match place, last:
        case ("unembed", "weight"):
            return "unembed.W_U", x.T
        case ("unembed", "bias"):
            return "unembed.b_U", x
        case ("embed", "weight"):
            return "embed.W_E", x
        case ("pos_embed", "weight"):
            return "pos_embed.W_pos", x
    return name, x


def _read(contents: Contents, renamed: Callable[[State], State]) -> ForeignNetwork:
    check(contents.state, contents.config)
    return decoder(contents, renamed, _facts(contents.config, renamed(contents.state)))


def _facts(config: dict[str, Any], w: State) -> Facts:
    """What its configuration says, or else its norms' weights do."""
    norms = {name.rpartition(".")[2] for name in w if ".ln" in name or name.startswith("ln_")}
    kind = "none" if not norms else "layer" if "b" in norms else "rms"
    said = config.get("normalization_type", ...)
    if said is not ... and said not in NORMS:
        raise BadInput(f"its normalisation is {said}, and those that are read are LN and RMS.")
    return Facts(
        norm=kind if said is ... or norms else NORMS[said],
        eps=float(config.get("eps") or 1e-5),
        causal=config.get("attention_dir", "causal") == "causal",
        scale=_scale(config),
    )


def _scale(config: dict[str, Any]) -> float | None:
    """What scores are divided by, where a configuration says another number than sqrt(d_head)."""
    if config.get("use_attn_scale") is False:
        return 1.0
    scale = config.get("attn_scale")
    return float(scale) if isinstance(scale, int | float) and scale > 0 else None

"""Transformers as libraries name them: PyTorch's nn.TransformerEncoder, and GPT-2 as nanoGPT and
Hugging Face write it.

Both hide queries, keys and values in one matrix; how many heads there are stands beside the
weights. Of the encoder, whether norms come first and what positions see are settings of the code:
taken are its defaults, norms after the sums, and what the answers tell.

Axes: those of torch: a map's weight is (output, input).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.decoders import Facts, decoder
from grokscope.foreign.layout import Contents, ForeignNetwork, State, layout
from grokscope.foreign.layouts.dense import EMBEDDING
from grokscope.foreign.reasons import check

HEADS = ("n_heads", "n_head", "nhead", "num_heads", "heads")
LAYER = re.compile(r".*?(?:layers|h|blocks)\.(\d+)\.(.+)")
OUTPUT = re.compile(r"out|head|fc|unembed|lm|decoder|classif|proj", re.IGNORECASE)


def n_heads_of(config: dict[str, Any]) -> int:
    """How many heads a configuration says. Raises `BadInput` if it does not."""
    said = next((config[key] for key in HEADS if key in config), None)
    if type(said) is not int or said < 1:
        raise BadInput(
            "its number of heads is not in the weights. Put a JSON with n_heads beside it, named "
            "as the file is."
        )
    return said


def _is_encoder(contents: Contents) -> bool:
    return any(name.endswith("self_attn.in_proj_weight") for name in contents.state)


@layout(where=_is_encoder, rank=1)
def torch_encoder(contents: Contents) -> ForeignNetwork:
    """PyTorch's nn.TransformerEncoder between an nn.Embedding and an nn.Linear."""
    check(contents.state, {})
    n_heads, config = n_heads_of(contents.config), contents.config

    def renamed(w: State) -> State:
        return _renamed(w, n_heads, ENCODER, lambda x: x)

    said, has_last = config.get("norm_first"), "ln_final.w" in renamed(contents.state)
    eps = float(config.get("layer_norm_eps") or 1e-5)
    facts = [
        Facts(norm="layer", norm_after=after, final_norm=has_last, eps=eps, causal=causal)
        for after in ((True, False) if said is None else (not said,))
        for causal in (False, True)
    ]
    first, *others = (decoder(contents, renamed, x) for x in facts)
    each = tuple(x for network in others for x in (network, *network.others))
    assumes = first.assumes | ({"norm": "after the sums"} if said is None else {})
    return replace(first, others=(*first.others, *each), assumes=assumes)


def _is_gpt(contents: Contents) -> bool:
    return any(name.endswith("attn.c_attn.weight") for name in contents.state)


@layout(where=_is_gpt, rank=1)
def gpt2(contents: Contents) -> ForeignNetwork:
    """GPT-2 as nanoGPT and Hugging Face name it."""
    check(contents.state, {})
    n_heads = n_heads_of(contents.config)

    def renamed(w: State) -> State:
        first = next(x for name, x in w.items() if name.endswith("attn.c_attn.weight"))
        is_conv1d = first.shape[1] == 3 * first.shape[0]  # Hugging Face has the input first
        return _renamed(w, n_heads, GPT, lambda x: x.T if is_conv1d else x)

    eps = float(contents.config.get("layer_norm_epsilon") or 1e-5)
    return decoder(contents, renamed, Facts(norm="layer", eps=eps, act="gelu"))


# their names within a layer -> ours; of `qkv` three at once
ENCODER = {
    "self_attn.in_proj_weight": "qkv.W",
    "self_attn.in_proj_bias": "qkv.b",
    "self_attn.out_proj.weight": "attn.W_O",
    "self_attn.out_proj.bias": "attn.b_O",
    "linear1.weight": "mlp.W_in",
    "linear1.bias": "mlp.b_in",
    "linear2.weight": "mlp.W_out",
    "linear2.bias": "mlp.b_out",
    "norm1.weight": "ln1.w",
    "norm1.bias": "ln1.b",
    "norm2.weight": "ln2.w",
    "norm2.bias": "ln2.b",
}
GPT = {
    "attn.c_attn.weight": "qkv.W",
    "attn.c_attn.bias": "qkv.b",
    "attn.c_proj.weight": "attn.W_O",
    "attn.c_proj.bias": "attn.b_O",
    "mlp.c_fc.weight": "mlp.W_in",
    "mlp.c_fc.bias": "mlp.b_in",
    "mlp.c_proj.weight": "mlp.W_out",
    "mlp.c_proj.bias": "mlp.b_out",
    "ln_1.weight": "ln1.w",
    "ln_1.bias": "ln1.b",
    "ln_2.weight": "ln2.w",
    "ln_2.bias": "ln2.b",
}
BUFFERS = re.compile(r"attn\.(masked_)?bias$|position_ids$|\bmask$")


def _renamed(
    w: State, n_heads: int, names: dict[str, str], turned: Callable[[Tensor], Tensor]
) -> State:
    """The tensors under TransformerLens's names and axes. Raises `BadInput` for one that is none
    of them."""
    ours: State = {}
    for name, x in w.items():
        match = LAYER.fullmatch(name)
        if match and match[2] in names:
            ours |= _of_layer(f"blocks.{match[1]}.", names[match[2]], x, n_heads, turned)
        elif not BUFFERS.search(name):
            ours |= _outside(name, x)
    if "unembed.W_U" not in ours and "embed.W_E" in ours:  # tied
        ours["unembed.W_U"] = ours["embed.W_E"].T
    for name in ("embed.W_E", "unembed.W_U"):
        if name not in ours:
            raise BadInput(f"none of its tensors is the {name.split('.')[0]}ding of its tokens.")
    return ours


def _of_layer(
    block: str, name: str, x: Tensor, n_heads: int, turned: Callable[[Tensor], Tensor]
) -> State:
    match name:
        case "qkv.W":
            each = zip("QKV", turned(x).chunk(3), strict=True)
            return {f"{block}attn.W_{q}": y.unflatten(0, (n_heads, -1)).mT for q, y in each}
        case "qkv.b":
            each = zip("QKV", x.chunk(3), strict=True)
            return {f"{block}attn.b_{q}": y.unflatten(0, (n_heads, -1)) for q, y in each}
        case "attn.W_O":
            return {f"{block}attn.W_O": turned(x).T.unflatten(0, (n_heads, -1))}
        case "mlp.W_in" | "mlp.W_out":
            return {block + name: turned(x).T}
    return {block + name: x}


def _outside(name: str, x: Tensor) -> State:
    """A tensor outside the layers, by what its name says it is."""
    words = name.lower()
    kind = "b" if name.endswith("bias") else "w"
    if "pos" in words or "wpe" in words:
        return {"pos_embed.W_pos": x.squeeze(0) if x.ndim == 3 else x}
    if x.ndim == 2 and EMBEDDING.search(words):
        return {"embed.W_E": x}
    if re.search(r"ln_f|norm", words):
        return {f"ln_final.{kind}": x}
    if OUTPUT.search(words):
        return {"unembed.W_U": x.T} if kind == "w" else {"unembed.b_U": x}
    raise BadInput(f"nothing here reads its {name}.")

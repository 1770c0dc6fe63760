"""A network as TransformerLens has it: its state, its configuration, and the model itself where the
package is installed.

What TransformerLens has no such thing for is refused by the name of it.

Axes: layer; head; d = d_model, e = d_head; neuron; symbol; c = an output class;
pair = one input; operand = its symbols; pos.
"""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from grokscope.errors import BadInput, NotApplicable
from grokscope.models.chughtai import Chughtai
from grokscope.models.decoder import Decoder
from grokscope.models.layers import NORMS, Layer, layers_of
from grokscope.models.model import Model
from grokscope.models.pizza import Pizza
from grokscope.models.sequence import Sequence
from grokscope.models.transformer import Transformer

State = dict[str, Tensor]
ACTS = ("relu", "gelu", "silu")  # that are ours too, and called so
KINDS = {NORMS["none"]: None, NORMS["layer"]: "LN", NORMS["rms"]: "RMS"}
CONVERTED = "transformer_lens.utilities.tl_checkpoint_conversion"  # of 4.x


def as_hooked(model: Model) -> tuple[State, dict[str, Any]]:
    """A network's weights as a `HookedTransformer` (2.x, 3.x) names them, with its buffers, and the
    fields of its configuration. Raises `NotApplicable` for a network that TransformerLens does not
    have."""
    check_counterpart(model)
    written: Any = model
    layers = layers_of(written)
    state: State = {"embed.W_E": written.W_E, "pos_embed.W_pos": written.W_pos}
    n_ctx = len(written.W_pos)
    for i, layer in enumerate(layers):
        state |= {f"blocks.{i}.{name}": x for name, x in _block(layer, n_ctx).items()}
    b_U = getattr(written, "b_U", None)
    W_U = written.W_U
    state |= {
        "unembed.W_U": W_U,
        "unembed.b_U": W_U.new_zeros(W_U.shape[1]) if b_U is None else b_U,
    }
    if getattr(model, "has_final_norm", False):
        state |= _norm("ln_final", written.ln_final_w, getattr(written, "ln_final_b", None))
    state = {name: x.detach().contiguous() for name, x in state.items()}
    return state, _config(written, layers)


def check_counterpart(model: Model) -> None:
    """Raise `NotApplicable` for a network that TransformerLens does not have, by its reason."""
    if reason := why_no_counterpart(model):
        raise NotApplicable(f"model `{type(model).__name__.lower()}` is not a network of "
                            f"TransformerLens: {reason}.")  # fmt: skip


def why_no_counterpart(model: Model) -> str | None:
    """Why TransformerLens has no such network; None where it has."""
    match model:
        case Pizza() if model.attention_rate != 1:
            return "its attention is partly uniform"
        case Transformer() | Chughtai() if model.mix is not None:
            return "its attention is partly uniform"
        case Decoder() if model.W_pos is None:
            return "its positions have no embeddings"
        case Decoder() if model.norm is not None and model.norm.is_after:
            return "its norms come after the sums"
        case Decoder() if model.norm is not None and not model.has_final_norm:
            return "it has no norm before its output map"
        case Transformer() | Chughtai() | Pizza() | Sequence() | Decoder():
            has_mlp = getattr(model, "has_mlp", True)
            if has_mlp and model.act.name not in ACTS:
                return f"of our activations it has {', '.join(ACTS)}, and not {model.act.name}"
            return None
    return "it is of another form"


def _block(layer: Layer, n_ctx: int) -> State:
    """The state of one block."""
    n_heads, d_model, d_head = layer.W_Q.shape
    zeros, block = layer.W_Q.new_zeros, dict[str, Tensor]()
    for name in ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V", "b_O"):
        x = getattr(layer, name)
        shape = (d_model,) if name == "b_O" else (n_heads, d_head)
        block[f"attn.{name}"] = zeros(shape) if x is None else x
    block["attn.mask"] = torch.ones(n_ctx, n_ctx, dtype=torch.bool).tril()
    block["attn.IGNORE"] = torch.tensor(-torch.inf)
    if layer.W_in is not None:
        for name, width in (("b_in", layer.W_in.shape[1]), ("b_out", d_model)):
            x = getattr(layer, name)
            block[f"mlp.{name}"] = zeros(width) if x is None else x
        block |= {"mlp.W_in": layer.W_in, "mlp.W_out": layer.W_out}
        block |= {} if layer.W_gate is None else {"mlp.W_gate": layer.W_gate}
    for name in ("ln1", "ln2"):
        if getattr(layer, f"{name}_w") is not None:
            block |= _norm(name, getattr(layer, f"{name}_w"), getattr(layer, f"{name}_b"))
    return block


def _norm(name: str, w: Tensor, b: Tensor | None) -> State:
    return {f"{name}.w": w} | ({} if b is None else {f"{name}.b": b})


def _config(model: Any, layers: list[Layer]) -> dict[str, Any]:
    """The fields of `HookedTransformerConfig`."""
    n_heads, d_model, d_head = layers[0].W_Q.shape
    has_mlp, norm = layers[0].W_in is not None, layers[0].norm
    config = {
        "n_layers": len(layers),
        "n_heads": n_heads,
        "d_model": d_model,
        "d_head": d_head,
        "d_vocab": len(model.W_E),
        "d_vocab_out": model.W_U.shape[1],
        "n_ctx": len(model.W_pos),
        "act_fn": model.act.name if has_mlp else "relu",
        "normalization_type": KINDS[norm and norm.normalise],
        "attention_dir": "causal" if _is_causal(model) else "bidirectional",
    }
    config |= {"d_mlp": layers[0].W_in.shape[1]} if has_mlp else {"attn_only": True}
    config |= {} if layers[0].W_gate is None else {"gated_mlp": True}
    return config | ({} if norm is None else {"eps": norm.eps})


def _is_causal(model: Model) -> bool:
    return getattr(model, "causal", not isinstance(model, Pizza))


def tokens_of(model: Model, inputs: Int[Tensor, "pair operand"]) -> Int[Tensor, "pair pos"]:
    """The tokens that a network of TransformerLens's reads for these operands. Raises
    `NotApplicable` as `as_hooked`."""
    check_counterpart(model)
    tokens = getattr(model, "tokens", None)
    return inputs if tokens is None else tokens(inputs)


def hooked(model: Model) -> nn.Module:
    """The network as TransformerLens's own, which reads tokens (`tokens_of`): of 2.x and 3.x a
    `HookedTransformer`, of 4.x a `TransformerBridge`. Raises `BadInput` where the package is not
    installed, `NotApplicable` as `as_hooked`."""
    state, config = as_hooked(model)
    if find_spec("transformer_lens") is None:
        raise BadInput(
            "TransformerLens is not installed. Install it: pip install 'grokscope[interop]'"
        )
    dtype = state["unembed.W_U"].dtype
    if int(version("transformer_lens").split(".")[0]) >= 4:
        return _bridge(state, config).to(dtype)
    tl = import_module("transformer_lens")
    theirs = tl.HookedTransformer(tl.HookedTransformerConfig(**config, init_weights=False))
    theirs.to(dtype).load_state_dict(state)
    return theirs


def _bridge(state: State, config: dict[str, Any]) -> nn.Module:
    bridge = import_module("transformer_lens.model_bridge").TransformerBridge
    its_config = import_module("transformer_lens.config").TransformerBridgeConfig(**config)
    theirs = bridge.boot_native(its_config)
    if config.get("gated_mlp"):  # such have no biases there
        biases = [name for name in state if ".mlp.b_" in name]
        if any(state[name].any() for name in biases):
            raise NotApplicable(
                "the gated MLPs of TransformerLens 4 have no biases, and these have."
            )
        state = {name: x for name, x in state.items() if name not in biases}
    theirs.load_state_dict(import_module(CONVERTED).convert_tl_checkpoint(state, theirs.cfg))
    return theirs

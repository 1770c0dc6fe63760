"""The layout of Nanda et al. 2023, which Zhong et al. and Furuta et al. took over in part.

Theirs: W_E (d, symbol), W_pos (pos, d), W_Q, W_K, W_V (head, e, d), W_O (d, head and e), W_in
(neuron, d), W_out (d, neuron), W_U (d, c); ours have the input axis first. The buffer `mask` is
left out.

Axes: layer; d = d_model, e = d_head; head; neuron; symbol.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.decoders import count_layers
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.recorded import losses_of, says_split, split_of, with_training

FORMULAS = {"add": "a+b", "subtract": "a-b", "multiply": "a*b", "x2xyy2": "a**2+a*b+b**2"}


@layout(
    "embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_O", "blocks.0.mlp.b_in", "unembed.W_U",
    where=lambda contents: contents.state["blocks.0.attn.W_O"].ndim == 2,
)  # fmt: skip
def nanda(contents: Contents) -> ForeignNetwork:
    """Nanda et al. 2023: their Transformer as a bare state, or their saved runs with losses."""
    config = contents.config
    d_model, vocabulary = contents.shape("embed.W_E", 2)
    n_pos, n_classes = contents.shape("pos_embed.W_pos", 2)[0], contents.shape("unembed.W_U", 2)[1]
    if n_pos != 3 or n_classes != vocabulary:
        raise BadInput(
            f"its sequence has {n_pos} positions, its vocabulary {vocabulary} tokens and its "
            f"output {n_classes} classes: it is another task than f(a, b) mod p, read at the `=` "
            "of [a, b, =]."
        )
    p, n_layers = vocabulary - 1, count_layers(contents.state)
    if config.get("p", p) != p:
        raise BadInput(f"it has {vocabulary} tokens, and its configuration says p = {config['p']}.")
    args: dict[str, Any] = {
        "d_model": d_model,
        "n_heads": contents.shape("blocks.0.attn.W_Q", 3)[0],
        "d_mlp": contents.shape("blocks.0.mlp.W_in", 2)[0],
    }
    args |= {"n_layers": n_layers} if n_layers > 1 else {}
    args |= act_args(config)
    task = FORMULAS.get(str(config.get("fn_name")))
    spec = with_training(SPEC, contents, seed="seed", fraction="frac_train")
    spec = replace(spec, task=task or "a+b", task_args={"p": p}, model_args=args)
    if says_split(config):
        spec = replace(spec, split="nanda2023", split_seed=config["seed"])
    return ForeignNetwork(
        (spec,),
        lambda w: turned(w, ("W_in", "b_in", "W_out", "b_out")) | {"W_pos": w["pos_embed.W_pos"]},
        p,
        says_task=task is not None,
        losses=losses_of(contents),
        is_train=split_of(contents, p),
    )


def turned(w: State, names: Iterable[str]) -> State:
    """The weights of this layout under our names and axes, those of the MLP that are `names`."""
    n_layers, n_heads = count_layers(w), w["blocks.0.attn.W_Q"].shape[0]

    def layers(name: str) -> Tensor:
        each = [w[f"blocks.{i}.{name}"] for i in range(n_layers)]
        return each[0] if n_layers == 1 else torch.stack(each)

    def mlp(name: str) -> Tensor:
        x = layers(f"mlp.{name}")
        return x.mT if name.startswith("W") else x

    return {
        "W_E": w["embed.W_E"].T,
        **{name: layers(f"attn.{name}").mT for name in ("W_Q", "W_K", "W_V")},
        "W_O": layers("attn.W_O").mT.unflatten(-2, (n_heads, -1)),
        **{name: mlp(name) for name in names},
        "W_U": w["unembed.W_U"],
    }

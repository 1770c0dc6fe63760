"""The layout of Wu et al. 2024: many networks in one file, along an instance axis.

Theirs: embeddings (instance, element, d), maps (instance, input, output). MLP2 has a map for each
operand; MLP3 one for both; MLP4 none, its embeddings being as wide as the hidden layer.

Axes: instance; element; d = an embedding's width; neuron.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.recorded import with_training

BATCH = replace(
    SPEC,
    optimizer="adam",
    optimizer_args={"undecayed": "b_*"},
    lr=1e-2,
    weight_decay=2e-4,
    warmup=0,
)


@layout("embedding_left", "embedding_right", "unembedding")
def wu(contents: Contents) -> ForeignNetwork:
    """Wu et al. 2024: one of the networks of a file, `--instance` says which."""
    count, n, d_embed = contents.shape("embedding_left", 3)
    instance = contents.instance
    if instance is None and count == 1:
        instance = 0
    if instance is None or not 0 <= instance < count:
        missing = "" if instance is None else f", and none is number {instance}"
        raise BadInput(
            f"it holds {count} networks{missing}. Choose one by --instance 0 ... {count - 1}."
        )
    d_mlp = contents.shape("unembedding", 3)[1]
    args: dict[str, Any] = {"d_embed": d_embed, "d_mlp": d_mlp}
    args |= {"output_bias": contents.has("unembed_bias")}
    args |= act_args(contents.config)
    spec = with_training(BATCH, contents, seed="seed", fraction="train_frac")
    spec = replace(spec, task="composition", task_args={"group": f"C{n}"}, model="wu")
    at = instance

    def weights(w: State) -> State:
        one = {name: x[at] for name, x in w.items() if x.ndim >= 2}
        ours = {
            "W_x": one["embedding_left"],
            "W_y": one["embedding_right"],
            "W": torch.cat(_maps(one, d_mlp)),
            "W_U": one["unembedding"],
        }
        return ours | ({"b_U": one["unembed_bias"]} if "unembed_bias" in one else {})

    return ForeignNetwork((replace(spec, model_args=args),), weights, n, count=count)


def _maps(w: State, d_mlp: int) -> tuple[Tensor, Tensor]:
    """The maps of a and of b into the hidden layer."""
    if "linear_left" in w:
        return w["linear_left"], w["linear_right"]
    if "linear" in w:
        return w["linear"], w["linear"]
    if w["embedding_left"].shape[1] != d_mlp:
        raise BadInput(f"it has no map into its hidden layer, and embeddings not of its {d_mlp}.")
    same = torch.eye(d_mlp, dtype=w["unembedding"].dtype)
    return same, same

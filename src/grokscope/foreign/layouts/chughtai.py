"""The layouts of Chughtai et al. 2023: `model.pt` with `cfg.json`, networks of finite groups.

The element orders are pinned (`task.elements=chughtai2023`), and the split is made again from its
seed. Weights have our axes already.

Axes: none are turned.
"""

from dataclasses import replace
from typing import Any

from grokscope.errors import BadInput, lookup
from grokscope.foreign.decoders import Facts, weights
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.recorded import says_split, with_training
from grokscope.spec import Spec

GROUPS = {
    "CyclicGroup": "C",
    "DihedralGroup": "D",
    "SymmetricGroup": "S",
    "AlternatingGroup": "A",
}
ORDER = "chughtai2023"


@layout("W_x", "W_y", "W", "W_U")
def chughtai(contents: Contents) -> ForeignNetwork:
    """Chughtai et al. 2023: their MLP, without biases."""
    n, d_embed = contents.shape("W_x", 2)
    args = {"d_embed": d_embed, "d_mlp": contents.shape("W", 2)[1]}
    return _of_group(contents, n, replace(SPEC, model="mlp", model_args=args), _as_it_is)


def _as_it_is(w: State) -> State:
    return {name: w[name] for name in ("W_x", "W_y", "W", "W_U")}


def _is_theirs(contents: Contents) -> bool:
    if contents.state["blocks.0.attn.W_O"].ndim != 3:
        return False
    return "group" in contents.config or contents.has("x_embed", "y_embed")


@layout("embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_O", "unembed.W_U", where=_is_theirs)
def chughtai_transformer(contents: Contents) -> ForeignNetwork:
    """Chughtai et al. 2023: their Transformer, a HookedTransformer with biases of 0 and stray
    buffers."""
    n, args = contents.shape("unembed.W_U", 2)[1], _sizes(contents)
    if any(
        b.any() for name, b in contents.state.items() if ".b_" in name and b.is_floating_point()
    ):
        raise BadInput("its biases are not 0. Read it with --layout transformer_lens.")
    spec = replace(SPEC, model="chughtai", model_args=args)
    return _of_group(contents, n, spec, lambda w: weights(w, Facts(), 3, "chughtai"))


def _sizes(contents: Contents) -> dict[str, Any]:
    n_heads, d_model, _ = contents.shape("blocks.0.attn.W_Q", 3)
    return {
        "d_model": d_model,
        "n_heads": n_heads,
        "d_mlp": contents.shape("blocks.0.mlp.W_in", 2)[1],
    }


def _of_group(contents: Contents, n: int, spec: Spec, weights: Any) -> ForeignNetwork:
    """The network with the group and the split of its configuration."""
    config = contents.config
    spec = replace(with_training(spec, contents, seed="seed", fraction="frac_train"), warmup=0)
    if "group" not in config:
        spec = replace(spec, task="composition", task_args={"group": f"C{n}"})
        return ForeignNetwork((spec,), weights, n, elements=ORDER)
    family = GROUPS[lookup_group(str(config["group"]))]
    args = {"group": f"{family}{config.get('group_parameter')}"}
    if family in "SA":
        args["elements"] = ORDER
    spec = replace(spec, task="composition", task_args=args)
    if says_split(config):
        # Their code does not shuffle for seed 0: the first pairs are the training pairs.
        split = "ordered" if config["seed"] != 0 else "first"
        spec = replace(spec, split=split, split_seed=config["seed"])
    return ForeignNetwork((spec,), weights, n, says_task=True, elements=ORDER)


def lookup_group(name: str) -> str:
    """The name of a family of groups, as their configuration has it."""
    lookup("group of Chughtai et al.", name, GROUPS)
    return name

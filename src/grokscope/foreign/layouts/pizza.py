"""The layouts of Zhong et al. 2023 (The Clock and the Pizza): `model_X.pt` with `config_X.json`.

Their split was drawn without a seed, so it cannot be known.

Axes: d = d_model; symbol.
"""

import re
from dataclasses import replace
from typing import Any

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.decoders import count_layers
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.layouts.nanda import turned
from grokscope.foreign.recorded import with_training
from grokscope.spec import Spec
from grokscope.tasks.formula import is_formula

BATCH = replace(SPEC, weight_decay=2.0, train_fraction=0.8)


def _is_theirs(contents: Contents) -> bool:
    if contents.state["blocks.0.attn.W_O"].ndim != 2:
        return False
    return "attn_coeff" in contents.config or contents.state["pos_embed.W_pos"].shape[:1] == (2,)


@layout(
    "embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_O", "blocks.0.mlp.b_in", "unembed.W_U",
    where=_is_theirs,
)  # fmt: skip
def pizza(contents: Contents) -> ForeignNetwork:
    """Zhong et al. 2023: their Transformer, whose attention rate stands in its JSON alone."""
    config = contents.config
    if not isinstance(config.get("attn_coeff"), int | float):
        raise BadInput(
            "its attention rate (attn_coeff) is not in the weights. Put its JSON beside it: "
            "config_X.json for model_X.pt, with C, attn_coeff, n_layers, ..."
        )
    d_model, vocabulary = contents.shape("embed.W_E", 2)
    has_equals = contents.shape("pos_embed.W_pos", 2)[0] == 3
    own, signs = bool(config.get("diff_vocab")), bool(config.get("eqn_sign"))
    p = _modulus(config, (vocabulary - has_equals) // (2 if own else 1))
    if signs != has_equals or p * (2 if own else 1) + has_equals != vocabulary:
        raise BadInput(
            f"it has {vocabulary} tokens and {2 + has_equals} positions, and its JSON says C={p}, "
            f"diff_vocab={own}, eqn_sign={signs}. Is it the JSON of another network?"
        )
    n_layers = count_layers(contents.state)
    if config.get("n_layers", n_layers) != n_layers:
        raise BadInput(f"it has {n_layers} layers, and its JSON says {config['n_layers']}.")
    args: dict[str, Any] = {
        "attention_rate": float(config["attn_coeff"]),
        "n_layers": n_layers,
        "d_model": d_model,
        "n_heads": contents.shape("blocks.0.attn.W_Q", 3)[0],
    }
    args |= {"separate_vocabularies": True} if own else {}
    args |= {"equals": True} if has_equals else {}
    args |= act_args(config)
    spec, says_task = _asked(with_training(BATCH, contents, seed="", fraction="frac"), config, p)

    def weights(w: State) -> State:
        return turned(w, ("W_in", "b_in", "W_out", "b_out")) | {"W_pos": w["pos_embed.W_pos"]}

    return ForeignNetwork((replace(spec, model="pizza", model_args=args),), weights, p, says_task)


@layout("embed.weight", "unembed.weight", "l1.weight", "l1.bias")
def pizza_linear(contents: Contents) -> ForeignNetwork:
    """Zhong et al. 2023: their models without attention, with a shared embedding."""
    p, d_embed = contents.shape("embed.weight", 2)
    return _linear(contents, p, d_embed, {"embed": "W_E"})


@layout("embed1.weight", "embed2.weight", "unembed.weight", "l1.weight", "l1.bias")
def pizza_separate(contents: Contents) -> ForeignNetwork:
    """Zhong et al. 2023: their model X, whose operands have embeddings of their own."""
    p, d_embed = contents.shape("embed1.weight", 2)
    return _linear(contents, p, d_embed, {"embed1": "W_x", "embed2": "W_y"})


def _linear(contents: Contents, p: int, d_embed: int, embeddings: dict[str, str]) -> ForeignNetwork:
    config, d_model = contents.config, contents.shape("unembed.weight", 2)[1]
    _modulus(config, p)
    kinds = "BC" if contents.has("l2.weight") else "D" if d_embed < d_model else "A"
    kinds = "X" if len(embeddings) == 2 else kinds
    said = config.get("model_type")
    if said is not None and str(said) not in kinds:
        raise BadInput(
            f"its JSON says model_type={said}, and its tensors are those of {' or '.join(kinds)}. "
            "Is it the JSON of another network?"
        )
    base = replace(
        with_training(BATCH, contents, seed="", fraction="frac"), betas=(0.9, 0.999), warmup=0
    )
    spec, says_task = _asked(base, config, p)
    args = [{"kind": kind, "d_model": d_model} for kind in (kinds if said is None else str(said))]

    def weights(w: State) -> State:
        ours = {name: w[f"{theirs}.weight"] for theirs, name in embeddings.items()}
        ours["W_U"] = w["unembed.weight"].T
        for i in (1, 2) if "l2.weight" in w else (1,):
            ours |= {f"W_{i}": w[f"l{i}.weight"].T, f"b_{i}": w[f"l{i}.bias"]}
        return ours

    specs = tuple(replace(spec, model="linear", model_args=x) for x in args)
    return ForeignNetwork(specs, weights, p, says_task)


def _modulus(config: dict[str, Any], p: int) -> int:
    """The modulus that the JSON says, which must be that of the weights."""
    if config.get("C", p) != p:
        raise BadInput(
            f"its weights are of {p} residues, and its JSON says C={config['C']}. Is it the JSON "
            "of another network?"
        )
    return p


def _asked(spec: Spec, config: dict[str, Any], p: int) -> tuple[Spec, bool]:
    """The spec with the task that the JSON says, as in `lambda x: (x[0]+x[1])%59`, if it does."""
    spec = replace(spec, task="a+b", task_args={"p": p})
    text = config.get("funcs")
    if not isinstance(text, str):
        return spec, False
    body = re.sub(rf"^\s*lambda\s+x\s*:|%\s*{p}\s*$", "", text)
    formula = re.sub(r"\s", "", body.replace("x[0]", "a").replace("x[1]", "b"))
    while formula.startswith("(") and formula.endswith(")") and "(" not in formula[1:]:
        formula = formula[1:-1]
    return (replace(spec, task=formula), True) if is_formula(formula) else (spec, False)

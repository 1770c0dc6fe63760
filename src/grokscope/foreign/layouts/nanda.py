"""The layout of Nanda et al. 2023, which Zhong et al. and Furuta et al. took over in part.

Theirs: W_E (d, symbol), W_pos (pos, d), W_Q, W_K, W_V (head, e, d), W_O (d, head and e), W_in
(neuron, d), W_out (d, neuron), W_U (d, c); ours have the input axis first. The buffer `mask` is
left out.

Axes: layer; d = d_model, e = d_head; head; neuron; symbol.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeGuard

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.layout import (
    SPEC,
    Contents,
    ForeignNetwork,
    Losses,
    State,
    check_symbols,
    layout,
)
from grokscope.spec import Spec

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
            "of [a, b, =]. Their 5-digit sums and trigrams are not read."
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


def count_layers(state: State) -> int:
    """How many blocks there are."""
    numbers = {name.split(".")[1] for name in state if name.startswith("blocks.")}
    return len(numbers)


def with_training(spec: Spec, contents: Contents, seed: str, fraction: str) -> Spec:
    """The spec with what is known of the training: from the optimiser, where it was saved, else
    from the configuration, where `seed` and `fraction` are called so.

    A configuration can disagree with the optimiser, which was the one at work.
    """
    config, group = contents.config, _group(contents.record.get("optimizer"))
    values: dict[str, Any] = {"steps": max(1, *contents.checkpoints)}
    if _is_number(group.get("initial_lr")):  # before the warm-up scaled it
        group["lr"] = group["initial_lr"]
    for name in ("lr", "weight_decay"):
        value = group.get(name, config.get(name))
        if _is_number(value) and (value > 0 or name == "weight_decay"):
            values[name] = float(value)
    betas = group.get("betas", config.get("betas"))
    if isinstance(betas, list | tuple) and len(betas) == 2 and all(map(_is_number, betas)):
        values["betas"] = (float(betas[0]), float(betas[1]))
    share = config.get(fraction)
    if _is_number(share) and 0 < share < 1:
        values["train_fraction"] = float(share)
    if type(config.get(seed)) is int and config[seed] >= 0:
        values["seed"] = config[seed]
    return replace(spec, **values)


def says_split(config: dict[str, Any]) -> bool:
    """Whether a configuration has the seed and the fraction of a split."""
    seed, share = config.get("seed"), config.get("frac_train")
    return type(seed) is int and seed >= 0 and _is_number(share) and 0 < share < 1


def _group(optimizer: Any) -> dict[str, Any]:
    groups = optimizer.get("param_groups") if isinstance(optimizer, dict) else None
    first = groups[0] if isinstance(groups, list) and groups else None
    return dict(first) if isinstance(first, dict) else {}


def _is_number(x: Any) -> TypeGuard[int | float]:
    return isinstance(x, int | float) and not isinstance(x, bool)


def losses_of(contents: Contents) -> Losses | None:
    """The recorded losses: train every epoch; test as often, or every so many."""
    train, test = (_numbers(contents.record.get(f"{part}_losses")) for part in ("train", "test"))
    if not train or not test:
        return None
    every = max(1, round(len(train) / len(test)))
    return Losses(train[::every], test, every)


def _numbers(x: Any) -> list[float]:
    if isinstance(x, Tensor):
        x = x.flatten().tolist()
    if not isinstance(x, list | tuple):
        return []
    values = [v.item() if isinstance(v, Tensor) and v.numel() == 1 else v for v in x]
    return [float(v) for v in values] if all(map(_is_number, values)) else []


def split_of(contents: Contents, n: int) -> Tensor | None:
    """The split, where the training pairs were saved beside the weights."""
    pairs = contents.record.get("train_data")
    if isinstance(pairs, Tensor):
        pairs = pairs.tolist()
    if not isinstance(pairs, list) or not pairs:
        return None
    check_symbols(n)
    is_train = torch.zeros(n, n, dtype=torch.bool)
    for pair in pairs:
        if not isinstance(pair, list | tuple) or [type(x) for x in pair[:2]] != [int, int]:
            return None
        a, b = pair[:2]
        if min(a, b) < 0:
            return None
        if a < n and b < n:  # Furuta et al. drew operands from all tokens
            is_train[a, b] = True
    return is_train.flatten()

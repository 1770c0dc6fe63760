"""What was saved of a foreign network's training beside its weights: settings, losses, the split.

Axes: pair = one input.
"""

from dataclasses import replace
from typing import Any, TypeGuard

import torch
from torch import Tensor

from grokscope.foreign.layout import Contents, Losses, check_symbols
from grokscope.spec import Spec


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

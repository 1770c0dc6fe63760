"""The forms in which weights are saved: bare, in a dictionary with more, or many at once."""

import re
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.layout import Contents, State

ONE = ("model", "model_state_dict", "state_dict", "model_state", "weights", "params")
MANY = (("state_dicts", "epochs"), ("checkpoints", "checkpoint_epochs"))
PREFIXES = ("module.", "_orig_mod.", "model.")  # of wrappers around a model
EVERY = 100  # epochs between checkpoints whose epochs were not saved (Nanda et al. 2023)


def unpack(path: Path, tree: Any, config: dict[str, Any]) -> Contents:
    """The checkpoints in what a file holds, by step, and what was saved with them.

    Raises `BadInput` if there are no weights in it.
    """
    if is_state(tree):
        return Contents(path, {_step_of(path, config, {}): clean(tree)}, config)
    if isinstance(tree, list | tuple) and tree and all(is_state(x) for x in tree):
        return Contents(path, {EVERY * i: clean(x) for i, x in enumerate(tree)}, config)
    if _is_module(tree):
        return Contents(path, {_step_of(path, config, {}): clean(_state_of(tree))}, config)
    if not isinstance(tree, dict):
        raise BadInput(f"{path} is refused: it holds no weights, but {_kind(tree)}.")
    if tree and all(_is_step(k) and is_state(v) for k, v in tree.items()):
        return Contents(path, {int(k): clean(v) for k, v in tree.items()}, config)
    tree = {k: _state_of(v) if _is_module(v) else v for k, v in tree.items()}
    record = {str(k): v for k, v in tree.items() if not is_state(v)}
    config = {**_config_in(record), **config}
    checkpoints = _many(record) or _by_step(tree)
    last = next((tree[name] for name in ONE if is_state(tree.get(name))), None)
    if last is not None:
        step = _step_of(path, config, record)
        if not checkpoints or step > max(checkpoints):
            checkpoints[step] = clean(last)
    if not checkpoints:
        raise BadInput(
            f"{path} is refused: it holds no weights, but {_kind(tree)}. Losses alone are not read."
        )
    return Contents(path, checkpoints, config, record)


def is_step_name(text: str) -> bool:
    """Whether this is a step: up to nine digits, of those from 0 to 9 alone."""
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def is_state(x: Any) -> bool:
    """Whether this is a dictionary of tensors by name."""
    return (
        isinstance(x, dict)
        and bool(x)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in x.items())
    )


def _is_module(x: Any) -> TypeGuard[dict[str, Any]]:
    """Whether this is a whole torch module, read with inert stand-ins."""
    return isinstance(x, dict) and {"_parameters", "_modules"} <= set(x)


def _state_of(module: dict[str, Any]) -> State:
    """The tensors of a module and of those in it, under the names that a state gives them."""
    own = {**module["_parameters"], **module.get("_buffers", {})}
    state = {str(name): w for name, w in own.items() if isinstance(w, Tensor)}
    for name, inner in module["_modules"].items():
        if _is_module(inner):
            state |= {f"{name}.{k}": w for k, w in _state_of(inner).items()}
    return state


def clean(state: State) -> State:
    """A state without the prefix that a wrapper put before every name."""
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return clean({name.removeprefix(prefix): w for name, w in state.items()})
    return dict(state)


def _many(record: dict[str, Any]) -> dict[int, State]:
    for states, epochs in MANY:
        states_there = record.get(states)
        if (
            isinstance(states_there, list)
            and states_there
            and all(is_state(x) for x in states_there)
        ):
            steps = _whole_numbers(record.get(epochs))
            if len(steps) < len(states_there):
                steps = [EVERY * i for i in range(len(states_there))]
            return {step: clean(x) for step, x in zip(steps, states_there, strict=False)}
        if (
            isinstance(states_there, dict)
            and states_there
            and all(is_state(x) for x in states_there.values())
        ):
            return {int(step): clean(x) for step, x in states_there.items() if _is_step(step)}
    return {}


def _by_step(tree: dict[Any, Any]) -> dict[int, State]:
    """The checkpoints of tensors that are named by their step and their name, as 120/W_E."""
    checkpoints: dict[int, State] = {}
    for key, w in tree.items():
        step, slash, name = str(key).partition("/")
        if slash and is_step_name(step) and isinstance(w, Tensor):
            checkpoints.setdefault(int(step), {})[name] = w
    return checkpoints


def _whole_numbers(x: Any) -> list[int]:
    x = x.tolist() if isinstance(x, Tensor) else x
    is_list = isinstance(x, list | tuple) and all(_is_step(i) for i in x)
    return [int(i) for i in x] if is_list else []


def _config_in(record: dict[str, Any]) -> dict[str, Any]:
    config = record.get("config", record.get("cfg", record.get("args", {})))
    return {str(k): v for k, v in config.items()} if isinstance(config, dict) else {}


STEPS = ("epoch", "step", "num_epochs", "n_epochs", "num_epoch", "epochs", "steps")


def _step_of(path: Path, config: dict[str, Any], record: dict[str, Any]) -> int:
    """The step of a checkpoint: what is saved with it, its file's name, how long it was to train;
    0 if nothing says."""
    if _is_step(epoch := record.get("epoch")):
        return int(epoch)
    if named := re.fullmatch(r"(?:epoch|step|checkpoint)?[_-]?([0-9]{1,9})", path.stem):
        return int(named[1])
    losses = record.get("train_losses")
    if isinstance(losses, list) and len(losses) > 1:
        return len(losses)
    steps = (config.get(key) for key in STEPS)
    return next((int(step) for step in steps if _is_step(step)), 0)


def _is_step(x: Any) -> TypeGuard[int | str]:
    if isinstance(x, str):
        return is_step_name(x)
    return type(x) is int and 0 <= x < 10**9


def _kind(x: Any) -> str:
    match x:
        case dict():
            return f"a dictionary of {', '.join(map(repr, list(x)[:8])) or 'nothing'}"
        case list() | tuple():
            return f"a list of {len(x)}"
        case torch.Tensor():
            return f"one tensor of shape {tuple(x.shape)}"
        case _:
            return f"a {type(x).__name__}"

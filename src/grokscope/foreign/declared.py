"""A layout that is declared, without Python: which of our models a network is, and where each of
its weights stands in the file.

    {"grokscope": {"model": "decoder", "symbols": 113, "model_args": {"d_model": 128, "n_heads": 4},
                   "weights": {"W_E": "tok.weight", "W_Q": ["h.{i}.q.weight", "heads 4", "T"]}}}

It stands in the JSON beside the weights, or in a file that `--layout FILE.json` names. A weight is
the name of a tensor, and what is done to it, from left to right: `T` swaps its last two axes,
`heads N` splits the first into N, `rows A:B` and `columns A:B` are a part of it. `{i}` are the
layers. Biases that are not declared are 0.

Axes: none are fixed.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput, lookup
from grokscope.foreign.files import Reader
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.recorded import with_training
from grokscope.models import MODELS, make_model
from grokscope.tasks import make_task

KEY, NAME = "grokscope", "declared"
FIELDS = {"model", "symbols", "model_args", "weights", "task", "task_args"}
PART = re.compile(r"(rows|columns) (\d+):(\d+)")
HEADS = re.compile(r"heads (\d+)")


def declared_by(
    contents: Contents, said: str | None, reader: Reader
) -> tuple[Contents, str | None]:
    """What a source holds with the layout that a file declares, where `--layout` names one."""
    if said is None or not said.endswith(".json"):
        return contents, said
    declared = reader.read_object(Path(said))
    return replace(contents, config={**contents.config, KEY: declared.get(KEY, declared)}), NAME


@layout(where=lambda contents: KEY in contents.config, rank=-1)
def declared(contents: Contents) -> ForeignNetwork:
    """A network whose layout stands in the JSON beside it."""
    fields = contents.config.get(KEY)
    if not isinstance(fields, dict) or not fields.keys() <= FIELDS:
        raise BadInput(f"its declaration has other fields than {', '.join(sorted(FIELDS))}.")
    model, args, n = fields.get("model"), fields.get("model_args", {}), fields.get("symbols")
    lookup("model", str(model), MODELS)
    if type(n) is not int or n < 1 or not isinstance(args, dict):
        raise BadInput("its declaration must say how many symbols there are, as `symbols`.")
    spec = replace(with_training(SPEC, contents, "seed", "frac_train"), warmup=0)
    task, task_args = fields.get("task", "a+b"), fields.get("task_args", {"p": n})
    spec = replace(spec, model=str(model), model_args=args, task=str(task), task_args=task_args)
    weights = _weights(fields.get("weights"), str(model), args, n)
    weights(contents.state)  # what is declared wrongly is refused before a task is looked for
    return ForeignNetwork((spec,), weights, n, says_task="task" in fields)


def _weights(asked: Any, model: str, args: dict[str, Any], n: int) -> Callable[[State], State]:
    """What makes our weights of a foreign state."""
    if not isinstance(asked, dict) or not asked:
        raise BadInput("its declaration must say where the weights stand, as `weights`.")
    task = make_task("a+b", {"p": n})
    with torch.device("meta"):
        whole = make_model(model, args, task, 0)
    shapes = {name: w.shape for name, w in whole.named_parameters()}

    def weights(w: State) -> State:
        ours = {name: _made(name, how, w) for name, how in asked.items()}
        dtype = next(iter(ours.values())).dtype
        zeros = [name for name in shapes if name not in ours and name.startswith("b_")]
        return ours | {name: torch.zeros(shapes[name], dtype=dtype) for name in zeros}

    return weights


def _made(name: str, how: Any, w: State) -> Tensor:
    """One weight of ours. Raises `BadInput` where it cannot be made so."""
    words = [how] if isinstance(how, str) else how if isinstance(how, list) else []
    if not words or not all(isinstance(word, str) for word in words):
        raise BadInput(f"{name} is declared as {how!r}. Write a tensor's name, and steps after it.")
    theirs, *steps = map(str, words)
    if "{i}" not in theirs:
        return _stepped(name, _there(name, theirs, w), steps)
    names, i = list[str](), 0
    while (one := theirs.replace("{i}", str(i))) in w:
        names, i = [*names, one], i + 1
    each = [_stepped(name, w[one], steps) for one in names]
    _there(name, theirs.replace("{i}", "0"), w)
    return each[0] if len(each) == 1 else torch.stack(each)


def _there(name: str, theirs: str, w: State) -> Tensor:
    if theirs not in w:
        raise BadInput(f"{name} is declared as {theirs}, and no tensor is called so.")
    return w[theirs]


def _stepped(name: str, x: Tensor, steps: list[str]) -> Tensor:
    for step in steps:
        part, heads = PART.fullmatch(step), HEADS.fullmatch(step)
        if step == "T" and x.ndim > 1:
            x = x.mT
        elif heads and len(x) % max(1, int(heads[1])) == 0:
            x = x.unflatten(0, (int(heads[1]), -1))
        elif part:
            x = x.narrow(0 if part[1] == "rows" else -1, int(part[2]), int(part[3]) - int(part[2]))
        else:
            raise BadInput(
                f"cannot apply `{step}` to {name}, of shape {tuple(x.shape)}. Steps are T, heads "
                "N, rows A:B and columns A:B."
            )
    return x

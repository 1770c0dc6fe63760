"""Recurrent networks as torch's nn.RNN or nn.RNNCell names them, with an nn.Linear at the end.

Whether a ReLU or a tanh is in them, and whether they read "=" after a and b, is told by the answers
where nothing says it. Those of AlgZoo read numbers (input width 1) and answer with a place.

Axes: those of torch: a map's weight is (output, input), an embedding's (symbol, d).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import with_act
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout, listed
from grokscope.foreign.layouts.dense import EMBEDDING
from grokscope.foreign.recorded import with_training
from grokscope.tasks.numbers import LEVELS, normal_numbers

CELL = re.compile(
    r"(?:.*\.)?(?P<kind>weight|bias)_(?P<side>ih|hh)(?:_l(?P<layer>\d+))?(?P<back>_reverse)?"
)
ACTS = ("relu", "tanh")  # that nn.RNN has
SEQUENCES = {"a b": 0, "a b =": 1}  # what is read, and how many tokens are no symbols


def _cells(state: State) -> dict[str, re.Match[str]]:
    return {name: found for name in state if (found := CELL.fullmatch(name))}


@layout(where=lambda contents: bool(_cells(contents.state)), rank=1)
def recurrent(contents: Contents) -> ForeignNetwork:
    """torch's nn.RNN on tokens that are one-hot or embedded, read at the last by an nn.Linear."""
    w, cells = contents.state, _cells(contents.state)
    if any(x["back"] for x in cells.values()):
        raise BadInput("it is recurrent in both directions, and no model here is.")
    ours = {f"{x['kind']}_{x['side']}_{int(x['layer'] or 0)}": name for name, x in cells.items()}
    n_layers = sum(x.startswith("weight_hh") for x in ours)
    for i in range(n_layers):
        name = ours[f"weight_hh_{i}"]
        rows, neurons = contents.shape(name, 2)
        if rows != neurons:
            raise BadInput(
                f"it is recurrent and has gates (an LSTM or a GRU: {name} has the shape "
                f"{(rows, neurons)}), and no model here has."
            )
    others = {name: x for name, x in w.items() if name not in cells}
    tables = [name for name, x in others.items() if x.ndim == 2]
    embedding = next((name for name in tables if EMBEDDING.search(name)), None)
    heads, biases = [x for x in tables if x != embedding], [x for x in others if x not in tables]
    if len(heads) != 1 or len(biases) > 1 or any(others[x].ndim != 1 for x in biases):
        raise BadInput(
            "it is recurrent, and beside its embedding and one nn.Linear it must have nothing; it "
            f"has {listed(others) or 'nothing'}."
        )
    names = {"W_E": embedding, "W_U": heads[0], "b_U": biases[0] if biases else None}
    width = contents.shape(ours["weight_ih_0"], 2)[1]
    n_tokens, n_classes = w[embedding].shape[0] if embedding else width, w[heads[0]].shape[0]
    if embedding is None and width == 1:
        return _of_numbers(contents, ours, names, n_layers)
    if contents.reads is not None and contents.reads not in SEQUENCES:
        raise BadInput(f"--reads '{contents.reads}': a recurrent network reads 'a b' or 'a b ='.")
    readings = [
        reads
        for reads, more in SEQUENCES.items()
        if n_classes in (n_tokens, n_tokens - more) and contents.reads in (None, reads)
    ]
    if not readings:
        raise BadInput(
            f"it reads {n_tokens} tokens and has {n_classes} classes: it is another task than "
            "f(a, b), read at the last token of [a, b] or [a, b, =]."
        )
    first, *rest = (_network(contents, ours, names, n_layers, x) for x in readings)
    assumes = {"sequence": readings[0]} if rest else {}
    ask = "its answers do not tell which tokens it reads. --reads says it, as in --reads 'a b ='."
    return replace(first, others=tuple(rest), assumes=assumes, ask=ask)


def _of_numbers(
    contents: Contents, ours: dict[str, str], names: dict[str, Any], n_layers: int
) -> ForeignNetwork:
    """AlgZoo's: an input unit that reads numbers, and a class for each place. Symbols stand for
    numbers here, so that the numbers are its embedding."""
    length, numbers = contents.shape(names["W_U"], 2)[0], normal_numbers()[:, None]
    if length == 1:
        raise BadInput(
            "it is recurrent, reads numbers and gives a number, and the tasks here have answers to "
            "choose from."
        )
    ranks = dict.fromkeys((2, (length + 1) // 2))  # the second argmax, the argmedian
    args = {"d_hidden": contents.shape(ours["weight_hh_0"], 2)[0], "n_layers": n_layers}
    args |= {"d_embed": 1} | _left_out(ours, names)
    spec = replace(with_training(SPEC, contents, "seed", ""), warmup=0, model="recurrent")
    spec = replace(spec, task="nth_argmax", model_args=args)
    specs = [replace(spec, task_args={"length": length, "rank": rank}) for rank in ranks]
    weights = _weights(ours, names, n_layers)
    return ForeignNetwork(
        tuple(with_act(spec, act) for act in ACTS for spec in specs),
        lambda w: weights(w) | {"W_E": numbers.to(w[names["W_U"]].dtype)},
        LEVELS,
        of_pairs=False,
        notes=(f"it reads numbers: here {LEVELS} quantiles of the standard normal",),
    )


def _left_out(ours: dict[str, str], names: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a model without some biases."""
    hidden = {} if "bias_hh_0" in ours else {"hidden_bias": False}
    return hidden | ({} if names["b_U"] else {"output_bias": False})


def _network(
    contents: Contents, ours: dict[str, str], names: dict[str, Any], n_layers: int, reads: str
) -> ForeignNetwork:
    w, more = contents.state, SEQUENCES[reads]
    tokens = w[names["W_E"]].shape[0] if names["W_E"] else w[ours["weight_ih_0"]].shape[1]
    n, n_classes = tokens - more, w[names["W_U"]].shape[0]
    args: dict[str, Any] = {"d_hidden": w[ours["weight_hh_0"]].shape[0], "n_layers": n_layers}
    args |= {"d_embed": w[names["W_E"]].shape[1]} if names["W_E"] else {"one_hot": True}
    args |= {"equals": True} if more else {}
    args |= {"classes": n_classes} if n_classes > n else {}
    args |= _left_out(ours, names)
    spec = with_training(SPEC, contents, seed="seed", fraction="frac_train")
    spec = replace(spec, task="a+b", task_args={"p": n}, model="recurrent", model_args=args)
    specs = tuple(with_act(replace(spec, warmup=0), act) for act in ACTS)
    return ForeignNetwork(specs, _weights(ours, names, n_layers), n)


def _weights(
    ours: dict[str, str], names: dict[str, Any], n_layers: int
) -> Callable[[State], State]:
    """The weights under our names; of the two biases of a layer, their sum."""

    def weights(w: State) -> State:
        found: dict[str, Tensor] = {"W_U": w[names["W_U"]].T}
        found |= {name: w[names[name]] for name in ("W_E", "b_U") if names[name]}
        for i in range(n_layers):
            found[f"W_x_{i}"] = w[ours[f"weight_ih_{i}"]].T
            found[f"W_h_{i}"] = w[ours[f"weight_hh_{i}"]].T
            if f"bias_hh_{i}" in ours:
                found[f"b_h_{i}"] = w[ours[f"bias_ih_{i}"]] + w[ours[f"bias_hh_{i}"]]
        return found

    return weights

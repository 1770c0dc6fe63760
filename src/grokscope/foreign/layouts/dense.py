"""Plain state dictionaries: nn.Embedding and nn.Linear under any names, or matrices of one's own.

What each matrix is follows from the shapes: embeddings first, then maps of which each takes what
the one before it gives, then the answers. Where shapes fit in several ways, all are readings, and
the answers tell.

Axes: those of torch: a map's weight is (output, input), an embedding's (symbol, d).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.reasons import why_unread
from grokscope.foreign.recorded import with_training

MOST_MAPS = 6  # whose order is looked for
MOST_READINGS = 8
EMBEDDING = re.compile(r"(?<!un)emb|tok|wte", re.IGNORECASE)
ONE_OF = re.compile(r"(?P<stem>.*)\.(?P<kind>weight|bias)")  # of a module
OWN = re.compile(r"(?P<kind>[WwBb])(?P<stem>.*)")  # of a parameter: W1, b_out


@dataclass(frozen=True)
class Linear:
    """A map, by the names of its weight and its bias; `is_turned` where its input comes first."""

    weight: str
    bias: str | None
    is_turned: bool

    def of(self, w: State) -> Tensor:
        """Its weight, output first."""
        return w[self.weight].T if self.is_turned else w[self.weight]


@dataclass(frozen=True)
class Reading:
    """Which matrices are embeddings, which are maps, and how a and b meet."""

    n: int
    embeddings: tuple[str, ...]
    maps: tuple[Linear, ...]
    is_added: bool
    is_tied: bool = False


def _linears(state: State) -> list[Linear] | None:
    """The matrices with their biases, in the order of the file; None where there is anything
    else."""
    found, biases = dict[str, Linear](), dict[str, str]()
    for name, w in state.items():
        match = ONE_OF.fullmatch(name) or OWN.fullmatch(name)
        stem, is_own = (match["stem"], match.re is OWN) if match else (name, True)
        if w.ndim == 2:
            found[stem] = Linear(name, None, is_own)
        elif w.ndim == 1:
            biases[stem] = name
        else:
            return None
    if not found or not set(biases) <= set(found):
        return None
    return [replace(x, bias=biases.get(stem)) for stem, x in found.items()]


def _readings(state: State) -> Iterator[Reading]:
    """Every way in which the shapes fit, the likeliest first: in the order of the file (where it is
    that of the alphabet it can have been lost), with embeddings where names say so."""
    linears = _linears(state)
    if linears is None or len(linears) > MOST_MAPS:
        return
    said = sum(bool(EMBEDDING.search(x.weight)) for x in linears)
    is_sorted = list(state) == sorted(state)
    for order in permutations(linears) if is_sorted else [tuple(linears)]:
        for k in sorted(range(3), key=lambda k: abs(k - said)):
            if k < len(order) and not any(x.bias for x in order[:k]):
                yield from _as(state, order[:k], order[k:])


def _as(
    state: State, embeddings: tuple[Linear, ...], maps: tuple[Linear, ...]
) -> Iterator[Reading]:
    """The readings with these embeddings, of which the first map's input says whether they meet
    side by side or added."""
    for turned in (True, False) if any(x.is_turned for x in maps) else (False,):
        each = tuple(replace(x, is_turned=x.is_turned and turned) for x in maps)
        shapes = [x.of(state).shape for x in each]
        if any(first[0] != then[1] for first, then in pairwise(shapes)):
            continue
        n, d_in, names = shapes[-1][0], shapes[0][1], tuple(x.weight for x in embeddings)
        tables = [state[name].shape for name in names]
        if not tables and len(maps) > 1 and d_in in (n, 2 * n):
            yield Reading(n, names, each, is_added=d_in == n)
        if not tables or len(set(tables)) > 1:
            continue
        rows, d = tables[0]
        if d_in in (d, 2 * d) and len(maps) > 1:
            if rows == n:
                yield Reading(n, names, each, is_added=d_in == d)
            elif n == d and len(tables) == 1:
                yield Reading(rows, names, each, is_added=d_in == d, is_tied=True)
        elif d_in == d and rows == n:  # the embeddings, added, are the hidden layer
            yield Reading(n, names, each, is_added=True)


def _is_dense(contents: Contents) -> bool:
    return why_unread(contents.state, {}) is None and _linears(contents.state) is not None


@layout(where=_is_dense, rank=2)
def dense(contents: Contents) -> ForeignNetwork:
    """Matrices that follow each other: MLPs of nn.Embedding and nn.Linear, one-hot or embedded."""
    linears = _linears(contents.state) or []
    if len(linears) < 2:
        raise BadInput("it has no hidden layer: one map is no MLP.")
    readings = list(dict.fromkeys(_readings(contents.state)))
    if not readings:
        raise BadInput(
            f"there is no order in which each of its maps takes what the one before it gives: "
            f"{', '.join(f'{x.weight} {tuple(contents.state[x.weight].shape)}' for x in linears)}."
        )
    first, *others = (_network(contents, x) for x in readings[:MOST_READINGS])
    ask = (
        "its answers do not tell which of its matrices are embeddings, and so how many symbols it "
        "has. State a task, as in --task 'a+b p=113'."
    )
    return replace(first, others=tuple(others), ask=ask)


def _network(contents: Contents, x: Reading) -> ForeignNetwork:
    widths = [len(linear.of(contents.state)) for linear in x.maps[:-1]]
    args: dict[str, Any] = {}
    if x.embeddings:
        d = contents.state[x.embeddings[0]].shape[1]
        kind = ("shared", "separate")[len(x.embeddings) - 1]
        args = {"embed": kind, "d_embed": d, "join": "add" if x.is_added else "concat"}
    if not widths:  # the embeddings are the first map's rows
        widths = [args.pop("d_embed")]
    if not x.embeddings or len(x.maps) == 1:
        is_one = len(x.embeddings) == 1 if x.embeddings else x.is_added
        args |= {"embed": "onehot", "join": "add" if is_one else "concat"}
    args |= {"hidden": " ".join(map(str, widths)), "tied_output": x.is_tied}
    args |= {"hidden_bias": any(y.bias for y in x.maps[:-1]), "output_bias": bool(x.maps[-1].bias)}
    spec = with_training(SPEC, contents, seed="seed", fraction="frac_train")
    spec = replace(spec, task="a+b", task_args={"p": x.n}, model="dense", warmup=0)
    spec = replace(spec, model_args=args | act_args(contents.config))
    return ForeignNetwork((spec,), _weights(x), x.n)


def _weights(x: Reading) -> Callable[[State], State]:
    """The weights under our names; of several hidden layers, those without a bias get one of 0."""
    has_biases = any(y.bias for y in x.maps[:-1])

    def weights(w: State) -> State:
        tables, maps = [w[name] for name in x.embeddings], [y.of(w).T for y in x.maps]
        if len(maps) == 1:
            return {"W_1": torch.cat(tables), "W_U": maps[0]} | last(w)
        ours = {"W_1": maps[0]}
        ours |= dict(zip(("W_E",) if len(tables) == 1 else ("W_x", "W_y"), tables, strict=False))
        ours |= {f"W_{i}": y for i, y in enumerate(maps[1:-1], start=2)} | {"W_U": maps[-1]}
        for i, y in enumerate(x.maps[:-1], start=1):
            if has_biases:
                ours[f"b_{i}"] = w[y.bias] if y.bias else y.of(w).new_zeros(len(y.of(w)))
        return ours | last(w)

    def last(w: State) -> State:
        bias = x.maps[-1].bias
        return {} if bias is None else {"b_U": w[bias]}

    return weights

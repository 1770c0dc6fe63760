"""The arrays of the PAIR explorable: one .npy for each weight, of all checkpoints or of one.

Collapsed (what the page draws): `hidden_embed_w` (W_input) and `out_embed_t_w` (W_output, turned),
with or without `_sorted`, each (step, residue, neuron). Factored (what it trains): E, P and Q of
logits = act(E[a] P + E[b] P) Q Eᵀ; act is relu or square. `hyper.json` beside them, where it is,
says how many residues there are (n_tokens) and how often they were saved.

Axes: step, where there is one; residue; d = an embedding's width; neuron.
"""

from dataclasses import replace

from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout

IN = ("hidden_embed_w", "hidden_embed_w_sorted", "W_input")
OUT = ("out_embed_t_w", "out_embed_t_w_sorted", "W_output")
E, P, Q = (
    ("E", "W_embed", "embed"),
    ("P", "W_in_proj", "W_in-proj"),
    ("Q", "W_out_proj", "W_out-proj"),
)
BATCH = replace(
    SPEC, task="a+b", warmup=0, loss="cross_entropy_per_class", steps=50_000, train_fraction=0.4
)


def _first(state: State, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in state), None)


@layout(where=lambda contents: all(_first(contents.state, names) for names in (IN, OUT)))
def pair_collapsed(contents: Contents) -> ForeignNetwork:
    """The PAIR explorable: its collapsed matrices, W_input and W_output."""
    W_in, W_out = (contents.state[str(_first(contents.state, names))] for names in (IN, OUT))
    first, *others = (_collapsed(contents, *turns) for turns in _turns(contents, W_in, W_out))
    sizes = " or ".join(str(x.n) for x in (first, *others))
    ask = (
        f"W_input and W_output have the shapes {tuple(W_in.shape)} and {tuple(W_out.shape)}, and "
        f"its answers do not tell whether it has {sizes} residues. Put a hyper.json with "
        f"{{\"n_tokens\": {first.n}}} beside it, or import it with --task 'a+b p={first.n}'."
    )
    assumes = {"axes": "residues along rows"} if others else {}
    return replace(first, others=tuple(others), assumes=assumes, ask=ask)


def _collapsed(contents: Contents, turn_in: bool, turn_out: bool) -> ForeignNetwork:
    """The network whose maps have residues along their rows once those that are said are turned."""
    W_in = contents.state[str(_first(contents.state, IN))]
    n, width = W_in.T.shape if turn_in else W_in.shape
    args = {
        "embed": "input_tied", "collapsed_hidden": True, "collapsed_out": True, "d_embed": width,
    }  # fmt: skip

    def weights(w: State) -> State:
        first, last = (w[str(_first(w, names))] for names in (IN, OUT))
        return {"W_E": first.T if turn_in else first, "W_U": last if turn_out else last.T}

    return _pair(contents, n, args, weights)


@layout(where=lambda contents: all(_first(contents.state, names) for names in (E, P, Q)))
def pair(contents: Contents) -> ForeignNetwork:
    """The PAIR explorable: the factors E, P, Q that it trains."""
    shapes = [contents.shape(str(_first(contents.state, names)), 2) for names in (E, P, Q)]
    (n, d), (d_in, width), (d_mlp, d_out) = shapes
    if d != d_in or d != d_out or width != d_mlp:
        raise BadInput(f"E, P and Q have the shapes {shapes}, and E P and Q Eᵀ must be possible.")

    def weights(w: State) -> State:
        names = {"W_E": E, "W_in": P, "W_out": Q}
        return {ours: w[str(_first(w, theirs))] for ours, theirs in names.items()}

    return _pair(contents, n, {"d_embed": d, "d_mlp": width}, weights)


def _pair(contents: Contents, n: int, args: dict, weights) -> ForeignNetwork:
    steps = max(1, *contents.checkpoints)
    spec = replace(BATCH, task_args={"p": n}, model_args=args, steps=steps)
    seed = contents.config.get("seed")
    spec = replace(spec, seed=seed) if type(seed) is int and seed >= 0 else spec
    return ForeignNetwork(tuple(replace(spec, model=x) for x in ("pair", "pairsquare")), weights, n)


def _turns(contents: Contents, W_in: Tensor, W_out: Tensor) -> list[tuple[bool, bool]]:
    """Which of the maps can have to be turned to have residues along their rows, the likeliest
    first: both as they are, W_output turned where both are square and as in the formula, neurons by
    residues. A JSON's n_tokens says how many residues there are."""
    if W_in.ndim != 2 or W_out.ndim != 2 or set(W_in.shape) != set(W_out.shape):
        raise BadInput(
            f"W_input and W_output have the shapes {tuple(W_in.shape)} and {tuple(W_out.shape)}, "
            "and each must be residues by neurons."
        )
    n_tokens = contents.config.get("n_tokens")
    if n_tokens is not None and n_tokens not in W_in.shape:
        raise BadInput(
            f"its JSON says n_tokens={n_tokens}, and W_input has the shape {tuple(W_in.shape)}. Is "
            "it the JSON of another network?"
        )
    if len(set(W_in.shape)) == 1:
        own = _first(contents.state, OUT) == "W_output"
        return [(turn, out) for turn in (False, True) for out in (own, not own)]
    residues = W_in.shape if n_tokens is None else (n_tokens,)
    return [(W_in.shape[0] != n, W_out.shape[0] != n) for n in residues]

"""A Transformer under TransformerLens's names and axes, as one of our models.

Layouts of Transformers bring their tensors into this form and say what tensors cannot: how it is
normalised, what it may see, how its scores are scaled. What none of our models has is refused by
the name of it.

Axes: layer; head; d = d_model, e = d_head; neuron; symbol; c = an output class; pos.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State
from grokscope.foreign.recorded import with_training
from grokscope.models.decoder import n_tokens, parsed

ATTENTION = ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V", "b_O")
MLP = ("W_gate", "W_in", "b_in", "W_out", "b_out")
NORMS = ("ln1", "ln2")


@dataclass(frozen=True)
class Facts:
    """What the tensors of a Transformer do not say.

    `scale` is what its scores are divided by, where that is not sqrt(d_head), and `sequence` the
    tokens that it reads, where they are known.
    """

    norm: str = "none"  # none, layer or rms
    norm_after: bool = False
    final_norm: bool = True  # one more before the output map
    eps: float = 1e-5
    causal: bool = True
    act: str = "relu"  # where no configuration says it
    scale: float | None = None
    sequence: str | None = None


def decoder(contents: Contents, renamed: Callable[[State], State], facts: Facts) -> ForeignNetwork:
    """The network whose tensors are `renamed` to TransformerLens's. Raises `BadInput` where its
    shapes are of no task of pairs."""
    w = renamed(contents.state)
    sizes = len(w["embed.W_E"]), w["unembed.W_U"].shape[1], _positions(w)
    said = contents.reads or facts.sequence
    readings = [(said, _symbols(said, *sizes[:2]))] if said else list(_readings(*sizes))
    if not readings:
        d_vocab, n_classes, n_pos = sizes
        raise BadInput(
            f"its sequence has {n_pos} positions, its vocabulary {d_vocab} tokens and its output "
            f"{n_classes} classes: it is another task than f(a, b), read at the last token of [a, "
            "b], [a, b, =] or [a, operator, b, =]. --reads says which tokens it reads."
        )
    first, *others = (_network(contents, renamed, w, facts, *reading) for reading in readings)
    open_ = {} if said or not others else {"sequence": readings[0][0]}
    ask = "its answers do not tell which tokens it reads. --reads says it, as in --reads 'a b ='."
    return replace(first, others=tuple(others), assumes=open_, ask=ask)


def count_layers(state: State) -> int:
    """How many blocks there are."""
    return len({name.split(".")[1] for name in state if name.startswith("blocks.")})


def _positions(w: State) -> int | None:
    return len(w["pos_embed.W_pos"]) if "pos_embed.W_pos" in w else None


def _readings(d_vocab: int, n_classes: int, n_pos: int | None) -> Iterator[tuple[str, int]]:
    """The sequences that a network of such sizes can read, with the symbols that these leave, the
    likeliest first."""
    for sequence, n in (
        ("a b =", d_vocab - 1),
        ("a b", d_vocab),
        (f"a {d_vocab - 2} b =", d_vocab - 2),
        (f"a {d_vocab - 1} b", d_vocab - 1),
    ):
        length = len(sequence.split())
        fits = n_pos is None or n_pos == length or (n_pos > 4 and sequence == "a b =")
        if fits and n > 1 and n <= n_classes <= d_vocab:
            yield sequence, n


def _symbols(sequence: str, d_vocab: int, n_classes: int) -> int:
    """How many symbols a network has that reads such a sequence: as many as it has classes, at most
    the tokens below the fixed ones."""
    fixed = [place for place in parsed(sequence) if isinstance(place, int)]
    return min([d_vocab - ("=" in sequence), n_classes, *fixed])


def _network(
    contents: Contents,
    renamed: Callable[[State], State],
    w: State,
    facts: Facts,
    sequence: str,
    n: int,
) -> ForeignNetwork:
    """The network as it reads one sequence."""
    args = _args(contents, w, facts, sequence, n)
    spec = with_training(SPEC, contents, "seed", "frac_train")
    spec = replace(spec, task="a+b", task_args={"p": n}, warmup=0)
    plain = _plain(w, args, n)
    if plain is not None:
        spec = replace(spec, model=plain, model_args={k: args[k] for k in args if k in PLAIN})
    else:
        spec = replace(spec, model="decoder", model_args=args)
    n_pos, keeps = len(sequence.split()), spec.model
    return ForeignNetwork((spec,), lambda state: weights(renamed(state), facts, n_pos, keeps), n)


PLAIN = ("d_model", "n_heads", "d_mlp", "n_layers", "act")  # what `transformer` can differ in


def _args(contents: Contents, w: State, facts: Facts, sequence: str, n: int) -> dict[str, Any]:
    """The arguments of `decoder`, those that are not its defaults."""
    n_heads, d_model, d_head = w["blocks.0.attn.W_Q"].shape
    n_layers, d_vocab, n_classes = count_layers(w), len(w["embed.W_E"]), w["unembed.W_U"].shape[1]
    args: dict[str, Any] = {"d_model": d_model, "n_heads": n_heads}
    args |= {"d_head": d_head} if n_heads * d_head != d_model else {}
    args |= {"n_layers": n_layers} if n_layers > 1 else {}
    has_mlp = "blocks.0.mlp.W_in" in w
    args |= {"d_mlp": w["blocks.0.mlp.W_in"].shape[1]} if has_mlp else {"attention_only": True}
    args |= {"gated": True} if "blocks.0.mlp.W_gate" in w else {}
    args |= {} if sequence == "a b =" else {"sequence": sequence}
    args |= {} if facts.causal else {"causal": False}
    args |= {} if "pos_embed.W_pos" in w else {"positions": False}
    if facts.norm != "none":
        args |= {"norm": facts.norm}
        args |= {} if facts.eps == 1e-5 else {"norm_eps": facts.eps}
        args |= {"norm_after": True} if facts.norm_after else {}
        args |= {} if facts.final_norm else {"final_norm": False}
    args |= {"vocabulary": d_vocab} if d_vocab != n_tokens(parsed(sequence), n) else {}
    args |= {"classes": n_classes} if n_classes != n else {}
    return args | act_args(contents.config, facts.act)


def _plain(w: State, args: dict[str, Any], n: int) -> str | None:
    """Which of the papers' Transformers it is, if it has no more than they: Nanda et al.'s, or
    Chughtai et al.'s."""
    if not set(args) <= {*PLAIN, "classes"}:
        return None
    biases = {name.rpartition(".")[2] for name, x in w.items() if ".b_" in name and x.any()}
    if not biases and args.get("n_layers", 1) == 1 and "classes" not in args:
        return "chughtai"
    return "transformer" if biases <= {"b_in", "b_out"} and args.get("classes") == n + 1 else None


def weights(w: State, facts: Facts, n_pos: int, model: str) -> State:
    """The weights under our names. Biases that a file leaves out are 0, and scales 1."""
    ours = {"W_E": w["embed.W_E"], "W_U": w["unembed.W_U"]}
    ours |= {"W_pos": w["pos_embed.W_pos"][:n_pos]} if "pos_embed.W_pos" in w else {}
    each = [_layer(w, i, facts) for i in range(count_layers(w))]
    ours |= {name: _together([layer[name] for layer in each]) for name in each[0]}
    if model != "decoder":
        kept = {"W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U"}
        kept |= {"b_in", "b_out"} if model == "transformer" else set()
        return {name: x for name, x in ours.items() if name in kept}
    d_model = w["embed.W_E"].shape[1]
    if facts.norm != "none" and facts.final_norm:
        ours |= _norm(w, "ln_final", "ln_final", facts.norm, d_model)
    W_U = w["unembed.W_U"]
    return ours | {"b_U": w.get("unembed.b_U", W_U.new_zeros(W_U.shape[1]))}


def _together(each: list[Tensor]) -> Tensor:
    return each[0] if len(each) == 1 else torch.stack(each)


def _layer(w: State, i: int, facts: Facts) -> State:
    """The weights of one layer under our names."""
    block = f"blocks.{i}."
    W_Q = w[f"{block}attn.W_Q"]
    n_heads, d_model, d_head = W_Q.shape
    zeros = {f"b_{x}": W_Q.new_zeros(n_heads, d_head) for x in "QKV"}
    zeros["b_O"] = W_Q.new_zeros(d_model)
    layer = {name: w.get(f"{block}attn.{name}", zeros.get(name)) for name in ATTENTION}
    has_mlp = f"{block}mlp.W_in" in w
    if has_mlp:
        d_mlp = w[f"{block}mlp.W_in"].shape[1]
        zeros = {"b_in": W_Q.new_zeros(d_mlp), "b_out": W_Q.new_zeros(d_model)}
        layer |= {name: w.get(f"{block}mlp.{name}", zeros.get(name)) for name in MLP}
    if facts.norm != "none":
        for name in NORMS if has_mlp else NORMS[:1]:
            layer |= _norm(w, f"{block}{name}", name, facts.norm, d_model)
    missing = [name for name, x in layer.items() if x is None and name != "W_gate"]
    if missing:
        raise BadInput(f"layer {i} has no {missing[0]}.")
    ours = {name: x for name, x in layer.items() if x is not None}
    if facts.scale is not None:  # ours divide by sqrt(d_head)
        ours |= {x: ours[x] * (d_head**0.5 / facts.scale) for x in ("W_Q", "b_Q")}
    return ours


def _norm(w: State, theirs: str, ours: str, kind: str, d_model: int) -> State:
    """Scales and shifts of one norm; a norm that was folded into what reads it has 1 and 0."""
    W_E = w["embed.W_E"]
    both = {f"{ours}_w": w.get(f"{theirs}.w", W_E.new_ones(d_model))}
    if kind == "layer":
        both |= {f"{ours}_b": w.get(f"{theirs}.b", W_E.new_zeros(d_model))}
    return both

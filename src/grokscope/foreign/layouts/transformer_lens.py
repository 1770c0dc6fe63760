"""TransformerLens's names and axes, both ways; the package itself is not needed.

A state of `HookedTransformer` (2.x, 3.x) has our axes, a name for each layer's weight, biases
everywhere, and buffers, which are left out. 4.x has no such class: its native form has torch's axes
(`blocks.0.attn.q.weight`), and `convert_tl_checkpoint` of
`transformer_lens.utilities.tl_checkpoint_conversion` makes it from the state exported here.

Axes: layer; head; d = d_model, e = d_head; neuron; symbol; c = an output class.
"""

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import pad

from grokscope.errors import BadInput, NotApplicable
from grokscope.foreign.acts import act_args
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, layout
from grokscope.foreign.layouts.nanda import count_layers, with_training
from grokscope.models.chughtai import Chughtai
from grokscope.models.layers import layers_of
from grokscope.models.transformer import Transformer
from grokscope.training.files import write_atomically
from grokscope.training.run import Run

ACTS = ("relu", "gelu", "silu")  # that are ours too, and called so
ATTENTION, MLP = ("W_Q", "W_K", "W_V", "W_O"), ("W_in", "b_in", "W_out", "b_out")


def _has_heads(contents: Contents) -> bool:
    return contents.state["blocks.0.attn.W_O"].ndim == 3


@layout("embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_O", "unembed.W_U", where=_has_heads)
def transformer_lens(contents: Contents) -> ForeignNetwork:
    """A `HookedTransformer` of TransformerLens 2.x or 3.x on [a, b, =], without LayerNorm."""
    return _read(contents, contents.state, lambda w: w)


@layout("embed.weight", "pos_embed.weight", "blocks.0.attn.q.weight", "unembed.weight")
def transformer_lens4(contents: Contents) -> ForeignNetwork:
    """The same as TransformerLens 4.x stores it; the number of heads stands in its JSON."""
    n_heads = contents.config.get("n_heads")
    if type(n_heads) is not int or n_heads < 1:
        raise BadInput(
            "its number of heads is not in the weights. Put a JSON with n_heads beside it, named "
            "as the file is."
        )

    def old_names(w: State) -> State:
        return dict(_old(name, x, n_heads) for name, x in w.items())

    return _read(contents, old_names(contents.state), old_names)


def _old(name: str, x: Tensor, n_heads: int) -> tuple[str, Tensor]:
    """A tensor of 4.x with the name and axes that it had in 3.x."""
    place, _, last = name.rpartition(".")
    stem, _, part = place.rpartition(".")
    side = "W" if last == "weight" else "b"
    match part:
        case "q" | "k" | "v":
            by_head = x.unflatten(0, (n_heads, -1))
            return f"{stem}.{side}_{part.upper()}", by_head.mT if side == "W" else by_head
        case "o":
            return f"{stem}.{side}_O", x.T.unflatten(0, (n_heads, -1)) if side == "W" else x
        case "in" | "out":
            return f"{stem}.{side}_{part}", x.T if side == "W" else x
    match place, last:
        case ("unembed", "weight"):
            return "unembed.W_U", x.T
        case ("unembed", "bias"):
            return "unembed.b_U", x
        case ("embed", "weight"):
            return "embed.W_E", x
        case ("pos_embed", "weight"):
            return "pos_embed.W_pos", x
    return name, x


def _read(contents: Contents, w: State, renamed: Any) -> ForeignNetwork:
    _check_norm(contents, w)
    d_vocab, d_model = w["embed.W_E"].shape
    n_heads, _, d_head = w["blocks.0.attn.W_Q"].shape
    n_pos, n_classes, p = len(w["pos_embed.W_pos"]), w["unembed.W_U"].shape[1], d_vocab - 1
    if n_pos < 3 or n_classes not in (p, p + 1):
        raise BadInput(
            f"it has {n_pos} positions, {d_vocab} tokens and {n_classes} classes, and a network on "
            f"[a, b, =] has 3, p+1, and p or p+1: it is another task."
        )
    if n_heads * d_head != d_model:
        raise BadInput(
            f"its {n_heads} heads of width {d_head} do not make up d_model={d_model}, as those of "
            "the networks that are read do."
        )
    n_layers = count_layers(w)
    args: dict[str, Any] = {"d_model": d_model, "n_heads": n_heads}
    args |= {"d_mlp": w["blocks.0.mlp.W_in"].shape[1]}
    has_biases = any(x.any() for name, x in w.items() if ".b_" in name)
    is_plain = n_layers == 1 and n_classes == p and not has_biases
    args |= {"n_layers": n_layers} if n_layers > 1 else {}
    args |= act_args(contents.config)
    model = "chughtai" if is_plain else "transformer"
    spec = replace(
        with_training(SPEC, contents, "seed", "frac_train"), model=model, model_args=args
    )
    spec = replace(spec, task="a+b", task_args={"p": p})
    notes = () if is_plain or n_classes == p + 1 else ("its `=` is given logits of 0",)

    def weights(state: State) -> State:
        ours = renamed(state)
        if is_plain:
            return weights_of(ours, ("W_in", "W_out"))
        return weights_of(with_biases_moved(ours), MLP)

    weights(contents.state)  # what cannot be represented is refused before anything is written
    return ForeignNetwork((spec,), weights, p, notes=notes)


def _check_norm(contents: Contents, w: State) -> None:
    kind = contents.config.get("normalization_type")
    norms = [name for name in w if ".ln" in name or name.startswith("ln_")]
    if kind is not None or norms:
        raise BadInput(
            f"it has a normalisation ({kind or norms[0]}), and only networks without one are read."
        )


def with_biases_moved(w: State) -> State:
    """The same network without the biases that ours lack.

    b_K shifts all scores of a query alike, so it does nothing. Attention sums to 1, so b_V adds
    the constant b_V W_O, and b_O is one: both move into b_in and b_out. b_U, if it is alike for all
    classes, does nothing. Raises `BadInput` for b_Q, and another b_U.
    """
    dtype = reduce(torch.promote_types, {x.dtype for x in w.values() if x.is_floating_point()})
    w = {name: x.to(dtype) if x.is_floating_point() else x for name, x in w.items()}
    for i in range(count_layers(w)):
        attn, mlp = f"blocks.{i}.attn.", f"blocks.{i}.mlp."
        if attn + "b_Q" in w and w[attn + "b_Q"].any():
            raise BadInput(f"{attn}b_Q is not 0, and our queries have no bias.")
        W_in, d_model = w[mlp + "W_in"], len(w[mlp + "W_in"])
        constant = w.get(attn + "b_O", torch.zeros(d_model, dtype=W_in.dtype))
        if attn + "b_V" in w:
            constant = constant + torch.einsum("he,hed->d", w[attn + "b_V"], w[attn + "W_O"])
        w[mlp + "b_in"] = w.get(mlp + "b_in", W_in.new_zeros(W_in.shape[1])) + constant @ W_in
        w[mlp + "b_out"] = w.get(mlp + "b_out", W_in.new_zeros(d_model)) + constant
    b_U = w.get("unembed.b_U")
    if b_U is not None and (b_U - b_U[0]).any():
        raise BadInput("unembed.b_U differs between classes, and our output has no bias.")
    return w


def weights_of(w: State, mlp: Iterable[str]) -> State:
    """The weights under our names, those of the MLP that are `mlp`. Where there is a b_in, W_U has
    a class for "=" too, of zeros if it had none."""
    n_layers = count_layers(w)

    def layers(name: str) -> Tensor:
        each = [w[f"blocks.{i}.{name}"] for i in range(n_layers)]
        return each[0] if n_layers == 1 else torch.stack(each)

    names, W_U = list(mlp), w["unembed.W_U"]
    missing = len(w["embed.W_E"]) - W_U.shape[1] if "b_in" in names else 0
    return {
        "W_E": w["embed.W_E"],
        "W_pos": w["pos_embed.W_pos"][:3],
        **{name: layers(f"attn.{name}") for name in ATTENTION},
        **{name: layers(f"mlp.{name}") for name in names},
        "W_U": pad(W_U, (0, missing)),
    }


def exported(run: Run, step: int | None = None) -> tuple[State, dict[str, Any]]:
    """A checkpoint's weights as a `HookedTransformer` (2.x, 3.x) names them, without its buffers,
    and the fields of its configuration. Raises `NotApplicable` for a network
    that TransformerLens does not have."""
    model = run.model(step)
    if not isinstance(model, Transformer | Chughtai) or model.mix is not None:
        rate = ", with uniform attention mixed in," if hasattr(model, "mix") else ""
        raise NotApplicable(
            f"model `{run.spec.model}`{rate} is not a network of TransformerLens; the models "
            "`transformer` and `chughtai` are."
        )
    if model.act.name not in ACTS:
        raise NotApplicable(
            f"the activation `{model.act.name}` is not one of TransformerLens. It has "
            f"{', '.join(ACTS)} of ours."
        )
    state: State = {"embed.W_E": model.W_E, "pos_embed.W_pos": model.W_pos}
    layers = layers_of(model)
    for i, layer in enumerate(layers):
        n_heads, d_model, d_head = layer.W_Q.shape
        for name in ATTENTION:
            state[f"blocks.{i}.attn.{name}"] = getattr(layer, name)
        for name in ("b_Q", "b_K", "b_V"):
            state[f"blocks.{i}.attn.{name}"] = layer.W_Q.new_zeros(n_heads, d_head)
        state[f"blocks.{i}.attn.b_O"] = layer.W_Q.new_zeros(d_model)
        for name, width in zip(MLP, (0, layer.W_in.shape[1], 0, d_model), strict=True):
            x = getattr(layer, name)
            state[f"blocks.{i}.mlp.{name}"] = layer.W_in.new_zeros(width) if x is None else x
    state |= {"unembed.W_U": model.W_U, "unembed.b_U": model.W_U.new_zeros(model.W_U.shape[1])}
    first = layers[0]
    config = {
        "n_layers": len(layers),
        "n_heads": first.W_Q.shape[0],
        "d_model": first.W_Q.shape[1],
        "d_head": first.W_Q.shape[2],
        "d_mlp": first.W_in.shape[1],
        "d_vocab": len(model.W_E),
        "d_vocab_out": model.W_U.shape[1],
        "n_ctx": 3,
        "act_fn": model.act.name,
        "normalization_type": None,
    }
    return {name: x.detach().contiguous() for name, x in state.items()}, config


def export(run: Run, step: int | None = None, file: Path | None = None) -> tuple[Path, Path]:
    """Write what `exported` returns: the weights to `file` (.safetensors or .pt, by default into
    the run's folder), the configuration beside it as JSON; their paths."""
    state, config = exported(run, step)
    at = run.steps[-1] if step is None else step
    path = file or run.folder / f"transformer_lens-{at:06d}.safetensors"
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise BadInput(f"--file {path}: write to a .safetensors, a .pt or a .pth.")
    if path.exists() and not path.is_file():
        raise BadInput(f"--file {path} is not a file that could be replaced. Choose another name.")
    if path.suffix == ".safetensors":
        content = save(state)
    else:
        buffer = io.BytesIO()
        torch.save({name: x.clone() for name, x in state.items()}, buffer)
        content = buffer.getvalue()
    write_atomically(path, content)
    beside = path.with_suffix(".json")
    write_atomically(beside, json.dumps(config, indent=2).encode())
    return path, beside

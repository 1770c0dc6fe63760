"""Nanda et al. 2023's networks of long sequences: sums digit by digit, repeated subsequences, skip
trigrams.

Their names and axes are those of `nanda`, with `attn_blocks.0.` in place of `blocks.0.` where there
are no MLPs. They feed the last token too, after which nothing is asked: under a causal mask no
answer depends on that position, so its row of W_pos is left off, and that is said.

Axes: pos; d = d_model; head; symbol; c = an output class.
"""

from dataclasses import replace
from math import nan
from typing import Any

import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.decoders import count_layers
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, Losses, State, layout
from grokscope.foreign.layouts.nanda import turned
from grokscope.foreign.recorded import losses_of, with_training

ATTENTION_ONLY = "attn_blocks."
CONFIGS = ("model_config", "optim_config", "data_config")  # where their runs keep their settings
SIZES = {"seq_len": "length", "subseq_len": "size", "num_repeats": "repeats"}
MLP = ("W_in", "b_in", "W_out", "b_out")
W_POS = "pos_embed.W_pos"


def _reads_many(contents: Contents) -> bool:
    maps = [x for name, x in contents.state.items() if name.endswith("blocks.0.attn.W_O")]
    return len(maps) == 1 and maps[0].ndim == 2 and len(contents.state[W_POS]) > 4


@layout("embed.W_E", W_POS, "unembed.W_U", where=_reads_many)
def nanda_sequence(contents: Contents) -> ForeignNetwork:
    """Nanda et al. 2023: sums of long numbers, repeated subsequences, skip trigrams."""
    settings = {k: x for name in CONFIGS for k, x in _settings(contents, name).items()}
    contents = replace(contents, config=settings | contents.config)
    w = _as_blocks(contents.state)
    task, task_args, length = _task(contents)
    n_layers, has_mlp = count_layers(w), "blocks.0.mlp.W_in" in w
    args: dict[str, Any] = {"d_model": contents.shape("embed.W_E", 2)[0]}
    args |= {"n_heads": w["blocks.0.attn.W_Q"].shape[0]}
    args |= {"d_mlp": w["blocks.0.mlp.W_in"].shape[0]} if has_mlp else {"attention_only": True}
    args |= {"n_layers": n_layers} if n_layers > 1 else {}
    args |= act_args(contents.config) if has_mlp else {"act": "relu"}  # where it counts for nothing
    spec = with_training(SPEC, contents, seed="seed", fraction="frac_train")
    spec = replace(spec, task=task, task_args=task_args, model="sequence", model_args=args)
    is_fresh = contents.config.get("is_finite") is False
    fresh = ("it was trained on new rows at each step: of these rows it was shown none",)
    return ForeignNetwork(
        (spec,),
        lambda state: _weights(_as_blocks(state), length),
        contents.shape("embed.W_E", 2)[1],
        of_pairs=False,
        says_task=task != "skip_trigram",
        losses=_losses_of_fresh(contents) if is_fresh else losses_of(contents),
        notes=(*_last_row(contents, task, length), *(fresh if is_fresh else ())),
    )


def _settings(contents: Contents, name: str) -> dict[str, Any]:
    found = contents.record.get(name)
    return {str(k): x for k, x in found.items()} if isinstance(found, dict) else {}


def _as_blocks(state: State) -> State:
    """The tensors under the names that networks with MLPs have."""
    return {name.removeprefix("attn_"): x for name, x in state.items()}


def _task(contents: Contents) -> tuple[str, dict[str, Any], int]:
    """The task that the sizes and the settings say, and how many tokens of a row are read."""
    n_pos, vocabulary = contents.shape(W_POS, 2)[0], contents.shape("embed.W_E", 2)[1]
    n_classes = contents.shape("unembed.W_U", 2)[1]
    if (vocabulary, n_classes) == (12, 10) and n_pos % 3 != 1:
        digits = (n_pos - 2) // 3  # a + b = and all digits of the sum, or all but the last
        return "digit_addition", {"digits": digits}, 3 * digits + 2
    if vocabulary == n_classes:
        said = {ours: contents.config.get(theirs) for theirs, ours in SIZES.items()}
        sizes = {name: x for name, x in said.items() if isinstance(x, int)}
        if len(sizes) < len(SIZES):
            raise BadInput(
                f"its sequence has {n_pos} positions and as many classes as tokens, so it can be "
                "of repeated subsequences, but nothing says their sizes. Put a JSON with "
                f"{', '.join(SIZES)} beside it, named as the file is."
            )
        if n_pos not in (sizes["length"], sizes["length"] - 1):
            raise BadInput(
                f"its sequence has {n_pos} positions, and its configuration says seq_len = "
                f"{sizes['length']}."
            )
        return "repeated_subsequence", {"symbols": vocabulary} | sizes, sizes["length"] - 1
    if vocabulary > n_classes + 1:
        sizes = {"keys": n_classes, "fillers": vocabulary - n_classes - 1, "length": n_pos}
        return "skip_trigram", sizes, n_pos
    raise BadInput(
        f"its sequence has {n_pos} positions, its vocabulary {vocabulary} tokens and its output "
        f"{n_classes} classes: these are of no sums of numbers, repeated subsequences or skip "
        "trigrams."
    )


def _last_row(contents: Contents, task: str, length: int) -> tuple[str, ...]:
    """That a row of W_pos is left off. Raises `BadInput` where its answers can depend on it: where
    attention is not causal, or where training moved it."""
    for name, x in contents.state.items():
        if name.endswith("attn.mask") and not torch.equal(x != 0, torch.ones_like(x).tril() != 0):
            raise BadInput(f"its {name} is not causal, and model `sequence` is.")
    if contents.shape(W_POS, 2)[0] == length:
        return ()
    moments = _moments(contents)
    if any(x[length:].any() for x in moments):
        raise BadInput(
            f"its optimiser moved position {length}, on which no answer of {task} depends: it is "
            "another task."
        )
    seen = ", and its optimiser never had a gradient for it" if moments else ""
    return (f"position {length} is left off: nothing is asked of that last token{seen}",)


def _moments(contents: Contents) -> list[Tensor]:
    """What its optimiser kept of the gradients of W_pos; nothing where none was saved."""
    optimizer = contents.record.get("optimizer")
    states = optimizer.get("state") if isinstance(optimizer, dict) else None
    index = list(contents.state).index(W_POS)
    kept = states.get(index, states.get(str(index))) if isinstance(states, dict) else None
    tensors = [x for x in kept.values() if isinstance(x, Tensor)] if isinstance(kept, dict) else []
    return [x for x in tensors if x.shape == contents.state[W_POS].shape]


def _weights(w: State, length: int) -> State:
    names = MLP if "blocks.0.mlp.W_in" in w else ()
    return turned(w, names) | {"W_pos": w[W_POS][:length]}


def _losses_of_fresh(contents: Contents) -> Losses | None:
    """The losses of new rows at each step: there are no others to compare them with."""
    train = contents.record.get("train_losses")
    if not isinstance(train, list) or not all(isinstance(x, float) for x in train):
        return None
    return Losses(train, [nan] * len(train)) if train else None

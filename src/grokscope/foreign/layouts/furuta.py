"""The layout of Furuta et al. 2024: that of Nanda et al. without positions and biases.

The vocabulary is p residues and = + - * /. Their configuration is not saved with the weights: what
is known stands in the folder's name (`add_transformer_1L_128D_97P_0.3F_..._seed_0`), and the split
in `init.pth`. They drew operands from all p+5 tokens; of the split those that are residues count.

Axes: d = d_model; symbol; pair = one input.
"""

import random
import re
from dataclasses import replace
from itertools import product

import torch
from jaxtyping import Bool
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.foreign.decoders import count_layers
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, check_symbols, layout
from grokscope.foreign.layouts.nanda import FORMULAS, turned
from grokscope.foreign.recorded import losses_of, split_of, with_training

SPECIALS = 5
OPERATORS = {"a+b": "+", "a-b": "-", "a*b": "*"}  # of all others: =
NAME = re.compile(
    r"(?P<fn>.+?)_transformer_\d+L_\d+D_\d+P_(?P<fraction>[0-9.]+)F_.*seed_(?P<seed>\d+)"
)
SHORT = {
    "x_x_y": "2*a+b", "x_x_m_y": "2*a-b", "2x_3y": "2*a+3*b", "2x_m_3y": "2*a-3*b",
    "xy_x_y": "a*b+a+b", "xy_x_m_y": "a*b+a+b", "xy_y": "a*b+b", "xy_m_y": "a*b-b",
    "x2_y": "a**2+b", "x2_m_y": "a**2-b", "x3_2y": "a**3+2*b", "x3_m_2y": "a**3-2*b",
    "x2_y2": "a**2+b**2", "x2_m_y2": "a**2-b**2", "x2_2xy_y2": "(a+b)**2",
    "x2_m_2xy_y2": "(a-b)**2", "x2_2xy_y2_x_y": "(a+b)**2+a+b", "_x_y__3": "(a+b)**3",
    "_x_m_y__3": "(a-b)**3", "_x_y__4": "(a+b)**4", "_x_m_y__4": "(a-b)**4",
    "x2_xy_y2": "a**2+a*b+b**2", "x2_xy_y2_x": "a**2+a*b+b**2+a", "x3_xy": "a**3+a*b",
    "x3_xy2_y": "a**3+a*b**2+b", **FORMULAS,
}  # fmt: skip


def _has_no_positions(contents: Contents) -> bool:
    is_flat = contents.state["blocks.0.attn.W_O"].ndim == 2
    return is_flat and not contents.has("pos_embed.W_pos") and not contents.has("blocks.0.mlp.b_in")


@layout(
    "embed.W_E", "blocks.0.attn.W_O", "blocks.0.mlp.W_in", "unembed.W_U", where=_has_no_positions
)
def furuta(contents: Contents) -> ForeignNetwork:
    """Furuta et al. 2024: their Transformer, of one formula or of a mixture of a+b, a-b, a*b."""
    d_model, vocabulary = contents.shape("embed.W_E", 2)
    p = vocabulary - SPECIALS
    if count_layers(contents.state) != 1 or p < 2:
        raise BadInput("it is not a Transformer of one layer on residues and = + - * /.")
    args = {
        "d_model": d_model,
        "n_heads": contents.shape("blocks.0.attn.W_Q", 3)[0],
        "d_mlp": contents.shape("blocks.0.mlp.W_in", 2)[0],
    }
    spec = replace(
        with_training(SPEC, contents, "seed", "frac_train"), task_args={"p": p}, warmup=0
    )
    spec = replace(spec, model="furuta", model_args=args)
    named = NAME.search(contents.path.name) or NAME.search(contents.path.parent.name)
    formulas = (
        [SHORT.get(fn.removesuffix("_short")) for fn in named["fn"].split(",")] if named else []
    )
    says_task = bool(formulas) and None not in formulas
    if says_task and len(formulas) == 1:
        operator = {"operator": OPERATORS.get(str(formulas[0]), "=")}
        specs = (replace(spec, task=str(formulas[0]), model_args=args | operator),)
    elif says_task:
        raise BadInput("it is a mixture. Import one of its formulas: --task 'a+b', say.")
    else:
        specs = tuple(replace(spec, model_args=args | {"operator": x}) for x in "+-*=")
    split = split_of(contents, p)
    if split is None and named:
        split = _drawn(p, float(named["fraction"]), int(named["seed"]))
        seed, fraction = int(named["seed"]), float(named["fraction"])
        specs = tuple(replace(x, seed=seed, train_fraction=fraction) for x in specs)
    return ForeignNetwork(
        specs,
        lambda w: turned(w, ("W_in", "W_out")),
        p,
        says_task=says_task,
        losses=losses_of(contents),
        is_train=split,
    )


def _drawn(p: int, fraction: float, seed: int) -> Bool[Tensor, " pair"]:
    """Their split of all pairs of tokens, of which those of residues are pairs of ours."""
    check_symbols(p)
    n = p + SPECIALS
    pairs = list(product(range(n), range(n)))
    random.Random(seed).shuffle(pairs)
    is_train = torch.zeros(n, n, dtype=torch.bool)
    chosen = torch.tensor(pairs[: int(fraction * len(pairs))])
    is_train[chosen[:, 0], chosen[:, 1]] = True
    return is_train[:p, :p].flatten()

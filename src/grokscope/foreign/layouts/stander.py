"""The layout of Stander et al. 2023: `full_run.pth`, with all checkpoints, or `{epoch}.pth`.

Their split is in `data.parquet` beside the weights; without it, it is not known (it was drawn by
numpy or polars). Theirs: torch's Embedding (element, d) and Linear (output, input).

Axes: d = an embedding's width; neuron; pair = one input.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import torch
from jaxtyping import Bool
from torch import Tensor

from grokscope.border.regular import kind_of
from grokscope.errors import BadInput
from grokscope.foreign.acts import act_args
from grokscope.foreign.layout import SPEC, Contents, ForeignNetwork, State, check_symbols, layout
from grokscope.foreign.recorded import with_training

UNREADABLE = (  # what reading a table can end in
    pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, TypeError, RuntimeError,
)  # fmt: skip


@layout("lembed.weight", "rembed.weight", "linear.weight", "unembed.weight", "unembed.bias")
def stander(contents: Contents) -> ForeignNetwork:
    """Stander et al. 2023: their MLP with a bias of the output."""
    n, d_embed = contents.shape("lembed.weight", 2)
    if contents.has("linear.bias") and contents.state["linear.bias"].any():
        raise BadInput("its hidden layer has a bias, which their published networks have not.")
    args: dict[str, Any] = {"d_embed": d_embed, "d_mlp": contents.shape("linear.weight", 2)[0]}
    args |= act_args(contents.config)
    spec = with_training(SPEC, contents, seed="seed", fraction="frac_train")
    spec = replace(spec, task="composition", task_args={"group": f"C{n}"}, warmup=0)
    spec = replace(spec, model="stander", model_args=args)
    folder = contents.path.parent if contents.path.is_file() else contents.path
    table = folder / "data.parquet"
    split = _split(table, n) if kind_of(table) != "nothing" else None
    return ForeignNetwork((spec,), _weights, n, elements="stander2023", is_train=split)


def _weights(w: State) -> State:
    return {
        "W_x": w["lembed.weight"],
        "W_y": w["rembed.weight"],
        "W": w["linear.weight"].T,
        "W_U": w["unembed.weight"].T,
        "b_U": w["unembed.bias"],
    }


def _split(path: Path, n: int) -> Bool[Tensor, " pair"]:
    """Which pairs `data.parquet` says were trained on."""
    check_symbols(n)
    largest = 10**6 + 100 * n * n  # bytes; theirs have about ten columns of numbers
    if kind_of(path) != "file" or path.stat().st_size > largest:
        raise BadInput(f"{path} is no regular file of at most {largest / 1e6:,.1f} MB.")
    try:
        count = int(pl.scan_parquet(path).select(pl.len()).collect().item())  # of its footer
        if count != n * n:
            raise BadInput(f"{path} has {count:,} rows, not the {n * n:,} pairs of {n} elements.")
        rows = pl.read_parquet(path, columns=["index_left", "index_right", "in_train"])
        left, right, chosen = (torch.tensor(column.cast(pl.Int64).to_list()) for column in rows)
    except UNREADABLE as error:
        first = (str(error).splitlines() or ["it is damaged"])[0]
        raise BadInput(f"{path} cannot be read: {first[:200]}.") from None
    if (
        len(left) != n * n
        or int(min(left.min(), right.min())) < 0
        or int(max(left.max(), right.max())) >= n
    ):
        raise BadInput(f"{path} does not have the {n * n:,} pairs of {n} elements.")
    is_train = torch.zeros(n, n, dtype=torch.bool)
    is_train[left, right] = chosen.bool()
    return is_train.flatten()

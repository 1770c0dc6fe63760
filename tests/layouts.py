"""Networks of ours, and the same as others write them: each layout by a few lines of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file
from torch import Tensor

from grokscope.foreign import import_network, sources
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.run import Run
from grokscope.training.train import train

State = dict[str, Tensor]
SMALL: dict[str, Any] = {"d_model": 16, "n_heads": 2, "d_mlp": 24}
P = 7


def small(model: str, task: str = "a+b", task_args: dict | None = None, **args: Any) -> Model:
    """A random network in float64, biases and all."""
    its_task = make_task(task, {"p": P} if task_args is None else task_args)
    network = make_model(model, args, its_task, 3).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for w in network.parameters():
            w.copy_(torch.randn(w.shape, generator=generator, dtype=w.dtype) * w.shape[0] ** -0.5)
    return network.requires_grad_(False)


def weights(model: Model) -> State:
    return {name: w.detach().clone() for name, w in model.named_parameters()}


def write(folder: Path, files: dict[str, Any]) -> Path:
    """Write files by their names, each as its suffix says; the path of the first."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        match content, path.suffix:
            case bytes(), _:
                path.write_bytes(content)
            case _, ".json":
                path.write_text(json.dumps(content))
            case _, ".parquet":
                pl.DataFrame(content).write_parquet(path)
            case _, ".npy":
                np.save(path, content)
            case _, ".npz":
                np.savez(path, **content)
            case _, ".safetensors":
                save_file(content, path)
            case _:
                torch.save(content, path)
    return folder / next(iter(files))


def imported(path: Path, out: Path, **options: Any) -> Run:
    (source,) = sources(path)
    return import_network(source, out, **options).run


def assert_same(run: Run, model: Model) -> None:
    """The same logits on every pair, to 1e-10."""
    logits = run.model()(run.task.inputs)
    assert logits.dtype == torch.float64
    torch.testing.assert_close(logits, model(run.task.inputs), atol=1e-10, rtol=0)


def nandas(w: State, n_layers: int = 1) -> State:
    state = {"embed.W_E": w["W_E"].T, "unembed.W_U": w["W_U"]}
    if "W_pos" in w:
        state["pos_embed.W_pos"] = w["W_pos"]
    for i in range(n_layers):
        of = {name: x if n_layers == 1 else x[i] for name, x in w.items()}
        blocks = "blocks" if "W_in" in of else "attn_blocks"
        attn, mlp = f"{blocks}.{i}.attn.", f"blocks.{i}.mlp."
        for name in ("W_Q", "W_K", "W_V"):
            state[attn + name] = of[name].transpose(1, 2)
        heads, d_head, d_model = of["W_O"].shape
        state[attn + "W_O"] = of["W_O"].reshape(heads * d_head, d_model).T
        state[attn + "mask"] = torch.ones(3, 3).tril()
        if "W_in" in of:
            state |= {mlp + "W_in": of["W_in"].T, mlp + "W_out": of["W_out"].T}
        if "b_in" in of:
            state |= {mlp + "b_in": of["b_in"], mlp + "b_out": of["b_out"]}
    return {name: x.contiguous() for name, x in state.items()}


def transformer_lens(w: State) -> State:
    """A HookedTransformer of one layer, with its buffers and zero biases."""
    heads, d_model, d_head = w["W_Q"].shape
    d_mlp = w["W_in"].shape[1]
    state = {"embed.W_E": w["W_E"], "pos_embed.W_pos": w["W_pos"], "unembed.W_U": w["W_U"]}
    state["unembed.b_U"] = torch.zeros(w["W_U"].shape[1])
    for name in ("W_Q", "W_K", "W_V", "W_O"):
        state[f"blocks.0.attn.{name}"] = w[name]
    for name in "QKV":
        state[f"blocks.0.attn.b_{name}"] = torch.zeros(heads, d_head)
    state["blocks.0.attn.b_O"] = torch.zeros(d_model)
    state["blocks.0.attn.mask"] = torch.ones(3, 3, dtype=torch.bool).tril()
    state["blocks.0.attn.IGNORE"] = torch.tensor(-torch.inf)
    zeros = {"b_in": torch.zeros(d_mlp), "b_out": torch.zeros(d_model)}
    for name in ("W_in", "b_in", "W_out", "b_out"):
        state[f"blocks.0.mlp.{name}"] = w[name] if name in w else zeros[name]
    return state


def transformer_lens4(w: State) -> State:
    """The same as `convert_tl_checkpoint` makes it of two heads of width 8."""
    w = transformer_lens(w)
    attn, mlp, state = "blocks.0.attn.", "blocks.0.mlp.", {}
    for x in "QKV":
        state[f"{attn}{x.lower()}.weight"] = w[f"{attn}W_{x}"].permute(0, 2, 1).reshape(16, 16)
        state[f"{attn}{x.lower()}.bias"] = w[f"{attn}b_{x}"].reshape(16)
    state[f"{attn}o.weight"] = w[f"{attn}W_O"].reshape(16, 16).T
    state[f"{attn}o.bias"] = w[f"{attn}b_O"]
    for x in ("in", "out"):
        state |= {f"{mlp}{x}.weight": w[f"{mlp}W_{x}"].T, f"{mlp}{x}.bias": w[f"{mlp}b_{x}"]}
    state |= {"embed.weight": w["embed.W_E"], "pos_embed.weight": w["pos_embed.W_pos"]}
    state |= {"unembed.weight": w["unembed.W_U"].T, "unembed.bias": w["unembed.b_U"]}
    return {name: x.contiguous() for name, x in state.items()}


def linears(w: State) -> State:
    state = {"unembed.weight": w["W_U"].T}
    names = {"W_E": "embed.weight", "W_x": "embed1.weight", "W_y": "embed2.weight"}
    state |= {theirs: w[ours] for ours, theirs in names.items() if ours in w}
    for i in (1, 2):
        if f"W_{i}" in w:
            state |= {f"l{i}.weight": w[f"W_{i}"].T, f"l{i}.bias": w[f"b_{i}"]}
    return {name: x.contiguous() for name, x in state.items()}


def standers(w: State) -> State:
    return {
        "lembed.weight": w["W_x"],
        "rembed.weight": w["W_y"],
        "linear.weight": w["W"].T.contiguous(),
        "unembed.weight": w["W_U"].T.contiguous(),
        "unembed.bias": w["b_U"],
    }


def lookup(answers: Tensor) -> State:
    """An MLP of Chughtai et al.'s form that answers by a table: a neuron for each pair."""
    n = len(answers)
    one = 2 * torch.eye(n) - 1
    W = torch.cat([one.repeat_interleave(n, dim=1), one.repeat(1, n)])
    W_U = torch.nn.functional.one_hot(answers.flatten(), n).float()
    return {"W_x": torch.eye(n), "W_y": torch.eye(n), "W": W, "W_U": W_U}


def table_of(task: str, **args: Any) -> Tensor:
    its_task = make_task(task, args)
    return its_task.answers.view(its_task.n_symbols, its_task.n_symbols)


def grokking_run(tiny: Callable[..., Spec], folder: Path) -> Run:
    """A network that knows what it was shown better than the rest."""
    spec = tiny(
        split="nanda2023", split_seed=3, steps=120, eval_every=1, checkpoint_every=30,
        precision="float64", weight_decay=0.5,
    )  # fmt: skip
    run = train(spec, folder)
    assert run.rows[-1]["test_loss"] > 3 * run.rows[-1]["train_loss"]
    return run


def full_run(run: Run, **more: Any) -> dict[str, Any]:
    """What Nanda et al. save of a run: a train loss each epoch, a test loss each tenth."""
    steps = [s for s in run.steps if s % 30 == 0]
    rows = run.rows[:-1]
    return {
        "model": nandas(weights(run.model())),
        "state_dicts": [nandas(weights(m)) for _, m in run.models(steps)],
        "epochs": steps,
        "train_losses": [row["train_loss"] for row in rows],
        "test_losses": [row["test_loss"] for row in rows[::10]],
        **more,
    }

"""Other people's checkpoints: read as they were written, and refused where they cannot be.

Every layout is written here by a few lines of its own, from weights of ours, and must give the same
logits.
"""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from grokscope.errors import BadInput, NotApplicable, StorageError
from grokscope.foreign import LAYOUTS, Foreign, bring, export, sources
from grokscope.foreign.files import read_file
from grokscope.foreign.layouts import layout
from grokscope.foreign.layouts.transformer_lens import exported, with_biases_moved
from grokscope.measures.measure import evaluate
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.page.page import page
from grokscope.reading.reading import read
from grokscope.reading.sentences import sentences
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.files import write_tensors
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.published import CHECKPOINTS

State = dict[str, Tensor]
SMALL: dict[str, Any] = {"d_model": 16, "n_heads": 2, "d_mlp": 24}
P = 7


def small(model: str, task: str = "a+b", task_args: dict | None = None, **args: Any) -> Model:
    """A random network in float64, biases and all."""
    made = make_task(task, {"p": P} if task_args is None else task_args)
    built = make_model(model, args, made, 3).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for w in built.parameters():
            w.copy_(torch.randn(w.shape, generator=generator, dtype=w.dtype) * w.shape[0] ** -0.5)
    return built.requires_grad_(False)


def weights(model: Model) -> State:
    return {name: w.detach().clone() for name, w in model.named_parameters()}


def brought(path: Path, out: Path, **options: Any) -> Run:
    (source,) = sources(path)
    return bring(source, out, **options).run


def assert_same(run: Run, model: Model, columns: int | None = None) -> None:
    """The same logits on every pair, to 1e-10."""
    inputs = run.task.inputs
    found = run.model()(inputs)[:, :columns]
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, model(inputs)[:, :columns], atol=1e-10, rtol=0)


def nandas(w: State, n_layers: int = 1) -> State:
    """Their layout, by hand."""
    state = {"embed.W_E": w["W_E"].T, "unembed.W_U": w["W_U"]}
    if "W_pos" in w:
        state["pos_embed.W_pos"] = w["W_pos"]
    for i in range(n_layers):
        of = {name: x if n_layers == 1 else x[i] for name, x in w.items()}
        attn, mlp = f"blocks.{i}.attn.", f"blocks.{i}.mlp."
        for name in ("W_Q", "W_K", "W_V"):
            state[attn + name] = of[name].transpose(1, 2)
        heads, d_head, d_model = of["W_O"].shape
        state[attn + "W_O"] = of["W_O"].reshape(heads * d_head, d_model).T
        state[attn + "mask"] = torch.ones(3, 3).tril()
        state |= {mlp + "W_in": of["W_in"].T, mlp + "W_out": of["W_out"].T}
        if "b_in" in of:
            state |= {mlp + "b_in": of["b_in"], mlp + "b_out": of["b_out"]}
    return {name: x.contiguous() for name, x in state.items()}


def lenses_names(w: State) -> State:
    """A HookedTransformer's state of one layer, by hand, with its buffers and zero biases."""
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


def save(path: Path, content: Any, config: dict | None = None, name: str = "cfg.json") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    if config is not None:
        (path.parent / name).write_text(json.dumps(config))
    return path


# Round trips


@pytest.mark.parametrize("n_layers", [1, 2])
def test_nandas_bare_state_gives_the_same_logits(n_layers, tmp_path):
    model = small("transformer", **SMALL, n_layers=n_layers)
    path = save(tmp_path / "grok.pth", nandas(weights(model), n_layers))
    run = brought(path, tmp_path / "out")
    assert_same(run, model)
    assert (run.folder.name, run.spec.model, run.spec.split) == ("grok", "transformer", "unknown")
    assert run.spec.task_args == {"p": P}
    assert run.steps == [0]
    assert run.rows == []


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("equals", [False, True])
@pytest.mark.parametrize(("rate", "n_layers"), [(0.25, 1), (1, 2)])
def test_pizza_transformers_are_read_with_their_json(own, equals, rate, n_layers, tmp_path):
    model = small(
        "pizza", attention_rate=float(rate), n_layers=n_layers, d_model=12, n_heads=4,
        separate_vocabularies=own, equals=equals,
    )  # fmt: skip
    config = {
        "C": P, "attn_coeff": rate, "n_layers": n_layers, "diff_vocab": int(own),
        "eqn_sign": equals, "act_fn": "ReLU", "frac": 0.8, "weight_decay": 2.0, "epoch": 20000,
        "funcs": f"lambda x: (x[0]+x[1])%{P}", "func": None,
    }  # fmt: skip
    path = save(
        tmp_path / "model_abc.pt", nandas(weights(model), n_layers), config, "config_abc.json"
    )
    run = brought(path, tmp_path / "out")
    assert_same(run, model)
    assert run.steps == [20000]
    assert (run.spec.weight_decay, run.spec.train_fraction) == (2.0, 0.8)


@pytest.mark.parametrize("kind", ["A", "B", "C", "D", "X"])
def test_pizzas_linear_models_are_read(kind, tmp_path):
    model = small("linear", kind=kind, d_model=12)
    config = {"C": P, "model_type": kind, "epoch": 9}
    path = save(tmp_path / "model_k.pt", linears(weights(model)), config, "config_k.json")
    assert_same(brought(path, tmp_path / "out"), model)


GROUPS = [
    ("CyclicGroup", 6, "C6", 6),
    ("DihedralGroup", 5, "D5", 10),
    ("SymmetricGroup", 4, "S4", 24),
    ("AlternatingGroup", 5, "A5", 60),
]


@pytest.mark.parametrize(("family", "number", "name", "order"), GROUPS)
def test_chughtais_networks_are_read_with_group_order_and_split(
    family, number, name, order, tmp_path
):
    args = {"group": name} | ({"elements": "chughtai2023"} if name[0] in "SA" else {})
    config = {
        "group": family, "group_parameter": number, "seed": 4, "frac_train": 0.4, "lr": 0.001,
        "weight_decay": 1, "betas": [0.9, 0.98], "num_epochs": 77,
    }  # fmt: skip
    mlp = small("mlp", "composition", args, d_embed=8, d_mlp=10)
    run = brought(save(tmp_path / "one/model.pt", weights(mlp), config), tmp_path / "out")
    assert_same(run, mlp)
    assert (run.folder.name, run.spec.task_args, run.steps) == ("one", args, [77])
    order_of_pairs = torch.randperm(order**2, generator=torch.Generator().manual_seed(4))
    assert set(run.is_train.nonzero()[:, 0].tolist()) == set(
        order_of_pairs[: int(0.4 * order**2)].tolist()
    )
    transformer = small("chughtai", "composition", args, **SMALL)
    stray = {f"{x}_embed": torch.zeros(order + 1, 16) for x in "xy"}
    state = lenses_names(weights(transformer)) | stray
    run = brought(save(tmp_path / "two/model.pt", state, config), tmp_path / "out")
    assert_same(run, transformer)
    assert run.spec.model == "chughtai"


def test_chughtais_seed_0_does_not_shuffle(tmp_path):
    mlp = small("mlp", "composition", {"group": "C6"}, d_embed=8, d_mlp=10)
    config = {"group": "CyclicGroup", "group_parameter": 6, "seed": 0, "frac_train": 0.5}
    run = brought(save(tmp_path / "one/model.pt", weights(mlp), config), tmp_path / "out")
    assert run.is_train.tolist() == [True] * 18 + [False] * 18


def test_standers_full_run_has_all_checkpoints_and_the_split_beside_it(tmp_path):
    args = {"group": "S3", "elements": "stander2023"}
    models = [small("stander", "composition", args, d_embed=8, d_mlp=10) for _ in range(2)]
    models[0].get_parameter("W_U").data.mul_(2)
    states = [standers(weights(m)) for m in models]
    content = {
        "model": states[1], "config": {"vocab_size": 6}, "checkpoints": states,
        "checkpoint_epochs": [10, 40],
    }  # fmt: skip
    path = save(tmp_path / "s3" / "full_run.pth", content)
    pairs = torch.cartesian_prod(torch.arange(6), torch.arange(6))
    shown = torch.arange(36) % 3 == 0
    shuffled = torch.randperm(36)
    pl.DataFrame(
        {
            "index_left": pairs[shuffled, 0].numpy(),
            "index_right": pairs[shuffled, 1].numpy(),
            "in_train": shown[shuffled].numpy().astype(np.uint8),
        }
    ).write_parquet(path.parent / "data.parquet")
    run = brought(path, tmp_path / "out", task="S3")
    assert run.steps == [10, 40]
    assert run.spec.task_args == args
    assert run.spec.split == "recorded"
    assert torch.equal(run.is_train, shown)
    assert_same(run, models[1])
    torch.testing.assert_close(run.model(10).W_U, models[0].W_U)
    assert [row["step"] for row in run.rows] == [10, 40]
    assert run.rows[1]["test_accuracy"] == pytest.approx(
        evaluate(Snapshot.of(run), ["test_accuracy"])["test_accuracy"]
    )


def test_standers_epochs_in_a_folder_are_one_run(tmp_path):
    model = small("stander", "composition", {"group": "C6"}, d_embed=8, d_mlp=10)
    for epoch in (100, 5, 20):
        save(tmp_path / "s3" / f"{epoch}.pth", {"model": standers(weights(model)), "config": {}})
    run = brought(tmp_path / "s3", tmp_path / "out", task="S3")
    assert (run.folder.name, run.steps) == ("s3", [5, 20, 100])


def test_wus_networks_are_chosen_by_their_instance(tmp_path):
    models = [small("wu", "composition", {"group": "S3"}, d_embed=8, d_mlp=10) for _ in range(3)]
    models[1].get_parameter("W_x").data.neg_()
    each = [weights(m) for m in models]
    state = {
        "embedding_left": torch.stack([w["W_x"] for w in each]),
        "embedding_right": torch.stack([w["W_y"] for w in each]),
        "linear_left": torch.stack([w["W"][:8] for w in each]),
        "linear_right": torch.stack([w["W"][8:] for w in each]),
        "unembedding": torch.stack([w["W_U"] for w in each]),
        "unembed_bias": torch.stack([w["b_U"] for w in each]),
    }
    path = save(tmp_path / "S5.pt", state)
    with pytest.raises(
        BadInput, match=r"it holds 3 networks\. Choose one by --instance 0 \.\.\. 2"
    ):
        brought(path, tmp_path / "out")
    with pytest.raises(BadInput, match=r"none is number 3"):
        brought(path, tmp_path / "out", instance=3)
    run = brought(path, tmp_path / "out", instance=1, task="S3")
    assert run.folder.name == "S5-1"
    assert_same(run, models[1])
    shared = {k: v for k, v in state.items() if not k.startswith("linear")}
    shared["linear"] = state["linear_left"]
    models[1].get_parameter("W").data.copy_(torch.cat([each[1]["W"][:8]] * 2))
    run = brought(save(tmp_path / "MLP3.pt", shared), tmp_path / "out", instance=1, task="S3")
    assert_same(run, models[1])
    folded = {
        "embedding_left": torch.stack([w["W_x"] @ w["W"][:8] for w in each]),
        "embedding_right": torch.stack([w["W_y"] @ w["W"][8:] for w in each]),
        "unembedding": state["unembedding"],
    }
    plain = small("wu", "composition", {"group": "S3"}, d_embed=8, d_mlp=10, output_bias=False)
    plain.load_state_dict({k: v for k, v in each[0].items() if k != "b_U"})
    run = brought(save(tmp_path / "MLP4.pt", folded), tmp_path / "out", instance=0, task="S3")
    assert_same(run, plain)


@pytest.mark.parametrize(("formula", "operator"), [("a+b", "+"), ("a**2+b", "="), ("a*b", "*")])
def test_furutas_transformer_is_read_with_the_operator_of_its_folder(formula, operator, tmp_path):
    model = small("furuta", formula, operator=operator, **SMALL)
    short = {"a+b": "add", "a**2+b": "x2_y_short", "a*b": "multiply"}[formula]
    folder = tmp_path / f"{short}_transformer_1L_16D_{P}P_0.4F_0.001LR_1.0WD_FalseS_1WS_seed_2"
    state = nandas(weights(model))
    everything = [(i, j) for i in range(P + 5) for j in range(P + 5)]
    save(folder / "init.pth", {"model": state, "train_data": everything[::3], "test_data": []})
    save(folder / "2000.pth", {"model": state, "optimizer": {}, "epoch": 2000})
    run = brought(folder, tmp_path / "out")
    assert (run.folder.name, run.steps) == (folder.name, [0, 2000])
    assert (run.spec.task, run.spec.model_args["operator"]) == (formula, operator)
    assert_same(run, model)
    assert run.is_train.view(P, P)[2, 3] == ((2 * (P + 5) + 3) % 3 == 0)
    run = brought(folder / "2000.pth", tmp_path / "alone")
    assert run.spec.split == "recorded"  # drawn again from the seed of its folder's name
    assert run.is_train.double().mean() == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_pairs_arrays_are_read_collapsed_and_factored(kind, tmp_path):
    model = small("pair", d_embed=9, d_mlp=5)
    w = weights(model)
    rolling = {
        "hidden_embed_w": torch.stack([w["W_E"] @ w["W_in"] / s for s in (2, 1)]),
        "out_embed_t_w": torch.stack([(w["W_out"] @ w["W_E"].T).T for _ in range(2)]),
    }
    arrays = {
        "factored": {"E": w["W_E"], "P": w["W_in"], "Q": w["W_out"]},
        "collapsed": {"W_input": w["W_E"] @ w["W_in"], "W_output": w["W_out"] @ w["W_E"].T},
        "rolling": rolling,
    }
    for name, state in arrays.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "hyper.json").write_text(json.dumps({"n_tokens": P, "save_every": 500}))
        plain: dict[str, Any] = {k: v.numpy() for k, v in state.items()}
        if kind == "npz":
            np.savez(folder / f"{name}.npz", **plain)
        else:
            for k, v in plain.items():
                np.save(folder / f"{k}.npy", v)
        run = brought(folder, tmp_path / "out")
        assert_same(run, model)
        assert run.steps == ([0, 500] if name == "rolling" else [0])


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    ("model", "settings"),
    [("transformer", {}), ("transformer", {"n_layers": 2}), ("transformer", {"act": "gelu"}),
     ("chughtai", {"act": "silu"})],
)  # fmt: skip
def test_what_is_exported_is_imported_with_the_same_logits(model, settings, suffix, tmp_path):
    args = SMALL | settings
    spec = Spec(model=model, model_args=args, task_args={"p": P}, precision="float64")
    run = Run.of(spec, tmp_path)
    original = small(model, **args)
    run.write_spec()
    write_tensors(run.checkpoint(5), weights(original), {})
    path, beside = export(run, file=tmp_path / f"tl{suffix}")
    config = json.loads(beside.read_text())
    assert config["n_layers"] == settings.get("n_layers", 1)
    assert config["act_fn"] == settings.get("act", "relu")
    assert (config["d_vocab"], config["normalization_type"]) == (P + 1, None)
    again = brought(path, tmp_path / "out")
    assert_same(again, original)
    assert again.spec.model == model


def test_transformer_lens_4_names_and_axes_are_read(tmp_path):
    """As its `convert_tl_checkpoint` makes them."""
    model = small("transformer", **SMALL)
    w = lenses_names(weights(model))
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
    state = {name: x.contiguous() for name, x in state.items()}
    path = save(tmp_path / "bridge.pt", state)
    with pytest.raises(BadInput, match="Put a JSON with n_heads beside it"):
        brought(path, tmp_path / "out")
    (tmp_path / "bridge.json").write_text(json.dumps({"n_heads": 2, "act_fn": "relu"}))
    assert_same(brought(path, tmp_path / "out"), model)


def reference(w: State, tokens: Tensor) -> Tensor:
    """A HookedTransformer of one layer with all its biases, written out."""
    x = w["embed.W_E"][tokens] + w["pos_embed.W_pos"]
    a = {name.rpartition(".")[2]: v for name, v in w.items() if ".attn." in name}
    m = {name.rpartition(".")[2]: v for name, v in w.items() if ".mlp." in name}
    q, k, v = (torch.einsum("bpd,hde->bphe", x, a[f"W_{y}"]) + a[f"b_{y}"] for y in "QKV")
    scores = torch.einsum("bqhe,bkhe->bhqk", q, k) / q.shape[-1] ** 0.5
    scores = scores.masked_fill(torch.ones(3, 3, dtype=torch.bool).triu(1), -torch.inf)
    z = torch.einsum("bhqk,bkhe->bqhe", scores.softmax(-1), v)
    x = x + torch.einsum("bqhe,hed->bqd", z, a["W_O"]) + a["b_O"]
    x = x + (x @ m["W_in"] + m["b_in"]).relu() @ m["W_out"] + m["b_out"]
    return x[:, -1] @ w["unembed.W_U"] + w["unembed.b_U"]


def test_biases_that_ours_have_not_are_moved_or_refused(tmp_path):
    model = small("transformer", **SMALL)
    w = {
        k: v.double() if v.is_floating_point() else v
        for k, v in lenses_names(weights(model)).items()
    }
    for name in ("attn.b_K", "attn.b_V", "attn.b_O"):
        w[f"blocks.0.{name}"] = torch.randn_like(w[f"blocks.0.{name}"])
    w["unembed.W_U"] = w["unembed.W_U"][:, :P]  # as d_vocab_out = p
    w["unembed.b_U"] = torch.full((P,), 0.5, dtype=torch.float64)
    run = brought(save(tmp_path / "biased.pt", w), tmp_path / "out")
    tokens = torch.nn.functional.pad(run.task.inputs, (0, 1), value=P)
    found, expected = run.model()(run.task.inputs)[:, :P], reference(w, tokens) - 0.5
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    for name in ("blocks.0.attn.b_Q", "unembed.b_U"):
        with pytest.raises(BadInput, match=name.rpartition(".")[2]):
            with_biases_moved(w | {name: torch.randn_like(w[name])})


def test_a_network_with_normalisation_or_another_activation_is_refused(tmp_path):
    w = lenses_names(weights(small("transformer", **SMALL)))
    path = save(tmp_path / "ln.pt", w | {"blocks.0.ln1.w": torch.ones(16)})
    with pytest.raises(BadInput, match="normalisation"):
        brought(path, tmp_path / "out")
    for config in ({"normalization_type": "LNPre"}, {"act_fn": "solu_ln"}):
        path = save(tmp_path / "model.pt", w, config)
        with pytest.raises(BadInput, match=r"without one alone|its activation is solu_ln"):
            brought(path, tmp_path / "out")


@pytest.mark.skipif(find_spec("transformer_lens") is None, reason="needs transformer_lens")
def test_the_package_itself_gives_the_same_logits(tmp_path):
    tl = import_module("transformer_lens")
    model = small("transformer", **SMALL).float()
    spec = Spec(model_args=SMALL, task_args={"p": P})
    run = Run.of(spec, tmp_path)
    run.write_spec()
    write_tensors(run.checkpoint(0), weights(model), {})
    state, config = exported(run)
    if hasattr(tl, "HookedTransformer"):
        theirs = tl.HookedTransformer(tl.HookedTransformerConfig(**config))
        theirs.load_state_dict(state, strict=False)
    else:
        place = "transformer_lens.utilities.tl_checkpoint_conversion"
        bridge = import_module("transformer_lens.model_bridge").TransformerBridge
        made = import_module("transformer_lens.config").TransformerBridgeConfig(**config)
        theirs = bridge.boot_native(made)
        converted = import_module(place).convert_tl_checkpoint(state, theirs.cfg)
        theirs.load_state_dict(converted, strict=True)
    tokens = torch.nn.functional.pad(run.task.inputs, (0, 1), value=P)
    torch.testing.assert_close(theirs(tokens)[:, -1], model(run.task.inputs), atol=1e-5, rtol=0)


# Containers, losses and splits


CUDA = torch.device("cuda")


@dataclass(frozen=True)
class Config:
    """A configuration as Nanda et al. pickle it: of a class that the reader has not."""

    p: int = P
    fn_name: str = "add"
    frac_train: float = 0.5
    seed: int = 3
    weight_decay: float = 9.0
    act_type: str = "ReLU"
    device: torch.device = CUDA


@pytest.fixture(scope="module")
def grokking(tiny, tmp_path_factory) -> Run:
    """A network that knows what it was shown better than the rest."""
    spec = tiny(
        split="nanda2023", split_seed=3, steps=120, eval_every=1, checkpoint_every=30,
        precision="float64", weight_decay=0.5,
    )  # fmt: skip
    run = train(spec, tmp_path_factory.mktemp("grokking"))
    assert run.rows[-1]["test_loss"] > 3 * run.rows[-1]["train_loss"]
    return run


def saved(run: Run, **more: Any) -> dict[str, Any]:
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


def test_a_full_run_has_all_checkpoints_its_losses_and_its_split(grokking, tmp_path):
    group = {"lr": 0.0, "initial_lr": 2e-3, "weight_decay": 0.5, "betas": (0.9, 0.9)}
    optimizer = {"state": {}, "param_groups": [group]}
    path = save(
        tmp_path / "full_run_data.pth", saved(grokking, config=Config(), optimizer=optimizer)
    )
    run = brought(path, tmp_path / "out")
    assert run.steps == [0, 30, 60, 90, 120]
    assert (run.spec.weight_decay, run.spec.lr) == (0.5, 2e-3)  # not what the configuration says
    assert (run.spec.split, run.spec.split_seed) == ("nanda2023", 3)
    assert torch.equal(run.is_train, grokking.is_train)
    assert_same(run, grokking.model())
    rows = {row["step"]: row for row in run.rows}
    assert sorted(rows) == [*range(0, 121, 10)]
    assert rows[50]["test_loss"] == grokking.rows[50]["test_loss"]
    assert np.isnan(rows[50]["test_accuracy"])
    told = " ".join(sentences(read(run)))
    assert "of the others, the test" in told
    assert 'data-panel="curves"' in page(read(run))
    assert rows[60]["test_accuracy"] == pytest.approx(grokking.rows[60]["test_accuracy"])


def test_a_split_is_found_by_its_losses_alone(grokking, tmp_path):
    run = brought(save(tmp_path / "a.pth", saved(grokking)), tmp_path / "out")
    assert (run.spec.split, run.spec.split_seed, run.spec.train_fraction) == ("nanda2023", 3, 0.5)
    wrong = replace(Config(), seed=5)
    run = brought(save(tmp_path / "b.pth", saved(grokking, config=wrong)), tmp_path / "out")
    assert run.spec.split_seed == 3
    content = saved(grokking)
    content["test_losses"] = content["test_losses"][::-1]
    found = bring(sources(save(tmp_path / "c.pth", content))[0], tmp_path / "out")
    assert found.run.spec.split == "unknown"


def test_other_containers(grokking, tmp_path):
    state = nandas(weights(grokking.model()))
    forms = {
        "wrapped": {f"module.{k}": v for k, v in state.items()},
        "epoch": {"model": state, "train_loss": 0.1, "test_loss": 0.2, "epoch": 700},
        "steps": {0: state, 500: state},
        "list": [state, state, state],
        "nested": {"state_dict": state, "args": {"p": P}},
    }
    steps = {
        "wrapped": [0],
        "epoch": [700],
        "steps": [0, 500],
        "list": [0, 100, 200],
        "nested": [0],
    }
    for name, form in forms.items():
        run = brought(save(tmp_path / f"{name}.pth", form), tmp_path / "out")
        assert run.steps == steps[name]
        assert_same(run, grokking.model())
    whole = torch.nn.Module()
    for name, w in state.items():
        owner = whole
        *path, last = name.split(".")
        for part in path:
            if part not in dict(owner.named_children()):
                owner.add_module(part, torch.nn.Module())
            owner = owner.get_submodule(part)
        owner.register_buffer(last, w)
    assert_same(brought(save(tmp_path / "whole.pth", whole), tmp_path / "out"), grokking.model())
    for name, form in {"curves": [[0.1, 0.2], [0.3]], "losses": {"train_losses": [1.0]}}.items():
        with pytest.raises(BadInput, match="holds no weights"):
            brought(save(tmp_path / f"{name}.pth", form), tmp_path / "out")


# Which task


def lookup(answers: Tensor) -> State:
    """An MLP of Chughtai et al.'s form that answers by a table: a neuron for each pair."""
    n = len(answers)
    one = 2 * torch.eye(n) - 1
    W = torch.zeros(2 * n, n * n)
    W[:n] = one.repeat_interleave(n, dim=1)
    W[n:] = one.repeat(1, n)
    W_U = torch.nn.functional.one_hot(answers.flatten(), n).float()
    return {"W_x": torch.eye(n), "W_y": torch.eye(n), "W": W, "W_U": W_U}


def table_of(task: str, **args: Any) -> Tensor:
    made = make_task(task, args)
    return made.answers.view(made.n_symbols, made.n_symbols)


@pytest.mark.parametrize("formula", ["a+b", "a-b", "a*b", "a**2+a*b+b**2", "2*a+3*b"])
def test_the_task_is_found_by_asking_the_network(formula, tmp_path):
    path = save(tmp_path / "net.pt", lookup(table_of(formula, p=11)))
    found = bring(sources(path)[0], tmp_path / "out")
    assert (found.run.spec.task, found.accuracy, found.notes) == (formula, 1.0, ())


@pytest.mark.parametrize("elements", ["chughtai2023", "stander2023", "lexicographic"])
def test_a_group_is_found_with_the_order_of_its_elements(elements, tmp_path):
    state = lookup(table_of("composition", group="S4", elements=elements))
    found = bring(sources(save(tmp_path / "net.pt", state))[0], tmp_path / "out")
    assert found.accuracy == 1
    assert found.run.spec.task_args == {"group": "S4", "elements": elements}


def test_a_network_of_another_task_is_refused_and_told(tmp_path):
    state = lookup(table_of("a-b", p=11))
    config = {"group": "CyclicGroup", "group_parameter": 11, "seed": 1, "frac_train": 0.5}
    path = save(tmp_path / "one/model.pt", state, config)
    with pytest.raises(BadInput, match=r"it is another task, a-b p=11, .* 100\.00%.*--task 'a-b'"):
        brought(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert brought(path, tmp_path / "out", task="a-b").spec.task == "a-b"
    with pytest.raises(BadInput, match="has 13 symbols"):
        brought(path, tmp_path / "other", task="C13")
    config["group_parameter"] = 12
    with pytest.raises(BadInput, match=r"is refused: .*another task"):
        brought(save(tmp_path / "two/model.pt", state, config), tmp_path / "out")


def test_a_network_that_answers_nothing_is_said_to(tmp_path):
    path = save(tmp_path / "net.pt", weights(small("mlp", d_embed=8, d_mlp=10)))
    found = bring(sources(path)[0], tmp_path / "out")
    assert found.notes == ("its answers match no known task",)
    assert found.run.spec.task == "a+b" or found.run.spec.task == "composition"


def test_a_layout_that_is_not_known_names_the_nearest(tmp_path):
    path = save(
        tmp_path / "net.pt", {"W_x": torch.ones(2, 2), "W_z": torch.ones(2), "W": torch.ones(1)}
    )
    with pytest.raises(BadInput, match=r"It has: W_x, W_z, W\. The nearest is chughtai\. Known: "):
        brought(path, tmp_path / "out")
    with pytest.raises(BadInput, match=r"no layout is called `nandas`. Did you mean `nanda`"):
        brought(path, tmp_path / "out", layout="nandas")
    with pytest.raises(BadInput, match=r"has not the layout `nanda`: it has no embed.W_E"):
        brought(path, tmp_path / "out", layout="nanda")


def test_a_layout_of_ones_own(tmp_path):
    model = small("mlp", d_embed=8, d_mlp=10)
    w = weights(model)
    theirs = {"left": w["W_x"].T, "right": w["W_y"].T, "hidden": w["W"], "out": w["W_U"]}

    @layout("left", "right", "hidden", "out")
    def mine(found):
        d, n = found.shape("left", 2)
        args = {"d_embed": d, "d_mlp": found.shape("hidden", 2)[1]}
        return Foreign(
            (Spec(model="mlp", model_args=args, split="unknown"),),
            lambda w: {"W_x": w["left"].T, "W_y": w["right"].T, "W": w["hidden"], "W_U": w["out"]},
            n,
        )

    try:
        contiguous = {k: v.contiguous() for k, v in theirs.items()}
        assert_same(brought(save(tmp_path / "m.pt", contiguous), tmp_path / "out"), model)
    finally:
        del LAYOUTS["mine"]


# Hostile and broken files


class Attack:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *args: Any):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("function", [os.system, exec])
def test_a_pickle_that_would_run_code_is_refused_and_does_not(function, legacy, tmp_path):
    marker = tmp_path / "marker"
    text = f"touch {marker}" if function is os.system else f"open({str(marker)!r}, 'w')"
    path = tmp_path / "evil.pt"
    content = {"model": Attack(function, text), "W_x": torch.ones(2)}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(BadInput, match=r"calls `(posix|nt|__builtin__)\.(system|exec)`.*run code"):
        brought(path, tmp_path / "out")
    path.write_bytes(pickle.dumps(Attack(function, text)))
    with pytest.raises(BadInput, match="run code"):
        brought(path, tmp_path / "out")
    assert not marker.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".legacy", ".npy", ".npz"])
def test_a_file_that_was_cut_off_is_refused(share, suffix, tmp_path):
    state = weights(small("mlp", d_embed=8, d_mlp=10))
    path = tmp_path / ("net" + suffix.replace(".legacy", ".pt"))
    if suffix == ".safetensors":
        save_file(state, path)
    elif suffix == ".npz":
        arrays: dict[str, Any] = {k: v.numpy() for k, v in state.items()}
        np.savez(path, **arrays)
    elif suffix == ".npy":
        np.save(path, state["W"].numpy())
    else:
        torch.save(state, path, _use_new_zipfile_serialization=suffix == ".pt")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadInput, match=r"is refused: .*(damaged|cut off|are there)"):
        brought(path, tmp_path / "out")


def test_pointers_web_pages_and_text_are_refused(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    for content, reason in (
        (pointer, "Git-LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html>not found</html>", "web page"),
        (b"hello, this is no file of weights", "no file of weights"),
    ):
        path = tmp_path / "model.pt"
        path.write_bytes(content)
        with pytest.raises(BadInput, match=reason):
            brought(path, tmp_path / "out")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value, tmp_path):
    state = weights(small("mlp", d_embed=8, d_mlp=10))
    state["W"][0, :2] = value
    with pytest.raises(BadInput, match=r"2 of the 160 numbers of W at step 0 are not finite"):
        brought(save(tmp_path / "net.pt", state), tmp_path / "out")


def test_wrong_shapes_and_kinds_are_refused(tmp_path):
    state = weights(small("mlp", d_embed=8, d_mlp=10))
    for change, reason in (
        ({"W_U": torch.ones(9, P)}, "its W_U has the shape"),
        ({"W_y": torch.ones(P + 1, 8)}, "its W_y has the shape"),
        ({"W_x": torch.ones(P)}, "W_x has the shape .* must have 2 axes"),
        ({"W": torch.ones(16, 10, dtype=torch.int64)}, "its W holds torch.int64"),
    ):
        with pytest.raises(BadInput, match=reason):
            brought(save(tmp_path / "net.pt", state | change), tmp_path / "out")


def test_sizes_that_are_declared_and_not_there_are_refused_before_memory_is_taken(tmp_path):
    huge = torch.ones(1).expand(10**6, 10**6)
    path = save(tmp_path / "net.pt", {"W": huge})
    with pytest.raises(BadInput, match="written out"):
        read_file(path)
    state = {"W": torch.arange(16.0)}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"K\x10") >= 1
    path.write_bytes(content.replace(b"K\x10", b"J\xff\xff\xff\x7f"))  # 2^31 numbers, it says
    with pytest.raises(BadInput, match="bytes, and"):
        read_file(path)
    header = json.dumps({"W": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}})
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    with pytest.raises(BadInput, match="damaged"):
        read_file(path)
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    )
    path = tmp_path / "net.npy"
    path.write_bytes(buffer.getvalue() + b"\0" * 64)
    with pytest.raises(BadInput, match="are there"):
        read_file(path)


@pytest.mark.parametrize("more", [{}, {"config": Config()}], ids=["bare", "with a configuration"])
def test_tensors_of_a_gpu_land_on_the_cpu(more, tmp_path):
    path = save(tmp_path / "net.pt", {"model": {"W": torch.arange(4.0)}, **more})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            there = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            assert there != content or not name.endswith("data.pkl")
            archive.writestr(name, there)
    found = read_file(path)["model"]["W"]
    assert found.device.type == "cpu"
    assert found.tolist() == [0, 1, 2, 3]


def test_archives_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "net.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(BadInput, match="none that torch wrote"):
        read_file(path)
    torch.save({"W": torch.zeros(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(BadInput, match="compressed"):
        read_file(path)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="numbers alone"):
        read_file(tmp_path / "objects.npy")


def test_another_task_of_the_same_layout_is_refused(tmp_path):
    state = nandas(weights(small("transformer", **SMALL)))
    state["pos_embed.W_pos"] = torch.ones(18, 16)
    with pytest.raises(BadInput, match=r"18 positions.*5-digit sums"):
        brought(save(tmp_path / "digits.pth", state), tmp_path / "out")
    state["pos_embed.W_pos"] = torch.ones(2, 16)
    with pytest.raises(BadInput, match=r"attention rate .* Put its JSON beside it"):
        brought(save(tmp_path / "model_x.pt", state), tmp_path / "out")


# Folders, and what becomes of a run


def test_a_source_is_found_again_and_another_of_its_name_is_refused(tmp_path):
    path = save(tmp_path / "net.pt", lookup(table_of("a+b", p=7)))
    (source,) = sources(path)
    assert not bring(source, tmp_path / "out").was_there
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "out/net").iterdir()}
    assert bring(source, tmp_path / "out").was_there
    assert before == {f: f.stat().st_mtime_ns for f in (tmp_path / "out/net").iterdir()}
    save(path, lookup(table_of("a-b", p=7)))
    with pytest.raises(StorageError, match="holds another run"):
        bring(source, tmp_path / "out")
    (tmp_path / "away/net").mkdir(parents=True)
    (tmp_path / "away/net/notes").write_text("mine")
    with pytest.raises(StorageError, match="is no run"):
        bring(source, tmp_path / "away")


def test_a_folder_gives_every_network_in_it(tmp_path, call):
    for name in ("one", "two"):
        save(tmp_path / "in" / name / "model.pt", lookup(table_of("a+b", p=7)))
    save(tmp_path / "in/three.pt", lookup(table_of("a-b", p=7)))
    (tmp_path / "in/notes.txt").write_text("hello")
    said = call("import", tmp_path / "in", "--out", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    rows = json.loads(said.out)
    assert {(row["run"], row["task"]) for row in rows} == {
        ("one", "a+b p=7"), ("two", "a+b p=7"), ("three", "a-b p=7"),
    }  # fmt: skip
    (tmp_path / "in/four.pt").write_bytes(b"hello, hello, hello")
    said = call("import", tmp_path / "in", "--out", tmp_path / "out")
    assert said.code == 2
    assert "four.pt is refused" in said.err
    assert said.out.count("found") == 3
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, reason in ((empty, "holds no file of weights"), (empty / "x.pt", "no such file")):
        said = call("import", path, "--out", tmp_path / "out")
        assert said.code == 2
        assert reason in said.err


@pytest.fixture(scope="module")
def unknown(tmp_path_factory) -> Run:
    """An imported network whose split is not known."""
    folder = tmp_path_factory.mktemp("unknown")
    return brought(save(folder / "net.pt", lookup(table_of("a+b", p=11))), folder / "out")


def test_where_the_split_is_unknown_nothing_is_said_of_test_pairs(unknown):
    s = Snapshot.of(unknown)
    assert not unknown.knows_split
    assert not s.knows_split
    assert bool(unknown.is_train.all())
    for measure in ("test_loss", "test_accuracy", "test_accuracy_by_mirror", "test_loss_by_mirror"):
        with pytest.raises(NotApplicable, match=r"the split of this network .* is not known"):
            evaluate(s, [measure])
    every = evaluate(s, ["margin", "restricted_loss_sum", "restricted_loss_block2"])
    assert not any("test" in name for name in every), every
    assert evaluate(s, ["all_accuracy"]) == {"all_accuracy": 1.0}


def test_an_imported_run_is_read_and_reported(unknown, call):
    out, name = unknown.folder.parent, unknown.folder.name
    told = " ".join(sentences(read(unknown)))
    assert "was imported (chughtai: net.pt" in told
    assert "It is not known which of them it was shown." in told
    assert "memorised" not in told
    assert "imported" in page(read(unknown))
    for verb in ("show", "report", "spectrum", "trace"):
        said = call(verb, name, "--out", out)
        assert said.code == 0, said.err
    said = call("list", "--out", out, "--json")
    assert [(row["run"], row["state"]) for row in json.loads(said.out)] == [(name, "imported")]
    said = call("show", name, "--out", out, "--json")
    assert json.loads(said.out)["run"] == name


def test_an_imported_network_is_not_trained(unknown, tmp_path):
    with pytest.raises(BadInput, match="imported network, which is not trained here"):
        train(unknown.spec, tmp_path)
    with pytest.raises(BadInput, match="imported network"):
        train(replace(unknown.spec, source=None), tmp_path)
    assert train(replace(unknown.spec, source=None, split="ordered", steps=2), tmp_path).is_finished


def test_a_run_is_exported_by_the_command_line(grokking, tmp_path, call):
    file = tmp_path / "tl.safetensors"
    out = grokking.folder.parent
    said = call(
        "export", grokking.spec.id, "--to", "transformer_lens", "--out", out, "--file", file
    )
    assert said.code == 0, said.err
    assert said.out.split() == [str(file), str(file.with_suffix(".json"))]
    said = call("import", file, "--out", tmp_path / "out", "--task", "a+b", "--json")
    assert json.loads(said.out)[0]["layout"] == "transformer_lens"
    assert_same(Run.open(tmp_path / "out/tl"), grokking.model())
    said = call(
        "export", grokking.spec.id, "--to", "transformer_lens", "--out", out, "--file", "x.txt"
    )
    assert said.code == 2


def test_a_network_that_transformer_lens_has_not_is_not_exported(unknown):
    with pytest.raises(NotApplicable, match="model `mlp` is no network that TransformerLens has"):
        export(unknown)


# Published networks

PUBLISHED = {
    "groups/S5_MLP_seed2": (1.0, 1.0, 2.943e-6),
    "groups/S5_MLP_hidden_dim_32_seed8": (0.1254, 0.0036, 8.967),
    "groups/C113_MLP_seed2": (1.0, 1.0, 5.891e-6),
    "pizza/model_p99zdpze5l.pt": (1.0, None, 1.4e-7),
    "pizza/model_l8k1hzciux.pt": (1.0, None, 1.6e-7),
    "pizza/model_p71frej8t7.pt": (1.0, None, 6.2e-7),
    "pizza/model_qlvxqhkvit.pt": (1.0, None, 9.2e-6),
}


@pytest.mark.skipif(not CHECKPOINTS.exists(), reason="needs the published checkpoints")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_their_published_figures(name, tmp_path):
    accuracy, test_accuracy, loss = PUBLISHED[name]
    run = brought(CHECKPOINTS / name, tmp_path)
    assert run.folder.name == Path(name).stem
    s = Snapshot.of(run)
    found = evaluate(s, ["all_accuracy", "all_loss"])
    assert found["all_accuracy"] == pytest.approx(accuracy, abs=5e-5)
    if test_accuracy is None:
        assert found["all_loss"] == pytest.approx(loss, rel=0.05)
        return
    found = evaluate(s, ["test_accuracy", "test_loss"])
    assert found["test_accuracy"] == pytest.approx(test_accuracy, abs=5e-5)
    assert found["test_loss"] == pytest.approx(loss, rel=1e-3)

"""Other people's networks: each layout and container is read, or refused with the reason.

Every layout is written by a few lines of its own (`layouts.py`), from weights of ours, and must
give the same logits.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grokscope.errors import BadInput, NotApplicable
from grokscope.foreign import (
    LAYOUTS,
    ForeignNetwork,
    export,
    import_network,
    layout,
    sources,
)
from grokscope.measures.measure import evaluate
from grokscope.models.hooked import hooked
from grokscope.models.model import Model
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.tensors import write_tensors
from tests.layouts import (
    SMALL,
    P,
    State,
    assert_same,
    full_run,
    grokking_run,
    imported,
    linears,
    lookup,
    nandas,
    small,
    standers,
    table_of,
    transformer_lens,
    transformer_lens4,
    weights,
    write,
)
from tests.published import CHECKPOINTS

# Round trips: a layout or a container a row


@dataclass(frozen=True, eq=False)
class Theirs:
    """Files of theirs, our network that they hold, and facts that its run must state."""

    files: dict[str, Any]  # by their names, the first of them is imported, or:
    source: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    ours: Model | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    shown: Tensor | None = None  # which pairs of its task


def facts_of(run: Run) -> dict[str, Any]:
    about = {"name": run.folder.name, "steps": run.steps, "rows": run.rows}
    return {**vars(run.spec), **about, "shown": run.is_train.double().mean()}


def of_nanda() -> Iterator[tuple[str, Theirs]]:
    for n in (1, 2):
        model = small("transformer", **SMALL, n_layers=n)
        facts = {"name": "grok", "model": "transformer", "split": "unknown", "steps": [0]}
        facts |= {"task_args": {"p": P}, "rows": []}
        files = {"grok.pth": nandas(weights(model), n)}
        yield f"nanda, {n} layers", Theirs(files, ours=model, facts=facts)


def whole_module(state: State) -> nn.Module:
    """A torch module, pickled as it is."""
    whole = nn.Module()
    for name, w in state.items():
        owner = whole
        *path, last = name.split(".")
        for part in path:
            if part not in dict(owner.named_children()):
                owner.add_module(part, nn.Module())
            owner = owner.get_submodule(part)
        owner.register_buffer(last, w)
    return whole


def in_containers() -> Iterator[tuple[str, Theirs]]:
    model = small("transformer", **SMALL)
    state = nandas(weights(model))
    epoch = {"model": state, "train_loss": 0.1, "test_loss": 0.2, "epoch": 700}
    for name, content, steps in (
        ("wrapped", {f"module.{k}": v for k, v in state.items()}, [0]),
        ("epoch", epoch, [700]),
        ("steps", {0: state, 500: state}, [0, 500]),
        ("list", [state, state, state], [0, 100, 200]),
        ("nested", {"state_dict": state, "args": {"p": P}}, [0]),
        ("whole", whole_module(state), [0]),
    ):
        yield (
            f"in a container: {name}",
            Theirs({f"{name}.pth": content}, ours=model, facts={"steps": steps}),
        )


def of_zhong() -> Iterator[tuple[str, Theirs]]:
    for own in (False, True):
        for equals in (False, True):
            for rate, n in ((0.25, 1), (1, 2)):
                model = small(
                    "pizza", attention_rate=float(rate), n_layers=n, d_model=12, n_heads=4,
                    separate_vocabularies=own, equals=equals,
                )  # fmt: skip
                config = {
                    "C": P, "attn_coeff": rate, "n_layers": n, "diff_vocab": int(own),
                    "eqn_sign": equals, "act_fn": "ReLU", "frac": 0.8, "weight_decay": 2.0,
                    "epoch": 20000, "funcs": f"lambda x: (x[0]+x[1])%{P}", "func": None,
                }  # fmt: skip
                files = {"model_abc.pt": nandas(weights(model), n), "config_abc.json": config}
                facts = {"steps": [20000], "weight_decay": 2.0, "train_fraction": 0.8}
                yield (
                    f"pizza, {own=}, {equals=}, {n} layers",
                    Theirs(files, ours=model, facts=facts),
                )
    for kind in "ABCDX":
        model = small("linear", kind=kind, d_model=12)
        config = {"C": P, "model_type": kind, "epoch": 9}
        files = {"model_k.pt": linears(weights(model)), "config_k.json": config}
        yield f"pizza, linear {kind}", Theirs(files, ours=model, facts={"steps": [9]})


def of_chughtai() -> Iterator[tuple[str, Theirs]]:
    for family, number, name, order in (
        ("CyclicGroup", 6, "C6", 6),
        ("DihedralGroup", 5, "D5", 10),
        ("SymmetricGroup", 4, "S4", 24),
        ("AlternatingGroup", 5, "A5", 60),
    ):
        args = {"group": name} | ({"elements": "chughtai2023"} if name[0] in "SA" else {})
        config = {
            "group": family, "group_parameter": number, "seed": 4, "frac_train": 0.4, "lr": 0.001,
            "weight_decay": 1, "betas": [0.9, 0.98], "num_epochs": 77,
        }  # fmt: skip
        shuffled = torch.randperm(order**2, generator=torch.Generator().manual_seed(4))
        shown = torch.zeros(order**2, dtype=torch.bool)
        shown[shuffled[: int(0.4 * order**2)]] = True
        facts = {"name": "theirs", "task_args": args, "steps": [77]}
        model = small("mlp", "composition", args, d_embed=8, d_mlp=10)
        files = {"theirs/model.pt": weights(model), "theirs/cfg.json": config}
        yield f"chughtai, {name}", Theirs(files, ours=model, facts=facts, shown=shown)
        model = small("chughtai", "composition", args, **SMALL)
        stray = {f"{x}_embed": torch.zeros(order + 1, 16) for x in "xy"}
        state = transformer_lens(weights(model)) | stray
        files = {"theirs/model.pt": state, "theirs/cfg.json": config}
        facts = {**facts, "model": "chughtai"}
        yield f"chughtai, {name}, transformer", Theirs(files, ours=model, facts=facts, shown=shown)
    model = small("mlp", "composition", {"group": "C6"}, d_embed=8, d_mlp=10)
    config = {"group": "CyclicGroup", "group_parameter": 6, "seed": 0, "frac_train": 0.5}
    files = {"theirs/model.pt": weights(model), "theirs/cfg.json": config}
    yield (
        "chughtai, seed 0 does not shuffle",
        Theirs(files, ours=model, shown=torch.arange(36) < 18),
    )


def of_stander() -> Iterator[tuple[str, Theirs]]:
    args = {"group": "S3", "elements": "stander2023"}
    model = small("stander", "composition", args, d_embed=6, d_mlp=36)  # right on what it was shown
    by_table = lookup(table_of("composition", **args)) | {"b_U": torch.zeros(6)}
    model.load_state_dict({name: w.double() for name, w in by_table.items()})
    state = standers(weights(model))
    content = {
        "model": state, "config": {"vocab_size": 6}, "checkpoint_epochs": [10, 40],
        "checkpoints": [state | {"unembed.weight": 2 * state["unembed.weight"]}, state],
    }  # fmt: skip
    shown, shuffled = torch.arange(36) % 3 == 0, torch.randperm(36)
    a, b = torch.cartesian_prod(torch.arange(6), torch.arange(6))[shuffled].numpy().T
    in_train = shown[shuffled].numpy().astype(np.uint8)
    table = {"index_left": a, "index_right": b, "in_train": in_train}
    yield (
        "stander, a full run beside its split",
        Theirs(
            {"s3/full_run.pth": content, "s3/data.parquet": table},
            options={"task": "S3"},
            ours=model,
            facts={"name": "full_run", "steps": [10, 40], "task_args": args, "split": "recorded"},
            shown=shown,
        ),
    )
    model = small("stander", "composition", {"group": "C6"}, d_embed=8, d_mlp=10)
    epoch = {"model": standers(weights(model)), "config": {}}
    yield (
        "stander, epochs in a folder",
        Theirs(
            {f"s3/{i}.pth": epoch for i in (100, 5, 20)},
            source="s3",
            options={"task": "S3"},
            ours=model,
            facts={"name": "s3", "steps": [5, 20, 100]},
        ),
    )


def of_wu() -> Iterator[tuple[str, Theirs]]:
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
    chosen = {"instance": 1, "task": "S3"}
    yield (
        "wu, MLP2",
        Theirs(
            {"S5.pt": state}, options=chosen, ours=models[1], facts={"name": "S5-1", "model": "wu"}
        ),
    )
    shared = {k: v for k, v in state.items() if not k.startswith("linear")}
    shared["linear"] = state["linear_left"]
    of_shared = small("wu", "composition", {"group": "S3"}, d_embed=8, d_mlp=10)
    of_shared.load_state_dict(each[1] | {"W": torch.cat([each[1]["W"][:8]] * 2)})
    yield "wu, MLP3", Theirs({"MLP3.pt": shared}, options=chosen, ours=of_shared)
    folded = {
        "embedding_left": torch.stack([w["W_x"] @ w["W"][:8] for w in each]),
        "embedding_right": torch.stack([w["W_y"] @ w["W"][8:] for w in each]),
        "unembedding": state["unembedding"],
    }
    plain = small("wu", "composition", {"group": "S3"}, d_embed=8, d_mlp=10, output_bias=False)
    plain.load_state_dict({k: v for k, v in each[0].items() if k != "b_U"})
    yield "wu, MLP4", Theirs({"MLP4.pt": folded}, options={"instance": 0, "task": "S3"}, ours=plain)


def of_furuta() -> Iterator[tuple[str, Theirs]]:
    pairs = [(i, j) for i in range(P + 5) for j in range(P + 5)]
    shown = torch.tensor([(i * (P + 5) + j) % 3 == 0 for i in range(P) for j in range(P)])
    for formula, operator, short in (
        ("a+b", "+", "add"),
        ("a**2+b", "=", "x2_y_short"),
        ("a*b", "*", "multiply"),
    ):
        model = small("furuta", formula, operator=operator, **SMALL)
        state = nandas(weights(model))
        name = f"{short}_transformer_1L_16D_{P}P_0.4F_0.001LR_1.0WD_FalseS_1WS_seed_2"
        last = {"model": state, "optimizer": {}, "epoch": 2000}
        files = {
            f"{name}/2000.pth": last,
            f"{name}/init.pth": {"model": state, "train_data": pairs[::3], "test_data": []},
        }
        facts = {"task": formula, "model_args": SMALL | {"operator": operator}, "split": "recorded"}
        yield (
            f"furuta, {formula}",
            Theirs(
                files,
                name,
                ours=model,
                facts={**facts, "name": name, "steps": [0, 2000]},
                shown=shown,
            ),
        )
        # the split is drawn again from the seed of the folder's name
        facts |= {"name": "2000", "steps": [2000], "shown": pytest.approx(0.4, abs=0.15)}
        yield (
            f"furuta, {formula}, one epoch alone",
            Theirs({f"{name}/2000.pth": last}, ours=model, facts=facts),
        )


def of_pair() -> Iterator[tuple[str, Theirs]]:
    model = small("pair", d_embed=9, d_mlp=5)
    w = weights(model)
    W_in, W_out = w["W_E"] @ w["W_in"], w["W_out"] @ w["W_E"].T
    rolling = {
        "hidden_embed_w": torch.stack([W_in / 2, W_in]),
        "out_embed_t_w": torch.stack([W_out.T, W_out.T]),
    }
    hyper = {"n_tokens": P, "save_every": 500}
    for name, state, steps in (
        ("factored", {"E": w["W_E"], "P": w["W_in"], "Q": w["W_out"]}, [0]),
        ("collapsed", {"W_input": W_in, "W_output": W_out}, [0]),
        ("rolling", rolling, [0, 500]),
    ):
        arrays = {k: v.numpy() for k, v in state.items()}
        beside = {f"{name}/hyper.json": hyper}
        for kind, files in (
            ("npy", {f"{name}/{k}.npy": v for k, v in arrays.items()}),
            ("npz", {f"{name}/{name}.npz": arrays}),
        ):
            facts = {"name": name, "steps": steps}
            yield f"pair, {name} .{kind}", Theirs(files | beside, name, ours=model, facts=facts)


def of_transformer_lens() -> Iterator[tuple[str, Theirs]]:
    model = small("transformer", **SMALL)
    config = {"n_heads": 2, "act_fn": "relu"}
    files = {"bridge.pt": transformer_lens4(weights(model)), "bridge.json": config}
    yield "transformer_lens 4", Theirs(files, ours=model, facts={"model": "transformer"})


READ = {
    name: theirs
    for rows in (
        of_nanda, in_containers, of_zhong, of_chughtai, of_stander, of_wu, of_furuta, of_pair,
        of_transformer_lens,
    )
    for name, theirs in rows()
}  # fmt: skip


@pytest.mark.parametrize("theirs", READ.values(), ids=READ)
def test_their_network_becomes_a_run_with_the_same_logits(theirs, tmp_path):
    first = write(tmp_path, theirs.files)
    source = tmp_path / theirs.source if theirs.source else first
    run = imported(source, tmp_path / "out", **theirs.options)
    assert theirs.ours is not None
    assert_same(run, theirs.ours)
    about = facts_of(run)
    assert {name: about[name] for name in theirs.facts} == theirs.facts
    if theirs.shown is not None:
        assert torch.equal(run.is_train, theirs.shown)


def test_a_full_run_of_stander_has_the_weights_and_the_accuracy_of_every_checkpoint(tmp_path):
    theirs = READ["stander, a full run beside its split"]
    run = imported(write(tmp_path, theirs.files), tmp_path / "out", **theirs.options)
    assert theirs.ours is not None
    torch.testing.assert_close(run.model(10).W_U, 2 * theirs.ours.get_parameter("W_U"))
    assert [row["step"] for row in run.rows] == [10, 40]
    measured = evaluate(Snapshot.of(run), ["test_accuracy"])
    assert run.rows[1]["test_accuracy"] == pytest.approx(measured["test_accuracy"])


# Refusals: a row names what is wrong, and what to do


def mlp(**changes: Tensor) -> dict[str, Any]:
    return {"net.pt": weights(small("mlp", d_embed=8, d_mlp=10)) | changes}


def with_a_number(value: float) -> dict[str, Any]:
    W = weights(small("mlp", d_embed=8, d_mlp=10))["W"]
    W[0, :2] = value
    return mlp(W=W)


def lens(config: dict[str, Any], **changes: Tensor) -> dict[str, Any]:
    state = transformer_lens(weights(small("transformer", **SMALL)))
    return {"one/model.pt": state | changes, "one/cfg.json": config}


def other_positions(name: str, positions: int) -> dict[str, Any]:
    state = nandas(weights(small("transformer", **SMALL)))
    return {name: state | {"pos_embed.W_pos": torch.ones(positions, 16)}}


def of_a_minus_b(**config: Any) -> dict[str, Any]:
    config = {"group": "CyclicGroup", "group_parameter": 11, "seed": 1, "frac_train": 0.5, **config}
    return {"one/model.pt": lookup(table_of("a-b", p=11)), "one/cfg.json": config}


WU = READ["wu, MLP2"].files
NAMELESS = {"net.pt": {"W_x": torch.ones(2, 2), "W_z": torch.ones(2), "W": torch.ones(1)}}
BRIDGE = {"bridge.pt": READ["transformer_lens 4"].files["bridge.pt"]}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no instance": (WU, {}, r"it holds 3 networks\. Choose one by --instance 0 \.\.\. 2"),
    "instance 3": (WU, {"instance": 3}, "none is number 3"),
    "heads unknown": (BRIDGE, {}, "Put a JSON with n_heads beside it"),
    "another norm": (
        lens({"normalization_type": "BatchNorm"}), {}, "its normalisation is BatchNorm",
    ),
    "solu": (lens({"act_fn": "solu_ln"}), {}, "its activation is solu_ln"),
    "18 positions": (
        other_positions("digits.pth", 18), {}, "18 positions.* JSON with seq_len, subseq_len",
    ),
    "2 positions": (
        other_positions("model_x.pt", 2), {}, r"attention rate .* Put its JSON beside it",
    ),
    "losses alone": ({"losses.pth": {"train_losses": [1.0]}}, {}, "holds no weights"),
    "curves": ({"curves.pth": [[0.1, 0.2], [0.3]]}, {}, "holds no weights"),
    "unknown names": (
        NAMELESS, {}, r"nothing here reads W_x, W_z, W together\. .* docs/foreign\.md",
    ),
    "a misspelt layout": (
        NAMELESS, {"layout": "nandas"}, r"no layout is called `nandas`. Did you mean `nanda`",
    ),
    "another layout": (
        NAMELESS, {"layout": "nanda"}, "does not have the layout `nanda`: it has no embed.W_E",
    ),
    "not a number": (
        with_a_number(float("nan")), {}, "2 of the 160 numbers of W at step 0 are not finite",
    ),
    "infinite": (
        with_a_number(float("inf")), {}, "2 of the 160 numbers of W at step 0 are not finite",
    ),
    "too few rows": (mlp(W_U=torch.ones(9, P)), {}, "its W_U has the shape"),
    "too many symbols": (mlp(W_y=torch.ones(P + 1, 8)), {}, "its W_y has the shape"),
    "one axis": (mlp(W_x=torch.ones(P)), {}, "W_x has the shape .* must have 2 axes"),
    "true and false": (
        mlp(W=torch.ones(16, 10, dtype=torch.bool)), {}, "its W holds bool, which are not weights",
    ),
    "large whole numbers": (
        mlp(W=torch.full((16, 10), 2**24 + 1)), {}, "its W holds int64, which are not weights",
    ),
    "complex": (
        mlp(W=torch.ones(16, 10, dtype=torch.complex64)), {}, "numbers of kind complex64",
    ),
    "an instance of one network": (
        {"net.pt": mlp()["net.pt"]}, {"instance": 3}, "one network, and --instance 3 is none of it",
    ),
    "another task than its JSON says": (
        of_a_minus_b(), {}, r"it is another task, a-b p=11, .* 100\.00%.*--task 'a-b'",
    ),
    "another size than its JSON says": (
        of_a_minus_b(group_parameter=12), {}, r"is refused: .*another task",
    ),
    "another size than --task says": (of_a_minus_b(), {"task": "C13"}, "has 13 symbols"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "options", "reason"), REFUSED.values(), ids=REFUSED)
def test_their_network_is_refused_with_the_reason(files, options, reason, tmp_path):
    path = write(tmp_path, files)
    with pytest.raises(BadInput, match=reason):
        imported(path, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


# TransformerLens, both ways


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    ("model", "args"),
    [("transformer", {}), ("transformer", {"n_layers": 2}), ("transformer", {"act": "gelu"}),
     ("chughtai", {}), ("chughtai", {"act": "silu"})],
)  # fmt: skip
def test_what_is_exported_is_imported_with_the_same_logits(model, args, suffix, tmp_path):
    spec = Spec(model=model, model_args=SMALL | args, task_args={"p": P}, precision="float64")
    run = Run.of(spec, tmp_path)
    original = small(model, **SMALL, **args)
    run.write_spec()
    write_tensors(run.checkpoint(5), weights(original), {})
    path, beside = export(run, file=tmp_path / f"tl{suffix}")
    again = imported(path, tmp_path / "out")
    assert_same(again, original)
    assert again.spec.model == model
    config = json.loads(beside.read_text())
    assert config["n_layers"] == args.get("n_layers", 1)
    assert config["act_fn"] == args.get("act", "relu")
    assert (config["d_vocab"], config["normalization_type"]) == (P + 1, None)


def test_a_network_that_transformer_lens_does_not_have_is_not_exported(tmp_path):
    run = imported(write(tmp_path, {"net.pt": lookup(table_of("a+b", p=11))}), tmp_path / "out")
    with pytest.raises(NotApplicable, match="model `mlp` is not a network of TransformerLens"):
        export(run)


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


@pytest.mark.parametrize("classes", [P, P + 1])
def test_trained_biases_are_read_as_they_are(classes, tmp_path):
    w = transformer_lens(weights(small("transformer", **SMALL)))
    w = {name: x.double() if x.is_floating_point() else x for name, x in w.items()}
    w["unembed.W_U"], w["unembed.b_U"] = w["unembed.W_U"][:, :classes], torch.zeros(classes)
    w |= {name: torch.randn(x.shape).double() for name, x in w.items() if ".b_" in name}
    run = imported(write(tmp_path, {"biased.pt": w}), tmp_path / "out")
    tokens = torch.nn.functional.pad(run.task.inputs, (0, 1), value=P)
    logits, expected = run.model()(run.task.inputs), reference(w, tokens)
    assert logits.shape[1] == classes
    torch.testing.assert_close(logits, expected, atol=1e-10, rtol=0)


@pytest.mark.skipif(find_spec("transformer_lens") is None, reason="needs transformer_lens")
def test_the_package_itself_gives_the_same_logits():
    model = small("transformer", **SMALL).float()
    inputs = torch.cartesian_prod(torch.arange(P), torch.arange(P))
    tokens = torch.nn.functional.pad(inputs, (0, 1), value=P)
    theirs = hooked(model)(tokens)[:, -1]
    torch.testing.assert_close(theirs, model(inputs), atol=1e-5, rtol=0)


# Losses and splits


CUDA = torch.device("cuda")


@dataclass(frozen=True)
class Config:
    """A configuration as Nanda et al. pickle it: of a class that the reader does not have."""

    p: int = P
    fn_name: str = "add"
    frac_train: float = 0.5
    seed: int = 3
    weight_decay: float = 9.0
    act_type: str = "ReLU"
    device: torch.device = CUDA


@pytest.fixture(scope="module")
def grokking(tiny, tmp_path_factory) -> Run:
    return grokking_run(tiny, tmp_path_factory.mktemp("grokking"))


def test_a_full_run_of_nanda_has_all_checkpoints_its_losses_and_its_split(grokking, tmp_path):
    group = {"lr": 0.0, "initial_lr": 2e-3, "weight_decay": 0.5, "betas": (0.9, 0.9)}
    optimizer = {"state": {}, "param_groups": [group]}
    content = full_run(grokking, config=Config(), optimizer=optimizer)
    run = imported(write(tmp_path, {"full_run_data.pth": content}), tmp_path / "out")
    assert run.steps == [0, 30, 60, 90, 120]
    assert (run.spec.weight_decay, run.spec.lr) == (0.5, 2e-3)  # not what the configuration says
    assert (run.spec.split, run.spec.split_seed) == ("nanda2023", 3)
    assert torch.equal(run.is_train, grokking.is_train)
    assert_same(run, grokking.model())
    rows = {row["step"]: row for row in run.rows}
    assert sorted(rows) == [*range(0, 121, 10)]
    assert rows[50]["test_loss"] == grokking.rows[50]["test_loss"]
    assert np.isnan(rows[50]["test_accuracy"])
    assert rows[60]["test_accuracy"] == pytest.approx(grokking.rows[60]["test_accuracy"])


@pytest.mark.parametrize(
    ("more", "turned", "split"),
    [
        ({}, False, ("nanda2023", 3, 0.5)),
        ({"config": replace(Config(), seed=5)}, False, ("nanda2023", 3, 0.5)),
        ({}, True, ("unknown", None, 0.3)),
    ],
    ids=["by its losses alone", "against its configuration", "not by other losses"],
)
def test_a_split_is_found(more, turned, split, grokking, tmp_path):
    content = full_run(grokking, **more)
    if turned:
        content["test_losses"] = content["test_losses"][::-1]
    spec = imported(write(tmp_path, {"a.pth": content}), tmp_path / "out").spec
    assert (spec.split, spec.split_seed, spec.train_fraction) == split


# Which task


@pytest.mark.parametrize(
    ("task", "args"),
    [
        *((formula, {"p": 11}) for formula in ("a+b", "a-b", "a*b", "a**2+a*b+b**2", "2*a+3*b")),
        ("composition", {"group": "S4", "elements": "chughtai2023"}),
        ("composition", {"group": "S4", "elements": "stander2023"}),
        ("composition", {"group": "S4", "elements": "lexicographic"}),
    ],
)
def test_the_task_is_the_one_that_its_answers_match(task, args, tmp_path):
    (source,) = sources(write(tmp_path, {"net.pt": lookup(table_of(task, **args))}))
    network = import_network(source, tmp_path / "out")
    assert (network.run.spec.task, network.run.spec.task_args) == (task, args)
    assert (network.accuracy, [*network.run.spec.assumed]) == (1.0, ["activation"])


@pytest.mark.parametrize(
    "kind", [torch.float16, torch.bfloat16, torch.int64, torch.int8], ids=lambda x: str(x)[6:]
)
def test_weights_of_another_kind_are_converted_and_that_is_said(kind, tmp_path):
    table = lookup(table_of("a+b", p=11))
    path = write(tmp_path, {"net.pt": {name: w.to(kind) for name, w in table.items()}})
    network = import_network(sources(path)[0], tmp_path / "out")
    assert network.notes[0] == f"its weights are {str(kind)[6:]}: converted to float32"
    assert network.run.spec.precision == "float32"
    for name, w in network.run.model().state_dict().items():
        assert torch.equal(w, table[name])


def test_the_task_that_is_asked_for_goes_before_what_its_source_says(tmp_path):
    path = write(tmp_path, of_a_minus_b())
    assert imported(path, tmp_path / "out", task="a-b").spec.task == "a-b"


def test_a_network_of_no_known_task_says_so(tmp_path):
    network = import_network(sources(write(tmp_path, mlp()))[0], tmp_path / "out")
    assert network.notes[0].startswith("its task is not known: of ")
    assert "task" in network.run.spec.assumed
    assert network.run.spec.task in ("a+b", "composition")


@pytest.fixture
def forget_layouts() -> Iterator[None]:
    """Forget the layouts of a test when it is over."""
    before = dict(LAYOUTS)
    yield
    LAYOUTS.clear()
    LAYOUTS.update(before)


@pytest.mark.usefixtures("forget_layouts")
def test_a_layout_of_ones_own(tmp_path):
    model = small("mlp", d_embed=8, d_mlp=10)
    w = weights(model)
    theirs = {"left": w["W_x"].T, "right": w["W_y"].T, "hidden": w["W"], "out": w["W_U"]}

    @layout("left", "right", "hidden", "out")
    def mine(contents):
        d, n = contents.shape("left", 2)
        args = {"d_embed": d, "d_mlp": contents.shape("hidden", 2)[1]}
        return ForeignNetwork(
            (Spec(model="mlp", model_args=args, split="unknown"),),
            lambda w: {"W_x": w["left"].T, "W_y": w["right"].T, "W": w["hidden"], "W_U": w["out"]},
            n,
        )

    state = {name: x.contiguous() for name, x in theirs.items()}
    assert_same(imported(write(tmp_path, {"m.pt": state}), tmp_path / "out"), model)


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
    run = imported(CHECKPOINTS / name, tmp_path)
    assert run.folder.name == Path(name).stem
    s = Snapshot.of(run)
    of_all = evaluate(s, ["all_accuracy", "all_loss"])
    assert of_all["all_accuracy"] == pytest.approx(accuracy, abs=5e-5)
    if test_accuracy is None:
        assert of_all["all_loss"] == pytest.approx(loss, rel=0.05)
        return
    of_test = evaluate(s, ["test_accuracy", "test_loss"])
    assert of_test["test_accuracy"] == pytest.approx(test_accuracy, abs=5e-5)
    assert of_test["test_loss"] == pytest.approx(loss, rel=1e-3)

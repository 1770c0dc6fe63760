"""The command line among other tools: what it logs, exports and imports."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from grokscope.models.hooked import as_hooked
from grokscope.trackers import TRACKERS
from grokscope.training.run import Run
from tests.test_trackers import READ, expected

SMALL = (
    "demo", "task.p=7", "model.d_model=16", "model.n_heads=2", "model.d_mlp=32", "steps=10",
    "eval_every=5", "checkpoint_every=5", "stop_after_grok=none", "--threads", 1,
)  # fmt: skip
with_tensorboard = pytest.mark.skipif(
    find_spec("tensorboardX") is None, reason="needs: pip install 'grokscope[tensorboard]'"
)
IS_HERE = [
    pytest.param(name, marks=pytest.mark.skipif(
        find_spec(x.package) is None, reason=f"needs: pip install 'grokscope[{x.extra}]'"
    ))
    for name, x in TRACKERS.items()
]  # fmt: skip


@pytest.fixture(scope="module")
def out(call, tmp_path_factory) -> Path:
    """A folder with one run."""
    out = tmp_path_factory.mktemp("out")
    assert call("run", *SMALL, "--out", out).code == 0
    return out


@pytest.fixture(scope="module")
def run(out) -> Run:
    (folder,) = out.glob("*/spec.json")
    return Run.open(folder.parent)


@with_tensorboard
@pytest.mark.filterwarnings("ignore")
def test_a_run_is_logged_while_it_trains(call, tmp_path):
    said = call("run", *SMALL, "seed=1", "--log", "tensorboard", "--out", tmp_path)
    assert said.code == 0, said.err
    (folder,) = (x.parent for x in tmp_path.glob("*/spec.json"))
    found = READ["tensorboard"](folder / "tensorboard")
    for point, value in expected(Run.open(folder)).items():
        assert found[point] == pytest.approx(value, rel=1e-6), point


def test_a_log_that_cannot_be_kept_stops_the_run_before_it_trains(call, tmp_path, monkeypatch):
    monkeypatch.setattr("grokscope.trackers.tracker.find_spec", lambda name: None)
    said = call("run", *SMALL, "--log", "mlflow", "--out", tmp_path)
    assert said.code == 2
    assert "grokscope[mlflow]" in said.err
    assert not list(tmp_path.glob("*/metrics.jsonl"))


@pytest.mark.filterwarnings("ignore")  # of the packages
@pytest.mark.parametrize("name", IS_HERE)
def test_a_run_is_exported_to_a_tracker(name, call, run, tmp_path, monkeypatch):
    for variable in ("TRACKIO_DIR", "WANDB_MODE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    said = call("export", run.folder, "--to", name, "--file", tmp_path / name)
    assert (said.code, said.out.strip().splitlines()[-1]) == (0, str(tmp_path / name)), said.err
    found = READ[name](tmp_path / name)
    assert {point for point in expected(run)} <= set(found)


def test_weights_are_exported_with_their_configuration(call, run, tmp_path):
    file = tmp_path / "tl.safetensors"
    said = call("export", run.folder, "--to", "transformer_lens", "--step", 5, "--file", file)
    assert said.out.split() == [str(file), str(file.with_suffix(".json"))]
    state, config = as_hooked(run.model(5))
    written = load_file(file)
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], x) for name, x in state.items())
    assert json.loads(file.with_suffix(".json").read_text()) == config


def test_every_checkpoint_is_exported(call, run, tmp_path):
    said = call("export", run.folder, "--to", "transformer_lens", "--all", "--file", tmp_path / "x")
    assert [Path(x).name for x in said.out.split()] == [
        f"step-{step:06d}.safetensors" for step in run.steps
    ]


@pytest.mark.parametrize(("words", "told"), [
    (("transformer_lens", "--all", "--step", 5), "State one of them"),
    (("tensorboard", "--all"), "takes the whole run"),
    (("hub", "--step", 5), "takes the whole run"),
    (("transformer_lens", "--step", 6), "The nearest is 5"),
    (("transformer_lens", "--file", "it.txt"), "write to a .safetensors"),
])  # fmt: skip
def test_what_cannot_be_exported_is_refused_with_the_cure(words, told, call, run):
    said = call("export", run.folder, "--to", *words)
    assert said.code == 2
    assert told in said.err


def test_a_layout_that_a_file_declares_is_imported(call, tmp_path):
    """An MLP under names of its own, its maps stored output first: the declaration says where each
    weight is."""
    spec = ("hello", "task.p=7", "model=dense", "model.d_embed=8", "steps=10")
    assert call("run", *spec, "--threads", 1, "--out", tmp_path / "own").code == 0
    (folder,) = (x.parent for x in (tmp_path / "own").glob("*/spec.json"))
    own = Run.open(folder)
    weights = own.weights(own.steps[-1])
    theirs = {
        f"net.{k}": (w.T if k in ("W_1", "W_U") else w).contiguous() for k, w in weights.items()
    }
    save_file(theirs, tmp_path / "net.safetensors")
    named = {k: [f"net.{k}", "T"] if k in ("W_1", "W_U") else f"net.{k}" for k in weights}
    declared = {
        "model": "dense", "symbols": 7, "model_args": {"d_embed": 8},
        "weights": named,
    }  # fmt: skip
    (tmp_path / "layout.json").write_text(json.dumps({"grokscope": declared}))
    asked = ("--layout", tmp_path / "layout.json", "--task", "a+b", "--out", tmp_path / "runs")
    said = call("import", tmp_path / "net.safetensors", *asked, "--json")
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)
    assert (row["state"], row["layout"], row["model"]) == ("imported", "declared", "dense")
    back = Run.open(tmp_path / "runs" / row["run"])
    inputs = own.task.inputs
    assert torch.allclose(back.model()(inputs), own.model()(inputs), atol=1e-5)


def test_a_layout_that_does_not_fit_is_refused(call, run, tmp_path):
    file = tmp_path / "one.safetensors"
    save_file({"w": torch.zeros(3)}, file)
    (tmp_path / "layout.json").write_text(json.dumps({"model": "dense", "symbols": 7}))
    said = call("import", file, "--layout", tmp_path / "layout.json", "--out", tmp_path / "runs")
    assert said.code == 2
    assert str(file) in said.err
    assert not (tmp_path / "runs").exists()

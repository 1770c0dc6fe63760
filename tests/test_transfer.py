"""Loaded and frozen parts: what transfer experiments and their controls train, and what stays."""

import re
from dataclasses import replace

import pytest
import torch

from grokscope.cli.find import to_load
from grokscope.errors import BadInput, UnknownName
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.train import train
from grokscope.training.transfer import initial_model, named

SMALL = Spec(
    task_args={"p": 7}, model_args={"d_model": 16, "n_heads": 2, "d_mlp": 24}, train_fraction=0.6,
    lr=1e-2, steps=40, eval_every=10, checkpoint_every=40,
)  # fmt: skip
INNER = ["W_Q", "W_K", "W_V", "W_O", "W_in", "b_in", "W_out", "b_out"]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Run:
    return train(SMALL, tmp_path_factory.mktemp("runs"))


def weights(run: Run, step: int | None = None) -> dict[str, torch.Tensor]:
    return dict(run.model(step).named_parameters())


def child(source: Run, **changes) -> Spec:
    return replace(SMALL, task="2*a+b", seed=1, load=source.folder.name, **changes)


@pytest.mark.parametrize(
    ("part", "loaded"), [("embed", ["W_E", "W_pos"]), ("transformer", INNER), ("unembed", ["W_U"])]
)
def test_a_frozen_part_stays_what_it_was_in_the_other_run(part, loaded, source):
    out = source.folder.parent
    run = train(child(source, load_parts=part, freeze=part), out)
    old, first, last = weights(source), weights(run, 0), weights(run)
    for name in last:
        assert torch.equal(last[name], old[name]) == (name in loaded), name
        assert torch.equal(last[name], first[name]) == (name in loaded), name


def test_what_is_loaded_and_not_frozen_is_trained_on(source):
    run = train(child(source, load_parts="W_E"), source.folder.parent)
    assert torch.equal(weights(run, 0)["W_E"], weights(source)["W_E"])
    assert not torch.equal(weights(run)["W_E"], weights(source)["W_E"])


def test_shuffled_rows_are_the_same_rows_in_another_order(source):
    spec = child(source, load_parts="W_E", load_shuffled=True)
    E = dict(initial_model(Run.of(spec, source.folder.parent)).named_parameters())["W_E"]
    old = weights(source)["W_E"]
    assert not torch.equal(E, old)
    assert torch.equal(E.sort(dim=0).values, old.sort(dim=0).values)


def test_what_is_frozen_and_not_loaded_stays_random(source):
    run = train(replace(SMALL, seed=2, freeze="W_E"), source.folder.parent)
    assert torch.equal(weights(run)["W_E"], dict(run.new_model().named_parameters())["W_E"])


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd"},
        {"gradient": "grokfast_ema"},
        {"optimizer": "muon"},
        {"norm_clamp": 0.9},
    ],
)
def test_a_frozen_weight_stays_with_every_rule(changes, source):
    run = train(replace(SMALL, seed=3, freeze="W_E", steps=5, **changes), source.folder.parent)
    assert torch.equal(weights(run)["W_E"], weights(run, 0)["W_E"])
    assert not torch.equal(weights(run)["W_U"], weights(run, 0)["W_U"])


def test_a_frozen_member_of_a_batch_equals_itself_alone(source, tmp_path):
    specs = [replace(SMALL, seed=k, freeze="W_E", precision="float64") for k in range(3)]
    together = train(specs, tmp_path / "together")
    alone = [train(spec, tmp_path / "alone") for spec in specs]
    for one, other in zip(together, alone, strict=True):
        for name, w in weights(one).items():
            assert torch.allclose(w, weights(other)[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model_args": {"d_model": 8, "n_heads": 2, "d_mlp": 24}}, r"W_E is \(8, 16\), and this"),
        ({"load_parts": "W_X"}, "`W_X` is not a weight of this model. Known: embed"),
        ({"freeze": "all"}, "leaves no weight to train"),
        ({"freeze": "W_Z"}, "freeze=W_Z: `W_Z` is not a weight"),
    ],
)
def test_what_cannot_be_loaded_or_frozen_is_refused_before_anything_is_written(
    changes, why, source
):
    spec = child(source, **changes)
    with pytest.raises(BadInput, match=why):
        train(spec, source.folder.parent)
    assert not Run.of(spec, source.folder.parent).folder.exists()


def test_a_run_that_is_not_there_is_refused_with_the_nearest(source):
    with pytest.raises(UnknownName, match=f"Did you mean `{re.escape(source.folder.name)}`"):
        train(replace(SMALL, load=source.folder.name[:-1]), source.folder.parent)


def test_weights_are_named_by_groups_and_by_stars(source):
    model = source.model()
    assert named(model, "W_Q, W_K", "freeze") == ["W_Q", "W_K"]
    assert named(model, "b_*", "freeze") == ["b_in", "b_out"]
    assert named(model, "transformer", "freeze") == INNER
    assert set(named(model, "all", "freeze")) == {"W_E", "W_pos", "W_U", *INNER}


def test_parts_without_a_run_to_load_from_are_refused():
    with pytest.raises(BadInput, match=r"add load=RUN"):
        train(replace(SMALL, load_parts="embed", freeze="embed"), "nowhere")


def test_a_run_that_is_not_finished_is_not_loaded_from(tmp_path):
    half = Run.of(SMALL, tmp_path)
    train(replace(SMALL, steps=10), tmp_path / "other")
    half.write_spec()
    with pytest.raises(BadInput, match="is not finished"):
        train(replace(SMALL, seed=1, load=half.folder.name), tmp_path)


def test_shuffling_changes_what_attention_computes(source):
    def first(shuffled: bool) -> torch.Tensor:
        spec = child(source, load_parts="transformer", load_shuffled=shuffled)
        model = initial_model(Run.of(spec, source.folder.parent))
        with torch.no_grad():
            return model(source.task.inputs)

    assert not torch.allclose(first(True), first(False), atol=1e-2)


def test_a_run_is_loaded_by_whatever_name_it_has(source, tmp_path):
    out, folder = source.folder.parent, source.folder
    for name in (folder.name, folder.name[:-4], str(folder)):
        assert to_load(replace(SMALL, load=name), out).load == folder.name
    elsewhere = to_load(replace(SMALL, load=str(folder)), tmp_path)
    assert elsewhere.load == str(folder.resolve())
    loaded = initial_model(Run.of(elsewhere, tmp_path))
    assert torch.equal(dict(loaded.named_parameters())["W_E"], weights(source)["W_E"])
    with pytest.raises(UnknownName, match="no run is called"):
        to_load(replace(SMALL, load="none-such"), out)

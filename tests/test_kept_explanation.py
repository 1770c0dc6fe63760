"""What was found of a network is kept, and believed only while all that it rests on is the same."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch

from grokscope.circuits.circuit import FORMS
from grokscope.explain.explanation import explain
from grokscope.integrity.check import check
from grokscope.measures.entries import EXPLANATIONS, MOST, read_entries
from grokscope.page.contents import contents
from grokscope.page.page import write_page
from grokscope.planted import kind, waves
from grokscope.planted.neurons import Neurons
from grokscope.reading import explained as module
from grokscope.reading.explained import Explained, explained, explanation_facts
from grokscope.reading.plain import from_plain, to_plain
from grokscope.reading.reading import read
from grokscope.reading.record import of_explanation
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.tensors import read_tensors, write_tensors
from grokscope.training.train import train

FORM = ("convolution",)


P = 13


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network that was planted in the folder of a short training, which it does not fit: only
    what was found of it is looked at here."""
    planted = waves.clock_relu(1, 0.0, p=P)
    model = planted.model
    assert isinstance(model, Neurons)
    spec = Spec(
        task_args={"p": P},
        model="mlp",
        model_args={"d_embed": P, "d_mlp": model.L.shape[1]},
        train_fraction=0.6,
        steps=2,
        eval_every=1,
        checkpoint_every=1,
        warmup=0,
    )
    run = train(spec, tmp_path_factory.mktemp("runs"))
    one, both = torch.eye(P), torch.cat([model.L, model.R])
    weights = {"W_x": one, "W_y": one.clone(), "W": both, "W_U": model.W_U}
    for step in run.steps:
        notes = read_tensors(run.checkpoint(step))[1]
        write_tensors(run.checkpoint(step), weights, notes)
    return run


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, of which nothing is kept."""
    shutil.copytree(trained.folder, tmp_path / "run")
    return Run.open(tmp_path / "run")


@pytest.fixture
def nothing_is_computed(monkeypatch):
    """From when it is called on, looking for a circuit is an error."""

    def computed(*args, **kwargs):
        raise AssertionError("it was explained again")

    return lambda: monkeypatch.setattr(module, "explain", computed)


@pytest.mark.parametrize("name", ["cosets", "hidden_table", "no_number"])
def test_facts_come_back_from_a_file_as_they_were(name):
    planted = kind(name).draw(1)
    facts = explanation_facts(explain(planted.snapshot))
    back = from_plain(json.loads(json.dumps(to_plain(facts))))
    assert repr(back) == repr(facts)
    assert json.dumps(of_explanation(back)) == json.dumps(of_explanation(facts))


def test_a_second_explanation_computes_nothing(run, nothing_is_computed):
    first = explained(run)
    nothing_is_computed()
    again = explained(Run.open(run.folder))
    assert not first.is_kept
    assert again.is_kept
    assert repr(again.facts) == repr(first.facts)
    assert again.circuit_files == first.circuit_files != {}
    assert again.why == ()


def test_a_model_that_was_not_loaded_yet_is_no_other_model(run, nothing_is_computed, monkeypatch):
    monkeypatch.setattr(module, "outside_code", lambda maker: "")  # as of what is this package's
    explained(run)
    nothing_is_computed()
    monkeypatch.setattr(module, "MODELS", {})
    assert explained(run).is_kept


def test_report_and_reading_use_the_kept_one(run, nothing_is_computed):
    fresh = read(run)
    page = write_page(fresh).read_text()
    answers = contents(fresh).facts["answers"]
    nothing_is_computed()
    kept = read(run)
    assert kept.explained is not None
    assert kept.explained.is_kept
    assert kept.facts.explanation == fresh.facts.explanation
    assert write_page(kept).read_text() == page
    assert contents(kept).facts["answers"] == answers


def test_steps_and_forms_are_kept_apart(run, nothing_is_computed):
    for step in (0, 1):
        explained(run, step, FORM)
    explained(run, 1)
    nothing_is_computed()
    assert explained(run, 0, FORM).facts.step == 0
    assert explained(run, 1, FORM).is_kept
    assert explained(run, 1).is_kept
    with pytest.raises(AssertionError, match="again"):
        explained(run, 1, ("lookup",))


def _other_weights(run):
    weights, notes = read_tensors(run.checkpoint(2))
    write_tensors(run.checkpoint(2), {k: w * 1.01 for k, w in weights.items()}, notes)
    return run


def _other_spec(run, **changes):
    changed = Run(replace(run.spec, **changes), run.folder)
    changed.write_spec()
    return Run.open(run.folder)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (_other_weights, "checkpoint"),
        (lambda run: _other_spec(run, task="a-b"), "task"),
        (lambda run: _other_spec(run, train_fraction=0.7), "split"),
        (lambda run: _other_spec(run, split_seed=7), "seeds"),
        (lambda run: _other_spec(run, lr=3e-3), "spec"),
    ],
)
def test_each_thing_it_rests_on_makes_it_anew(run, change, part):
    explained(run, forms=FORM)
    again = explained(change(run), forms=FORM)
    assert not again.is_kept
    assert part in again.why
    assert explained(Run.open(run.folder), forms=FORM).is_kept


def test_other_rules_make_it_anew(run, monkeypatch):
    explained(run, forms=FORM)
    monkeypatch.setattr(module, "of_package", lambda: "another version")
    assert explained(run, forms=FORM).why == ("rules",)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert explained(run, forms=FORM).why == ("rules",)


def test_a_plug_in_that_changes_makes_it_anew(run, tmp_path, monkeypatch):
    plugin = tmp_path / "mine.py"
    plugin.write_text("one = 1\n")
    assert explained(run, forms=FORM).why == ()
    assert explained(run, forms=FORM, plugins=[plugin]).why == ("use",)
    plugin.write_text("one = 2\n")
    assert explained(run, forms=FORM, plugins=[plugin]).why == ("use",)
    assert explained(run, forms=FORM, plugins=[plugin]).is_kept
    mine = replace(FORMS["lookup"], find=lambda snapshot: FORMS["lookup"].find(snapshot))
    monkeypatch.setitem(FORMS, "mine", mine)
    assert explained(run, forms=FORM, plugins=[plugin]).why == ("use",)


def _findings(run, **options):
    """What check says of the file."""
    return [x for x in check(run.folder, **options).findings if x.file == EXPLANATIONS]


def _forged(x):
    x["entries"][0]["found"]["facts"]["gate"]["verdict"] = "partial"
    return json.dumps(x)


def _unstamped(x):
    x["entries"][0]["stamp"] = "0" * 64
    return json.dumps(x)


@pytest.mark.parametrize(
    ("change", "why", "state"),
    [
        (_forged, ("not ours",), "note"),
        (_unstamped, ("not ours",), "note"),
        (lambda x: json.dumps(x)[:-20], ("damaged",), "damaged"),
        (lambda x: "[]", ("damaged",), "damaged"),
        (lambda x: '{"entries": [{"key": 1, "found": 2, "stamp": 3}]}', ("damaged",), "damaged"),
        (lambda x: "[" * 100_000, ("damaged",), "damaged"),
    ],
)
def test_a_forged_or_damaged_one_is_not_believed_and_check_says_so(run, change, why, state):
    true = explained(run, forms=FORM).facts
    path = run.folder / EXPLANATIONS
    assert _findings(run) == []
    path.write_text(change(json.loads(path.read_text())))
    (finding,) = _findings(run)
    assert finding.state == state
    again = explained(run, forms=FORM)
    assert (again.why, again.facts) == (why, true)
    assert explained(run, forms=FORM).is_kept
    assert _findings(run) == []


def test_check_sets_a_damaged_one_aside(run):
    (run.folder / EXPLANATIONS).write_text("no")
    (finding,) = _findings(run)
    assert finding.state == "damaged"
    (finding,) = _findings(run, repair=True)
    assert finding.state == "mended"
    assert _findings(run) == []
    assert (run.folder / f"damaged.{EXPLANATIONS}").read_text() == "no"


def test_another_machine_is_not_believed(run, tmp_path, monkeypatch):
    explained(run, forms=FORM)
    monkeypatch.setenv("GROKSCOPE_CACHE", str(tmp_path / "other"))
    assert explained(run, forms=FORM).why == ("not ours",)


def test_where_the_folder_cannot_be_written_it_is_kept_under_out(run, tmp_path, monkeypatch):
    (run.folder / EXPLANATIONS).mkdir()  # as if the disk refused
    found = explained(run, forms=FORM, out=tmp_path / "out")
    assert found.refused is None
    assert explained(run, forms=FORM, out=tmp_path / "out").is_kept
    assert [x.name[:4] for x in (tmp_path / "out" / ".explanations").iterdir()] == ["run-"]
    nowhere = explained(run, forms=FORM)
    assert not nowhere.is_kept
    assert nowhere.refused is not None


def test_so_many_are_kept(run):
    found = explained(run, 2, FORM)
    path = run.folder / EXPLANATIONS
    entry = read_entries(path)[0]
    others = [replace(entry, key={**entry.key, "checkpoint": f"{k} x"}) for k in range(2 * MOST)]
    module.write_entries(path, [entry, *others])
    assert len(read_entries(path)) == MOST
    assert isinstance(found, Explained)
    assert explained(run, 2, FORM).is_kept


def test_the_command_says_why_it_explains_again(run, call, nothing_is_computed):
    name = os.fspath(run.folder)
    first = call("explain", name, "--json")
    second = call("explain", name, "--json")
    assert (first.out, second.err) == (second.out, "")
    again = call("explain", os.fspath(_other_spec(run, lr=3e-3).folder), "--json")
    assert again.err.strip() == "explained again: the spec has changed since."
    nothing_is_computed()
    assert call("explain", name, "--json").out == again.out
    assert "generalised" in call("show", name).out

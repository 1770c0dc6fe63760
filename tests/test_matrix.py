"""Networks that have learned nothing yet, of many tasks and models: all are explained, in JSON that
is JSON, none is said to generalise. And what is said of explanations is never more than is so."""

import json
from dataclasses import replace

import pytest
import torch

from grokscope.explain.explanation import explain
from grokscope.planted import TRUTHS
from grokscope.reading.explained import explanation_facts
from grokscope.reading.facts import BoundFacts, ExplanationFacts
from grokscope.reading.sentences import account, reason
from grokscope.spec import Spec
from grokscope.terminal import print_table
from grokscope.training.train import train

KEYS = {
    "run", "verdict", "accuracy", "loss", "lens", "keys", "keys_published", "embedding_keys",
    "circuits", "algorithm", "algorithms", "bound",
}  # fmt: skip
TRANSFORMER = ("model.d_model=16", "model.n_heads=2", "model.d_mlp=32")
UNTRAINED = {
    "a sum": ("task.p=11", *TRANSFORMER),
    "a quotient": ("task=a/b", "task.p=7", "model=mlp"),
    "no group": ("task=a**3+a*b", "task.p=7", "model=stander"),
    "two elements": ("task.p=2", "model=wu"),
    "always the same": ("task=a-a", "task.p=7", "model=mlp"),
    "quaternions": ("task=composition", "task.group=Q8", "model=mlp"),
    "a word": ("task=word", "task.group=S3", "model=pizza"),
    "operators": ("task=mixture", "task.p=5", "model=furuta"),
    "digits": ("task=sparse_parity", "task.n=6", "task.k=2", "model=paritymlp"),
    "random labels": ("task=a*b", "task.p=7", "label_noise=1", "model=prieto"),
    "normalised": ("task=conditional", "task.p=5", "model=power"),
    "no attention": ("task.p=7", "model=linear"),
    "long inputs": ("task=skip_trigram", "model=sequence"),
}


@pytest.mark.parametrize("settings", UNTRAINED.values(), ids=UNTRAINED)
def test_an_untrained_network_is_explained(settings, call, tmp_path):
    spec = Spec(train_fraction=0.5, steps=1).override(*settings)
    run = train(spec, tmp_path)
    found = call("explain", run.folder, "--json")
    assert (found.code, found.err) == (0, "")
    shown = json.loads(found.out, parse_constant=_refuse)
    assert shown.keys() >= KEYS
    assert all(x["verdict"] in ("holds", "undetermined", "fails") for x in shown["circuits"])
    assert shown["verdict"] == "not generalised"
    assert shown["algorithms"] == []


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@pytest.fixture(scope="module")
def clock() -> ExplanationFacts:
    """Of a constructed clock, whose split is not known."""
    snapshot = TRUTHS["clock_relu"].draw(1_000, 0.01).snapshot
    everything = replace(snapshot, is_train=torch.ones_like(snapshot.is_train))
    return explanation_facts(explain(everything, ["fourier", "convolution"]))


def test_the_simplest_circuit_settles_what_is_not_known(clock):
    sizes = [c.size for c in clock.certificates if c.holds]
    assert clock.gate.verdict == "generalised"
    assert len(sizes) == 2
    assert f"A circuit of {min(sizes):,} numbers settles it." in reason(clock)


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [(1.0, "right on all pairs"), (0.99996, "at least 99.99 % of all"), (0.5, "at least 50.00 %")],
)
def test_no_more_is_said_to_be_proved_than_is(accuracy, said, clock):
    proved = replace(clock.certificates[0], bound=BoundFacts("low rank", accuracy, 0.3))
    (proof,) = (x for x in account(replace(clock, certificates=(proved,))) if "Proved" in x)
    assert said in proof


def test_every_account_that_holds_is_told(clock):
    first, second = clock.certificates
    several = replace(clock, named={"clock": first, "coset": replace(first), "convolution": second})
    size = f"{first.size:,}"
    said = f"Other explanations hold too: waves in its neurons (fourier), in {size} numbers."
    assert said in account(several)


def test_forms_may_stand_between_commas_and_algorithms_are_told_from_them(call, tmp_path):
    run = train(Spec(task_args={"p": 7}, model="mlp", steps=1, train_fraction=0.5), tmp_path)
    found = call("explain", run.folder, "--forms", "convolution,lookup", "--json")
    assert {x["name"] for x in json.loads(found.out)["circuits"]} == {"convolution", "lookup"}
    for arguments, message in (
        (["explain", run.folder, "--forms", "clock"], "The form `fourier` finds it"),
        (["explain", "--forms", "fourier", run.folder], f"--forms took `{run.folder}`"),
        (["compare", run.folder, "--circuits", ","], "--circuits names no form"),
    ):
        wrong = call(*arguments)
        assert wrong.code == 2
        assert message in wrong.err


def test_a_name_to_type_stays_whole_on_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table([{"spec": "a_name_of_a_run_that_is_long", "shows": "word " * 30}])
    assert "a_name_of_a_run_that_is_long" in capsys.readouterr().out

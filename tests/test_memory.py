"""Large tables are read in blocks, and what does not fit is refused before it is taken."""

import gc
import json
import weakref
from dataclasses import replace

import pytest
import torch

from grokscope import snapshot as snapshots
from grokscope.canonical import canonical, logits_vary
from grokscope.errors import BadInput, DamagedFile, together
from grokscope.explain.explanation import explain
from grokscope.measures.measure import applicable, evaluate
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training import memory
from grokscope.training.run import Run
from grokscope.training.train import train

S4 = {"task": "composition", "task_args": {"group": "S4"}}
NETWORKS = [
    {"task_args": {"p": 23}},
    {"task_args": {"p": 31}, "model": "mlp", "model_args": {"d_mlp": 16}},
    {**S4, "model": "chughtai"},
    {"task_args": {"p": 13}, "model": "power"},
]


def untrained(path, **fields) -> Snapshot:
    run = Run.of(Spec(**fields), path)
    return Snapshot(run.task, run.is_train, run.new_model().requires_grad_(False))


def in_blocks(monkeypatch) -> None:
    monkeypatch.setattr(snapshots, "MOST_LOGITS", 1500)
    monkeypatch.setattr(snapshots, "LOGITS_AT_ONCE", 1000)


@pytest.mark.parametrize("fields", NETWORKS, ids=lambda x: x.get("model", "transformer"))
def test_a_network_read_in_blocks_says_what_it_says_as_a_whole(tmp_path, monkeypatch, fields):
    def values() -> dict[str, float]:
        s = untrained(tmp_path, **fields)
        own = {"varies": logits_vary(s), "view varies": logits_vary(canonical(s))}
        return own | evaluate(s, applicable(s))

    whole = values()
    in_blocks(monkeypatch)
    assert untrained(tmp_path, **fields).is_large
    assert values() == pytest.approx(whole, rel=1e-4, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("fields", NETWORKS, ids=lambda x: x.get("model", "transformer"))
def test_an_explained_network_goes_as_soon_as_nothing_asks_for_it(tmp_path, fields):
    s = untrained(tmp_path, **fields)
    explain(s)
    held = [weakref.ref(x) for x in (s, canonical(s))]
    gc.collect()
    gc.disable()  # which comes late: torch's memory is not in its count
    try:
        del s
        assert [x() for x in held] == [None, None]
    finally:
        gc.enable()


def test_no_table_of_all_pairs_stays_of_a_large_network(tmp_path, monkeypatch):
    in_blocks(monkeypatch)
    s = untrained(tmp_path, **NETWORKS[0])
    e = explain(s, ["lookup"])
    assert [c.circuit.form for c in e.certificates] == ["lookup"]
    tables = {"logits", "mlp_pre", "mlp_post", "_mixed", "activations", "train_logits"}
    for held in (s, canonical(s)):
        assert not tables & held.__dict__.keys()


def test_the_tables_of_a_large_network_are_those_of_a_small_one(tmp_path, monkeypatch):
    small = untrained(tmp_path, **NETWORKS[0])
    wanted = [small.logits, small.train_logits, small.mlp_post, small.read_out(small.mlp_post)]
    in_blocks(monkeypatch)
    s = untrained(tmp_path, **NETWORKS[0])
    for x, y in zip(
        wanted, [s.logits, s.train_logits, s.mlp_post, s.read_out(s.mlp_post)], strict=True
    ):
        assert torch.allclose(x, y, atol=1e-6)


def test_explaining_is_refused_before_memory_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 10**8)
    s = untrained(tmp_path, **NETWORKS[0])
    with pytest.raises(BadInput, match=r"explaining this network .* needs about .* 0\.1 GB are fr"):
        explain(s)
    assert not s.computed


def test_a_network_that_does_not_fit_leaves_the_others_to_be_explained(call, tmp_path, monkeypatch):
    small = Spec(task_args={"p": 7}, steps=2, eval_every=1, train_fraction=0.5)
    large = replace(small, task_args={"p": 23})
    folders = [run.folder for run in train([large, small], tmp_path)]
    needed = memory.explaining
    monkeypatch.setattr(
        memory,
        "explaining",
        lambda task, model: 10**15 if task.n_answers == 23 else needed(task, model),
    )
    said = call("explain", *folders, "--json")
    assert [json.loads(line)["run"] for line in said.out.splitlines()] == [folders[1].name]
    assert said.code == 2
    assert "needs about 1,000,000.0 GB" in said.err


def test_the_errors_of_several_things_are_told_by_name():
    one = ("a", BadInput("no."))
    assert together([one]) is one[1]
    both = together([("a", DamagedFile("torn.")), ("b", BadInput("no."))])
    assert (type(both), str(both)) == (DamagedFile, "a: torn.\nb: no.")


def test_as_many_members_train_at_once_as_fit(tmp_path):
    run = Run.of(Spec(task_args={"p": 23}), tmp_path)
    needs = memory.training(run, run.new_model())
    for members in (1, 2, 7, 40):
        assert needs.most(needs.of(members) + 1) == members
    assert needs.most(0) == 1

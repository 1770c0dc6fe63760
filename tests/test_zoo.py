"""The zoo: networks that travel with the package are what was recorded, others are pulled and
pushed, and what cannot be is said with its cure."""

import hashlib
import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from shutil import copytree
from typing import Any

import pytest
import torch

from grokscope import Run
from grokscope.cli.find import find
from grokscope.errors import BadInput, DamagedFile, StorageError, UnknownName
from grokscope.explain.explanation import explain
from grokscope.snapshot import Snapshot
from grokscope.training.train import train
from grokscope.zoo.building import build, cost, is_built
from grokscope.zoo.card import CARD
from grokscope.zoo.manifest import ALL, NETWORKS, PLANTED, SHELF, Network, recorded
from grokscope.zoo.planting import drawn, write
from grokscope.zoo.pulling import pull
from tests.hub import Hub

TRAVELLING = [name for name, x in NETWORKS.items() if x.travels]
with_hub = pytest.mark.skipif(
    find_spec("huggingface_hub") is None, reason="needs: pip install 'grokscope[hub]'"
)


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory) -> Run:
    return train(tiny(steps=20), tmp_path_factory.mktemp("runs"))


@pytest.fixture
def hub(monkeypatch):
    """A Hub on this machine, and a client that knows no other."""
    with Hub() as found:
        address = found.address + "/{repo_id}/resolve/{revision}/{filename}"
        for module in ("constants", "file_download"):
            name = f"huggingface_hub.{module}"
            monkeypatch.setattr(f"{name}.ENDPOINT", found.address, raising=False)
            monkeypatch.setattr(f"{name}.HUGGINGFACE_CO_URL_TEMPLATE", address, raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield found


def test_the_manifest_has_thirty_networks_of_each_source_with_failures_and_trajectories():
    assert len(NETWORKS) == 30
    assert len(TRAVELLING) == 10
    sources = {x.source for x in NETWORKS.values()}
    assert {"nanda2023", "furuta2024", "chughtai2023", "stander2023", "wu2024", "pair2023",
            "zhong2023", PLANTED} <= sources  # fmt: skip
    assert sum(x.checkpoints == ALL for x in NETWORKS.values()) == 3
    assert sum("failure" in x.shows for x in NETWORKS.values()) >= 3
    assert len({x.spec.id for x in NETWORKS.values() if x.source != PLANTED}) == 26


def test_what_was_recorded_is_of_the_networks_as_the_manifest_asks_for_them():
    assert {name: x.whole for name, x in NETWORKS.items()} == {
        name: there["asked"] for name, there in recorded().items()
    }


def test_what_travels_is_small_and_whole():
    files = [x for x in SHELF.rglob("*") if x.is_file()]
    assert sum(x.stat().st_size for x in files) < 2_000_000
    assert sorted(x.name for x in SHELF.iterdir()) == sorted(TRAVELLING)
    for name in TRAVELLING:
        known = recorded()[name]["files"]
        for file in (x for x in files if x.parent.name == name):
            assert hashlib.sha256(file.read_bytes()).hexdigest() == known[file.name]
        weights = Run.open(SHELF / name).model().parameters()
        assert {x.dtype for x in weights} == {torch.float32}


@pytest.mark.parametrize("name", TRAVELLING)
def test_a_network_that_travels_explains_to_its_recorded_verdict(name, tmp_path):
    found = explain(Snapshot.of(pull(name, tmp_path).run))
    there = recorded()[name]
    assert found.verdict == there["verdict"]
    assert found.algorithm == there["algorithm"]
    assert list(found.algorithms) == there["algorithms"]
    assert found.bound == pytest.approx(there["bound"], abs=1e-3)


def test_failures_and_planted_truths_are_recorded_as_what_they_are():
    assert recorded()["memoriser-31"]["verdict"] == "not generalised"
    for name, network in NETWORKS.items():
        if network.planted is not None:
            truth = drawn(network.planted).exact
            said = recorded()[name]["algorithm"]
            assert said in truth if truth else said is None


def test_a_verb_finds_a_network_of_the_zoo_by_its_name(call, tmp_path):
    said = call("explain", "zoo:planted-cosets-s4", "--out", tmp_path)
    assert (said.code, said.err) == (0, "")
    assert "planted-cosets-s4: generalised" in said.out
    again = call("show", "zoo:planted-cosets-s4", "--json", "--out", tmp_path)
    assert json.loads(again.out)["run"] == "planted-cosets-s4"
    assert [x["run"] for x in json.loads(call("list", "--json", "--out", tmp_path).out)] == [
        "planted-cosets-s4"
    ]
    assert not list((SHELF / "planted-cosets-s4").glob("*.py"))  # nothing is written there


def test_a_slip_in_a_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean `s5-cosets`"):
        find("zoo:s5-coset", tmp_path)
    with pytest.raises(UnknownName, match="Did you mean `pizza-31`"):
        pull("piza-31", tmp_path)


def test_one_that_does_not_travel_is_told_how_it_can_be_had(tmp_path):
    with pytest.raises(BadInput, match=r"grokscope pull sum-113.* grokscope run demo"):
        find("zoo:sum-113", tmp_path)


def test_the_list_tells_what_each_is_and_which_are_here(call):
    rows = json.loads(call("list", "zoo", "--json").out)
    assert [row["network"] for row in rows] == list(NETWORKS)
    assert [row["network"] for row in rows if row["here"] == "yes"] == TRAVELLING
    assert all(row["verdict"] for row in rows)


def test_a_run_written_for_the_hub_is_pulled_from_its_folder_as_it_was(call, run, tmp_path):
    said = call("export", run.folder, "--to", "hub", "--file", tmp_path / "mine")
    assert said.out.strip() == str(tmp_path / "mine")
    names = {x.name for x in (tmp_path / "mine").iterdir()}
    assert {CARD, "picture.png", "transformer_lens.safetensors", "transformer_lens.json"} <= names
    assert call("pull", tmp_path / "mine", "--out", tmp_path).err == ""
    back = find("mine", tmp_path)
    assert (back.spec, back.steps, back.rows) == (run.spec, run.steps, run.rows)
    same = zip(back.model().parameters(), run.model().parameters(), strict=True)
    assert all(torch.equal(x, y) for x, y in same)
    assert pull(str(tmp_path / "mine"), tmp_path).was_there
    text = (tmp_path / "mine" / CARD).read_text()
    assert run.task.name in text
    assert "HookedTransformer" in text


def test_a_card_of_a_planted_truth_has_its_verdict_its_certificate_and_a_table(tmp_path):
    home = tmp_path / "zoo"
    network = Network("one", PLANTED, "a truth", "task.p=23", 1, False, "clock_relu seed=1 p=23")
    assert not is_built(network, home)
    told = []
    NETWORKS["one"] = network
    try:
        build(home, [network], lambda one, there: told.append(there))
        assert is_built(network, home)
        written = (home / "zoo.json").stat().st_mtime_ns
        build(home, [network], lambda one, there: told.append(there))
        assert (home / "zoo.json").stat().st_mtime_ns == written  # found, and not repeated
    finally:
        del NETWORKS["one"]
    assert told[0] == told[1]
    assert (told[0]["verdict"], told[0]["algorithm"]) == ("generalised", "clock")
    text = (home / "one" / CARD).read_text()
    assert "Its weights were set by hand: clock_relu seed=1 p=23. Its algorithm: clock" in text
    assert "## The certificate" in text
    assert "[one](one/README.md)" in (home / CARD).read_text()


def test_a_planted_network_is_kept_with_its_logits_and_its_split(tmp_path):
    for asked, task in (
        ("clock_relu seed=1 p=23", "task.p=23"),
        ("parity seed=2 n=8 k=2", "task=sparse_parity task.n=8 task.k=2"),
    ):
        planted = drawn(asked)
        run = write(planted, Network("x", PLANTED, "", task, planted=asked).spec, tmp_path / asked)
        inputs = planted.task.inputs
        assert torch.equal(run.task.inputs, inputs)
        own, kept = (m(inputs)[:, : planted.task.n_answers] for m in (planted.model, run.model()))
        assert torch.allclose(own, kept, atol=1e-5)
        assert torch.equal(Run.open(run.folder).is_train, planted.is_train)


def test_what_it_costs_is_said_before_it_is_made():
    network = Network("x", "grokscope", "", "hello task.p=7 steps=50 model.d_mlp=8")
    taken = cost(network)
    assert 0 < taken.seconds < 60
    assert 1_000 < taken.kept < 1_000_000


def test_another_run_of_the_name_is_left_alone(run, tmp_path):
    copytree(run.folder, tmp_path / "sum-31")
    with pytest.raises(StorageError, match="holds another run"):
        pull("sum-31", tmp_path)


def test_a_network_of_the_zoo_that_was_changed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKSCOPE_ZOO", str(tmp_path))
    copytree(SHELF / "product-31", tmp_path / "sum-113")
    with pytest.raises(DamagedFile, match="zoo's sum-113 is"):
        pull("sum-113", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"is no run: it has no spec\.json"):
        pull(str(tmp_path), tmp_path / "runs")


@with_hub
def test_a_run_is_pushed_with_its_card_and_pulled_again(call, run, hub, tmp_path):
    said = call("push", run.folder, "me/sum-mod-7", "--out", tmp_path)
    assert (said.code, said.out.strip()) == (0, f"{hub.address}/me/sum-mod-7"), said.err
    assert {CARD, "spec.json", "picture.png"} <= set(hub.files["me/sum-mod-7"])
    card = import_card(hub.files["me/sum-mod-7"][CARD])
    assert card.data.library_name == "grokscope"
    assert "grokscope pull me/sum-mod-7" in card.content
    assert call("pull", "me/sum-mod-7", "--out", tmp_path).code == 0
    back = find("sum-mod-7", tmp_path)
    assert (back.spec, back.rows) == (run.spec, run.rows)
    assert not (back.folder / CARD).exists()  # what makes a run, and nothing else


def import_card(content: bytes) -> Any:
    return import_module("huggingface_hub").ModelCard(content.decode())


@with_hub
def test_what_the_hub_does_not_have_is_said_so(hub, tmp_path):
    with pytest.raises(BadInput, match="no such repository"):
        pull("me/nothing", tmp_path)


@with_hub
@pytest.mark.parametrize("words", [["push", "RUN", "me/it"], ["pull", "me/it"]])
def test_offline_it_says_so_and_what_to_do(words, run, tmp_path):
    asked = [str(run.folder) if x == "RUN" else x for x in words]
    done = subprocess.run(
        [sys.executable, "-m", "grokscope", *asked, "--out", str(tmp_path)],
        env={"HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "COLUMNS": "1000"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert "--to hub --file FOLDER" in done.stderr


def test_without_the_package_it_says_how_to_install_it(run, tmp_path, monkeypatch):
    monkeypatch.setattr("grokscope.zoo.hub.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'grokscope\[hub\]'"):
        pull("me/it", tmp_path)


def test_a_repository_is_written_with_its_owner(run, tmp_path):
    from grokscope.zoo.pushing import push

    with pytest.raises(BadInput, match="OWNER/NAME"):
        push(run, "it")

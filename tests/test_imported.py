"""What becomes of an imported network: found again, listed, read, reported, and never trained."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from grokscope.errors import BadInput, NotApplicable, StorageError
from grokscope.foreign import import_network, sources
from grokscope.measures.measure import evaluate
from grokscope.page.page import page
from grokscope.reading.reading import read
from grokscope.reading.story import told
from grokscope.snapshot import Snapshot
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.layouts import (
    assert_same,
    full_run,
    grokking_run,
    imported,
    lookup,
    table_of,
    write,
)


def said(reading) -> str:
    """All that is said of a run."""
    return " ".join(told(reading.facts))


@pytest.fixture(scope="module")
def grokking(tiny, tmp_path_factory) -> Run:
    return grokking_run(tiny, tmp_path_factory.mktemp("grokking"))


@pytest.fixture(scope="module")
def unknown(tmp_path_factory) -> Run:
    """An imported network whose split is not known."""
    folder = tmp_path_factory.mktemp("unknown")
    return imported(write(folder, {"net.pt": lookup(table_of("a+b", p=11))}), folder / "out")


def times(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_a_source_is_found_again_and_not_repeated(tmp_path):
    (source,) = sources(write(tmp_path, {"net.pt": lookup(table_of("a+b", p=7))}))
    assert not import_network(source, tmp_path / "out").was_there
    before = times(tmp_path / "out/net")
    assert import_network(source, tmp_path / "out").was_there
    assert times(tmp_path / "out/net") == before


def test_another_source_of_its_name_is_refused(tmp_path):
    path = write(tmp_path, {"net.pt": lookup(table_of("a+b", p=7))})
    imported(path, tmp_path / "out")
    write(tmp_path, {"net.pt": lookup(table_of("a-b", p=7))})
    with pytest.raises(StorageError, match="holds another run"):
        imported(path, tmp_path / "out")


def test_a_folder_of_its_name_that_is_not_a_run_is_refused(tmp_path):
    (source,) = sources(write(tmp_path, {"net.pt": lookup(table_of("a+b", p=7))}))
    write(tmp_path, {"out/net/notes": b"mine"})
    with pytest.raises(StorageError, match="is not a run"):
        import_network(source, tmp_path / "out")


@pytest.fixture
def three(tmp_path) -> Path:
    """A folder of networks, in folders and beside other files."""
    sums, differences = lookup(table_of("a+b", p=7)), lookup(table_of("a-b", p=7))
    write(tmp_path / "in", {"one/model.pt": sums, "two/model.pt": sums, "three.pt": differences})
    write(tmp_path / "in", {"notes.txt": b"hello"})
    return tmp_path / "in"


def test_a_folder_gives_every_network_in_it(three, tmp_path, call):
    said = call("import", three, "--out", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    assert {(row["run"], row["task"]) for row in json.loads(said.out)} == {
        ("one", "a+b p=7"), ("two", "a+b p=7"), ("three", "a-b p=7"),
    }  # fmt: skip


def test_what_is_refused_does_not_keep_the_rest_out(three, tmp_path, call):
    write(three, {"four.pt": b"hello, hello, hello"})
    assert call("import", three, "--out", tmp_path / "out").code == 2
    said = call("import", three, "--out", tmp_path / "out")
    assert said.code == 2
    assert "four.pt is refused" in said.err
    assert said.out.count("found") == 3


@pytest.mark.parametrize(
    ("name", "reason"), [("", "holds no file of weights"), ("x.pt", "no such file")]
)
def test_a_path_without_networks_is_refused(name, reason, tmp_path, call):
    said = call("import", tmp_path / name, "--out", tmp_path / "out")
    assert said.code == 2
    assert reason in said.err


def test_where_the_split_is_unknown_every_pair_counts_as_shown(unknown):
    s = Snapshot.of(unknown)
    assert not unknown.knows_split
    assert not s.knows_split
    assert bool(unknown.is_train.all())
    every = evaluate(s, ["margin", "restricted_loss_sum", "restricted_loss_block2"])
    assert not any("test" in name for name in every), every
    assert evaluate(s, ["all_accuracy"]) == {"all_accuracy": 1.0}


@pytest.mark.parametrize(
    "measure", ["test_loss", "test_accuracy", "test_accuracy_by_mirror", "test_loss_by_mirror"]
)
def test_where_the_split_is_unknown_nothing_is_said_of_test_pairs(measure, unknown):
    with pytest.raises(NotApplicable, match=r"the split of this network .* is not known"):
        evaluate(Snapshot.of(unknown), [measure])


def test_an_imported_run_says_where_it_is_from_and_what_is_not_known(unknown):
    reading = read(unknown)
    text = said(reading)
    assert "was imported (chughtai: net.pt" in text
    assert "Which pairs it was shown is not known." in text
    assert "memorised" not in text
    assert "imported" in page(reading)


def test_recorded_losses_are_told_and_drawn(grokking, tmp_path):
    content = full_run(grokking)
    reading = read(imported(write(tmp_path, {"full_run.pth": content}), tmp_path / "out"))
    assert "(train " in said(reading)
    assert 'data-panel="curves"' in page(reading)


@pytest.mark.parametrize("verb", ["show", "report", "spectrum", "trace"])
def test_an_imported_run_is_a_run_to_every_verb(verb, unknown, call):
    said = call(verb, unknown.folder.name, "--out", unknown.folder.parent)
    assert said.code == 0, said.err


def test_an_imported_run_goes_by_the_name_of_its_folder(unknown, call):
    out, name = unknown.folder.parent, unknown.folder.name
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


def test_a_run_is_exported_and_imported_by_the_command_line(grokking, tmp_path, call):
    file = tmp_path / "tl.safetensors"
    export = ("export", grokking.spec.id, "--to", "transformer_lens", "--out")
    export = (*export, grokking.folder.parent, "--file")
    said = call(*export, file)
    assert said.code == 0, said.err
    assert said.out.split() == [str(file), str(file.with_suffix(".json"))]
    said = call("import", file, "--out", tmp_path / "out", "--task", "a+b", "--json")
    assert json.loads(said.out)[0]["layout"] == "transformer_lens"
    assert_same(Run.open(tmp_path / "out/tl"), grokking.model())
    assert call(*export, "x.txt").code == 2

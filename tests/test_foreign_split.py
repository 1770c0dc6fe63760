"""Which pairs an imported network was shown: what `--split` and files beside the weights say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from grokscope.circuits.circuit import FORMS
from grokscope.errors import BadInput, NotApplicable, StorageError
from grokscope.explain.explanation import explain
from grokscope.explain.verdict import gate
from grokscope.foreign import import_network, sources
from grokscope.measures.measure import evaluate
from grokscope.planted import TRUTHS
from grokscope.reading.explained import explanation_facts
from grokscope.reading.reading import read
from grokscope.reading.sentences import account, short
from grokscope.reading.story import told
from grokscope.snapshot import Snapshot
from grokscope.task import ALL_SPLIT
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.layouts import lookup, table_of, write

P = 11
PAIRS = torch.cartesian_prod(torch.arange(P), torch.arange(P))
SHOWN = torch.arange(P * P) % 3 == 0
TRAIN, TEST = PAIRS[SHOWN], PAIRS[~SHOWN]
SUMS = PAIRS.sum(dim=1) % P
NET = lookup(table_of("a+b", p=P))


def with_equals(pairs: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(pairs, (0, 1), value=P)


HELD: dict[str, tuple[str, Any]] = {
    "rows": ("rows.pt", TRAIN),
    "rows with =": ("rows.pt", with_equals(TRAIN)),
    "inputs and labels": ("rows.pt", (TRAIN, SUMS[SHOWN])),
    "a list of tuples": ("rows.pt", [tuple(x) for x in TRAIN.tolist()]),
    "labelled tuples": ("rows.pt", [((a, b), (a + b) % P) for a, b in TRAIN.tolist()]),
    "numbers": ("numbers.npy", SHOWN.nonzero()[:, 0].numpy()),
    "a mask": ("mask.npy", SHOWN.numpy()),
    "a square mask of bytes": ("mask.npy", SHOWN.view(P, P).byte().numpy()),
    "named in npz": ("both.npz", {"test": TEST.numpy(), "train": TRAIN.numpy()}),
    "named in safetensors": ("both.safetensors", {"is_train": SHOWN}),
    "floats": ("rows.npy", TRAIN.double().numpy()),
    "JSON": ("rows.json", TRAIN.tolist()),
    "named in JSON": ("rows.json", {"train_pairs": TRAIN.tolist(), "test_pairs": TEST.tolist()}),
    "numbers in JSON": ("rows.json", {"train": SHOWN.nonzero()[:, 0].tolist()}),
    "the test alone": ("rows.json", {"test": TEST.tolist()}),
    "inputs by name": ("rows.pt", {"train": {"inputs": TRAIN, "labels": SUMS[SHOWN]}}),
}


def imported(folder: Path, files: dict[str, Any], **said: Any) -> Run:
    (source,) = sources(write(folder, files))
    return import_network(source, folder / "out", **said).run


@pytest.mark.parametrize(("name", "content"), HELD.values(), ids=HELD)
def test_a_file_of_pairs_says_which_were_shown(name, content, tmp_path):
    path = write(tmp_path / "aside", {name: content})
    run = imported(tmp_path, {"net.pt": NET}, split=str(path))
    assert run.spec.split == "recorded"
    assert torch.equal(run.is_train, SHOWN)
    assert evaluate(Snapshot.of(run), ["test_accuracy"]) == {"test_accuracy": 1}


NOT_PAIRS: dict[str, tuple[str, Any, str]] = {
    "weights": ("x.pt", NET, "holds no training pairs"),
    "curves": ("x.json", [[0.5, 0.25]], "holds no training pairs"),
    "words": ("x.json", ["hello"], "holds no training pairs"),
    "four columns": ("x.npy", torch.ones(5, 4).numpy(), "holds no training pairs"),
    "another modulus": ("x.json", [[3, 12]], r"has the pair \[3, 12\], and there are 11 symbols"),
    "counted from 1": ("x.json", (TRAIN + 1).tolist(), r"Count them from 0, or: `--split unknown`"),
    "another mask": ("x.npy", (torch.arange(100) < 9).numpy(), "a mask of 100 pairs"),
    "nothing": ("x.json", {"test": PAIRS.tolist()}, "has no training pair"),
    "no JSON": ("x.json", b"{", "is not readable JSON"),
}


@pytest.mark.parametrize(("name", "content", "reason"), NOT_PAIRS.values(), ids=NOT_PAIRS)
def test_a_file_that_does_not_hold_pairs_of_the_task_is_refused(name, content, reason, tmp_path):
    path = tmp_path / "aside" / name
    if isinstance(content, bytes):
        write(tmp_path / "aside", {"x.pt": NET})
        path.write_bytes(content)
    else:
        write(tmp_path / "aside", {name: content})
    with pytest.raises(BadInput, match=reason):
        imported(tmp_path, {"net.pt": NET}, split=str(path))


@pytest.mark.parametrize(
    ("said", "reason"),
    [("ordered", r"SCHEME:SEED:FRACTION, as in ordered:0:0\.3"),
     ("orderd:0:0.3", "Did you mean `ordered`"), ("ordered:0:3", "between 0 and 1"),
     ("ordered:x:0.3", "whole number"), ("no/such.file", "is no file"),
     ("shared:0:0.3", "is not a mixture")],
)  # fmt: skip
def test_a_split_that_means_nothing_is_refused(said, reason, tmp_path):
    with pytest.raises(BadInput, match=reason):
        imported(tmp_path, {"net.pt": NET}, split=said)
    assert not (tmp_path / "out").exists()


def test_a_scheme_with_seed_and_fraction_is_the_split_of_a_run_trained_so(tmp_path):
    run = imported(tmp_path, {"net.pt": NET}, split="nanda2023:5:0.4")
    spec = run.spec
    assert (spec.split, spec.split_seed, spec.train_fraction) == ("nanda2023", 5, 0.4)
    assert torch.equal(run.is_train, run.task.is_train(0.4, 5, "nanda2023"))
    assert Snapshot.of(run).knows_split


def test_unknown_puts_aside_what_the_file_says(tmp_path):
    config = {"group": "CyclicGroup", "group_parameter": P, "seed": 1, "frac_train": 0.5}
    files = {"one/model.pt": NET, "one/cfg.json": config}
    assert imported(tmp_path, files).knows_split
    again = tmp_path / "again"
    assert imported(again, files, split="unknown").spec.split == "unknown"


def test_the_same_file_with_another_split_is_another_run(tmp_path):
    imported(tmp_path, {"net.pt": NET}, split="ordered:0:0.4")
    assert imported(tmp_path, {"net.pt": NET}, split="ordered:0:0.4").spec.split == "ordered"
    with pytest.raises(StorageError, match="something else was said of it"):
        imported(tmp_path, {"net.pt": NET}, split="all")


# ---- every pair ----------------------------------------------------------------------------------


def test_of_a_network_that_was_shown_every_pair_it_is_not_said_that_it_generalised():
    s = TRUTHS["characters"].draw(0, 0.01).snapshot
    assert explain(s, ["convolution"]).verdict == "generalised"
    shown = explain(replace(s, was_shown_all=True), ["convolution"])
    assert (shown.verdict, shown.algorithms) == ("accurate", ())
    text = " ".join(account(explanation_facts(shown)))
    assert "all were shown, so none is a test" in text
    assert "settles" not in text


def test_every_pair_is_told_and_leaves_no_test(tmp_path):
    run = imported(tmp_path, {"net.pt": NET}, split="all")
    assert (run.spec.split, run.was_shown_all, run.knows_split) == (ALL_SPLIT, True, False)
    assert "It was shown all 121 pairs" in " ".join(told(read(run).facts))
    with pytest.raises(NotApplicable, match="was shown every pair"):
        evaluate(Snapshot.of(run), ["test_accuracy"])
    with pytest.raises(BadInput, match="imported network"):
        train(replace(run.spec, source=None), tmp_path)
    path = write(tmp_path / "aside", {"rows.json": PAIRS.tolist()})
    assert imported(tmp_path / "b", {"net.pt": NET}, split=str(path)).spec.split == ALL_SPLIT


@pytest.mark.parametrize(
    ("right", "is_settled", "shown_all", "verdict"),
    [(1.0, True, False, "generalised"), (1.0, True, True, "accurate"),
     (0.994, False, False, "accurate"), (0.98, True, True, "not generalised")],
)  # fmt: skip
def test_the_gate_of_a_network_without_test_pairs(right, is_settled, shown_all, verdict):
    found = gate({"all": right}, {"all": 1000}, 0.1, is_settled, was_shown_all=shown_all)
    assert found.verdict == verdict
    known = gate({"all": right}, {"all": 1000}, 0.1, is_settled, is_task_known=False)
    assert known.verdict == "task unknown"


def test_an_accurate_network_is_called_so_with_its_share(tmp_path):
    answers = table_of("a+b", p=23)
    answers[0, :3] += 1  # 3 of 529 wrong
    run = imported(tmp_path, {"net.pt": lookup(answers)})
    facts = explanation_facts(explain(Snapshot.of(run), ["lookup"]))
    assert facts.gate.verdict == "accurate"
    assert short(facts) == "accurate (99.43 % of all pairs)"
    assert set(FORMS) >= {"lookup"}


# ---- beside the weights --------------------------------------------------------------------------


BESIDE: dict[str, dict[str, Any]] = {
    "train and test": {"train_data.pth": TRAIN, "test_data.pth": TEST},
    "with =": {"train_data.pth": with_equals(TRAIN), "test_data.pth": with_equals(TEST)},
    "labelled": {"train_data.pth": (TRAIN, SUMS[SHOWN]), "test_data.pth": (TEST, SUMS[~SHOWN])},
    "test alone": {"test_data.pth": TEST},
    "inputs and labels": {"X_train.npy": TRAIN.numpy(), "y_train.npy": SUMS[SHOWN].numpy()},
    "JSON": {"train_pairs.json": TRAIN.tolist()},
    "one file": {"split.npz": {"train": TRAIN.numpy(), "test": TEST.numpy()}},
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
def test_training_pairs_beside_a_network_are_its_split_and_no_network(beside, tmp_path, call):
    write(tmp_path, {"one/net.pth": NET} | {f"one/{k}": v for k, v in beside.items()})
    said = call("import", tmp_path / "one", "--out", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    (row,) = json.loads(said.out)
    assert (row["run"], row["split"]) == ("net", "recorded")
    assert torch.equal(Run.open(tmp_path / "out/net").is_train, SHOWN)


def test_training_pairs_beside_arrays_are_no_array_of_the_network(tmp_path):
    generator = torch.Generator().manual_seed(0)
    arrays = {k: torch.randn(P, 5, generator=generator).numpy() for k in ("W_input", "W_output")}
    files = {f"one/{k}.npy": v for k, v in arrays.items()} | {"one/train_data.npy": TRAIN.numpy()}
    write(tmp_path, files | {"one/hyper.json": {"n_tokens": P}})
    (source,) = sources(tmp_path / "one")
    run = import_network(source, tmp_path / "out").run
    assert torch.equal(run.is_train, SHOWN)


def test_what_is_said_goes_before_what_lies_beside(tmp_path):
    files = {"one/net.pth": NET, "one/train_data.pth": TRAIN}
    assert imported(tmp_path, files, split="unknown").spec.split == "unknown"


NOTES = {
    "two networks": ({"one/other.pth": NET, "one/train_data.pth": TRAIN}, "--split says it"),
    "no pairs": ({"one/train_data.pth": torch.rand(4, 5)}, "holds no training pairs"),
}


def test_a_list_of_0_and_1_is_read_as_a_mask_and_that_is_said(tmp_path):
    files = {"net.pth": NET, "train_data.json": SHOWN.int().tolist()}
    found = import_network(sources(write(tmp_path, files))[0], tmp_path / "out")
    assert torch.equal(found.run.is_train, SHOWN)
    assert (
        found.notes[-1]
        == "train_data.json holds only 0 and 1, and is read as a mask over all pairs"
    )


def test_a_mask_of_true_and_false_needs_no_word(tmp_path):
    files = {"net.pth": NET, "train_data.npy": SHOWN.numpy()}
    found = import_network(sources(write(tmp_path, files))[0], tmp_path / "out")
    assert not any("mask" in note for note in found.notes)


def test_a_configuration_that_leaves_no_pair_is_refused_before_anything_is_written(tmp_path):
    config = {"group": "CyclicGroup", "group_parameter": P, "seed": 1, "frac_train": 1e-9}
    files = {"one/model.pt": NET, "one/cfg.json": config}
    with pytest.raises(BadInput, match=r"leaves no train pair.*`--split unknown`"):
        imported(tmp_path, files)
    assert not (tmp_path / "out").exists()
    assert imported(tmp_path / "b", files, split="unknown").spec.split == "unknown"


@pytest.mark.parametrize(("beside", "note"), NOTES.values(), ids=NOTES)
def test_pairs_that_cannot_be_used_are_noted(beside, note, tmp_path):
    source = sources(write(tmp_path, {"one/net.pth": NET} | beside))[0]
    found = import_network(source, tmp_path / "out")
    assert found.run.spec.split == "unknown"
    assert note in found.notes[-1]

"""Accounts of one network side by side, and what the control on Z/p shows."""

import pytest

from grokscope.planted import groups
from grokscope.reading.compared import compared


@pytest.fixture(scope="module")
def found():
    planted = groups.cosets(seed=1, noise=0.01, group="S4")
    return compared(planted.snapshot, ["coset", "convolution"])


def test_each_account_is_a_column_and_the_control_has_no_cosets(found):
    rows = {row["evidence"]: row for row in found.rows()}
    assert rows["verdict"]["coset"] == "holds"
    (control,) = (k for k in rows["verdict"] if k.startswith("coset on "))
    assert rows["verdict"][control] == "none"
    assert "no subgroups" in found.control.not_found["coset"]
    assert rows["the network's own answer"]["coset"] == pytest.approx(1, abs=0.01)


def test_the_interventions_say_the_same_of_a_network_without_cosets(found):
    scores = {k: accuracy for k, (accuracy, _) in found.interventions["control"].items()}
    assert scores["none"] == scores["both signs"] == 1
    assert scores["left sign"] < 0.1
    assert scores["right sign"] < 0.1
    assert scores["embeddings exchanged"] < 0.1
    assert scores["|x| for relu"] > 0.99


def test_it_is_told_as_plain_data(found):
    told = found.to_json()
    assert told["network"]["circuits"][0]["name"] in ("coset", "convolution")
    assert told["control"]["verdict"] == "generalised"

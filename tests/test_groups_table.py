"""The table of Wu et al.'s networks: that it is of what was measured, and that what is measured can
fail."""

import polars as pl
import pytest
import torch

from docs import groups
from docs.forecast import markdown
from grokscope.circuits.circuit import FORMS
from grokscope.errors import BadInput
from grokscope.planted.groups import rho_sets
from grokscope.spec import Spec
from grokscope.sweep import read_table, sweep
from grokscope.verify.network import Network


def test_the_page_says_what_stands_in_the_table():
    rows = pl.read_csv(groups.TABLE).to_dicts()
    page = groups.PAGE.read_text()
    assert len(rows) == 60
    assert markdown(groups.shares(rows)) in page
    assert markdown(groups.costs(rows)) in page


def test_a_planted_network_is_proved_and_a_spoilt_one_is_not():
    s = rho_sets(0, 0.0, group="S4").snapshot
    found = groups.proofs(s)
    network = Network.of(s)
    assert network is not None
    for form in groups.ACCOUNTS:
        bound = FORMS[form].find(s).mechanism(network, s.task)
        assert bound is not None
        assert found[form] == bound.accuracy
    assert found["by symmetry"] == found["own"] == 1
    assert all(found[f"{name}: time"] > 0 for name in (*groups.ACCOUNTS, "low rank"))

    spoilt = rho_sets(0, 0.0, group="S4").snapshot
    with torch.no_grad():
        W_U = dict(spoilt.model.named_parameters())["W_U"]
        W_U.copy_(W_U.roll(1, dims=1))  # every answer is another
    assert groups.proofs(spoilt)["own"] == 0


def test_a_sweep_that_kept_no_weights_is_refused_with_the_cure(tmp_path):
    spec = Spec(task_args={"p": 7}, model="mlp", steps=5)
    sweep([spec], tmp_path, keep="none", workers=1)
    row = read_table(str(tmp_path)).row(0, named=True) | {"verdict": None, "algorithm": None}
    with pytest.raises(BadInput, match="--keep last"):
        groups.measured(row, tmp_path, tmp_path / "runs")

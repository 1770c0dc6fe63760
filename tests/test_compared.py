"""Accounts of one network side by side, and what the control on Z/p shows."""

from dataclasses import replace

import pytest

from grokscope.planted import groups
from grokscope.plots.prices import plot_prices
from grokscope.reading.accounts import compared_accounts
from grokscope.reading.compared import Compared, compared
from grokscope.reading.record import of_compared
from grokscope.terminal import print_compared
from grokscope.verify.evidence import ANSWERS, OfAll, at_least

AGAINST = at_least(OfAll.SAME_LOGITS, 0.2, 0.9, 0.7)


@pytest.fixture(scope="module")
def accounts() -> Compared:
    planted = groups.cosets(seed=1, noise=0.01, group="S4")
    return compared(planted.snapshot, ["coset", "convolution"], has_curves=True)


def test_each_account_is_a_column_and_the_control_has_no_cosets(accounts):
    rows = {row["evidence"]: row for row in accounts.rows}
    assert len(rows) == len(accounts.rows)
    assert rows["verdict"]["coset"] == "holds"
    (control,) = (k for k in rows["verdict"] if k.startswith("coset on "))
    assert rows["verdict"][control] == "none"
    assert "no subgroups" in accounts.control.not_found["coset"]
    assert rows["the network's own answer"]["coset"] == pytest.approx(1, abs=0.01)


def test_a_row_is_the_evidence_of_all_that_have_it_and_parts_alone_have_none(accounts):
    rows = {row["evidence"]: row for row in accounts.rows}
    for c in accounts.network.certificates:
        for x in c.evidence:
            if x.tested is OfAll.WITHOUT_PART:
                assert x.name not in rows
            else:
                assert rows[x.name][c.form] == x.value


def test_the_interventions_say_the_same_of_a_network_without_cosets(accounts):
    scores = {k: accuracy for k, (accuracy, _) in accounts.interventions["control"].items()}
    assert scores["none"] == scores["both signs"] == 1
    assert scores["left sign"] < 0.1
    assert scores["right sign"] < 0.1
    assert scores["embeddings exchanged"] < 0.1
    assert scores["|x| for relu"] > 0.99


def test_what_finer_numbers_cost_is_drawn_for_each_account(accounts):
    figure = plot_prices(accounts)
    panel = figure.axes[0]
    assert [line.get_label() for line in panel.lines] == [
        *(c.form for c in accounts.network.certificates if accounts.curves[c.form]),
        ANSWERS,
    ]


def test_the_control_is_as_sure_as_the_network(accounts):
    assert accounts.control.loss["all"] == pytest.approx(accounts.network.loss["all"], rel=0.05)


def test_it_ends_in_what_is_proved_what_only_fits_and_what_fails(accounts):
    said = compared_accounts(accounts.network, accounts.forms)
    own = next(c.own for c in accounts.network.certificates if c.form == "coset")
    assert own is not None
    how = "is proved" if own.accuracy >= 0.95 else "only fits"
    assert any(x.startswith(f"What {how}: coset (its own proof covers ") for x in said)
    proved = replace(accounts.network.certificates[0], own=replace(own, accuracy=0.97))
    failed = replace(proved, form="convolution", evidence=(AGAINST,))
    network = replace(accounts.network, certificates=(proved, failed))
    first, second, third, *_ = compared_accounts(network, [proved.form, "convolution", "fourier"])
    assert first == f"What is proved: {proved.form} (its own proof covers 97 % of the pairs)."
    assert second.startswith("What fails: convolution (explained variance of the logits: 0.2 ")
    assert third == "Not found: fourier."


def test_it_is_told_as_plain_data(accounts):
    told = of_compared(accounts)
    assert told["network"]["circuits"][0]["name"] in ("coset", "convolution")
    assert told["control"]["verdict"] == "generalised"
    assert told["control"]["task"] == accounts.control_task


def test_it_is_printed_with_the_reasons_and_the_interventions(accounts, capsys):
    print_compared(accounts)
    out = capsys.readouterr().out
    assert "no coset in the control: " in out
    assert "control, accuracy" in out

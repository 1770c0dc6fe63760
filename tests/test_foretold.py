"""What the locked models say of a run, and how the command, the page and the pictures say it."""

import json
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from grokscope import Run, train
from grokscope.cli import main
from grokscope.errors import BadInput, DamagedFile
from grokscope.forecast import locked as locking
from grokscope.forecast.chances import features_of, logistic
from grokscope.forecast.cohort import cohort, signals_in
from grokscope.forecast.foretold import foretell, of_run
from grokscope.forecast.locked import lock, read_locked, write_locked
from grokscope.forecast.pools import BASE, RELUS
from grokscope.forecast.protocol import CALIBRATION, HELD_OUT, rules
from grokscope.forecast.race import race
from grokscope.forecast.told import foretold
from grokscope.page.warning import strip, warning
from grokscope.plots.forecast import plot_race
from tests.pools import BUDGET, pool

NAMES = {"lens_gini": 0.8, "train_loss": 0.5, "test_accuracy": 0.95}


@pytest.fixture(scope="module")
def table():
    mixed = pool(NAMES, "mixed", 20, 20, seed=1, groks=None)
    control = pool(NAMES, "control", 2, 20, seed=2, groks=0.0, kind="random labels")
    return pl.concat([mixed, control]).filter(pl.col("landmark") <= 3)


@pytest.fixture(scope="module")
def locked(table):
    return lock(table, "None tells.")


def rows(table: pl.DataFrame, network: str) -> list[dict]:
    return table.filter(pl.col("id") == network).to_dicts()


def test_a_locked_model_says_what_scikit_learns_says(table, locked):
    c = cohort(table, "mixed", signals_in(table))
    assert c is not None
    r = rules(c)
    for k, model in enumerate(locked.models):
        assert model.signal in (None, "lens_gini")
        chosen = [model.signal] if model.signal else []
        fit, test = (c.of(r.sets[x] & c.at_risk[:, k]) for x in (CALIBRATION, HELD_OUT))
        x, there = (features_of(fit, some, k, chosen) for some in (fit, test))
        theirs = logistic(x, fit.grokked).predict_proba(there)[:, 1]
        ours = [
            next(m.chance for m in foretell(rows(table, network), locked).moments
                 if m.landmark == model.landmark)
            for network in test.networks["id"][:12]
        ]  # fmt: skip
        assert ours == pytest.approx(theirs[:12], abs=1e-9)
    assert any(model.signal for model in locked.models)
    assert locked.warning.signal == "lens_gini"  # the best that does not see the answer


def test_what_is_locked_is_read_back_and_small(locked, tmp_path):
    file = tmp_path / "locked.json"
    write_locked(locked, file)
    assert read_locked(file) == locked
    assert file.stat().st_size < locking.MOST_BYTES
    assert read_locked(tmp_path / "none.json") is None
    file.write_text('{"models": 3}')
    with pytest.raises(DamagedFile, match="holds no locked models"):
        read_locked(file)
    many = replace(locked, models=locked.models * 100)
    with pytest.raises(BadInput, match="above 100,000"):
        write_locked(many, file)


def test_what_travels_with_the_package_can_be_read():
    found = read_locked()
    assert found is None or (found.models and found.networks > 1000)


def test_of_a_network_like_the_pool_s_the_chance_and_its_error_are_said(table, locked):
    networks = table.filter(pl.col("pool") == "mixed").unique("id", maintain_order=True)
    first = networks.filter(pl.col("grokked").is_not_null())["id"][-1]
    found = foretell(rows(table, first), locked)
    assert [m.landmark for m in found.moments] == [m.landmark for m in locked.models]
    said = " ".join(foretold(found))
    assert f"to generalise by step {BUDGET:,}" in said
    assert "AUROC of 0." in said
    assert "with random labels" in said
    assert "It did, at step" in said
    heard = [foretell(rows(table, x), locked).heard for x in networks["id"]]
    assert {x > 0 for x in heard if x is not None} == {True, False}
    early = rows(table, first)[:1]
    assert len(foretell(early, locked).moments) == 1
    assert foretell(early, locked).heard == 0  # one landmark is no two in a row


def test_of_others_it_is_said_why_nothing_is_known(table, locked):
    one = rows(table, table["id"][0])[0]
    cases = {
        "outside the pool is its weight_decay 9": one | {"weight_decay": 9.0},
        "outside the pool is its task a*b": one | {"task": "a*b"},
        "outside the pool is its p None": one | {"p": None},
        "has not memorised yet": one | {"memorised": None},
        "not come to the first landmark": one | {"landmark": None, "grokked": None},
        "before anything could be said": one | {"landmark": None, "grokked": 60},
        "are not measured in this run": one | {"lens_gini": None, "grokked": None},
    }
    for words, row in cases.items():
        assert words in (foretell([row], locked).why_not or ""), words


def test_runs_are_told_of_while_they_train_or_told_why_not(locked, tmp_path, monkeypatch):
    from grokscope.forecast.landmarks import network_of

    spec = BASE.override("task.p=7", *RELUS, "train_fraction=.6", "steps=300", "seed=1")
    own = network_of(spec)
    ranges = {name: (float(own[name]), float(own[name])) for name in locked.ranges}
    ours = replace(
        locked,
        names={name: [own[name]] for name in locked.names},
        ranges=ranges,
        models=tuple(replace(m, weights={"p": 0.0}, signal=None) for m in locked.models),
    )
    run = train(spec, tmp_path)
    found = of_run(run, ours)
    assert found.why_not is None
    assert found.moments[0].chance == pytest.approx(1 / (1 + np.exp(-ours.models[0].constant)))
    other = train(replace(spec, betas=(0.9, 0.99)), tmp_path)
    assert "outside the pool is its betas" in (of_run(other, ours).why_not or "")
    imported = Run.of(replace(spec, source="elsewhere"), tmp_path)
    assert "which pairs were held out" in (of_run(imported, ours).why_not or "")

    assert warning(run) == "" or read_locked() is not None
    monkeypatch.setattr("grokscope.page.warning.read_locked", lambda: ours)
    assert f"at step {found.moments[0].step:,}</li>" in warning(run)
    assert warning(other) == ""
    monkeypatch.setattr(locking, "FILE", tmp_path / "none.json")


def test_the_strip_says_the_chance_at_each_landmark(table, locked):
    networks = table.filter(pl.col("pool") == "mixed")["id"].unique(maintain_order=True)
    found = [foretell(rows(table, x), locked) for x in networks]
    loud = next(x for x in found if x.heard)
    html = strip(loud)
    assert html.count("<li ") == len(loud.moments)
    assert 'data-alarm="yes"' in html
    assert "falsely" in html
    assert 'data-alarm="yes"' not in strip(next(x for x in found if x.heard == 0))


@pytest.fixture(scope="module")
def small():
    mixed = pool(NAMES, "mixed", 12, 16, seed=3, groks=None)
    return pl.concat([mixed, pool(NAMES, cells=4, seeds=30, seed=1)]).filter(
        pl.col("landmark") <= 1.5
    )


def test_the_picture_has_a_row_a_pool_and_names_what_leads(small):
    found = race(small, draws=20)
    figure = plot_race(found)
    assert len(figure.axes) == 3 * len(found) == 6
    over, reliable, early = figure.axes[:3]
    legend = over.get_legend()
    assert legend is not None
    assert {"lens_gini", "settings"} <= {text.get_text() for text in legend.get_texts()}
    line = next(x for x in over.lines if x.get_label() == "lens_gini")
    scores = {s.landmark: s.value for s in found["mixed"].best() if s.signal == "lens_gini"}
    drawn = np.asarray(line.get_xydata())
    assert {x: y for x, y in drawn} == pytest.approx(scores)
    assert len(reliable.lines) > 1
    assert len(early.collections) == len(found["mixed"].alarms)


def test_the_command_says_who_wins_where_and_locks_the_models(small, tmp_path, capsys):
    file, to = tmp_path / "pool.parquet", tmp_path / "locked.json"
    small.write_parquet(file)
    asked = ["predict", "--pool", str(file), "--draws", "20"]
    main([*asked, "--lock", str(to)])
    said = " ".join(capsys.readouterr().out.split())
    assert "Pool `mixed`, by its AUROC" in said
    assert "Pool `same`, by its AUROC" in said
    assert "With the configuration fixed, 1 of 2 signals has an AUROC" in said
    found = read_locked(to)
    assert found is not None
    assert found.answer.startswith("With the configuration fixed")
    main([*asked, "--json"])
    record = json.loads(capsys.readouterr().out)
    assert set(record["pools"]) == {"mixed", "same"}
    assert record["pools"]["same"]["scores"][0].keys() >= {"signal", "landmark", "low", "p"}


def test_the_command_refuses_what_makes_no_sense(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locking, "read_locked", lambda: None)
    cases = {
        ("predict",): "no models were locked yet",
        ("predict", "--workers", "2"): "--workers is of what --make trains",
        ("predict", "--pool", "nowhere"): "no pool called nowhere",
        ("predict", "--draws", "1"): "`--draws` must be",
        ("predict", "--make", "--workers", "0"): "`--workers` must be",
        ("predict", "--plot", "x.txt"): "must end in .png",
    }
    for words, said in cases.items():
        with pytest.raises(SystemExit) as end:
            main([*words])
        assert end.value.code == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_a_foretold_run_is_plain_data(table, locked):
    found = foretell(rows(table, table["id"][0]), locked)
    assert json.loads(json.dumps(asdict(found)))["moments"]

"""The race between signals: planted pools, whose truth is known, and the libraries that count one
number at a time."""

import numpy as np
import polars as pl
import pytest

from grokscope.errors import BadInput
from grokscope.forecast import extra
from grokscope.forecast.alarms import MOST_FALSE, alarms, lock
from grokscope.forecast.chances import SETTINGS, gains, with_settings
from grokscope.forecast.cohort import Cohort, checked, cohort, read_table, signals_in
from grokscope.forecast.delays import ALL, CONSTANT, delays
from grokscope.forecast.ordering import Group, share, shuffled
from grokscope.forecast.protocol import (
    AUROC,
    CALIBRATION,
    CONCORDANCE,
    HELD_OUT,
    OTHER_MODEL,
    OTHER_TASK,
    rules,
)
from grokscope.forecast.race import race
from grokscope.forecast.scores import scores
from grokscope.forecast.told import answer, by_landmark, by_signal, described
from tests.pools import LANDMARKS, known, pool

TRUTHS = {"good": 0.75, "turned": 0.3, "chance": 0.5, "test_answer": 0.95}


@pytest.fixture(autouse=True)
def signals(monkeypatch):
    known(monkeypatch, *TRUTHS)


def of(table: pl.DataFrame, name: str = "same") -> Cohort:
    found = cohort(table, name, signals_in(table))
    assert found is not None
    return found


def n(x: float | None) -> float:
    """A number that must be there."""
    assert x is not None
    return x


def drawn(n: int = 30, seed: int = 0):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 20, n).astype(float)
    return rng, time, rng.random(n) < 0.6, np.round(rng.normal(size=(2, n)), 1)


def test_the_share_of_pairs_is_the_auroc_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    _, _, grokked, values = drawn()
    group = Group.of(np.where(grokked, 0.0, 1.0), grokked, values)
    ours = share([group.resampled(np.ones((1, group.size)))])[0]
    assert ours == pytest.approx([roc_auc_score(grokked, x) for x in values], abs=1e-6)


def test_the_share_of_pairs_is_the_concordance_of_lifelines():
    from lifelines.utils import concordance_index

    _, time, grokked, values = drawn()
    ours = share([Group.of(time, grokked, values).resampled(np.ones((1, len(time))))])[0]
    theirs = [concordance_index(time, -x, grokked) for x in values]
    assert ours == pytest.approx(theirs, abs=0.02)  # of equal times lifelines counts some pairs
    apart = 100 * time + np.arange(len(time))  # without them it is the same
    ours = share([Group.of(apart, grokked, values).resampled(np.ones((1, len(time))))])[0]
    theirs = [concordance_index(apart, -x, grokked) for x in values]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_network_drawn_twice_counts_as_two():
    rng, time, grokked, values = drawn(12)
    times = rng.integers(0, 3, 12)
    again = np.repeat(np.arange(12), times)
    weighted = share([Group.of(time, grokked, values).resampled(times[None].astype(float))])
    repeated = Group.of(time[again], grokked[again], values[:, again])
    assert weighted == pytest.approx(share([repeated.resampled(np.ones((1, len(again))))]))


def test_fates_are_dealt_out_within_their_cells_and_none_is_lost():
    rng, time, grokked, values = drawn(12)
    cell = np.repeat(["x", "y", "z"], 4)
    orders = shuffled(cell, time, grokked, rng.random((50, 12)))
    assert (np.sort(orders) == np.arange(12)).all()
    assert (cell[orders] == cell).all()
    group = Group.of(time, grokked, values)
    moved = Group.of(time[orders[7]], grokked[orders[7]], values)
    one = share([group.permuted(orders[7:8])])
    assert one == pytest.approx(share([moved.resampled(np.ones((1, 12)))]))


def test_a_planted_truth_is_found_on_cells_that_had_no_part_in_it():
    c = of(pool(TRUTHS, cells=12, seeds=60, seed=1))
    found = {
        x.signal: x
        for x in scores(c, rules(c), ["good", "turned", "chance"], draws=200)
        if x.where == HELD_OUT and x.landmark == 2
    }
    for name, truth in TRUTHS.items():
        score, right = found[name], max(truth, 1 - truth)
        assert n(score.low) <= right <= n(score.high)
        assert score.value == pytest.approx(right, abs=0.06)
        assert len(score.cells) == 6
    assert (found["good"].sign, found["turned"].sign) == (1, -1)
    assert n(found["good"].p) < 0.01
    assert n(found["turned"].p) < 0.01
    assert n(found["chance"].p) > 0.05
    assert found["test_answer"].p is None  # it sees the answer, and is not among those tested


def test_of_tables_of_chance_one_in_twenty_has_a_p_below_one_in_twenty(monkeypatch):
    names = [f"chance {i}" for i in range(4)]
    known(monkeypatch, *names)
    least = []
    for seed in range(30):
        table = pool(dict.fromkeys(names, 0.5), cells=4, seeds=16, seed=seed)
        c = of(table.filter(pl.col("landmark") == 1))
        found = scores(c, rules(c), names, seed, draws=39)
        least.append(min(x.p for x in found if x.p is not None))
    assert sum(p <= 0.05 for p in least) <= 5  # 1 or 2 of 30 are expected
    assert np.mean(least) == pytest.approx(0.5, abs=0.15)


def test_the_sign_across_configurations_may_be_the_other_one_within():
    # Cells that groks more have more of it, and within a cell those that grok have less.
    within = of(pool({"turned": 0.3}, across=4.0))
    across = of(pool({"turned": 0.3}, "mixed", 20, 15, groks=None, across=4.0), "mixed")
    (one,) = {x.sign for x in scores(within, rules(within), [], draws=10)}
    (other,) = {x.sign for x in scores(across, rules(across), [], draws=10)}
    assert (one, other) == (-1, 1)


def test_what_only_tells_the_settings_adds_nothing_to_them(monkeypatch):
    known(monkeypatch, "good", "chance")
    c = of(pool({"good": 0.8, "chance": 0.5}, "mixed", 24, 20, groks=None, across=6.0), "mixed")
    r = rules(c)
    c = with_settings(c, r)
    found = {x.signal: x for x in gains(c, r, draws=200) if x.landmark == 1}
    score = next(
        x for x in scores(c, r, [], draws=50) if (x.signal, x.where) == ("chance", HELD_OUT)
    )
    assert score.value > 0.85  # alone it seems to tell the future
    assert found["chance"].settings > 0.9
    assert n(found["chance"].gain.low) <= 0.001
    assert n(found["good"].gain.value) > n(found["chance"].gain.value)
    assert found["good"].brier < found["good"].brier_settings < found["good"].brier_share
    said = [b.said for b in found["good"].reliability]
    assert said == sorted(said)


def test_an_alarm_is_locked_at_one_false_one_in_twenty_and_may_have_more_elsewhere():
    table = pl.concat([
        pool(TRUTHS, cells=12, seeds=60),
        pool(TRUTHS, "control", 4, 25, seed=1, groks=0.0, kind="random labels"),
        pool(TRUTHS, "control", 4, 25, seed=2, groks=1.0, kind="no decay"),
    ])  # fmt: skip
    c, r = of(table), rules(of(table))
    found = {a.signal: a for a in alarms(c, r, of(table, "control"))}
    allowed = list(r.landmarks)
    calibration = c.of(r.sets[CALIBRATION])
    for name, a in found.items():
        assert lock(calibration, allowed, name) == (a.sign, a.threshold)
        never = a.sign * calibration.signals[name][~calibration.grokked][:, 0]
        assert (never > a.threshold).mean() <= MOST_FALSE
        assert n(a.coverage.value) < n(a.coverage.high)
        assert list(a.controls) == ["random labels"]  # those that did generalise are no controls
        assert a.lead.value == pytest.approx(1 - 75 / 900, abs=0.05)  # at the second landmark
    assert n(found["test_answer"].coverage.value) > 0.6
    assert n(found["chance"].coverage.high) < 0.2
    assert n(found["good"].false.low) <= MOST_FALSE


def test_a_delay_that_a_signal_tells_is_forecast_better_than_by_the_settings():
    table = pool({"good": 0.5, "chance": 0.5}, cells=8, seeds=40)
    left = pl.col("grokked").fill_null(4000).log()
    c = of(table.with_columns(good=-left + 0.1 * pl.col("chance")))
    found = {x.model: x for x in delays(c, rules(c), ["good", "chance"]) if x.landmark == 1}
    assert set(found) == {CONSTANT, SETTINGS, "good", "chance", ALL}
    error = {model: n(d.error.value) for model, d in found.items()}
    assert error["good"] < 0.15 < 0.2 < error[SETTINGS] < 0.4
    assert n(found["good"].concordance) > 0.9
    assert found["chance"].concordance == pytest.approx(0.5, abs=0.1)
    assert n(found["good"].error.low) < error["good"] < n(found["good"].error.high)
    assert found["good"].grokked + found["good"].censored == 160


def test_landmarks_after_half_of_the_median_time_are_told_apart():
    table = pool(TRUTHS, cells=4).with_columns(grokked=(pl.col("grokked") / 3).cast(pl.Int64))
    table = table.filter(pl.col("grokked").is_null() | (pl.col("step") < pl.col("grokked")))
    r = rules(of(table))
    assert r.landmarks == (1.0, 1.5, 2.0)  # of 50, where half of 300 is 150
    assert set(r.landmarks) | set(r.beyond) == set(LANDMARKS)
    found = race(table, draws=20)["same"]
    assert all(x.p is None for x in found.scores if x.landmark in r.beyond)
    assert [row["landmark"] for row in by_landmark(found)][3:4] == ["3 (late)"]


def test_halves_share_no_cell_and_other_tasks_and_models_calibrate_nothing():
    c = of(pl.concat([pool(TRUTHS), pool(TRUTHS, task="a*b"), pool(TRUTHS, model="transformer")]))
    sets = rules(c, seed=3).sets
    cells = {where: set(c.cell[sets[where]]) for where in sets}
    assert cells[CALIBRATION] & cells[HELD_OUT] == set()
    assert [len(cells[x]) for x in (CALIBRATION, HELD_OUT, OTHER_TASK, OTHER_MODEL)] == [4, 4, 8, 8]
    kinds = c.of(sets[CALIBRATION] | sets[HELD_OUT]).networks.select("task", "model").unique()
    assert len(kinds) == 1
    assert (rules(c, seed=4).sets[CALIBRATION] != sets[CALIBRATION]).any()


def test_halves_that_the_pool_says_beforehand_are_kept():
    table = pool(TRUTHS, cells=6).with_columns(
        half=pl.when(pl.col("cell").str.contains("[012] ")).then(pl.lit("test"))
        .otherwise(pl.lit("calibrate"))
    )  # fmt: skip
    c = of(table)
    assert {x[:6] for x in c.cell[rules(c).sets[HELD_OUT]]} == {"cell 0", "cell 1", "cell 2"}


def test_where_all_grok_it_is_raced_how_soon():
    table = pool({"good": 0.5, "chance": 0.5}, groks=1.0)
    table = table.with_columns(good=-pl.col("grokked").log() + 0.3 * pl.col("chance"))
    found = race(table, draws=50)["same"]
    assert found.by == CONCORDANCE
    assert found.winners[0].signal == "good"
    assert not found.gains
    assert not found.alarms
    assert "*when* is raced" in " ".join(described(found))
    assert "concordance" in answer({"same": found})


def test_the_answer_names_those_above_the_goal_or_says_that_there_is_none(monkeypatch):
    table = pool(TRUTHS, cells=8, seeds=60, seed=1)
    found = race(table.filter(pl.col("landmark") <= 1.5), draws=50)
    assert found["same"].by == AUROC
    assert {x.signal for x in found["same"].winners} == {"good", "turned"} or {
        x.signal for x in found["same"].winners
    } == {"good"}
    assert "have an AUROC" in answer(found) or "has an AUROC" in answer(found)
    assert by_signal(found["same"])[0]["signal"] == "test_answer (sees the answer)"
    known(monkeypatch, "chance")
    none = race(table.filter(pl.col("landmark") <= 1.5), draws=50)
    assert "none of 1 signals has an AUROC whose lower bound is above 0.6" in answer(none)


def test_what_cannot_be_raced_is_said_with_the_next_step(tmp_path):
    whole = pool(TRUTHS, cells=2, seeds=12)
    with pytest.raises(BadInput, match=r"no column `(grokked|steps)`, nor 1 others.*--make"):
        checked(whole.drop("grokked", "steps"), "mine")
    with pytest.raises(BadInput, match="one of mixed, same, control, not odd"):
        checked(whole.with_columns(pool=pl.lit("odd")), "mine")
    with pytest.raises(BadInput, match="`steps` of mine is not of Int64"):
        checked(whole.with_columns(steps=pl.lit("many")), "mine")
    with pytest.raises(BadInput, match="no column of a signal"):
        signals_in(whole.drop(*TRUTHS))
    with pytest.raises(BadInput, match=r"none of the 24 networks .* Train them longer"):
        race(pool(TRUTHS, cells=2, seeds=12, groks=0.0))
    with pytest.raises(BadInput, match="has one cell"):
        race(pool(TRUTHS, cells=1))
    with pytest.raises(BadInput, match="no network of the pool `same` has a landmark"):
        race(whole.with_columns(landmark=None, step=None))
    with pytest.raises(BadInput, match="nothing to race"):
        race(whole.with_columns(memorised=None))
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match=r"no (table of a pool|pool called).*--make --pool"):
            read_table(path)


def test_without_the_libraries_the_command_that_installs_them_is_said(monkeypatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"no module {name}", name=name)

    monkeypatch.setattr(extra, "import_module", missing)
    with pytest.raises(BadInput, match=r'pip install "grokscope\[forecast\]"'):
        race(pool(TRUTHS, cells=2, seeds=12))

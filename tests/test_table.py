"""What is said of the table of a sweep: shares, medians, and how sure they are."""

import json

import numpy as np
import pytest

from grokscope.cli import main
from grokscope.errors import BadInput, UnknownName
from grokscope.sweep.statistics import kaplan_meier, median, wilson
from grokscope.sweep.summary import as_text, share, summary, survival
from grokscope.sweep.table import read_table
from grokscope.sweep.where import where
from tests.tables import rows, sweep

# Freireich et al. 1963: weeks in remission of 21 patients with 6-MP and 21 without.
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23]  # relapsed; and those who were last seen in remission:
LAST_SEEN = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
UNTREATED = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def table(folder):
    return read_table(folder)


# ---- the statistics ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_the_published_interval(hits, n, low, high):
    """Newcombe 1998, Table I, method 3, has the last two; the others follow from the formula."""
    found = wilson(hits, n)
    assert (found.value, found.low, found.high) == pytest.approx((hits / n, low, high), abs=1e-4)


def test_a_share_of_none_is_not_known():
    assert wilson(0, 0).value is None


def test_survival_is_that_of_the_published_example():
    treated = kaplan_meier(TREATED + LAST_SEEN, [True] * 9 + [False] * 12)
    published = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]  # Kaplan-Meier, 6 to 23 weeks
    assert treated.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert treated.share.tolist() == pytest.approx(published, abs=5e-4)
    untreated = kaplan_meier(UNTREATED, [True] * 21)
    for curve, expected in ((treated, (23, 13, None)), (untreated, (8, 4, 11))):
        found = curve.median
        assert (found.value, found.low, found.high) == expected


def test_without_censoring_survival_is_the_share_that_is_left():
    times = np.random.default_rng(0).integers(1, 9, 40)
    curve = kaplan_meier(times.tolist(), [True] * 40)
    assert curve.share.tolist() == pytest.approx([(times > t).mean() for t in curve.time])


def test_who_never_generalises_makes_the_median_later_not_earlier():
    some = kaplan_meier([10, 20, 30], [True] * 3).median
    more = kaplan_meier([10, 20, 30, 100, 100], [True] * 3 + [False] * 2).median
    none = kaplan_meier([100, 100], [False] * 2).median
    assert (some.value, more.value, none.value) == (20, 30, None)


def test_the_interval_of_a_median_holds_it_as_often_as_it_says():
    random, right = np.random.default_rng(0), 0
    for _ in range(400):
        found = median(random.exponential(size=25).tolist())
        assert found.low is not None
        assert found.high is not None
        right += found.low <= np.log(2) <= found.high
    assert right / 400 > 0.93
    assert median([1.0, 2.0, 3.0]).low is None  # too few to bound it


# ---- the summary ---------------------------------------------------------------------------------


def test_groups_are_told_in_the_order_of_their_values(table):
    found = summary(table, ["train_fraction"])
    assert [row["train_fraction"] for row in found] == [0.2, 0.3, 0.4]
    assert [row["grokked"]["value"] for row in found] == [0.0, 0.6, 1.0]
    assert [row["networks"] for row in found] == [10, 10, 10]
    assert found[2]["algorithms"] == {"clock": 8, "undetermined": 2}
    assert found[0]["median delay"]["value"] is None
    assert found[2]["median delay"]["value"] == 120


def test_what_failed_is_counted_and_no_part_of_a_share(tmp_path):
    failed = {
        "id": "x",
        "task": "a+b p=7",
        "state": "failed",
        "reason": "NaN",
        "train_fraction": 0.4,
    }
    table = read_table(sweep(tmp_path, [*rows(), failed]))
    last = summary(table, ["train_fraction"])[-1]
    assert (last["networks"], last["failed"], last["grokked"]["value"]) == (11, 1, 1.0)


def test_a_delay_that_is_longer_than_was_seen_is_told_from_none(table, tmp_path):
    never = [row | {"memorised": None} for row in rows() if row["train_fraction"] == 0.2]
    found = summary(read_table(sweep(tmp_path, never)))[0]["median delay"]
    assert (found, as_text(found)) == (None, None)
    beyond = summary(table, ["train_fraction"])[0]["median delay"]
    assert (beyond["value"], as_text(beyond)) == (None, "beyond")


def test_a_delay_is_counted_from_memorising(table):
    assert survival(table, "grokked").time[0] - survival(table, "delay").time[0] == 100
    assert len(survival(table).censored) == 14
    assert set(survival(table).censored) == {900.0}


def test_the_class_follows_its_thresholds(folder):
    by_ratio = {ratio: share(read_table(folder, ratio=ratio), "class=grokking").value
                for ratio in (1.0, 5e4, 1e9)}  # fmt: skip
    assert list(by_ratio.values()) == pytest.approx([16 / 30, 8 / 30, 0.0])


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (None, 30),
        ("grokked", 16),
        ("train_fraction > 0.25 and not task.p = 8", 20),
        ("class = 'grokking'", 8),
        ("id like '%-0.2-%' or \"task.p\" = 9", 10),
        ("seed in (0, 1) and algorithm is not null", 6),
    ],
)
def test_rows_are_chosen_by_sql(condition, count, table):
    assert len(where(table, condition)) == count


@pytest.mark.parametrize(
    "condition", ["", "lr >", "nothing = 3", "1; DROP TABLE sweep", "seed + 1"]
)
def test_what_is_no_condition_is_refused(condition, table):
    with pytest.raises(BadInput, match="is no condition on this table"):
        where(table, condition)


def test_a_column_that_is_not_there_is_told_with_the_nearest(table):
    with pytest.raises(UnknownName, match="train_fraction"):
        summary(table, ["train_fractions"])
    with pytest.raises(BadInput, match="holds lists"):
        summary(table, ["curve"])


# ---- the verb ------------------------------------------------------------------------------------


def told(capsys, *args: object) -> str:
    capsys.readouterr()
    main(["table", *map(str, args)])
    return capsys.readouterr().out


def test_the_verb_prints_lines_csv_and_json(folder, capsys):
    by = (folder, "--by", "train_fraction,weight_decay", "--where", "train_fraction > .25")
    assert "0.60 (0.23 to 0.88)" in told(capsys, *by)
    assert told(capsys, *by, "--csv").startswith("train_fraction,weight_decay,networks,failed,")
    found = json.loads(told(capsys, *by, "--json"))
    assert [row["networks"] for row in found] == [5] * 4
    networks = told(capsys, folder, "--rows").splitlines()
    assert len(networks) == 31
    assert "curve" not in networks[0]
    assert len(json.loads(told(capsys, folder, "--rows", "--json"))[0]["curve"]) == 6


def test_a_folder_that_is_no_sweep_says_so(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["table", str(tmp_path)])
    assert "grokscope sweep" in capsys.readouterr().err

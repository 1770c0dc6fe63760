"""The phases of a run: found where they were planted, however often a run was evaluated, whatever
spikes there are, and wherever its curve is cut; and not told where there is nothing to divide."""

from math import exp, log, nan

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grokscope.measures.phases import EXCLUDED, find_phases
from grokscope.measures.smoothing import smoothed
from grokscope.spec import Spec
from grokscope.training.events import Phases, find_events

SPEC = Spec(steps=100_000, grok_patience=1)
CHANCE = 0.01
GUESSING = log(1 / CHANCE)
# step -> log test loss; between them a straight line
SLOW = {0: log(GUESSING), 200: 2.0, 1_000: 2.7, 3_000: 2.4, 5_000: 1.7, 7_000: -9.3, 14_000: -9.5}
FAST = {0: log(GUESSING), 80: 2.6, 400: 2.0, 600: 1.0, 1_000: -12.0, 2_000: -12.4}
# where its ends are: highest; 1 below that; 95 % of the fall below it; the knee
ENDS = {
    "slow": (SLOW, 200, 6_500, (1_000, 5_000, 6_925, 5_000)),
    "fast": (FAST, 80, 700, (80, 480, 990, 600)),
}


def at(curve, step):
    """The height of a curve between its points."""
    steps = sorted(curve)
    right = next(t for t in steps if t >= step)
    left = max((t for t in steps if t <= step), default=right)
    share = 0 if left == right else (step - left) / (right - left)
    return (1 - share) * curve[left] + share * curve[right]


def rows_of(curve, memorised, grokked, every=10, spikes=(), learning=0.2):
    """Evaluations of a planted run, up to the end of its curve."""
    return [
        {
            "step": t,
            "train_loss": 0.01 if t >= memorised else 3.0,
            "train_accuracy": float(t >= memorised),
            "test_loss": exp(at(curve, t) + (3 if i in spikes else 0)),
            "test_accuracy": 1.0 if t >= grokked else learning,
        }
        for i, t in enumerate(range(0, max(curve) + 1, every))
    ]


def ends(p):
    return p.memorized, p.formed, p.cleaned, p.knee


def found(rows, spec=SPEC, table=None):
    p = find_phases(spec, rows, CHANCE, table)
    assert isinstance(p, Phases), p
    return p


@pytest.mark.parametrize("name", ENDS)
def test_planted_phases_are_found_where_they_were_planted(name):
    curve, memorised, grokked, where = ENDS[name]
    assert ends(found(rows_of(curve, memorised, grokked))) == pytest.approx(where, rel=0.03)


@given(st.integers(1, 60), st.integers(1, 5))
def test_ends_hardly_depend_on_how_often_a_run_was_evaluated(every, slower):
    curve = {slower * t: y for t, y in SLOW.items()}
    p = found(rows_of(curve, slower * 200, slower * 6_500, every))
    for end, planted in zip(ends(p), ENDS["slow"][3], strict=True):
        assert abs(end - slower * planted) <= 0.03 * slower * planted + every


@given(st.sets(st.integers(1, 1_399), max_size=60), st.sampled_from([5, 10]))
def test_spikes_move_no_end(spikes, every):
    assume(all(b - a > 4 for a, b in zip(sorted(spikes), sorted(spikes)[1:], strict=False)))
    rows = rows_of(SLOW, 200, 6_500, every)
    spiky = rows_of(SLOW, 200, 6_500, every, spikes)
    # where the curve is flat any evaluation may be highest: the peak may wander there, not off it
    assert ends(found(spiky))[1:] == pytest.approx(ends(found(rows))[1:], rel=0.04)
    assert found(spiky).memorized == pytest.approx(found(rows).memorized, rel=0.15)


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("least", [1e-2, 1e-4])
def test_where_a_curve_is_cut_its_formation_ends_as_before_and_cleanup_is_not_over(name, least):
    curve, memorised, grokked, _ = ENDS[name]
    rows = rows_of(curve, memorised, grokked)
    cut = [r for r in rows if r["step"] <= grokked or r["test_loss"] > least]
    assert found(cut).formed == found(rows).formed
    assert found(cut).memorized == found(rows).memorized
    assert found(cut).cleaned is None
    assert found(rows).cleaned is not None


@given(
    st.lists(st.tuples(st.integers(1, 20), st.floats(-3, 3)), min_size=12, max_size=80),
    st.integers(0, 3),
    st.integers(8, 11),
)
def test_ends_come_in_order_on_any_curve(evaluations, memorised, grokked):
    step, rows = 0, []
    for i, (gap, y) in enumerate(evaluations):
        step += gap
        right = 1.0 if i >= grokked else 0.3
        has = {"train_accuracy": float(i >= memorised), "test_accuracy": right}
        rows.append({"step": step, **has, "train_loss": 1.0, "test_loss": exp(y - 6 * (i > 8))})
    p, events = find_phases(SPEC, rows, CHANCE), find_events(SPEC, rows)
    if not isinstance(p, Phases):
        assert p == "no fall"
        return
    assert events.t_memorize is not None
    assert events.t_grok is not None
    assert events.t_memorize <= p.memorized <= p.formed < events.t_grok
    assert p.cleaned is None or p.formed <= p.cleaned


def test_a_relapse_long_after_generalising_moves_no_end_of_formation():
    relapse = {**SLOW, 20_000: -9.5, 21_000: 3.0, 24_000: 3.0, 25_000: -9.5, 60_000: -9.5}
    assert ends(found(rows_of(relapse, 200, 6_500))) == ends(found(rows_of(SLOW, 200, 6_500)))


def never(rows):
    return [{**r, "test_accuracy": 0.5} for r in rows]


def together(rows):
    return [{**r, "test_accuracy": max(r["test_accuracy"], 0.91)} for r in rows]


def coarse(rows):
    return [r for r in rows if r["step"] % 2_000 == 0]


def flat(rows):
    return [{**r, "test_loss": 10.0} for r in rows]


def unlearned(rows):
    return [{**r, "train_accuracy": 0.5} for r in rows]


def without_test(rows):
    return [{**r, "test_loss": nan, "test_accuracy": float(r["step"] > 6_000)} for r in rows]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (never, "never generalised"),
        (together, "not memorised first"),
        (unlearned, "not memorised first"),
        (coarse, "few evaluations"),
        (without_test, "few evaluations"),
        (flat, "no fall"),
        (lambda rows: [], "never generalised"),
    ],
)
def test_where_there_is_nothing_to_divide_the_reason_is_told(changed, why):
    assert find_phases(SPEC, changed(rows_of(SLOW, 200, 6_500)), CHANCE) == why


def losses_alone(rows):
    return [{**r, "train_accuracy": nan, "test_accuracy": nan} for r in rows]


def test_an_imported_history_of_losses_alone_is_divided_by_them():
    rows = rows_of(SLOW, 200, 6_500)
    alone = [*losses_alone(rows[:-1]), rows[-1]]  # accuracies are known at its one checkpoint
    assert ends(found(alone)) == ends(found(rows))
    low = {t: min(y, 0.5) for t, y in SLOW.items()}  # better than a guess when it has memorised
    assert find_phases(SPEC, losses_alone(rows_of(low, 200, 6_500)), CHANCE) == (
        "not memorised first"
    )
    rising = losses_alone(rows_of({**SLOW, 7_000: 1.0, 14_000: 1.0}, 200, 6_500))
    assert find_phases(SPEC, rising, CHANCE) == "never generalised"


@pytest.mark.parametrize(
    ("steps", "least"), [(range(0, 14_001, 100), 600), (range(0, 14_001, 2_000), None)]
)
def test_the_least_excluded_loss_is_a_second_reading_where_checkpoints_are_dense(steps, least):
    excluded = {0: 1.5, 600: -3.0, 5_000: 2.0, 9_000: -8.0, 14_000: -8.0}  # least of all at the end
    rows = rows_of(SLOW, 200, 6_500)
    losses = [exp(at(excluded, t)) for t in steps]
    p = found(rows, table=pl.DataFrame({"step": list(steps), EXCLUDED: losses}))
    assert p.least_excluded == least
    assert ends(p) == ends(found(rows))
    assert found(rows, table=pl.DataFrame({"step": [0]})).least_excluded is None


HOLLOW = {0: 2.0, 200: 2.7, 1_000: -5.0, 4_000: -9.3, 8_000: -9.5}
LATE = {0: 2.0, 200: 2.7, 600: 1.2, 3_000: 0.9, 4_000: -9.3, 8_000: -9.5}


@pytest.mark.parametrize(
    ("curve", "grokked", "learning", "knee"),
    [
        (SLOW, 6_500, 0.2, 5_000),
        (SLOW, 6_500, 0.01, "no plateau"),  # the test is right by chance at either reading
        (HOLLOW, 3_000, 0.2, None),  # it falls at once: nowhere above its chord
        (HOLLOW, 3_000, 0.01, "no plateau"),
        (LATE, 3_500, 0.2, 3_000),
        (LATE, 2_500, 0.2, None),  # its knee is after it generalised
        (LATE, 2_500, 0.01, "no plateau"),
    ],
)
def test_a_reading_that_shows_no_circuit_does_not_count(curve, grokked, learning, knee):
    p = find_phases(SPEC, rows_of(curve, 200, grokked, learning=learning), CHANCE)
    told = p.knee if isinstance(p, Phases) else p
    assert told == (pytest.approx(knee, rel=0.03) if isinstance(knee, int) else knee)


def test_smoothing_is_the_median_over_a_share_of_the_step():
    curve = smoothed([(0, 9.0), (90, 1.0), (100, exp(2)), (110, exp(5)), (111, nan), (200, 0.0)])
    assert curve.steps == [90, 100, 110, 200]
    assert curve.values[:3] == pytest.approx([1.0, 2.0, 3.5])
    assert curve.values[3] == pytest.approx(-53 * log(2))  # rounding, not minus infinity


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(1e-9, 1e3)), min_size=1, max_size=60))
def test_smoothing_equals_its_definition(gaps):
    points, step = [], 0
    for gap, loss in gaps:
        step += gap
        points.append((step, loss))
    curve = smoothed(points)
    for t, value in zip(curve.steps, curve.values, strict=True):
        window = [log(x) for s, x in points if 0.85 * t <= s <= 1.15 * t]
        assert value == pytest.approx(pl.Series(window).median())

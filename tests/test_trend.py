"""Whether an accuracy still moved, on lines that are known."""

import random

import pytest

from grokscope.reading.trend import FEWEST, trend


def rows(values):
    return [{"step": 10 * i, "x": float(v)} for i, v in enumerate(values)]


@pytest.mark.parametrize("slope", [0.002, -0.002])
def test_a_line_that_rises_by_more_than_it_scatters_moves(slope):
    noise = random.Random(0)
    found = trend(rows(0.5 + slope * i + noise.gauss(0, 0.001) for i in range(100)), "x")
    assert found is not None
    assert found.moves
    assert found.since == 900
    assert found.rise == pytest.approx(9 * slope, abs=0.003)
    assert found.error == pytest.approx(0.001, rel=0.6)


@pytest.mark.parametrize("evaluations", [10, 40, 100, 500])
def test_noise_hardly_ever_moves(evaluations):
    noise = random.Random(evaluations)
    told = [
        trend(rows(0.3 + noise.gauss(0, 0.05) for _ in range(evaluations)), "x") for _ in range(300)
    ]
    assert sum(found is not None and found.moves for found in told) <= 6


def test_what_stands_still_does_not_move():
    found = trend(rows([0.3] * 100), "x")
    assert found is not None
    assert not found.moves


@pytest.mark.parametrize("evaluations", [500, 1000])
def test_a_slow_rise_through_many_evaluations_is_seen(evaluations):
    noise = random.Random(1)
    rise = 3 * 0.05 * 10 / evaluations  # three times the scatter, over the last tenth
    found = trend(rows(rise * i + noise.gauss(0, 0.05) for i in range(evaluations)), "x")
    assert found is not None
    assert found.moves
    assert found.rise > 0


def test_the_best_is_found_with_its_step():
    found = trend(rows([0.1, 0.9, *[0.2] * FEWEST]), "x")
    assert found is not None
    assert (found.best, found.best_at) == (0.9, 10)


def test_of_too_few_or_of_what_is_not_known_nothing_is_said():
    assert trend(rows([0.1] * (FEWEST - 1)), "x") is None
    assert trend(rows([0.1, float("nan"), *[0.1] * FEWEST]), "x") is None

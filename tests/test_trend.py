"""Whether an accuracy still moved, on lines that are known."""

import random

import pytest

from grokscope.report.trend import FEWEST, trend


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
    assert found.scatter == pytest.approx(0.001, rel=0.6)


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_what_stands_still_do_not_move(seed):
    noise = random.Random(seed)
    for spread in (0.0, 0.05):
        found = trend(rows(0.3 + noise.gauss(0, spread) for _ in range(100)), "x")
        assert found is not None
        assert not found.moves


def test_the_best_is_found_with_its_step():
    found = trend(rows([0.1, 0.9, 0.2, 0.2, 0.2, 0.2]), "x")
    assert found is not None
    assert (found.best, found.best_at) == (0.9, 10)


def test_of_too_few_or_of_what_is_not_known_nothing_is_said():
    assert trend(rows([0.1] * (FEWEST - 1)), "x") is None
    assert trend(rows([0.1, float("nan"), *[0.1] * FEWEST]), "x") is None

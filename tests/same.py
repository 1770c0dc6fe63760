"""Two runs of one spec compared: bit for bit, but for the time they took."""

from typing import Any

from grokscope.training.run import Run


def untimed(run: Run) -> list[dict[str, Any]]:
    """Its evaluations but for the seconds."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.rows]


def assert_same_results(one: Run, other: Run) -> None:
    """The same evaluations but for the time they took, the same checkpoints, and the same weights
    bit for bit."""
    assert untimed(one) == untimed(other)
    assert one.steps == other.steps
    for step in one.steps:
        mine, others = one.weights(step), other.weights(step)
        assert mine.keys() == others.keys()
        assert all(mine[k].equal(others[k]) for k in mine)

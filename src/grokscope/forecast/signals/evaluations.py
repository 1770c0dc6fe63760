"""What every evaluation says: losses, the norm, and how they move. Test loss and accuracy see the
answer, and are there to be compared with."""

from math import log

from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen


@signal("loss", "baseline", "ln of the train loss")
def train_loss(x: Seen) -> float:
    return log(max(x.row["train_loss"], 1e-300))


@signal("loss", "baseline", "slope of ln(train loss) over the last half of the steps, a step")
def train_loss_slope(x: Seen) -> float:
    return x.slope("train_loss")


@signal("weights", "baseline", "V = |θ|²")
def sum_of_squares(x: Seen) -> float:
    return float(x.row["sum_of_squares"])


@signal("weights", "Truong 2026 (2603.13331)", "-slope of ln V over the last half, a step")
def contraction(x: Seen) -> float:
    return -x.slope("sum_of_squares")


@signal("held-out", "baseline", "ln of the test loss", sees_answer=True)
def test_loss(x: Seen) -> float:
    return log(max(x.row["test_loss"], 1e-300))


@signal("held-out", "baseline", "test accuracy", sees_answer=True)
def test_accuracy(x: Seen) -> float:
    return float(x.row["test_accuracy"])

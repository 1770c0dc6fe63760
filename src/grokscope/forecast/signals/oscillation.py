"""Hjorth's parameters of the train loss of every step so far; see `training.record.oscillation`."""

from grokscope.forecast.register import signal
from grokscope.forecast.seen import Seen

SOURCE = "Notsawo et al. 2023 (2306.13253)"


@signal("loss", SOURCE, "m0 of ln(train loss), above 1/10 cycles a step")
def hjorth_activity(x: Seen) -> float:
    return x.latest("hjorth_activity")


@signal("loss", SOURCE, "√(m2/m0) of the same")
def hjorth_mobility(x: Seen) -> float:
    return x.latest("hjorth_mobility")


@signal("loss", SOURCE, "√(m4/m2) of the same")
def hjorth_complexity(x: Seen) -> float:
    return x.latest("hjorth_complexity")

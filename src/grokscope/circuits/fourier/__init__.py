"""Neurons as waves of a few frequencies: clock, pizza, doubled rotation."""

from grokscope.circuits.fourier.circuit import Fourier, find
from grokscope.circuits.fourier.waves import Phases, Waves

__all__ = ["Fourier", "Phases", "Waves", "find"]

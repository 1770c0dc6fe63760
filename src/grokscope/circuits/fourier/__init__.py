"""Neurons as waves of a few frequencies: clock, pizza, doubled rotation."""

from grokscope.circuits.fourier.circuit import Fourier, find

__all__ = ["Fourier", "find"]

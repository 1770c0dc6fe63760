"""Drawn files: what is known of a run, or of a sweep, as pictures by matplotlib."""

from grokscope.plots.run import FORMATS, plot_spectrum, plot_trace, save
from grokscope.plots.sweep import KINDS, plot_sweep

__all__ = ["FORMATS", "KINDS", "plot_spectrum", "plot_sweep", "plot_trace", "save"]

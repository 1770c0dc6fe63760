"""Drawn files: what is known of a run, or of a sweep, as pictures by matplotlib."""

from grokscope.plots.run import FORMATS, plot_spectrum, plot_trace, save
from grokscope.plots.sweep import KINDS, drawn

__all__ = ["FORMATS", "KINDS", "drawn", "plot_spectrum", "plot_trace", "save"]

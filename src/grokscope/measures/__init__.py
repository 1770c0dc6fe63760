"""Numbers read off a checkpoint, one family a file. Importing this package registers them."""

from grokscope.measures import losses as _losses  # noqa: F401  (registers itself)
from grokscope.measures import restricted as _restricted  # noqa: F401
from grokscope.measures import spectra as _spectra  # noqa: F401
from grokscope.measures.measure import MEASURES, Measure, measure, trace

__all__ = ["MEASURES", "Measure", "measure", "trace"]

"""The signals, one source or kind a file. Importing this package registers them.

Each is a function of what was seen of a run (`seen.Seen`) to a number; where it has no meaning it
raises `NotApplicable`.
"""

from grokscope.forecast.signals import dmd as _dmd  # noqa: F401  (registers itself)
from grokscope.forecast.signals import evaluations as _evaluations  # noqa: F401
from grokscope.forecast.signals import gradients as _gradients  # noqa: F401
from grokscope.forecast.signals import labels as _labels  # noqa: F401
from grokscope.forecast.signals import latent as _latent  # noqa: F401
from grokscope.forecast.signals import lens as _lens  # noqa: F401
from grokscope.forecast.signals import norm_law as _norm_law  # noqa: F401
from grokscope.forecast.signals import oscillation as _oscillation  # noqa: F401
from grokscope.forecast.signals import representation as _representation  # noqa: F401

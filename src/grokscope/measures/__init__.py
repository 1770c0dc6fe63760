"""Numbers read off a checkpoint, one family a file. Importing this package registers them."""

from grokscope.measures import attention as _attention  # noqa: F401  (registers itself)
from grokscope.measures import characters as _characters  # noqa: F401
from grokscope.measures import circles as _circles  # noqa: F401
from grokscope.measures import cosets as _cosets  # noqa: F401
from grokscope.measures import furuta as _furuta  # noqa: F401
from grokscope.measures import gradients as _gradients  # noqa: F401
from grokscope.measures import irreps as _irreps  # noqa: F401
from grokscope.measures import key_rules as _key_rules  # noqa: F401
from grokscope.measures import leading as _leading  # noqa: F401
from grokscope.measures import losses as _losses  # noqa: F401
from grokscope.measures import mixtures as _mixtures  # noqa: F401
from grokscope.measures import neurons as _neurons  # noqa: F401
from grokscope.measures import parity as _parity  # noqa: F401
from grokscope.measures import pizza as _pizza  # noqa: F401
from grokscope.measures import representation as _representation  # noqa: F401
from grokscope.measures import restricted as _restricted  # noqa: F401
from grokscope.measures import spectra as _spectra  # noqa: F401
from grokscope.measures import weights as _weights  # noqa: F401
from grokscope.measures.measure import MEASURES, Measure, measure
from grokscope.measures.trace import trace

__all__ = ["MEASURES", "Measure", "measure", "trace"]

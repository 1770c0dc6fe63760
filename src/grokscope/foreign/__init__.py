"""Other people's checkpoints, one layout a file. Importing this package registers the layouts."""

from grokscope.foreign import chughtai as _chughtai  # noqa: F401  (registers itself)
from grokscope.foreign import furuta as _furuta  # noqa: F401
from grokscope.foreign import nanda as _nanda  # noqa: F401
from grokscope.foreign import pair as _pair  # noqa: F401
from grokscope.foreign import pizza as _pizza  # noqa: F401
from grokscope.foreign import stander as _stander  # noqa: F401
from grokscope.foreign import transformer_lens as _transformer_lens  # noqa: F401
from grokscope.foreign import wu as _wu  # noqa: F401
from grokscope.foreign.importing import Imported, bring, bring_all
from grokscope.foreign.layout import LAYOUTS, Foreign, Found, layout
from grokscope.foreign.sources import sources
from grokscope.foreign.transformer_lens import export

__all__ = [
    "LAYOUTS",
    "Foreign",
    "Found",
    "Imported",
    "bring",
    "bring_all",
    "export",
    "layout",
    "sources",
]

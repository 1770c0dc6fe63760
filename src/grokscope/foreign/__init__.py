"""Other people's checkpoints: the border that they cross, and their layouts."""

from grokscope.foreign import layouts as _layouts  # noqa: F401  (registers them)
from grokscope.foreign.importing import Imported, bring, bring_all
from grokscope.foreign.layouts.layout import LAYOUTS, Foreign, Found, layout
from grokscope.foreign.layouts.transformer_lens import export
from grokscope.foreign.sources import sources

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

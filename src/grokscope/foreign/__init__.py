"""Other people's checkpoints: the border that they cross, and their layouts."""

from grokscope.foreign import declared as _declared  # noqa: F401  (registers itself)
from grokscope.foreign import layouts as _layouts  # noqa: F401  (registers them)
from grokscope.foreign.exporting import export
from grokscope.foreign.importing import Imported, import_network, import_networks
from grokscope.foreign.layout import LAYOUTS, Contents, ForeignNetwork, layout
from grokscope.foreign.sources import sources

__all__ = [
    "LAYOUTS",
    "Contents",
    "ForeignNetwork",
    "Imported",
    "export",
    "import_network",
    "import_networks",
    "layout",
    "sources",
]

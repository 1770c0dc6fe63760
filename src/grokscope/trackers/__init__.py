"""Other people's experiment trackers: what a run measured, in their form, live or at once."""

from importlib import import_module
from pkgutil import iter_modules

from grokscope.trackers.tracker import TRACKERS, log_to, tracked

for _file in iter_modules(__path__, f"{__name__}."):
    import_module(_file.name)

__all__ = ["TRACKERS", "log_to", "tracked"]

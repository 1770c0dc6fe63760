"""Many networks from one command, in one table: grids, batches, engines.

    from grokscope.sweep import sweep

    table = sweep(specs, "sweeps/mine", read="keys").table()

Each name below is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grokscope.sweep.asked import Sweep
    from grokscope.sweep.drive import sweep
    from grokscope.sweep.grid import Grid
    from grokscope.sweep.table import read_table

_HOMES = {"Sweep": "asked", "sweep": "drive", "Grid": "grid", "read_table": "table"}

__all__ = ["Grid", "Sweep", "read_table", "sweep"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `grokscope.sweep` has no attribute `{name}`")
    return getattr(import_module(f"grokscope.sweep.{_HOMES[name]}"), name)

"""Many networks from one command, in one table: grids, batches, engines."""

from grokscope.sweep.asked import Sweep
from grokscope.sweep.table import read_table

__all__ = ["Sweep", "read_table"]

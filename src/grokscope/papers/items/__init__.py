"""The figures and tables of the sources, found by themselves: a file here adds its items."""

import pkgutil
from functools import cache
from importlib import import_module


@cache
def load_items() -> None:
    """Know every item that stands in this folder, in the order of the files' names."""
    for found in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{found.name}")

"""The figures that a page can have, one a file: what is here is on the page."""

from importlib import import_module
from pkgutil import iter_modules
from typing import get_args

from grokscope.page.figure import Figure, Topic

_FOUND: list[Figure] = [
    import_module(f"{__name__}.{module.name}").FIGURE for module in iter_modules(__path__)
]
FIGURES = sorted(_FOUND, key=lambda x: (get_args(Topic).index(x.topic), x.order))

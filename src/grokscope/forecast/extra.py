"""The libraries of statistics that the race needs, which come with the extra `forecast`."""

from importlib import import_module
from typing import Any

from grokscope.errors import BadInput

LIBRARIES = ("scipy", "sklearn", "lifelines")


def check() -> None:
    """Raise `BadInput` where one of them is missing, before anything is counted."""
    for name in LIBRARIES:
        library(name)


def library(name: str) -> Any:
    """A module of scipy, scikit-learn or lifelines. Raises `BadInput` where it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"a race between signals needs the package `{error.name}`, which is not installed. "
            'Install it: pip install "grokscope[forecast]"'
        ) from None

"""All forms of explanation of a network, ranked; and whether it generalises at all."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grokscope.explain.explanation import Explanation, explain, path

__all__ = ["Explanation", "explain", "path"]


def __getattr__(name: str) -> Any:
    """What is public, imported when it is first used: the gate needs no tensor, and these do."""
    if name not in __all__:
        raise AttributeError(f"module `grokscope.explain` has no attribute `{name}`")
    return getattr(import_module("grokscope.explain.explanation"), name)

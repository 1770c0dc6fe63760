"""All forms of explanation of a network, ranked; and whether it generalises at all."""

from grokscope.explain.explain import Explanation, explain, path, spread

__all__ = ["Explanation", "explain", "path", "spread"]

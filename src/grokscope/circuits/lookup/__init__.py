"""The lookup table: the null hypothesis."""

from grokscope.circuits.lookup.circuit import Lookup, find

__all__ = ["Lookup", "find"]

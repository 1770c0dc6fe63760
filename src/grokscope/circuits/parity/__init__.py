"""Sparse parity: which digits, which neurons."""

from grokscope.circuits.parity.circuit import Parity, find

__all__ = ["Parity", "find"]

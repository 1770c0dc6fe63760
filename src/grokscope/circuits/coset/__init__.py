"""Each neuron by its values on cosets (Stander et al. 2023)."""

from grokscope.circuits.coset.circuit import Cosets, find

__all__ = ["Cosets", "find"]

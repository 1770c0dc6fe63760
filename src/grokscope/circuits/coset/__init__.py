"""Each neuron by its values on cosets (Stander et al. 2023)."""

from grokscope.circuits.coset.circuit import Cosets
from grokscope.circuits.coset.evidence import OfCosets
from grokscope.circuits.coset.fit import find

__all__ = ["Cosets", "OfCosets", "find"]

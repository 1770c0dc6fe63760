"""A kernel of a⁻¹cb⁻¹, or a table of products, in few parts."""

from grokscope.circuits.convolution.circuit import Convolution
from grokscope.circuits.convolution.fit import find
from grokscope.circuits.convolution.table import OnProduct

__all__ = ["Convolution", "OnProduct", "find"]

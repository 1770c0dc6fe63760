"""A kernel of a⁻¹cb⁻¹, or a table of products, in few parts."""

from grokscope.circuits.convolution.circuit import Convolution, OnProduct, find

__all__ = ["Convolution", "OnProduct", "find"]

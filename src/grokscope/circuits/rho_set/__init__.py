"""Neurons of rank one in an irrep, with vectors from finite sets (Wu et al. 2024)."""

from grokscope.circuits.rho_set.circuit import RhoSets, find

__all__ = ["RhoSets", "find"]

"""Neurons of rank one in an irrep, with vectors from finite sets (Wu et al. 2024)."""

from grokscope.circuits.rho_set.bound import rho_set
from grokscope.circuits.rho_set.circuit import RhoSets
from grokscope.circuits.rho_set.claim import Claim
from grokscope.circuits.rho_set.evidence import OfVectors
from grokscope.circuits.rho_set.fit import find

__all__ = ["Claim", "OfVectors", "RhoSets", "find", "rho_set"]

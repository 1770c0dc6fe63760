"""Certificates: the evidence for a circuit in a network, each number beside its controls."""

from dataclasses import dataclass

from grokscope.circuits.circuit import Algorithm, Circuit
from grokscope.verify.evidence import Case
from grokscope.verify.network import Bound


@dataclass(frozen=True, eq=False)
class Certificate(Case):
    """A circuit, the evidence for and against it, what it is called where it is true, and the
    accuracy it proves, where it does. `algorithm` is None where what was measured does not say
    which of its form's algorithms it is. `own` is the accuracy that the circuit's own account of
    the network proves, where its form has such a proof; `bound` the best."""

    circuit: Circuit
    algorithm: Algorithm | None = None
    bound: Bound | None = None
    own: Bound | None = None

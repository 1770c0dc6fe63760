"""Certificates: the evidence for a circuit, each number beside its controls, and what follows.

No number suffices alone. A lookup table agrees with itself and is explained in full, by a circuit
as large as the table; a kernel that already contains the group's structure has a tiny loss while
the network fails; recorded key parts exist for pure memorisers. So a circuit holds only if every
number that is judged is for it, fails if one is against it, and is undetermined otherwise.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from grokscope.circuits.circuit import Algorithm, Circuit
from grokscope.verify.evidence import Evidence, Standing, Tested
from grokscope.verify.network import Bound

Verdict = Literal["holds", "fails", "undetermined"]


@dataclass(frozen=True, eq=False)
class Certificate:
    """A circuit, the evidence for and against it, what it is called where it is true, and the
    accuracy it proves, where it does. `algorithm` is None where what was measured does not say
    which of its form's algorithms it is."""

    circuit: Circuit
    evidence: tuple[Evidence, ...]
    algorithm: Algorithm | None = None
    bound: Bound | None = None

    @cached_property
    def verdict(self) -> Verdict:
        if self.standing(Standing.AGAINST):
            return "fails"
        return "undetermined" if self.standing(Standing.OPEN) else "holds"

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"

    def standing(self, standing: Standing) -> tuple[Evidence, ...]:
        """The evidence that stands so."""
        return tuple(e for e in self.evidence if e.standing is standing)

    @property
    def reasons(self) -> tuple[Evidence, ...]:
        """Why it does not hold, or else the numbers that carry it."""
        order = (Standing.AGAINST, Standing.OPEN, Standing.FOR)
        return next(filter(None, map(self.standing, order)), ())

    def get(self, tested: Tested, of: str = "") -> Evidence | None:
        """The evidence of this kind, where there is some."""
        return next((e for e in self.evidence if (e.tested, e.of) == (tested, of)), None)

    def value(self, tested: Tested, of: str = "") -> float:
        """Its number."""
        return next(e.value for e in self.evidence if (e.tested, e.of) == (tested, of))

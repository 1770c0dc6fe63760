"""Certificates: the evidence for a circuit, each number beside its controls, and what follows.

No number suffices alone. A lookup table agrees with itself and is explained in full, by a circuit
as large as the table; a kernel that already contains the group's structure has a tiny loss while
the network fails; recorded key parts exist for pure memorisers. So a circuit holds only if every
number that is judged is for it, fails if one is against it, and is undetermined otherwise.
"""

from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any, Literal

from grokscope.circuits.circuit import Circuit, Evidence
from grokscope.verify.bounds import Bound

Verdict = Literal["holds", "fails", "undetermined"]


@dataclass(frozen=True, eq=False)
class Certificate:
    """A circuit, the evidence for and against it, and the accuracy it proves, where it does."""

    circuit: Circuit
    evidence: tuple[Evidence, ...]
    bound: Bound | None = None

    @cached_property
    def verdict(self) -> Verdict:
        if any(e.passes is False for e in self.evidence):
            return "fails"
        return "undetermined" if any(e.is_open for e in self.evidence) else "holds"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not hold, or else the numbers that carry it, in words."""
        against = [e for e in self.evidence if e.passes is False]
        unsure = [e for e in self.evidence if e.is_open]
        judged = [e for e in self.evidence if e.passes]
        return tuple(map(said, against or unsure or judged))

    def value(self, name: str) -> float:
        """The number of the evidence called `name`."""
        return next(e.value for e in self.evidence if e.name == name)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.circuit.form,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "parts": list(self.circuit.parts),
            "size": self.circuit.size,
            "equation": self.circuit.equation,
            "certificate": [
                {
                    "name": e.name,
                    "value": None if isnan(e.value) else e.value,
                    "rule": e.rule,
                    "passes": "open" if e.is_open else e.passes,
                    "controls": dict(e.controls),
                }
                for e in self.evidence
            ],
            "bound": None if self.bound is None else self.bound.accuracy,
        }


def said(e: Evidence) -> str:
    """One piece of evidence as a sentence's part: its value, what was asked, its controls."""
    beside = ", ".join(f"{name} {number(x)}" for name, x in e.controls.items())
    return f"{e.name}: {number(e.value)} ({e.rule}{'; beside: ' + beside if beside else ''})"


def number(x: float) -> str:
    """Counts in full, others to three digits."""
    return f"{int(x):,}" if float(x).is_integer() and abs(x) > 1 else f"{x:.3g}"

"""An explanation in words a student can read, made from what was measured and from nothing else.

No algorithm is named unless its circuit holds and the network generalises.
"""

from math import floor
from pathlib import Path

from grokscope.circuits.fourier import Fourier
from grokscope.explain import Explanation
from grokscope.training.files import write_atomically
from grokscope.training.run import Run
from grokscope.verify.certificate import Certificate, said

HOW = {
    "convolution": "It gives each answer a score by how far the answer is from the right one, and "
    "this score is made of a few waves, highest at the right answer",
    "clock": "It turns a and b into angles on a few circles, multiplies their cosines and sines so "
    "that the angles add, and reads off the answer whose angle is the sum (a clock)",
    "pizza": "It turns a and b into points on a few circles and takes the middle of the two, whose "
    "direction is half the sum of their angles, and reads off the answer (a pizza)",
    "coset": "Its neurons ask in which cosets of subgroups a and b are, and so in which coset "
    "their product is; the answer is what lies in all of these",
    "rho-set": "Its neurons project a and b onto a few vectors that the group permutes, and "
    "compare them; the answer is where all of them agree",
    "parity": "It looks at a few digits only, and gives the parity of their sum",
}
VERDICTS = {
    "generalised": "It generalised",
    "partial": "It generalises in part",
    "not generalised": "It did not generalise",
    "accurate": "It is accurate; whether it generalised is not known",
}


def told(e: Explanation) -> list[str]:
    """What the network does and how that is known, a paragraph an item."""
    found = [f"{VERDICTS[e.verdict]}. {e.reason}"]
    if e.algorithm is None:
        return [*found, _no_algorithm(e)]
    if e.algorithm == "undetermined":
        return [*found, _undetermined(e)]
    best = e.named[e.algorithm]
    return [*found, _how(e, best), _certified(best), *_also(e), *_proved(e)]


def simplest(e: Explanation) -> Certificate | None:
    """Of the circuits that hold, the one of fewest numbers; None where no algorithm is named."""
    return min(e.named.values(), key=lambda c: c.circuit.size, default=None)


def write_circuit(run: Run, e: Explanation) -> Path | None:
    """Write the simplest circuit that holds into the run's folder as a Python program, circuit.py,
    and return its path; None where none holds."""
    best = simplest(e)
    if best is None:
        return None
    path = run.folder / "circuit.py"
    said = f"{run.task.name}, step {e.snapshot.step}: {best.circuit.form}. {best.circuit.equation}"
    write_atomically(path, f'"""{said}"""\n\n{best.circuit.program()}'.encode())
    return path


def _no_algorithm(e: Explanation) -> str:
    holding = [c.circuit.form for c in e.certificates if c.verdict == "holds"]
    if not holding:
        tried = [c.circuit.form for c in e.certificates]
        if not tried:
            return "No form of explanation applies to it."
        return f"None of the explanations that were found holds ({', '.join(tried)})."
    return (
        f"A circuit describes what it computes ({', '.join(holding)}), but since it does not "
        "generalise, no algorithm is said to be learned."
    )


def _undetermined(e: Explanation) -> str:
    tried = [c for c in e.certificates if c.circuit.form != "lookup"]
    if not tried:
        reasons = "; ".join(f"{form}: {why}" for form, why in e.not_found.items())
        return f"How, is undetermined: no form of explanation applies. {reasons}"
    for c in tried:
        if isinstance(c.circuit, Fourier) and c.verdict == "holds":
            reason = c.circuit.reading(e.snapshot).reason
            return (
                f"Its neurons follow waves ({', '.join(c.circuit.parts)}), but whether as a clock "
                f"or as a pizza is undetermined: {reason}."
            )
    told = "; ".join(f"{c.circuit.form} {c.verdict} - {c.reasons[0]}" for c in tried)
    return f"How, is undetermined: no explanation holds. {told}."


def _how(e: Explanation, best: Certificate) -> str:
    parts = best.circuit.parts
    named = ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")
    return f"{HOW.get(e.algorithm or '', best.circuit.form)}. In it: {named}."


def _certified(best: Certificate) -> str:
    """The certificate's main numbers with their controls."""
    main = [e for e in best.evidence if e.passes and e.controls][1:4]
    return (
        f"Certificate ({best.circuit.form}, {best.circuit.size:,} numbers): {best.verdict}. "
        f"{'; '.join(map(said, main))}."
    )


def _also(e: Explanation) -> list[str]:
    best = simplest(e)
    if best is None or len(e.named) < 2:
        return []
    told = [c for c in list(e.named.values())[1:] if c is not best]
    more = [f"a {c.circuit.form} circuit of {c.circuit.size:,} numbers" for c in told]
    return [
        *([f"Other accounts hold too: {', '.join(more)}."] if more else []),
        f"The simplest account that holds is a {best.circuit.form} of {best.circuit.size:,} "
        f"numbers, the logits alone: {best.circuit.equation}."
        if best.circuit.output() is None
        else f"The simplest account that holds is a {best.circuit.form} circuit of "
        f"{best.circuit.size:,} numbers.",
    ]


def _proved(e: Explanation) -> list[str]:
    bounds = [c.bound for c in e.certificates if c.bound and c.bound.accuracy > 0]
    if not bounds:
        return []
    best = max(bounds, key=lambda b: b.accuracy)
    share = f"at least {floor(1e4 * best.accuracy) / 100:.2f} % of all"  # never more than proved
    share = "all" if best.accuracy == 1 else share
    return [
        f"Proved, without trusting the explanation: right on {share} pairs ({best.name}, "
        f"{100 * best.of_brute_force:.3g} % of the work of checking "
        "every answer)."
    ]

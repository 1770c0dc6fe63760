"""An explanation in words a student can read, made from what was measured and from nothing else.

No algorithm is named unless its circuit holds and the network generalises.
"""

from math import floor
from pathlib import Path

from grokscope.circuits.fourier.circuit import Fourier
from grokscope.explain.explain import Explanation
from grokscope.training.files import write_atomically
from grokscope.training.run import Run
from grokscope.verify.bounds import Bound
from grokscope.verify.certificate import Certificate

HOW = {
    "convolution": "It gives each answer a score by how far the answer is from the right one, a "
    "sum of a few waves that is highest at the right answer; how its neurons do so is left open",
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
FORMS = {
    "fourier": "waves in its neurons",
    "convolution": "a formula for its logits",
    "coset": "cosets",
    "rho-set": "vectors that the group permutes",
    "parity": "parity of a few digits",
    "lookup": "a table of all answers",
}
VERDICTS = {
    "generalised": "It generalised",
    "partial": "It generalises in part",
    "not generalised": "It did not generalise",
    "accurate": "It is accurate; whether it generalised is not known",
}


UNLEARNED = {
    "partial": "it generalises in part only",
    "not generalised": "it does not generalise",
    "accurate": "it is not known whether it generalised",
}


def told(e: Explanation) -> list[str]:
    """What the network does and how that is known, a paragraph an item."""
    found = [f"{VERDICTS[e.verdict]}. {e.reason}"]
    if e.algorithm is None:
        return [*found, _no_algorithm(e)]
    if e.algorithm == "undetermined":
        return [*found, _undetermined(e)]
    best = e.named[e.algorithm]
    how = f"{how_it_is_done(e)}. {_parts_of(best)}{_clock_or_pizza(e)}"
    return [*found, how, _certified(best), *_open(e), *_also(e), *_proved(e)]


def how_it_is_done(e: Explanation) -> str:
    """The algorithm that it has, in words."""
    assert e.algorithm is not None
    how = HOW.get(e.algorithm, e.algorithm)
    lens = e.snapshot.lens if e.algorithm in ("clock", "pizza") else None
    is_product = lens is not None and lens.name == "multiplicative"
    return f"{how}: angles of logarithms, for those of a product add" if is_product else how


def _open(e: Explanation) -> list[str]:
    """What is left open besides the algorithm that is named."""
    half = half_read(e)
    return [] if half is None else [half]


def beyond(e: Explanation) -> list[str]:
    """The same, less what the page of a run says in its first lines and in its certificates."""
    if e.algorithm is None:
        return [_no_algorithm(e)]
    if e.algorithm == "undetermined":
        return [_undetermined(e)]
    best = e.named[e.algorithm]
    parts = f"{_parts_of(best)}{_clock_or_pizza(e)}"
    return [parts, *_open(e), *_also(e), *_proved(e)]


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


def called(c: Certificate) -> str:
    """What kind of explanation a circuit is, in words, with its name."""
    words = FORMS.get(c.circuit.form)
    return c.circuit.form if words is None else f"{words} ({c.circuit.form})"


def _no_algorithm(e: Explanation) -> str:
    holding = [c.circuit.form for c in e.certificates if c.verdict == "holds"]
    if not holding:
        tried = [c.circuit.form for c in e.certificates]
        if not tried:
            return f"No form of explanation applies to it. {_why_none(e)}"
        return f"None of the explanations that were found holds ({', '.join(tried)}).{_apart(e)}"
    return (
        f"An explanation describes what it computes ({', '.join(holding)}), but since "
        f"{UNLEARNED[e.verdict]}, no algorithm is said to be learned."
    )


def _apart(e: Explanation) -> str:
    """What the answers of a formula, fitted to a network that does not follow it, do not show."""
    for c in e.certificates:
        if c.circuit.form == "convolution" and c.value(KEPT) > e.accuracy["all"]:
            return (
                f" By itself the formula fitted to its logits gives {percent(c.value(KEPT))} of "
                "the answers, but that is not what the network does: it explains "
                f"{percent(c.value(EXPLAINED))} of the variation of its logits."
            )
    return ""


def half_read(e: Explanation) -> str | None:
    """What is said where waves in its neurons hold, but not whether as a clock or a pizza."""
    for c in e.certificates:
        if isinstance(c.circuit, Fourier) and c.verdict == "holds":
            found = c.circuit.reading(e.snapshot)
            if found.algorithm == "undetermined":
                return (
                    f"Its neurons follow waves ({', '.join(c.circuit.parts)}), but whether as a "
                    f"clock or as a pizza is undetermined: {found.reason}."
                )
    return None


def _undetermined(e: Explanation) -> str:
    tried = [c for c in e.certificates if c.circuit.form != "lookup"]
    if not tried:
        return f"How, is undetermined: no form of explanation applies. {_why_none(e)}"
    half = half_read(e)
    if half is not None:
        return half
    told = "; ".join(f"{c.circuit.form} {c.verdict} - {c.reasons[0]}" for c in tried)
    return f"How, is undetermined: no explanation holds. {told}."


def _why_none(e: Explanation) -> str:
    """Why forms do not apply, each reason once."""
    return " ".join(f"{', '.join(forms)}: {why}" for why, forms in not_found(e).items())


def not_found(e: Explanation) -> dict[str, list[str]]:
    """The forms that were not found, by the reason."""
    found: dict[str, list[str]] = {}
    for form, why in e.not_found.items():
        found.setdefault(why, []).append(form)
    return found


def _parts_of(best: Certificate) -> str:
    parts = best.circuit.parts
    named = ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")
    return f"Its parts: {named}."


def _clock_or_pizza(e: Explanation) -> str:
    """The numbers that tell the two apart."""
    if e.algorithm not in ("clock", "pizza"):
        return ""
    evidence = e.named[e.algorithm].evidence
    found = [f"{x.name} {x.value:.2f} ({x.rule})" for x in evidence if "a pizza" in x.rule]
    other = "pizza" if e.algorithm == "clock" else "clock"
    return f" A {e.algorithm} and no {other}: {', '.join(found)}."


def _certified(best: Certificate) -> str:
    """What the certificate's main tests found, beside their controls."""
    same = next(e for e in best.evidence if e.name == SAME)
    beside = [f"{k} {percent(same.controls[k])}" for k in CONTROLS if k in same.controls]
    gone = percent(best.value("accuracy without it, all"))
    return (
        f"Certificate: {best.verdict}. With {best.circuit.size:,} numbers it gives the network's "
        f"own answer on {percent(same.value)} ({', '.join(beside)}) and explains "
        f"{percent(best.value(EXPLAINED))} of the variation of its logits; without what it "
        f"explains, {gone} are right."
    )


SAME, EXPLAINED = "the network's own answer", "explained variance of the logits"
KEPT = "accuracy kept alone, all"
CONTROLS = ("chance", "untrained", "by heart")


def percent(share: float) -> str:
    """A share in percent, never rounded up to 100 or down to 0."""
    if 0 < share < 0.0001:
        return "less than 0.01 %"
    rounded = round(share * 100, 2)
    return "99.99 %" if rounded == 100 and share < 1 else f"{rounded:g} %"


def _also(e: Explanation) -> list[str]:
    best = simplest(e)
    if best is None or len(e.named) < 2:
        return []
    told = [c for c in list(e.named.values())[1:] if c is not best]
    more = [f"{called(c)}, in {c.circuit.size:,} numbers" for c in told]
    speaks = "" if best.circuit.output() is not None else f", {best.circuit.equation}"
    why = "Named first is what its neurons do, before a formula for its logits alone"
    if best.circuit.output() is None and e.named[e.algorithm or ""] is not best:
        speaks += f". {why}"
    return [
        *([f"Other explanations hold too: {'; '.join(more)}."] if more else []),
        f"The shortest that holds is {called(best)}, in {best.circuit.size:,} numbers{speaks}.",
    ]


def proved(e: Explanation) -> str | None:
    """On which share of the inputs the weights prove the network right; None where nothing is
    proved."""
    best = _best_bound(e)
    if best is None:
        return None
    share = f"at least {floor(1e4 * best.accuracy) / 100:.2f} % of all"  # never more than proved
    return "all" if best.accuracy == 1 else share


def _best_bound(e: Explanation) -> Bound | None:
    bounds = [c.bound for c in e.certificates if c.bound and c.bound.accuracy > 0]
    return max(bounds, key=lambda b: b.accuracy, default=None)


def _proved(e: Explanation) -> list[str]:
    best = _best_bound(e)
    if best is None:
        return []
    return [
        f"Proved from its weights, without trusting any explanation: right on {proved(e)} "
        f"{'pairs' if e.snapshot.task.is_of_pairs else 'inputs'} "
        f"({best.name}, {100 * best.of_brute_force:.3g} % of the work of checking every answer)."
    ]

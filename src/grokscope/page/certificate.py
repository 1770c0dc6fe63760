"""A certificate as HTML: its main tests in words, each beside what it is where there is nothing to
be found, and beneath them every number."""

import re
from collections.abc import Iterable
from html import escape

from grokscope.circuits.circuit import Evidence
from grokscope.explain.explanation import Explanation
from grokscope.reading.explained import called, not_found, percent, simplest
from grokscope.verify.certificate import Certificate, number

SIZE = "size: numbers used"
TESTS = {
    "the network's own answer": (
        "Same answers",
        "For how many inputs the explanation gives the answer that the network gives.",
    ),
    "explained variance of the logits": (
        "Same scores",
        "How much of the variation of the network's scores for all answers it gives.",
    ),
    "accuracy kept alone, all": (
        "Enough",
        "Only what it explains is kept of the network: how many answers are right.",
    ),
    "accuracy without it, all": (
        "Needed",
        "What it explains is taken out of the network, which should then fail.",
    ),
    "accuracy with its activations in place of the network's": (
        "In its place",
        "It computes the network's hidden layer: the answers should stay right.",
    ),
    "accuracy without its neurons": (
        "Its neurons",
        "The neurons it speaks of are silenced, and the network should fail.",
    ),
    SIZE: (
        "Short",
        "How many numbers it needs: as many as it explains would explain nothing.",
    ),
}
COLUMNS = {
    "untrained": "untrained",
    "by heart": "has it by heart",
    "chance": "one answer always",
    "": "compare with",
}
OTHERS = {
    "network": "the network",
    "other parts, as many": "as many other parts",
    "without other parts, as many": "without as many other parts",
    "as many others": "without as many others",
    "lookup table": "a table of all answers",
    "folded weights": "its weights",
}
SAID = {True: "for", False: "against", None: "told"}


def certificates(e: Explanation) -> str:
    """Every explanation that was tried, and the shortest that holds as a program."""
    tables = "\n".join(map(_certificate, e.certificates))
    missing = "".join(
        f"<li>{escape(', '.join(forms))}: {escape(why)}</li>" for why, forms in not_found(e).items()
    )
    tried = f"<ul>{missing}</ul>" if missing else ""
    best = simplest(e)
    program = "" if best is None else f"<pre>{escape(best.circuit.program())}</pre>"
    return "\n".join(
        (
            tables,
            _folded("Explanations that do not apply here", tried),
            _folded("The shortest explanation as a Python program (circuit.py)", program),
        )
    )


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>" if inside else ""


def _certificate(c: Certificate) -> str:
    against = sum(x.passes is False for x in c.evidence)
    passed = sum(x.passes is True for x in c.evidence)
    unsure = sum(x.is_open for x in c.evidence)
    counts = [f"{passed} tests for it", f"{against} against", f"{unsure} open" if unsure else ""]
    words = called(c)
    return (
        f'<details class="certificate"><summary>{escape(words[0].upper() + words[1:])}: '
        f'<span class="verdict">{c.verdict}</span>, {c.circuit.size:,} numbers, '
        f"{', '.join(filter(None, counts))}</summary>"
        f"{_main(c)}"
        f"{_folded(f'All {len(c.evidence)} numbers of this certificate', _every(c))}</details>"
    )


def _main(c: Certificate) -> str:
    """The tests that every explanation has to pass, and those of its own that it did not."""
    found = {x.name: x for x in c.evidence}
    main = [found[name] for name in TESTS if name in found]
    rest = [x for x in c.evidence if x.name not in TESTS and (x.passes is not None or x.is_open)]
    failed = [x for x in rest if not x.passes]
    columns = [key for key in COLUMNS if any(_cell(x, key) for x in main)]
    head = "".join(f"<th>{x}</th>" for x in ("test", "measured", "needed"))
    head += "".join(f"<th>{COLUMNS[key]}</th>" for key in columns)
    rows = "".join(_row(x, columns) for x in main)
    rows += "".join(_row(x, columns) for x in failed)
    passed = len(rest) - len(failed)
    more = f" It passed {passed} more, below." if passed else ""
    return (
        f'<table class="tests"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="small">{LEGEND if {"untrained", "by heart"} & set(columns) else ""}{more}</p>'
    )


LEGEND = "Untrained, has it by heart: an explanation of this kind, made for such a network."


def _row(x: Evidence, columns: Iterable[str]) -> str:
    name, does = TESTS.get(x.name, (x.name[0].upper() + x.name[1:], ""))
    cells = "".join(f'<td data-of="{COLUMNS[key]}">{escape(_cell(x, key))}</td>' for key in columns)
    return (
        f"<tr><td><b>{escape(name)}</b> {escape(does)}</td>"
        f'<td data-of="measured"{_class(x)}>{_value(x, x.value)}</td>'
        f'<td data-of="needed">{escape(_needed(x))}</td>{cells}</tr>'
    )


def _word(x: Evidence) -> str:
    return "open" if x.is_open else SAID[x.passes]


def _class(x: Evidence) -> str:
    word = _word(x)
    return "" if word == SAID[None] else f' class="{word}"'


def _cell(x: Evidence, column: str) -> str:
    """What stands in a column of controls."""
    if column:
        return _value(x, x.controls[column]) if column in x.controls else ""
    rest = {k: v for k, v in x.controls.items() if k not in COLUMNS}
    return ", ".join(f"{OTHERS.get(k, k)} {_value(x, v)}" for k, v in rest.items())


def _is_share(x: Evidence) -> bool:
    return x.name != SIZE and (x.name in TESTS or x.name.startswith("accuracy"))


def _value(x: Evidence, value: float) -> str:
    return percent(value) if _is_share(x) else number(value)


def _needed(x: Evidence) -> str:
    """What was asked of it; of a number that was only told, why it was not judged."""
    asked, *rest = re.split(r",? undecided |; void: |told: ", x.rule)
    if _is_share(x):
        asked = re.sub(r"\d+(?:\.\d+)?", lambda found: percent(float(found[0])), asked)
    if "; void: " in x.rule:
        return f"{asked} (not counted: {rest[-1]})"
    if x.rule.startswith("told"):
        return "not judged" + (f": {rest[-1]}" if rest else "")
    return asked


def _every(c: Certificate) -> str:
    """Its equation, its neurons, and each number with its rule and controls."""
    counts = {name: int(mine.sum()) for name, mine in c.circuit.neurons().items()}
    mine = ", ".join(f"{name} {n}" for name, n in counts.items())
    neurons = f"<p>Neurons that it speaks of: {escape(mine)}.</p>" if mine else ""
    head = "".join(f"<th>{x}</th>" for x in ("evidence", "value", "is", "asked", "controls"))
    rows = "".join(
        f"<tr><td>{escape(x.name)}</td><td>{number(x.value)}</td>"
        f"<td{_class(x)}>{_word(x)}</td><td>{escape(x.rule)}</td>"
        f"<td>{escape(', '.join(f'{k} {number(v)}' for k, v in x.controls.items()))}</td></tr>"
        for x in c.evidence
    )
    return (
        f"<p>{escape(c.circuit.equation)}</p>{neurons}"
        f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    )

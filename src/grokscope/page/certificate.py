"""A certificate as HTML: its main tests in words, each beside what it is where there is nothing to
be found, and beneath them every number."""

from collections.abc import Iterable
from html import escape

from grokscope.reading import sentences
from grokscope.reading.facts import CertificateFacts, ExplanationFacts
from grokscope.verify.evidence import Evidence, Standing

COLUMNS = {
    "untrained": "untrained",
    "by heart": "has it by heart",
    "chance": "one answer always",
}  # the controls that have a column of their own
REST = "compare with"  # the column of all others
OTHERS = {
    "network": "the network",
    "other parts, as many": "as many other parts",
    "without other parts, as many": "without as many other parts",
    "as many others": "without as many others",
    "lookup table": "a table of all answers",
    "folded weights": "its weights",
}
LEGEND = "Untrained, has it by heart: an explanation of this kind, made for such a network."
MARKED = (Standing.FOR, Standing.AGAINST, Standing.OPEN)


def certificates(e: ExplanationFacts, program: str | None) -> str:
    """Every explanation that was tried, and the one that is named as a program."""
    absent = "".join(
        f"<li>{escape(', '.join(forms))}: {escape(why)}</li>" for why, forms in e.absent.items()
    )
    taken = "".join(f"<p>{escape(text)}</p>" for text in sentences.assumed(e.assumed))
    return "\n".join(
        (
            taken,
            *map(_certificate, e.certificates),
            _folded("Explanations that do not apply here", f"<ul>{absent}</ul>" if absent else ""),
            _folded(
                "The explanation that is named as a Python program (circuit.py)",
                "" if program is None else f"<pre>{escape(program)}</pre>",
            ),
        )
    )


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>" if inside else ""


def _certificate(c: CertificateFacts) -> str:
    passed, against, unsure = (len(c.standing(standing)) for standing in MARKED)
    counts = [f"{passed} tests for it", f"{against} against", f"{unsure} open" if unsure else ""]
    kind = sentences.kind(c)
    return (
        f'<details class="certificate"><summary>{escape(kind[0].upper() + kind[1:])}: '
        f'<span class="verdict">{c.verdict}</span>, {c.size:,} numbers, '
        f"{', '.join(filter(None, counts))}</summary>"
        f"{_main(c)}"
        f"{_folded(f'All {len(c.evidence)} numbers of this certificate', _every(c))}</details>"
    )


def is_main(x: Evidence) -> bool:
    """Whether it is one of the tests that a reader is shown first."""
    return bool(x.tested.short) and x.of in ("", "all")


def _main(c: CertificateFacts) -> str:
    """The tests that every explanation has to pass, and those of its own that it did not."""
    main = sorted(filter(is_main, c.evidence), key=lambda x: [*type(x.tested)].index(x.tested))
    rest = [x for x in c.evidence if not is_main(x)]
    failed = [x for x in rest if x.standing in (Standing.AGAINST, Standing.OPEN)]
    passed = sum(x.standing is Standing.FOR for x in rest)
    columns = [key for key in COLUMNS if any(key in x.controls for x in main)]
    has_rest = any(set(x.controls) - set(COLUMNS) for x in main)
    names = [*(COLUMNS[key] for key in columns), *([REST] if has_rest else [])]
    head = "".join(f"<th>{name}</th>" for name in ("test", "measured", "needed", *names))
    rows = "".join(_row(x, columns, has_rest) for x in (*main, *failed))
    more = f" It passed {passed} more, below." if passed else ""
    return (
        f'<table class="tests"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="small">{LEGEND if {"untrained", "by heart"} & set(columns) else ""}{more}</p>'
    )


def _row(x: Evidence, columns: Iterable[str], has_rest: bool) -> str:
    name, meaning = x.name[0].upper() + x.name[1:], ""
    if is_main(x):
        name, meaning = x.tested.short, x.tested.meaning
    cells = {COLUMNS[key]: _control(x, key) for key in columns}
    if has_rest:
        others = [key for key in x.controls if key not in COLUMNS]
        cells[REST] = ", ".join(f"{OTHERS.get(key, key)} {_control(x, key)}" for key in others)
    return (
        f"<tr><td><b>{escape(name)}</b> {escape(meaning)}</td>"
        f'<td data-of="measured"{_class(x)}>{sentences.value(x)}</td>'
        f'<td data-of="needed">{escape(sentences.needed(x))}</td>'
        + "".join(f'<td data-of="{name}">{escape(cell)}</td>' for name, cell in cells.items())
        + "</tr>"
    )


def _control(x: Evidence, name: str) -> str:
    return sentences.value(x, x.controls[name]) if name in x.controls else ""


def _class(x: Evidence) -> str:
    return f' class="{x.standing.value}"' if x.standing in MARKED else ""


def _every(c: CertificateFacts) -> str:
    """Its equation, its neurons, and each number with its rule and controls."""
    counts = ", ".join(f"{part} {n}" for part, n in c.neurons.items())
    neurons = f"<p>Neurons that it speaks of: {escape(counts)}.</p>" if counts else ""
    head = "".join(f"<th>{x}</th>" for x in ("evidence", "value", "is", "needed", "controls"))
    rows = "".join(
        f"<tr><td>{escape(x.name)}</td><td>{sentences.number(x.value)}</td>"
        f"<td{_class(x)}>{x.standing.value}</td><td>{escape(sentences.rule(x))}</td>"
        f"<td>{escape(', '.join(f'{k} {sentences.number(v)}' for k, v in x.controls.items()))}</td>"
        "</tr>"
        for x in c.evidence
    )
    return (
        f"<p>{escape(c.equation)}</p>{neurons}"
        f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    )

"""A run as one HTML file: words and figures, nothing fetched from anywhere."""

import base64
from html import escape
from pathlib import Path

from grokscope.report.explained import simplest, write_circuit
from grokscope.report.figures import drawn, svg
from grokscope.report.reading import Reading
from grokscope.report.words import percent, sentences
from grokscope.training.files import write_atomically
from grokscope.verify.certificate import Certificate, number

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
figure { margin: 1.5rem 0; } img { width: 100%; height: auto; }
figcaption, .small { color: #555; font-size: .9rem; } pre { overflow-x: auto; font-size: .8rem; }
h1 { line-height: 1.2; } summary { cursor: pointer; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8rem; } td, th { padding: .2rem .5rem;
       text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
"""


def write_page(reading: Reading, path: Path | None = None) -> Path:
    """Write the report, by default as `report.html` in the run's folder; returns its path."""
    target = path or reading.run.folder / "report.html"
    if reading.explanation is not None:
        write_circuit(reading.run, reading.explanation)
    write_atomically(target, page(reading).encode())
    return target


def page(reading: Reading) -> str:
    """The report as HTML."""
    run = reading.run
    title = f"{run.task.name}: {_headline(reading)}"
    told = "\n".join(f"<p>{escape(text)}</p>" for text in sentences(reading))
    figures = "\n".join(
        f"<figure><h2>{escape(name)}</h2>{_image(svg(figure), name)}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for name, caption, figure in drawn(reading)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="small">Run {escape(run.name)}, seed {run.spec.seed}</p>
{told}
{figures}
{_circuit(reading)}
<details><summary>What was asked (spec.json)</summary>
<pre>{escape(run.spec.to_json())}</pre></details>
</body>
</html>
"""


def _headline(reading: Reading) -> str:
    if reading.run.is_imported:
        return f"{percent(reading.final['all_accuracy'])} of all pairs right"
    if reading.events.t_grok is not None and reading.generalises:
        return "it grokked" if reading.events.delay else "it generalised"
    return "memorised" if reading.events.t_memorize is not None else "not learned"


def _circuit(reading: Reading) -> str:
    """The certificates in a table, and the best circuit that holds as a program."""
    if reading.explanation is None:
        return ""
    tables = "\n".join(map(_certificate, reading.explanation.certificates))
    best = simplest(reading.explanation)
    program = (
        ""
        if best is None
        else (
            "<details><summary>The circuit as a Python program (circuit.py)</summary>"
            f"<pre>{escape(best.circuit.program())}</pre></details>"
        )
    )
    return f"{tables}\n{program}"


def _certificate(c: Certificate) -> str:
    """All the evidence for and against a circuit, each number beside its controls."""
    judged = {True: "for", False: "against", None: "told"}
    rows = "".join(
        f"<tr><td>{escape(e.name)}</td><td>{number(e.value)}</td>"
        f"<td>{'open' if e.is_open else judged[e.passes]}</td><td>{escape(e.rule)}</td>"
        f"<td>{escape(', '.join(f'{k} {number(x)}' for k, x in e.controls.items()))}</td></tr>"
        for e in c.evidence
    )
    head = "".join(f"<th>{x}</th>" for x in ("evidence", "value", "is", "asked", "controls"))
    return (
        f"<details><summary>Certificate: {escape(c.circuit.form)}, {c.verdict}, "
        f"{c.circuit.size:,} numbers</summary><p>{escape(c.circuit.equation)}</p>"
        f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div></details>'
    )


def _image(content: str, alt: str) -> str:
    data = base64.b64encode(content.encode()).decode()
    return f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'

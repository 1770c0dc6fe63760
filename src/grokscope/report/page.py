"""Runs as one HTML file that fetches nothing: words, figures that one control of time drives, and
the certificates.

The words are here without the script too; `web/` has its source, and `assets/` what is built of it.
"""

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from grokscope.explain import UNDETERMINED
from grokscope.report.explained import HOW, simplest, write_circuit
from grokscope.report.panels import PANELS, Panel, Topic
from grokscope.report.payload import FRAMES, payload
from grokscope.report.reading import Reading
from grokscope.report.words import meant, percent, topics
from grokscope.training.files import as_json, write_atomically
from grokscope.verify.certificate import Certificate, number

ASSETS = Path(__file__).parent / "assets"
LEAST_FRAMES = 20  # that each of many runs keeps


def write_page(reading: Reading, path: Path | None = None, *others: Reading) -> Path:
    """Write the report, by default as `report.html` in the run's folder, of several runs with a
    comparison; returns its path."""
    target = path or reading.run.folder / "report.html"
    for each in (reading, *others):
        if each.explanation is not None:
            write_circuit(each.run, each.explanation)
    write_atomically(target, page(reading, *others, is_alone=True).encode())
    return target


def page(*readings: Reading, is_alone: bool = False) -> str:
    """The report as HTML. One that is alone forbids itself to fetch or to run anything else."""
    most = max(LEAST_FRAMES, FRAMES // len(readings))
    facts = [payload(reading, most) for reading in readings]
    title = _title(readings[0]) if len(readings) == 1 else f"{len(readings)} runs compared"
    articles = "\n".join(
        _article(i, reading, found)
        for i, (reading, found) in enumerate(zip(readings, facts, strict=True))
    )
    compared = "" if len(readings) == 1 else COMPARED
    script, style = _asset("explorable.js"), _asset("explorable.css")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{policy if is_alone else ""}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<noscript><p>The figures need JavaScript; the words and the certificates do not.</p></noscript>
<main>
{compared}
{articles}
</main>
<script type="application/json" id="facts">{_harmless(as_json(facts))}</script>
<script>{script}</script>
</body>
</html>
"""


COMPARED = """<section id="compare"><h2>The runs side by side</h2>
<p class="small">Each with its own time; the line stands at the same step in all. Choose one to see
it below.</p><div class="drawing"></div></section>"""


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Nothing is fetched, and no script runs but ours."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:"
    )


def _harmless(json: str) -> str:
    """JSON that does not end the script it stands in."""
    return json.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _article(i: int, r: Reading, found: dict[str, Any]) -> str:
    told = topics(r)
    there = [x for x in PANELS if x.is_there(found)]

    def figures(topic: Topic) -> str:
        return "\n".join(_figure(x, r, found) for x in there if x.topic == topic)

    return f"""<article data-run="{i}"{" hidden" if i else ""}>
<h1>{escape(r.run.task.name)}<span class="answer">: {escape(_headline(r))}</span></h1>
<p class="small what">Run <bdi>{escape(r.run.name)}</bdi>, seed {r.run.spec.seed}</p>
{_in_short(r)}
{figures("summary")}
<section class="story"><h2>What happened</h2>
{_paragraphs(told["what"])}{_acts(r)}</section>
{figures("what")}
<section><h2>How it does it, and how sure that is</h2>
{_paragraphs(told["how"])}
{_circuit(r)}</section>
{figures("how")}
{_section("Where its weights live", told["weights"])}
{figures("weights")}
{_section("How that came about", told["progress"])}
{figures("progress")}
<details><summary>What was asked (spec.json)</summary>
<pre>{escape(r.run.spec.to_json())}</pre></details>
</article>"""


def _figure(panel: Panel, r: Reading, found: dict[str, Any]) -> str:
    return (
        f'<figure data-panel="{panel.name}"><h2>{escape(panel.title)}</h2>'
        f'<figcaption>{escape(panel.caption(r, found))}</figcaption><div class="drawing"></div>'
        "</figure>"
    )


def _title(r: Reading) -> str:
    return f"{r.run.task.name}: {_headline(r)}"


def _headline(reading: Reading) -> str:
    if reading.run.is_imported:
        return f"{percent(reading.final['all_accuracy'])} of all pairs right"
    if reading.events.t_grok is not None and reading.generalises:
        return "it grokked" if reading.events.delay else "it generalised"
    return "memorised" if reading.events.t_memorize is not None else "not learned"


def _in_short(r: Reading) -> str:
    """The four or five answers that a newcomer looks for first."""
    task, shown = r.run.task, int(r.run.is_train.sum())
    chance = percent(1 / task.n_answers)
    asked = f"for {task.name}{meant(task)}: one of {task.n_answers:,} answers"
    asked += f" (guessing: {chance} right)"
    if r.run.knows_split:
        asked += f"; it was shown {shown:,} of {len(r.run.is_train):,} inputs with their answers"
    rows = [("It was asked", asked)]
    if r.rows and not r.run.is_imported:
        e = r.events
        rows += [
            ("It memorised", "never" if e.t_memorize is None else f"at step {e.t_memorize:,}"),
            ("It generalised", _when(r)),
        ]
    return _listed([*rows, ("Its algorithm", _which(r)), ("How sure", _how_sure(r))])


def _when(r: Reading) -> str:
    e = r.events
    if e.t_grok is None:
        last = r.rows[-1]
        return (
            f"not within {int(last['step']):,} steps: {percent(last['test_accuracy'])} of the test "
            "right at the end"
        )
    late = f", {e.delay:,} steps after it had memorised" if e.delay else ""
    fell = "" if r.generalises else ", but at the end it no longer does"
    return f"at step {e.t_grok:,}{late}{fell}"


def _which(r: Reading) -> str:
    e = r.explanation
    if e is None:
        return "not looked for here"
    if e.algorithm is None:
        return "none is said to be learned: it does not generalise"
    if e.algorithm == UNDETERMINED:
        return "undetermined: no explanation of its form holds"
    return f"{HOW.get(e.algorithm, e.algorithm)}."


def _how_sure(r: Reading) -> str:
    e = r.explanation
    if e is None:
        return "nothing was looked for here"
    if e.algorithm is None or e.algorithm == UNDETERMINED:
        tried = [c for c in e.certificates if c.verdict != "holds"]
        told = ", ".join(f"{c.circuit.form} {c.verdict}" for c in tried) or "nothing applies"
        return f"no explanation is claimed; tried: {told} (see the certificates below)"
    c = e.named[e.algorithm]
    judged = [x for x in c.evidence if x.passes is not None]
    beside = sum(bool(x.controls) for x in judged)
    proved = ""
    if e.bound:
        said = "all inputs" if e.bound == 1 else f"at least {percent(e.bound)} of the inputs"
        proved = (
            f" Apart from any explanation, its weights prove, without trying every answer, that it "
            f"is right on {said}."
        )
    return (
        f"This explanation ({c.circuit.form}) passed all {len(judged)} tests made to break it; "
        f"{beside} of them were also made on controls, such as a network that has the answers by "
        f"heart.{proved} This is one network with one seed: another may learn otherwise."
    )


def _listed(rows: list[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows)
    return f'<dl class="short">{items}</dl>'


def _paragraphs(texts: list[str]) -> str:
    return "\n".join(f"<p>{escape(text)}</p>" for text in texts)


def _section(title: str, texts: list[str]) -> str:
    return f"<section><h2>{title}</h2>\n{_paragraphs(texts)}</section>" if texts else ""


def _acts(r: Reading) -> str:
    """Buttons that play what the words speak of."""
    e, p = r.events, r.phases
    acts: list[tuple[str, int, int]] = []
    if e.t_memorize:
        acts.append(("watch it memorise", 0, e.t_memorize))
    if e.t_grok is not None and e.delay:
        acts.append(("watch it generalise", e.t_memorize or 0, e.t_grok))
    if p is not None and p.memorized < p.formed < p.cleaned:
        acts.append(("circuit formation", p.memorized, p.formed))
        acts.append(("cleanup", p.formed, p.cleaned))
    buttons = " ".join(
        f'<button type="button" data-play="{start},{end}">▶ {escape(name)}, '
        f"{start:,} to {end:,}</button>"
        for name, start, end in acts
    )
    return f'<p class="acts">{buttons}</p>' if acts and len(r.run.steps) > 1 else ""


def _circuit(reading: Reading) -> str:
    """The certificates in a table, and the best circuit that holds as a program."""
    e = reading.explanation
    if e is None:
        return ""
    tables = "\n".join(map(_certificate, e.certificates))
    missing = "".join(
        f"<li>{escape(form)}: {escape(why)}</li>" for form, why in e.not_found.items()
    )
    tried = (
        f"<details><summary>Forms that were not found</summary><ul>{missing}</ul></details>"
        if missing
        else ""
    )
    best = simplest(e)
    program = (
        ""
        if best is None
        else (
            "<details><summary>The circuit as a Python program (circuit.py)</summary>"
            f"<pre>{escape(best.circuit.program())}</pre></details>"
        )
    )
    return f"{tables}\n{tried}\n{program}"


def _claimed(c: Certificate) -> str:
    """How many neurons each part says are its own."""
    counts = {name: int(mine.sum()) for name, mine in c.circuit.neurons().items()}
    told = ", ".join(f"{name} {n}" for name, n in counts.items())
    return f"<p>Neurons that it speaks of: {escape(told)}.</p>" if counts else ""


def _certificate(c: Certificate) -> str:
    """All the evidence for and against a circuit, each number beside its controls."""
    judged = {True: "for", False: "against", None: "told"}
    rows = "".join(
        f"<tr><td>{escape(e.name)}</td><td>{number(e.value)}</td>"
        f'<td class="{(word := "open" if e.is_open else judged[e.passes])}">{word}</td>'
        f"<td>{escape(e.rule)}</td>"
        f"<td>{escape(', '.join(f'{k} {number(x)}' for k, x in e.controls.items()))}</td></tr>"
        for e in c.evidence
    )
    head = "".join(f"<th>{x}</th>" for x in ("evidence", "value", "is", "asked", "controls"))
    against = sum(e.passes is False for e in c.evidence)
    count = f", {against} against" if against else ""
    return (
        f"<details><summary>Certificate: {escape(c.circuit.form)}, "
        f'<span class="verdict">{c.verdict}</span>, '
        f"{c.circuit.size:,} numbers{count}</summary><p>{escape(c.circuit.equation)}</p>"
        f"{_claimed(c)}"
        f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div></details>'
    )

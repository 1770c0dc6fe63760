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

from grokscope.page.certificate import certificates
from grokscope.page.panels import PANELS, Panel, Topic
from grokscope.page.payload import FRAMES, MOST_BYTES, payload
from grokscope.reading.explained import beyond, write_circuit
from grokscope.reading.glossary import PLACE, linked
from grokscope.reading.reading import Reading
from grokscope.reading.sentences import topics
from grokscope.reading.short import acts, headline, in_short
from grokscope.training.files import as_json, write_atomically

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
    facts, words = content(*readings)
    title = _title(readings[0]) if len(readings) == 1 else f"{len(readings)} runs compared"
    script, style = asset("explorable.js"), asset("explorable.css")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{policy if is_alone else ""}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body class="grokscope">
<noscript><style>article[hidden] {{ display: block }} .acts {{ display: none }}</style>
<p>The figures need JavaScript; the words and the certificates do not.</p></noscript>
<main>
{words}
</main>
<script type="application/json" id="facts">{_harmless(as_json(facts))}</script>
<script>{script}</script>
</body>
</html>
"""


def content(*readings: Reading) -> tuple[list[dict[str, Any]], str]:
    """The facts of each run, and as HTML the words, with places for the figures."""
    most = max(LEAST_FRAMES, FRAMES // len(readings))
    facts = [payload(reading, most, MOST_BYTES // len(readings)) for reading in readings]
    articles = "\n".join(
        _article(i, reading, found)
        for i, (reading, found) in enumerate(zip(readings, facts, strict=True))
    )
    return facts, articles if len(readings) == 1 else f"{COMPARED}\n{articles}"


COMPARED = """<section class="compare"><h2>The runs side by side</h2>
<p class="small">Each with its own time; the line stands at the same step in all. Choose one to see
it below.</p><div class="drawing"></div></section>"""


@cache
def asset(name: str) -> str:
    """What `web/` was built into."""
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

    how = told["how"] if r.explanation is None else beyond(r.explanation)
    happened = told["what"] if told["what"] else [*told["asked"], *told["when"]]
    answer = f'<span class="answer">: {escape(headline(r))}</span>'
    seed = "" if r.run.is_imported else f", seed {r.run.spec.seed}"
    words = f"""<h1>{escape(r.run.task.name)}{answer}</h1>
<p class="small what">Run <bdi>{escape(r.run.name)}</bdi>{seed}</p>
{_listed(in_short(r))}
{PLACE}
{figures("summary")}
<section class="story"><h2>What happened</h2>
{_paragraphs(happened)}{_acts(r)}</section>
{figures("what")}
<section><h2>How it does it, and how sure that is</h2>
{_paragraphs(how)}
{"" if r.explanation is None else certificates(r.explanation)}</section>
{figures("how")}
{_section("Where its weights live", told["weights"])}
{figures("weights")}
{_section("How that came about", told["progress"])}
{figures("progress")}
{_left_out(found["left_out"])}
<details><summary>What was asked (spec.json)</summary>
<pre>{escape(r.run.spec.to_json())}</pre></details>"""
    drawn = [x["title"] for x in found["trace"]["figures"]] + [x["label"] for x in found["events"]]
    return f"""<article data-run="{i}"{" hidden" if i else ""}>
{linked(words, i, *drawn)}
</article>"""


def _figure(panel: Panel, r: Reading, found: dict[str, Any]) -> str:
    return (
        f'<figure data-panel="{panel.name}"><h2>{escape(panel.title)}</h2>'
        f'<figcaption>{_said(panel.caption(r, found))}</figcaption><div class="drawing"></div>'
        "</figure>"
    )


def _left_out(what: list[str]) -> str:
    if not what:
        return ""
    told = f"Left out, so that the page stays small: {', '.join(what)}."
    return f'<p class="small">{told}</p>'


def _title(r: Reading) -> str:
    """It does not say how the run ended, which a reader may want to guess."""
    return f"{r.run.task.name}, run {r.run.name}"


def _listed(rows: list[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(k)}</dt><dd>{_said(v)}</dd>" for k, v in rows)
    return f'<dl class="short">{items}</dl>'


def _paragraphs(texts: list[str]) -> str:
    return "\n".join(f"<p>{_said(text)}</p>" for text in texts)


def _said(text: str) -> str:
    """A text, in which a number is not parted from its percent."""
    return escape(text).replace(" %", "&nbsp;%")


def _section(title: str, texts: list[str]) -> str:
    return f"<section><h2>{title}</h2>\n{_paragraphs(texts)}</section>" if texts else ""


def _acts(r: Reading) -> str:
    """Buttons that play what the words speak of."""
    buttons = " ".join(
        f'<button type="button" data-play="{start},{end}">▶ {escape(name)}, '
        f"{start:,} to {end:,}</button>"
        for name, start, end in acts(r)
    )
    return f'<p class="acts">{buttons}</p>' if buttons and len(r.run.steps) > 1 else ""

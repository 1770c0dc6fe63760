"""Runs as one HTML file that fetches nothing: words, figures that one control of time drives, and
the certificates.

The words are here without the script too; `web/` has its source, and `assets/` what is built of it.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from grokscope.explain.program import write_circuits
from grokscope.page.certificate import certificates
from grokscope.page.contents import FRAMES, MOST_BYTES, Contents, contents
from grokscope.page.figure import WHEN, Figure, Topic
from grokscope.page.warning import warning
from grokscope.reading import sentences, story
from grokscope.reading.facts import Facts
from grokscope.reading.glossary import PLACE, linked
from grokscope.reading.reading import Reading
from grokscope.reading.story import Chapter, Play
from grokscope.training.files import as_json, write_atomically

ASSETS = Path(__file__).parent / "assets"
LEAST_FRAMES = 20  # that each of many runs keeps


def write_page(reading: Reading, path: Path | None = None, *others: Reading) -> Path:
    """Write the report, by default as `report.html` in the run's folder, of several runs with a
    comparison; returns its path."""
    target = path or reading.run.folder / "report.html"
    for each in (reading, *others):
        if each.explained is not None:
            write_circuits(each.run, each.explained.circuit_files)
    write_atomically(target, page(reading, *others, is_alone=True).encode())
    return target


def page(*readings: Reading, is_alone: bool = False) -> str:
    """The report as HTML. One that is alone forbids itself to fetch or to run anything else."""
    facts, words = articles(*readings)
    title = _title(readings[0].facts) if len(readings) == 1 else f"{len(readings)} runs compared"
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
<noscript><style>article[hidden] {{ display: block }} .play::before {{ content: none }}</style>
<p>Without JavaScript the main figures stand still, and the others are not drawn.</p></noscript>
<main>
{words}
</main>
<script type="application/json" id="facts">{harmless(as_json(facts))}</script>
<script>{script}</script>
</body>
</html>
"""


def articles(*readings: Reading) -> tuple[list[dict[str, Any]], str]:
    """The facts of each run, and as HTML the words, with places for the figures."""
    most = max(LEAST_FRAMES, FRAMES // len(readings))
    pages = [contents(r, most, MOST_BYTES // len(readings)) for r in readings]
    words = "\n".join(
        _article(i, r, page) for i, (r, page) in enumerate(zip(readings, pages, strict=True))
    )
    facts = [page.facts for page in pages]
    return facts, words if len(readings) == 1 else f"{COMPARED}\n{words}"


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


def harmless(json: str) -> str:
    """JSON that does not end the script it stands in."""
    return json.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _article(i: int, r: Reading, page: Contents) -> str:
    run, facts = r.facts, page.facts
    chapters = story.chapters(run)
    led = leading(page.figures, [x.name for x in chapters])
    told = "\n".join(
        _chapter(k, x, _figure(led[x.name], run, facts, has_still=True) if x.name in led else "")
        for k, x in enumerate(chapters, 1)
    )
    words = f"""<header><h1>{escape(run.task.name)}<span class="answer">: {
        escape(story.headline(run))
    }</span></h1>
<p class="lead answer">{_said(story.lead(run))}</p>
{_listed(story.numbers(run))}
<p class="small what">Run <bdi>{escape(run.name)}</bdi>{_seed(run)}</p></header>
{warning(r.run)}
{told}
{PLACE}
{_for_specialists(r, page, [x for x in page.figures if x not in led.values()])}"""
    drawn = [x["title"] for x in facts["trace"]["figures"]] + [x["label"] for x in facts["events"]]
    return f"""<article data-run="{i}"{" hidden" if i else ""}>
{linked(words, i, *drawn)}
</article>"""


def leading(figures: Sequence[Figure], chapters: Sequence[story.Name]) -> dict[story.Name, Figure]:
    """The figure that each of these chapters has: of those that may lead it, the first by rank."""
    ranked = sorted(
        ((x.leads, x) for x in figures if x.leads and x.leads.chapter in chapters),
        key=lambda own: own[0].rank,
        reverse=True,
    )
    return {leads.chapter: figure for leads, figure in ranked}


def _chapter(number: int, chapter: Chapter, figure: str) -> str:
    text = "".join(_said(x) if isinstance(x, str) else _play(x) for x in chapter.text)
    return (
        f'<section class="chapter" data-chapter="{chapter.name}"><h2><span>{number}</span> '
        f"{escape(chapter.title)}</h2>\n<p>{text}</p>\n{figure}</section>"
    )


def _play(x: Play) -> str:
    """Words that play the time they name."""
    return (
        f'<button type="button" class="play" data-play="{x.start},{x.end}">{escape(x.words)}'
        "</button>"
    )


def _for_specialists(r: Reading, page: Contents, figures: list[Figure]) -> str:
    """Everything else, folded: figures, measures, certificates."""
    run, facts = r.facts, page.facts

    def drawn(topic: Topic) -> str:
        return "\n".join(_figure(x, run, facts) for x in figures if x.topic == topic)

    how = _paragraphs(sentences.how(run)) + _certificates(r)
    return f"""<details class="specialists"><summary>For specialists: {len(figures)} more figures, {
        "the certificates, " if r.explained else ""
    }and every number</summary>
{_section("How its training ended", _paragraphs(sentences.ending(run)))}
{drawn("summary")}
{drawn("what")}
{_section("What the explanations are, and how they were tested", how)}
{drawn("how")}
{_section("Where its weights live", _paragraphs(sentences.weights(run)))}
{drawn("weights")}
{_section("How that came about", _paragraphs(sentences.progress(run)))}
{drawn("progress")}
{_left_out(facts["left_out"])}
<details><summary>What was asked (spec.json)</summary>
<pre>{escape(run.spec.to_json())}</pre></details></details>"""


def _seed(run: Facts) -> str:
    return "" if run.is_imported else f", seed {run.spec.seed}"


def _figure(figure: Figure, run: Facts, facts: dict[str, Any], has_still: bool = False) -> str:
    still = figure.still(facts) if figure.still and has_still else ""
    picture = f"<noscript>{still}</noscript>" if still else ""
    caption = _said(figure.caption(run, facts))
    caption = caption.replace(WHEN, f'<span class="now">{WHEN}</span>')
    return (
        f'<figure data-panel="{figure.name}"><h3>{escape(figure.title)}</h3>'
        f'<figcaption>{caption}</figcaption><div class="drawing"></div>'
        f"{picture}</figure>"
    )


def _certificates(r: Reading) -> str:
    if r.explained is None:
        return ""
    return certificates(r.explained.facts, r.explained.program)


def _left_out(what: list[str]) -> str:
    if not what:
        return ""
    return f'<p class="small">Left out, so that the page stays small: {", ".join(what)}.</p>'


def _title(run: Facts) -> str:
    """It does not say how the run ended, which a reader may want to guess."""
    return f"{run.task.name}, run {run.name}"


def _listed(rows: list[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(k)}</dt><dd>{_said(v)}</dd>" for k, v in rows)
    return f'<dl class="short">{items}</dl>'


def _paragraphs(texts: list[str]) -> str:
    return "\n".join(f"<p>{_said(text)}</p>" for text in texts)


def _said(text: str) -> str:
    """A text, in which a number is not parted from its percent, and what can be typed is told
    apart."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text).replace(" %", "&nbsp;%"))


def _section(title: str, inside: str) -> str:
    """Nothing where there is nothing inside."""
    return f"<section><h2>{title}</h2>\n{inside}</section>" if inside else ""

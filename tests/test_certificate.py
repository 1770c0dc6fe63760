"""The tests of a certificate in words: what was measured, what was needed, and the controls."""

import re
from html import unescape

import pytest

from grokscope.explain.explanation import explain
from grokscope.page.certificate import certificates, is_main
from grokscope.planted import IMPOSTORS, waves
from grokscope.reading.explained import explanation_facts
from grokscope.reading.facts import ExplanationFacts
from grokscope.reading.sentences import number
from grokscope.verify.evidence import Standing


@pytest.fixture(scope="module")
def clock() -> ExplanationFacts:
    planted = waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32)
    return explanation_facts(explain(planted.snapshot))


def tables(html: str) -> list[list[dict[str, str]]]:
    """The rows of each main table, by column."""
    found = []
    for table in re.findall(r'<table class="tests">(.*?)</table>', html, re.DOTALL):
        rows = re.findall(r"<tr><td>(.*?)</td>(.*?)</tr>", table)
        found.append(
            [
                {"test": text(name)}
                | {k: text(v) for k, v in re.findall(r'data-of="([^"]*)"[^>]*>(.*?)</td>', cells)}
                for name, cells in rows
            ]
        )
    return found


def text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_the_main_tests_are_told_in_words_beside_their_controls(clock):
    found = tables(certificates(clock, None))
    assert len(found) == len(clock.certificates)
    first, c = found[0], clock.certificates[0]
    same = next(x for x in first if x["test"].startswith("Same answers"))
    assert same["measured"] == "100 %"
    assert same["needed"] == "at least 99 %"
    assert set(same) >= {"untrained", "has it by heart", "one answer always"}
    main = [e.tested for e in c.evidence if is_main(e)]
    assert sorted(f"{test.short} {test.meaning}" for test in main) == sorted(
        x["test"] for x in first
    )
    assert first[-1]["test"].startswith("Short"), "the size last"


def test_every_number_stands_below(clock):
    html = certificates(clock, None)
    for c in clock.certificates:
        for e in c.evidence:
            assert f"<td>{number(e.value)}</td>" in html
            assert text(e.name) in text(html)


@pytest.mark.parametrize("kind", ["lookup_table", "random_features"])
def test_every_test_that_is_failed_stands_in_the_table(kind):
    e = explanation_facts(explain(IMPOSTORS[kind].draw(0, 0.01).snapshot))
    html = certificates(e, None)
    shown = re.findall(r"<table class=.tests.>.*?</table>", html)
    for c, table in zip(e.certificates, shown, strict=True):
        failed = len(c.standing(Standing.AGAINST))
        assert table.count('class="against"') == failed
        assert f"{failed} against" in html


def test_a_number_that_is_not_judged_says_why(clock):
    found = [row for table in tables(certificates(clock, None)) for row in table]
    silenced = [x for x in found if x["test"].startswith("Its neurons")]
    assert any(x["needed"].startswith("not judged: it has 128 of 128 neurons") for x in silenced)


def test_the_shortest_that_holds_is_shown_as_a_program(clock):
    assert "circuit.py" not in certificates(clock, None)
    assert "<pre>print(&quot;&lt;&quot;)</pre>" in certificates(clock, 'print("<")')

"""The tests of a certificate in words: what was measured, what was needed, and the controls."""

import re
from html import unescape

import pytest

from grokscope.explain.explanation import Explanation, explain
from grokscope.page.certificate import TESTS, certificates
from grokscope.planted import IMPOSTORS, waves
from grokscope.verify.certificate import number


@pytest.fixture(scope="module")
def clock() -> Explanation:
    return explain(waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32).snapshot)


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
    found = tables(certificates(clock))
    assert len(found) == len(clock.certificates)
    first, c = found[0], clock.certificates[0]
    same = next(x for x in first if x["test"].startswith("Same answers"))
    assert same["measured"] == "100 %"
    assert same["needed"] == "at least 99 %"
    assert set(same) >= {"untrained", "has it by heart", "one answer always"}
    there = [TESTS[e.name][0] for e in c.evidence if e.name in TESTS]
    assert sorted(there) == sorted(
        next(n for n, _ in TESTS.values() if x["test"].startswith(n)) for x in first
    )


def test_every_number_stands_below(clock):
    html = certificates(clock)
    for c in clock.certificates:
        for e in c.evidence:
            assert f"<td>{number(e.value)}</td>" in html
            assert text(e.name) in text(html)


@pytest.mark.parametrize("kind", ["lookup_table", "random_features"])
def test_every_test_that_is_failed_stands_in_the_table(kind):
    e = explain(IMPOSTORS[kind].draw(0, 0.01).snapshot)
    html = certificates(e)
    shown = re.findall(r"<table class=.tests.>.*?</table>", html)
    for c, table in zip(e.certificates, shown, strict=True):
        failed = sum(x.passes is False for x in c.evidence)
        assert table.count('class="against"') == failed
        assert f"{failed} against" in html


def test_a_number_that_is_not_judged_says_why(clock):
    found = [row for table in tables(certificates(clock)) for row in table]
    silenced = [x for x in found if x["test"].startswith("Its neurons")]
    assert any(x["needed"].startswith("not judged: it has 128 of 128 neurons") for x in silenced)

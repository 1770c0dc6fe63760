"""What a reader calls symbols: names that are the elements of their group."""

import re
from dataclasses import replace

import pytest

from grokscope.algebra.families import from_table, group
from grokscope.algebra.names import element_names
from grokscope.task import Task
from grokscope.tasks import make_task


def product_in(name: str) -> Task:
    return make_task("composition", {"group": name})


def images(name: str, degree: int) -> list[int]:
    """The permutation of 0..n-1 that cycles of 1..n write."""
    found = list(range(degree))
    for cycle in re.findall(r"\(([\d ]+)\)", name):
        points = [int(x) - 1 for x in cycle.split()]
        for i, j in zip(points, points[1:] + points[:1], strict=True):
            found[i] = j
    return found


@pytest.mark.parametrize("name", ["S4", "A5", "S5"])
def test_cycles_are_the_permutation(name):
    g = group(name)
    assert g.points is not None
    names = element_names(g)
    assert [images(x, g.points.shape[1]) for x in names] == g.points.tolist()
    assert names[g.identity] == "e"
    assert len(set(names)) == g.order


def test_names_of_turns_and_of_products_follow_the_group():
    assert element_names(group("D4")) == ("e", "r", "r²", "r³", "s", "rs", "r²s", "r³s")
    names = element_names(group("C3xS3"))
    assert names[:2] == ("(0, e)", "(0, (2 3))")
    assert len(set(names)) == 18


def test_symbols_that_are_their_own_numbers_have_no_names():
    assert product_in("C7").symbol_names is None
    assert make_task("a*b", {"p": 7}).symbol_names is None
    assert product_in("U7").symbol_names == ("1", "2", "3", "4", "5", "6")
    unnamed = replace(product_in("C7"), group=from_table(group("C7").table))
    assert unnamed.symbol_names is None


def test_a_word_that_is_no_product_has_names_all_the_same():
    task = make_task("word", {"text": "a*b*a^-1", "group": "S3"})
    assert task.group is None
    assert task.symbol_names == element_names(group("S3"))

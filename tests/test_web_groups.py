"""The page of a group's network in a browser: elements have names, neurons their irreps and cosets,
all within reach of the keyboard."""

from pathlib import Path
from typing import Any

import pytest

from grokscope.algebra.families import group
from grokscope.algebra.names import element_names
from grokscope.page.contents import contents
from grokscope.page.page import write_page
from tests.browser import Opened

S3 = group("S3")
NAMES = element_names(S3)


@pytest.fixture(scope="module")
def facts(of_group) -> dict[str, Any]:
    return contents(of_group).facts


@pytest.fixture(scope="module")
def file(of_group, tmp_path_factory) -> Path:
    return write_page(of_group, tmp_path_factory.mktemp("page") / "report.html")


def test_elements_have_their_names_wherever_an_answer_is_told(opened, file):
    page = opened.open(file, "#a=1&b=3")
    found = opened.figure("logits")
    chooser = found.get_by_label("operand a")
    assert chooser.evaluate("x => x.selectedOptions[0].text") == NAMES[1]
    assert f"Right answer: {NAMES[S3.table[1, 3]]}." in found.locator(".told").inner_text()
    chooser.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(100)
    assert chooser.evaluate("x => x.selectedOptions[0].text") == NAMES[2]
    assert f"Right answer: {NAMES[S3.table[2, 3]]}." in found.locator(".told").inner_text()
    titles = found.locator("svg.lines rect title").all_text_contents()
    assert titles == [f"answer {name}" for name in NAMES]
    assert [row[0] for row in opened.saved(found)[1:]] == list(NAMES)
    assert opened.complaints == []


def test_a_neuron_is_chosen_by_keyboard_for_its_cosets_and_its_irreps(opened, file, facts):
    page = opened.open(file)
    cosets = opened.figure("cosets")
    chooser = cosets.get_by_label("neuron", exact=True)
    chooser.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(200)
    shown = [i for i, x in enumerate(facts["cosets"]["neurons"]) if x is not None]
    neuron = facts["neurons"]["index"][shown[1]]
    assert cosets.locator(".told").inner_text().startswith(f"Neuron {neuron} ")
    assert cosets.locator("circle").count() == 3 * S3.order
    irreps = opened.figure("irreps")
    assert irreps.get_by_label("neuron", exact=True).input_value() == str(neuron)
    assert f"neuron {neuron}, inputs" in irreps.locator("table").inner_text()
    assert opened.complaints == []


def test_a_cell_of_the_picture_is_the_pair_that_its_cosets_say(opened, file):
    page = opened.open(file, "#a=0&b=0")
    canvas = opened.figure("cosets").locator("canvas")
    box = canvas.bounding_box()
    at = {"x": box["width"] * 0.9, "y": box["height"] * 0.1}
    canvas.hover(position=at)
    page.wait_for_timeout(50)
    told = page.locator("figure[data-panel=cosets] p.small").inner_text()
    canvas.click(position=at)
    page.wait_for_timeout(400)
    a, b = (int(page.evaluate(f"new URLSearchParams(location.hash.slice(1)).get('{x}')"))
            for x in "ab")  # fmt: skip
    assert told.startswith(f"a = {NAMES[a]} in ")
    assert f", b = {NAMES[b]} in " in told


def test_its_numbers_are_saved_by_coset(opened, file, facts):
    opened.open(file)
    rows = opened.saved(opened.figure("cosets"))
    assert rows[0][:4] == ["subgroup", "order", "cosets", "conjugates"]
    start = rows.index(["neuron", "function of", "coset", "element", "value"])
    of_a = [row for row in rows[start + 1 :] if row[1] == "a"]
    assert sorted(row[3] for row in of_a) == sorted(NAMES)
    neuron = facts["neurons"]["index"].index(int(of_a[0][0]))
    it = facts["cosets"]["neurons"][neuron]
    H = facts["cosets"]["subgroups"][it["h"]]
    for row in of_a:
        assert row[2] == H["rightNames"][H["right"][NAMES.index(row[3])]]


def test_shares_of_irreps_move_with_time_and_sum_to_all(opened, file, facts):
    page = opened.open(file)
    found = opened.figure("irreps")
    last = opened.saved(found)
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("Home")
    page.wait_for_timeout(150)
    first = opened.saved(found)
    assert first != last
    for row in (*first, *last):
        if row[1] in ("inputs", "outputs"):
            assert sum(map(float, row[2:])) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_a_telephone(browser, file, scheme):
    opened = Opened(browser, color_scheme=scheme, viewport={"width": 400, "height": 800})
    page = opened.open(file)
    for name in ("irreps", "cosets", "logits"):
        opened.figure(name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert opened.complaints == []
    opened.context.close()

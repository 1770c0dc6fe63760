"""The page of many runs: what it is given, that it counts as Python does, and how it is used."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grokscope.cli import main
from grokscope.page.many import contents, level, many, packed_curves, write_many
from grokscope.sweep.asked import Sweep
from grokscope.sweep.statistics import wilson
from grokscope.sweep.summary import survival
from grokscope.sweep.table import read_table
from tests.browser import seen_through
from tests.tables import rows, sweep

DATA = Path(__file__).parents[1] / "web/src/many/data.js"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="apt install nodejs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def facts(folder) -> dict[str, Any]:
    return json.loads(json.dumps(contents(Sweep.open(folder), read_table(folder))))


def in_the_page(facts: Any, expression: str) -> Any:
    """What the page's own script makes of a JavaScript expression."""
    names = "classOf, curve, fromHash, medianDelay, naming, unpack, wilson"
    program = (
        f"import {{ {names} }} from {json.dumps(DATA.as_uri())};\n"
        f"const facts = {json.dumps(facts)};\n"
        "const curves = await unpack(facts.curves);\n"
        f"console.log(JSON.stringify({expression}))"
    )
    done = subprocess.run(
        ["node", "--input-type=module"], input=program, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---- what it is given ----------------------------------------------------------------------------


def test_the_settings_that_vary_are_axes_in_the_order_they_were_asked(facts):
    assert [axis["key"] for axis in facts["axes"]] == ["train_fraction", "weight_decay", "seed"]
    assert facts["axes"][0]["values"] == [0.2, 0.3, 0.4]
    assert facts["axes"][0]["of"] == [0] * 10 + [1] * 10 + [2] * 10


def test_settings_that_go_together_are_one_axis(tmp_path):
    some = [row | {"task.samples": 1000 * row["train_fraction"]} for row in rows()]
    swept = Sweep.open(sweep(tmp_path, some))
    first = contents(swept, swept.table())["axes"][0]
    assert (first["key"], first["with"]) == ("train_fraction", ["task.samples"])


def test_a_network_takes_less_than_a_kilobyte(tmp_path):
    random = np.random.default_rng(0)

    def noisy(row: dict[str, Any]) -> dict[str, Any]:
        steps = np.cumsum(random.integers(1, 4000, 24)).tolist()
        names = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
        return row | {"curve": [{"step": s, **{x: random.random() for x in names}} for s in steps]}

    some = [noisy(row) for row in rows(seeds=40)]
    page = many(Sweep.open(sweep(tmp_path, some)))
    assert (len(page.encode()) - 40_000) / len(some) < 1000


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [(0.5, "test_accuracy", 127), (1e-12, "train_loss", 0), (0.0, "train_loss", 0),
     (1e9, "test_loss", 254), (float("nan"), "test_loss", 255), (None, "test_loss", 255)],
)  # fmt: skip
def test_values_are_bytes(value, name, expected):
    assert level(value, name) == expected


# ---- it counts as Python does --------------------------------------------------------------------


@needs_node
@pytest.mark.parametrize(("loss", "ratio"), [(1e-5, 5e4), (1e-8, 1.0), (1e-5, 1e9), (10.0, 1e2)])
def test_its_classes_are_those_of_the_table(loss, ratio, folder, facts):
    asked = f"facts.ids.map((_, i) => classOf(facts, i, {loss}, {ratio}))"
    assert in_the_page(facts, asked) == read_table(folder, loss, ratio)["class"].to_list()


@needs_node
def test_its_shares_and_medians_are_those_of_python(folder, facts):
    told = in_the_page(facts, "[wilson(16, 30), wilson(0, 5), wilson(5, 5)]")
    for theirs, asked in zip(told, [(16, 30), (0, 5), (5, 5)], strict=True):
        ours = wilson(*asked)
        assert theirs == pytest.approx([ours.value, ours.low, ours.high])
    table = read_table(folder)
    some = [list(range(30)), list(range(10)), list(range(10, 20)), list(range(10, 30, 3))]
    told = in_the_page(facts, f"{some}.map((x) => medianDelay(facts, x))")
    assert told == [survival(table[x]).median.value for x in some]


@needs_node
def test_its_curves_are_those_of_the_table(folder, facts):
    table = read_table(folder)
    told = in_the_page(facts, "[0, 12, 29].map((n) => [1, 3].map((k) => curve(curves, n, k)))")
    for n, (accuracy, loss) in zip([0, 12, 29], told, strict=True):
        points = table["curve"][n].to_list()
        assert [step for step, _ in accuracy] == [p["step"] for p in points]
        shown = [value for _, value in accuracy]
        assert shown == pytest.approx([p["test_accuracy"] for p in points], abs=1 / 254)
        logs = np.log10([value for _, value in loss])
        assert logs == pytest.approx(np.log10([p["test_loss"] for p in points]), abs=8.1 / 254)


@needs_node
def test_networks_without_curves_have_none():
    names = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
    curve = [{"step": 5, **dict.fromkeys(names, 1.0)}]
    packed = {"curves": packed_curves([None, curve, []])}
    told = in_the_page(packed, "[0, 1, 2].map((n) => curve(curves, n, 0))")
    assert told == [[], [[5, 1]], []]


@needs_node
def test_an_address_cannot_break_it(facts):
    asked = (
        'fromHash("#up=seed&across=__proto__&loss=-3&ratio=x&only.seed=1&only.seed2=<b>&evil=1",'
        ' {across: "a", up: "b", loss: "0", ratio: "1"}, {across: ["a"], up: ["b", "seed"]})'
    )
    expected = {"across": "a", "up": "seed", "loss": "-3", "ratio": "1", "only.seed": "1"}
    assert in_the_page(facts, asked) == expected


# ---- as a file -----------------------------------------------------------------------------------


def test_it_is_one_file_that_says_its_numbers_without_a_script(folder):
    page = Path(write_many(folder)).read_text()
    fetching = r"https?:|//[a-z]+\.|<[^>]* src=|@import|url\("
    assert not re.search(fetching, page.replace("http://www.w3.org/2000/svg", ""))
    assert page.count("</script") == 2
    assert "default-src 'none'" in page
    assert not re.search(r"\$[a-z]{3,}", page)
    assert "30 networks: 100% (89% to 100%) memorised and 53% (36% to 70%) grokked." in page
    assert "<td>0.60 (0.31 to 0.83)</td>" in page


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&$title"


def test_names_from_elsewhere_are_shown_and_do_nothing(tmp_path, opened):
    some = [row | {"task": HOSTILE, "id": f"{HOSTILE}{i}", "algorithm": HOSTILE, "model": HOSTILE}
            for i, row in enumerate(rows())]  # fmt: skip
    some[3]["model"] = "mlp"
    file = Path(write_many(sweep(tmp_path / "a&b", some)))
    page = opened.open(file, "#colour=algorithm&across=model")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert page.locator("#legend").inner_text().count("alert(1)") == 1
    assert opened.complaints == []
    assert page.locator("img").count() == 0


def test_of_very_many_networks_some_are_shown_and_all_counted(folder, monkeypatch):
    monkeypatch.setattr("grokscope.page.many.MOST", 12)
    page = many(Sweep.open(folder))
    assert "30 networks: 100%" in page
    assert "Of these, 12 are shown, chosen at random." in page
    assert '"networks": 12,' in page


def test_the_verb_writes_it(folder, tmp_path, capsys):
    main(["report", str(folder), "-o", str(tmp_path / "page.html")])
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "page.html"
    assert "made by hand" in (tmp_path / "page.html").read_text()


# ---- in a browser --------------------------------------------------------------------------------


def legend(page: Any) -> list[tuple[str, int]]:
    found = re.findall(r"([a-z ]+): ([\d,]+) of", page.locator("#legend").inner_text())
    return [(name.strip(), int(count)) for name, count in found]


def test_the_thresholds_make_the_classes(folder, opened):
    page = opened.open(Path(write_many(folder)))
    assert page.locator("circle").count() == 30
    assert legend(page) == [("grokking", 8), ("together", 8), ("high test loss", 14)]
    page.locator("#s-ratio").fill("2")
    assert legend(page) == [("grokking", 16), ("high test loss", 14)]
    page.locator("#s-loss").fill("-9")
    assert legend(page) == [("high train loss", 30)]
    assert len({c.get_attribute("fill") for c in page.locator("circle").all()}) == 1
    assert opened.complaints == []


def test_a_cell_is_found_by_the_pointer_and_by_the_keys(folder, opened):
    page = opened.open(Path(write_many(folder)))
    where, counts = page.locator("#where"), page.locator("#counts")
    assert where.inner_text() == "train_fraction 0.2, weight_decay 0.1"
    page.locator("svg.cells").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert where.inner_text() == "train_fraction 0.4, weight_decay 1"
    assert counts.inner_text() == "5 networks: 5 together. Median delay: 120 steps."
    assert page.locator("#lines path").count() == 10
    assert page.locator("#networks tbody tr").count() == 5
    page.keyboard.press("Enter")  # keeps it, wherever the pointer goes
    cell = page.locator("rect.cell").first.bounding_box()
    page.mouse.move(cell["x"] + 9, cell["y"] + 9)
    assert where.inner_text() == "train_fraction 0.4, weight_decay 1"
    page.keyboard.press("Escape")
    page.mouse.move(cell["x"] + 12, cell["y"] + 12)
    assert where.inner_text() == "train_fraction 0.2, weight_decay 0.1"
    assert opened.complaints == []


def test_settings_change_places_and_filter(folder, opened):
    page = opened.open(Path(write_many(folder)), "#colour=event")
    assert legend(page) == [("grokked", 16), ("memorised alone", 14)]
    page.locator("#s-across").select_option("weight_decay")
    assert page.locator("#s-up").input_value() == "train_fraction"
    page.locator("#s-up").select_option("-")
    assert page.locator("rect.cell").count() == 2
    page.locator("#s-only\\.train_fraction").select_option("2")
    assert legend(page) == [("grokked", 10)]
    page.locator("#s-panels").select_option("train_fraction")
    assert page.locator("svg.cells").count() == 3
    assert legend(page)[0] == ("grokked", 16)  # what is a panel is no filter
    page.wait_for_timeout(400)
    assert "panels=train_fraction" in page.url
    page.locator("[name=curves][value=loss]").check()
    assert "1e-" in page.locator("#lines").inner_text()
    assert opened.complaints == []


def test_a_network_leads_to_its_page_where_it_has_one(tmp_path, opened):
    some = rows()
    own = sweep(tmp_path, some) / "runs" / some[0]["id"]
    own.mkdir(parents=True)
    (own / "report.html").write_text("its own")
    page = opened.open(Path(write_many(tmp_path)))
    assert page.locator("#networks a").count() == 1
    page.locator("#networks a").click()
    assert page.inner_text("body") == "its own"


def test_what_is_shown_can_be_saved(folder, opened):
    page = opened.open(Path(write_many(folder)))
    for tools, first in ((0, "network,step,train accuracy"), (1, "network,memorised")):
        with page.expect_download() as waiting:
            page.locator(".tools").nth(tools).get_by_text("CSV").click()
        lines = Path(waiting.value.path()).read_text().splitlines()
        numbers = [line for line in lines if not line.startswith("#")]
        assert numbers[0].startswith(first)
        assert len(numbers) == 31


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_seen_on_a_telephone(scheme, folder, browser):
    from tests.browser import Opened

    phone = Opened(browser, viewport={"width": 400, "height": 800}, color_scheme=scheme)
    seen_through(phone, Path(write_many(folder)))
    phone.context.close()

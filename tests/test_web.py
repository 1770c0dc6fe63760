"""The page in a browser without a network: no error, no request; keys move time, a link restores
what it was taken of, and what is removed is gone. And the bundle is built of its source."""

import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

import numpy as np
import pytest

from benchmarks.scrubbing import SCRUB, eight_maps
from grokscope.page.clock import is_logarithmic, opens_at
from grokscope.page.page import ASSETS, write_page
from grokscope.reading.reading import Reading, read
from grokscope.reading.story import NAMES, headline
from grokscope.spec import Spec
from grokscope.training.train import train
from grokscope.verify.evidence import OfAll
from tests.browser import Opened, seen_through, unfold

WEB = Path(__file__).parents[1] / "web"
GROKS = Spec(
    task_args={"p": 29}, model_args={"d_model": 64, "d_mlp": 128}, train_fraction=0.45, lr=1e-2,
    steps=3000, eval_every=20, checkpoint_every=50, stop_after_grok=200, seed=3,
)  # fmt: skip
needs_node = pytest.mark.skipif(
    not (WEB / "node_modules").exists() or shutil.which("node") is None,
    reason="the bundle is rebuilt where its tools are: cd web && npm ci",
)


@needs_node
def test_the_bundle_is_built_of_its_source(tmp_path):
    subprocess.run(["node", "build.js", str(tmp_path)], cwd=WEB, check=True)
    for name in (
        "explorable.js",
        "widget.js",
        "construct.js",
        "playground.js",
        "playground_worker.js",
        "playground.wasm",
        "playground.css",
        "explorable.css",
        "many.js",
        "many.css",
    ):
        built = (tmp_path / name).read_bytes()
        assert built == (ASSETS / name).read_bytes(), "cd web && npm run build"


@needs_node
def test_the_source_is_typed():
    subprocess.run(["node", "node_modules/.bin/tsc", "-p", "jsconfig.json"], cwd=WEB, check=True)


def test_the_bundle_is_small_and_can_stand_in_a_page():
    script = (ASSETS / "explorable.js").read_text()
    assert len(script.encode()) + (ASSETS / "explorable.css").stat().st_size < 100_000
    assert (ASSETS / "widget.js").stat().st_size < 100_000, "with its style"
    assert "</script" not in script
    assert "<!--" not in script


@pytest.fixture(scope="module")
def reading(tmp_path_factory) -> Reading:
    return read(train(GROKS, tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def file(reading, tmp_path_factory) -> Path:
    return write_page(reading, tmp_path_factory.mktemp("page") / "report.html")


def logits(page):
    """The figure of the logits, in view, and so drawn."""
    found = page.locator("figure[data-panel=logits]")
    found.scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    return found


def step(page) -> int:
    return int(page.locator("#step").inner_text().split()[1].replace(",", ""))


def opening(reading: Reading) -> int:
    """The checkpoint at which its page opens."""
    return min(reading.run.steps, key=lambda x: abs(x - opens_at(reading.facts)))


def test_it_opens_in_the_middle_of_the_change(reading):
    e, at = reading.events, opens_at(reading.facts)
    assert e.t_memorize < at <= e.t_grok
    accuracy = {row["step"]: row["test_accuracy"] for row in reading.run.rows}
    half = (accuracy[e.t_memorize] + 1) / 2
    assert accuracy[at] >= half > accuracy[reading.facts.before(at)]


def test_the_delay_takes_about_half_of_the_axis(reading):
    e, last = reading.events, reading.run.rows[-1]["step"]
    linear = (e.t_grok - e.t_memorize) / last
    log = (np.log1p(e.t_grok) - np.log1p(e.t_memorize)) / np.log1p(last)
    chosen, other = (log, linear) if is_logarithmic(reading.facts) else (linear, log)
    assert abs(chosen - 0.5) <= abs(other - 0.5)


def test_the_curve_in_the_bar_is_the_control_and_stays_in_view(opened, file, reading):
    page = opened.open(file)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_timeout(100)
    box = page.locator(".track").bounding_box()
    assert 0 <= box["y"] < 30
    for part, expected in ((1.0, reading.run.steps[-1]), (0.0, 0)):
        page.mouse.click(box["x"] + 6 + part * (box["width"] - 12), box["y"] + 30)
        page.wait_for_timeout(60)
        assert step(page) == expected
    assert opened.complaints == []


def test_what_is_played_can_be_slowed_and_begun_again(opened, file, reading):
    page = opened.open(file)
    page.locator("#speed").select_option("4")
    page.locator("#loop").click()
    page.locator("[data-chapter=memorised] button.play").click()
    seen = []
    for _ in range(60):
        seen.append(step(page))
        page.wait_for_timeout(40)
    assert any(after < before for before, after in pairwise(seen[5:])), "it begins again"
    assert max(seen) <= opening_after(reading)
    assert page.locator("#play").inner_text() == "❚❚ pause", "it goes on until it is stopped"
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "▶ play"


def opening_after(reading: Reading) -> int:
    """The checkpoint nearest to memorising, or where the page opened."""
    memorised = reading.events.t_memorize or 0
    near = min(reading.run.steps, key=lambda x: abs(x - memorised))
    return max(near, opening(reading))


def test_five_chapters_tell_it_and_the_rest_is_folded(opened, file, reading):
    page = opened.open(file)
    names = page.eval_on_selector_all("section.chapter", "x => x.map((y) => y.dataset.chapter)")
    assert names == list(NAMES)
    assert page.locator("section.chapter figure").count() == 5
    assert not page.locator("figure[data-panel=weights]").is_visible()
    page.locator(".specialists > summary").click()
    assert page.locator("figure[data-panel=weights]").is_visible()


def test_without_scripts_the_main_figures_are_pictures(browser, file):
    opened = Opened(browser, java_script_enabled=False)
    page = opened.page
    page.goto(file.as_uri())
    for panel in ("asked", "rightmap", "circles", "curves", "logits"):
        picture = page.locator(f"figure[data-panel={panel}] :is(img, svg)").first
        assert picture.is_visible(), panel
        assert picture.bounding_box()["width"] > 100
    told = page.locator("[data-chapter=memorised] p").inner_text()
    assert "it had the answers by heart" in told
    assert opened.complaints == []
    opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_complaint_or_a_request(scheme, browser, file):
    opened = Opened(browser, color_scheme=scheme, viewport={"width": 400, "height": 800})
    seen_through(opened, file)
    opened.context.close()


def test_keys_move_time_and_every_control_can_be_reached(opened, file, reading):
    page = opened.open(file)
    unfold(page)
    steps = reading.run.steps
    assert step(page) == opening(reading)
    was_log = is_logarithmic(reading.facts)
    for key, at in (("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10)):
        page.keyboard.press(key)
        page.wait_for_timeout(40)
        assert step(page) == steps[at]
    page.keyboard.press("l")
    page.wait_for_timeout(40)
    assert page.locator("#scale").inner_text() == f"time: {'linear' if was_log else 'log'}"
    page.keyboard.press("End")
    reached = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        name = "document.activeElement.id || document.activeElement.textContent.trim()"
        reached.add(page.evaluate(name).split("\n")[0][:20])
    names = {"play", "time", "speed", "loop", "scale", "guess", "SVG", "PNG", "CSV"}
    assert names <= reached
    assert any(x.startswith("By step") for x in reached), "words that play"
    assert opened.complaints == []


def test_words_play_what_they_speak_of(opened, file, reading):
    opened.page.emulate_media(reduced_motion="reduce")
    page = opened.open(file)
    page.locator("[data-chapter=generalised] button.play").click()
    page.wait_for_timeout(60)
    assert step(page) == min(reading.run.steps, key=lambda x: abs(x - reading.events.t_grok))


def test_a_word_opens_its_meaning_by_keyboard(opened, file):
    page = opened.open(file)
    word = page.locator("p button.word").first
    word.focus()
    page.keyboard.press("Enter")
    meaning = page.locator(f"#{word.get_attribute('popovertarget')}")
    assert meaning.is_visible()
    page.keyboard.press("Escape")
    assert not meaning.is_visible()
    page.locator("details.words summary").click()
    listed = page.locator("details.words dt").all_inner_texts()
    assert {"train, test", "key parts", "nats"} <= set(listed)


def test_a_link_restores_what_it_was_taken_of(opened, file, reading):
    at = reading.run.steps[7]
    page = opened.open(file, f"#step={at}&a=4&b=9&time=linear")
    assert step(page) == at
    assert page.locator("#scale").inner_text() == "time: linear"
    assert "Right answer: 13." in logits(page).locator(".told").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    assert f"step={reading.run.steps[8]}&" in page.evaluate("location.hash")


@pytest.mark.parametrize(
    "link", ["#a=9999&b=99999999999999999999999999", "#neuron=abc", "#neuron=9999999", "#run=7"]
)
def test_a_link_to_what_is_not_there_leads_to_what_is_nearest(link, opened, file, reading):
    page = opened.open(file, link)
    page.keyboard.press("End")
    page.wait_for_timeout(300)
    found = dict(x.split("=") for x in page.evaluate("location.hash")[1:].split("&"))
    most = reading.run.task.n_symbols - 1
    time = "log" if is_logarithmic(reading.facts) else "linear"
    expected = {"run": "0", "step": str(reading.run.steps[-1]), "time": time}
    expected |= {"a": str(most), "b": str(most)} if "a=" in link else {"a": "3", "b": "5"}
    assert found == expected
    assert opened.complaints == []


def test_a_neuron_that_was_chosen_is_chosen_still_after_others_were_pointed_at(opened, file):
    page = opened.open(file)
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.wait_for_timeout(300)
    chosen = page.evaluate("location.hash.match(/neuron=\\d+/)[0]")
    opened.figure("weights").locator("canvas").first.hover(position={"x": 9, "y": 2})
    page.mouse.move(2, 2)
    page.wait_for_timeout(300)
    assert chosen in page.evaluate("location.hash")
    page.keyboard.press("p")
    page.wait_for_timeout(300)
    assert chosen not in page.evaluate("location.hash")


def test_what_is_saved_of_a_pair_says_which_and_without_what(opened, file, reading):
    page = opened.open(file, f"#step={reading.run.steps[3]}&a=4&b=9")
    found = opened.figure("logits")
    part = found.locator("input[type=checkbox]").first
    part.uncheck()
    with page.expect_download() as waiting:
        found.get_by_role("button", name="CSV", exact=True).click()
    text = Path(waiting.value.path()).read_text()
    last, gone = reading.run.steps[-1], part.get_attribute("data-part")
    assert f"# step {last}, a = 4, b = 9, without {gone}\n" in text


def test_without_a_part_it_is_as_accurate_as_the_certificate_says(opened, file, reading):
    page = opened.open(file)
    box = logits(page).locator("input[data-part]").first
    part = box.get_attribute("data-part")
    told = logits(page).locator(".told")
    before = float(told.get_attribute("data-accuracy"))
    bars = "figure[data-panel=logits] rect.bar, figure[data-panel=logits] rect.right"
    heights = "x => x.map((y) => y.getAttribute('height'))"
    tall = page.eval_on_selector_all(bars, heights)
    box.focus()
    page.keyboard.press("Space")
    page.wait_for_timeout(60)
    after = float(told.get_attribute("data-accuracy"))
    found = {
        c.value(OfAll.WITHOUT_PART, part)
        for c in reading.explanation.certificates
        if part in c.circuit.parts and len(c.circuit.parts) > 1
    }
    assert after in found
    assert after < before
    assert page.eval_on_selector_all(bars, heights) != tall, "its logits change too"


def test_who_guesses_sees_no_future(opened, file, reading):
    page = opened.open(file)
    page.locator("#guess").click()
    page.wait_for_timeout(300)
    assert reading.events.t_memorize <= step(page) < reading.events.t_grok
    for hidden in ("dl.short", ".lead", "h1 .answer", "[data-chapter=how]", ".specialists"):
        assert not page.locator(hidden).is_visible(), hidden
    assert page.locator("[data-chapter=generalised] h2").is_hidden()
    assert page.locator(".track .event").count() == 0
    curves = page.locator("figure[data-panel=curves]")
    assert curves.locator("rect.phase").count() == 0
    across = "(x, y) => x.map((z) => z.getBBox()).every((z) => z.x + z.width <= y + 0.1)"
    cursor = float(curves.locator("line.cursor").first.get_attribute("x1"))
    lines = "figure[data-panel=curves] g path"
    assert page.eval_on_selector_all(lines, across, cursor), "no line goes beyond the cursor"
    assert not curves.get_by_role("button", name="CSV", exact=True).is_visible()
    assert page.locator("#play").is_disabled()
    page.locator(".asking input").focus()
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    page.wait_for_timeout(60)
    assert "You guessed step 123. It generalised" in page.locator(".asking").inner_text()
    page.wait_for_timeout(60)
    assert curves.get_by_text("your guess, 123").is_visible(), "it stays marked"
    assert page.locator("dl.short").is_visible()


def test_the_axis_of_a_guess_does_not_end_where_the_run_does(opened, file, reading):
    page = opened.open(file)
    page.locator("#guess").click()
    page.wait_for_timeout(300)
    ticks = page.locator("figure[data-panel=curves] text.mid").all_text_contents()
    last = max(int(x.replace(",", "")) for x in ticks if x.replace(",", "").isdecimal())
    shown = next(x for x in reading.run.steps if x >= reading.events.t_memorize)
    assert last >= 100 * shown or last > reading.run.steps[-1]
    assert last == 10 ** (len(str(last)) - 1), "a power of ten"


def test_a_link_that_is_followed_ends_the_guessing(opened, file, reading):
    page = opened.open(file)
    assert headline(reading.facts) not in page.title()
    page.locator("#guess").click()
    page.wait_for_timeout(60)
    assert not page.locator("dl.short").is_visible()
    page.evaluate("location.hash = '#a=1&b=2'")
    page.wait_for_timeout(150)
    assert page.locator("dl.short").is_visible()
    assert not page.locator(".asking").is_visible()
    assert step(page) == opening(reading)
    assert opened.complaints == []


def test_figures_are_saved_with_their_numbers(opened, file, reading):
    page = opened.open(file)
    for panel, kind in (("curves", "CSV"), ("curves", "SVG"), ("weights", "CSV"), ("stars", "SVG")):
        figure = opened.figure(panel)
        with page.expect_download() as waiting:
            figure.locator(".tools button", has_text=kind).click()
        text = Path(waiting.value.path()).read_text()
        assert reading.run.name in text
        assert len(text) > 500
        page.wait_for_timeout(300)  # a browser refuses downloads in quick succession
    assert opened.complaints == []


def across_to_the_end(page, chart: int) -> None:
    """Choose the last step on a chart of the comparison."""
    box = page.locator(".compare svg.lines").nth(chart).bounding_box()
    page.mouse.click(box["x"] + box["width"] - 12, box["y"] + box["height"] / 2)
    page.wait_for_timeout(100)


def test_a_second_run_is_chosen_beside_the_first(opened, reading, tmp_path):
    never = replace(GROKS, train_fraction=0.2, steps=100, stop_after_grok=None)
    other = read(train(never, tmp_path / "runs"))
    page = opened.open(write_page(reading, tmp_path / "both.html", other))
    assert page.locator(".compare .one").count() == 2
    told = page.locator(".compare").inner_text()
    assert headline(reading.facts) in told
    assert headline(other.facts) in told
    across_to_the_end(page, 1)
    near = min(reading.run.steps, key=lambda x: abs(x - other.run.steps[-1]))
    assert step(page) == near, "a time that is chosen in one is the nearest that the other has"
    page.keyboard.press("Home")
    page.locator("#play").click()
    page.locator(".compare button.runs").nth(1).click()
    page.wait_for_timeout(200)
    assert page.locator("#play").inner_text() == "▶ play", "what is played is one run"
    assert step(page) in other.run.steps
    page.wait_for_timeout(400)
    assert page.locator("article[data-run='1']").is_visible()
    assert not page.locator("article[data-run='0']").is_visible()
    assert opened.complaints == []


def test_two_hundred_checkpoints_of_eight_maps_are_scrubbed(opened, tmp_path, capsys):
    file = tmp_path / "eight.html"
    file.write_text(eight_maps())
    page = opened.open(file)
    picture = "x => x.map((y) => y.toDataURL())"
    before = page.eval_on_selector_all("canvas", picture)
    times = page.evaluate(SCRUB)["script"]
    after = page.eval_on_selector_all("canvas", picture)
    assert sum(x != y for x, y in zip(before, after, strict=True)) == 8
    slow = quantiles(times, n=20)[-1]
    with capsys.disabled():
        print(f"\n95th percentile of the work of a frame, eight maps: {slow:.1f} ms")
    assert len(times) == 200
    assert slow < 100, "far above what noise explains"

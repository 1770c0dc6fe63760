"""A run's page as a widget: its traits, and in a browser the widget itself beside another one, in a
document of others' making."""

import re
import sys
from pathlib import Path

import pytest

from grokscope import BadInput, Run, explore, read, train, write_page
from grokscope.page.live import notebook
from grokscope.page.live.widget import Explorable
from grokscope.page.page import ASSETS
from grokscope.reading.reading import Reading
from tests.browser import Opened

TRAITS = ("run", "step", "neuron", "a", "b", "_facts", "_words")


@pytest.fixture(scope="module")
def readings(tmp_path_factory, tiny) -> list[Reading]:
    """A run, and one with fewer symbols and other checkpoints."""
    folder = tmp_path_factory.mktemp("runs")
    other = tiny(task_args={"p": 5}, checkpoint_every=15, steps=45)
    return [read(train(spec, folder)) for spec in (tiny(), other)]


@pytest.fixture
def widget(readings) -> Explorable:
    return explore(*readings)


def test_a_widget_has_the_words_and_stands_at_the_end(widget, readings):
    assert widget.step == readings[0].run.steps[-1]
    assert widget.steps == readings[0].run.steps
    assert (widget.run, widget.neuron, widget.a, widget.b) == (0, None, 3, 4)
    assert 'data-panel="curves"' in widget._words
    assert 'class="verdict"' in widget._words
    assert repr(widget) == f"<Explorable of {readings[0].run.name} at step 60>"


def test_a_run_that_was_not_read_is_read(readings):
    assert explore(readings[0].run)._words == explore(readings[0])._words


def test_what_a_page_does_not_show_is_refused_with_what_is_near(widget):
    for trait, value, told in (
        ("step", 44, "no checkpoint of step 44. The nearest is 40; `steps` has all "),
        ("neuron", 10_000, "no neuron 10000. It shows: 0, 1, "),
        ("a", 7, "`a` cannot be 7: it is from 0 to 6."),
        ("b", -1, "`b` cannot be -1"),
        ("run", 2, "`run` cannot be 2: it is from 0 to 1."),
    ):
        before = getattr(widget, trait)
        with pytest.raises(BadInput, match=re.escape(told)):
            setattr(widget, trait, value)
        assert getattr(widget, trait) == before


def test_another_run_is_seen_at_the_nearest_of_its_steps(widget, readings):
    widget.step, widget.neuron, widget.a = 50, 3, 6
    widget.run = 1
    assert (widget.step, widget.neuron, widget.a) == (45, None, 4)
    assert widget.steps == readings[1].run.steps


def test_a_browser_sets_a_run_and_its_step_at_once(widget):
    widget.neuron = 3
    widget.set_state({"run": 1, "step": 15, "neuron": None})
    assert (widget.run, widget.step) == (1, 15)


def test_without_its_package_it_says_what_installs_it(readings, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "grokscope.page.live.widget")
    with pytest.raises(BadInput, match=re.escape("pip install 'grokscope[notebook]'")):
        explore(readings[0])


def test_nothing_else_needs_the_packages_of_widgets():
    source = Path(notebook.__file__).parents[1]
    needs = re.compile(r"^ *(from|import) (anywidget|ipywidgets|traitlets)", re.MULTILINE)
    assert [f.name for f in source.rglob("*.py") if needs.search(f.read_text())] == ["widget.py"]


# In a browser -----------------------------------------------------------------------------------

NOTEBOOK = """<!doctype html><style>
h2 { color: rgb(1, 2, 3); } body { margin: 7px; letter-spacing: 3px; } dt { float: left; }
</style>
<body><h2>a notebook</h2><button>run</button>
<div style="display: flex"><div class="cell" style="width: 50%"></div>
<div class="cell" style="width: 50%"></div></div></body>"""

# What outlives an element that is removed: listeners beyond it, observers, those of a model.
COUNTED = """
window.held = new Map();
const add = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (name, f, options) {
  const isWidget = new Error().stack.includes("blob:");
  if (isWidget && !(this instanceof Element) && !(this instanceof AbortSignal)) {
    const key = {};
    held.set(key, `${this.constructor.name} ${name}`);
    options?.signal?.addEventListener("abort", () => held.delete(key));
  }
  return add.call(this, name, f, options);
};
for (const name of ["ResizeObserver", "IntersectionObserver"]) {
  const Kind = window[name];
  window[name] = class extends Kind {
    observe(x) { held.set(this, name); super.observe(x); }
    disconnect() { held.delete(this); super.disconnect(); }
  };
}
window.moves = 0;
const ask = requestAnimationFrame;
window.requestAnimationFrame = (f) => { moves++; return ask(f); };
window.fake = (traits) => {
  const heard = {};
  return {
    traits, heard, saved: [],
    get: (name) => traits[name],
    set(name, x) {
      if (traits[name] === x) return;
      traits[name] = x;
      for (const f of heard[`change:${name}`] ?? []) f();
    },
    save_changes() { this.saved.push({ ...traits, _facts: null, _words: null }); },
    on(event, f) { (heard[event] ??= new Set()).add(f); },
    off(event, f) { heard[event]?.delete(f); },
  };
};
window.show = async (source, traits) => {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  window.models = [];
  window.ends = [];
  for (const el of document.querySelectorAll(".cell")) {
    const { default: widget } = await import(`${address}#${models.length}`); // each its own
    const model = fake({ ...traits });
    models.push(model);
    ends.push(await widget.render({ model, el }));
  }
};
"""


class Shown(Opened):
    """A document with the widget twice, each with a model of its own."""

    def __init__(self, browser, widget, folder: Path, ground: str = "none", scheme: str = "light"):
        super().__init__(browser, viewport={"width": 1400, "height": 900}, color_scheme=scheme)
        file = folder / "notebook.html"
        file.write_text(NOTEBOOK.replace("<body>", f"<body style='background: {ground}'>"))
        self.page.add_init_script(COUNTED)
        self.page.goto(file.as_uri())
        self.before = self.looks()
        traits = {name: getattr(widget, name) for name in TRAITS}
        self.page.evaluate("([source, traits]) => show(source, traits)", [widget._esm, traits])
        for cell in self.page.locator(".cell").all():
            cell.locator("[data-ready]").wait_for()
        self.page.wait_for_timeout(150)

    def looks(self) -> list[str]:
        look = "x => { const s = getComputedStyle(x); return [s.font, s.color, s.margin].join(); }"
        return [self.page.eval_on_selector(x, look) for x in ("body", "h2", "button")]

    def traits(self, i: int) -> dict:
        self.page.wait_for_timeout(80)
        return self.page.evaluate("i => ({ ...models[i].traits, _facts: 0, _words: 0 })", i)

    def told(self, i: int) -> str:
        self.page.wait_for_timeout(80)
        return self.page.locator(".cell").nth(i).locator(".time output").inner_text()

    def set(self, i: int, **traits) -> None:
        do = "([i, x]) => { for (const name in x) models[i].set(name, x[name]); }"
        self.page.evaluate(do, [i, traits])


@pytest.fixture
def shown(browser, widget, tmp_path):
    found = Shown(browser, widget, tmp_path)
    yield found
    assert found.complaints == []
    found.context.close()


def test_two_widgets_stand_beside_each_other_in_a_notebook_that_keeps_its_look(shown):
    page = shown.page
    assert shown.looks() == shown.before
    look = "x => x.map((y) => getComputedStyle(y)).map((s) => `${s.float} ${s.letterSpacing}`)"
    looks = page.eval_on_selector_all(".cell dt", look)
    assert set(looks) == {"none normal"}, "and gives none of it to them"
    assert page.locator(".cell article:visible").count() == 2
    assert page.locator(".cell svg.lines").count() > 2
    assert page.evaluate("document.body.className + location.hash") == ""
    heights = page.eval_on_selector_all(".embedded", "x => x.map((y) => y.clientHeight)")
    assert all(100 < x <= 810 for x in heights), "long as it is, it takes a part of the notebook"


@pytest.mark.parametrize(("ground", "paper"), [("#222", "#15181c"), ("#eee", "#fff")])
def test_a_widget_is_light_or_dark_as_its_notebook_is(browser, widget, tmp_path, ground, paper):
    shown = Shown(browser, widget, tmp_path, ground, "light" if ground == "#222" else "dark")
    look = "x => getComputedStyle(x).getPropertyValue('--paper')"
    assert shown.page.eval_on_selector(".embedded", look) == paper
    assert shown.complaints == []
    shown.context.close()


def test_to_set_a_trait_moves_its_own_page_alone(shown):
    assert shown.told(0).startswith("step 60")
    shown.set(0, step=20, a=2)
    assert shown.told(0).startswith("step 20")
    assert shown.told(1).startswith("step 60")
    shown.set(0, run=1, step=15)
    assert shown.told(0).startswith("step 15")
    articles = "x => x.map((y) => y.hidden)"
    hidden = shown.page.eval_on_selector_all("article", articles)
    assert hidden == [True, False, False, True]
    assert shown.page.evaluate("models.map((x) => x.saved.length)") == [0, 0], "nothing to answer"


def test_what_is_chosen_in_a_page_sets_its_own_traits_alone(shown, readings):
    first = shown.page.locator(".cell").first
    first.locator("input[type=range]").first.fill("2")
    assert shown.traits(0)["step"] == 2
    shown.set(0, step=20)
    first.locator(".compare button").nth(1).click()
    found = shown.traits(0)
    assert found["run"] == 1
    assert found["step"] == min(readings[1].run.steps, key=lambda x: abs(x - 20))
    assert shown.page.evaluate("models[0].saved.at(-1)") == found | {"_facts": None, "_words": None}
    assert shown.traits(1)["step"] == 60
    assert shown.page.evaluate("models[1].saved.length") == 0


def test_keys_are_those_of_the_page_that_has_the_focus(shown):
    page = shown.page
    page.evaluate("""() => { window.keys = []; document.onkeydown = (e) => keys.push(e.key); }""")
    page.keyboard.press("Home")
    assert [shown.traits(i)["step"] for i in (0, 1)] == [60, 60]
    page.locator(".embedded").nth(1).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    assert [shown.traits(i)["step"] for i in (0, 1)] == [60, 1]
    assert page.evaluate("keys") == ["Home", "x"], "the notebook hears what the page does not use"


def test_guessing_in_one_hides_nothing_in_the_other(shown):
    shown.page.locator(".cell").first.get_by_role("button", name="Guess first").click()
    shown.page.wait_for_timeout(80)
    visible = "x => x.map((y) => y.offsetParent !== null)"
    shorts = shown.page.eval_on_selector_all("article[data-run='0'] dl.short", visible)
    assert shorts == [False, True]


def test_to_set_another_run_ends_the_guessing(shown):
    page = shown.page
    page.locator(".cell").first.get_by_role("button", name="Guess first").click()
    page.wait_for_timeout(80)
    shown.set(0, run=1, step=15)
    page.wait_for_timeout(80)
    visible = "x => x.map((y) => y.offsetParent !== null)"
    shorts = page.eval_on_selector_all(".cell:first-child dl.short", visible)
    assert shorts == [False, True]
    assert not page.locator(".cell").first.locator(".asking").is_visible()


def test_what_is_chosen_as_a_widget_is_closed_is_told_to_no_one(shown):
    told = shown.page.evaluate("""async () => {
      const slider = document.querySelector(".cell > *").shadowRoot.querySelector("#time");
      slider.value = "1";
      slider.dispatchEvent(new Event("input"));
      ends[0]();
      await new Promise((done) => setTimeout(done, 100));
      return [models[0].saved.length, models[0].traits.step];
    }""")
    assert told == [0, 60]


def test_nothing_is_left_of_a_widget_that_is_closed(shown):
    page = shown.page
    held = "[...held.values()].sort()"
    both = page.evaluate(held)
    assert any("Observer" in x for x in both)
    assert any("MediaQueryList" in x for x in both)
    page.locator(".cell").first.get_by_role("button", name="▶ play").click()
    page.evaluate("ends[0]()")
    page.wait_for_timeout(100)
    one = page.evaluate(held)
    assert sorted(one * 2) == both, "half of it"
    told = page.evaluate("models[0].saved.length")
    shown.set(0, step=20)
    page.wait_for_timeout(100)
    assert page.evaluate("models[0].saved.length") == told
    moves = page.evaluate("moves")
    page.wait_for_timeout(100)
    assert page.evaluate("moves") == moves, "it plays no more"
    assert page.locator(".cell").first.inner_html() == ""
    shown.set(1, step=20)
    assert shown.told(1).startswith("step 20")
    page.evaluate("ends[1]()")
    assert page.evaluate(held) == []
    heard = "models.flatMap((x) => Object.values(x.heard)).reduce((sum, x) => sum + x.size, 0)"
    assert page.evaluate(heard) == 0


def test_a_widget_that_is_closed_at_once_mounts_nothing(shown):
    page = shown.page
    page.evaluate(
        """async (source) => {
          const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const { default: widget } = await import(address);
          for (const frames of [0, 1]) {
            const el = document.createElement("div");
            document.body.append(el);
            const end = await widget.render({ model: fake({ ...models[0].traits }), el });
            if (frames) await new Promise(requestAnimationFrame);
            end();
          }
        }""",
        (ASSETS / "widget.js").read_text(),
    )
    page.wait_for_timeout(200)
    page.evaluate("ends.forEach((end) => end())")
    assert page.evaluate("[...held.values()]") == []


def test_without_a_widget_the_page_stands_in_a_frame(browser, readings, tmp_path):
    run = Run(readings[0].run.spec, readings[0].run.folder)
    write_page(readings[0])
    opened = Opened(browser)
    file = tmp_path / "frame.html"
    file.write_text(f"<!doctype html><body>{run._repr_html_()}</body>")
    opened.page.goto(file.as_uri())
    frame = opened.page.frames[1]
    frame.wait_for_selector("body[data-ready] svg.lines")
    frame.locator("#time").focus()
    opened.page.keyboard.press("Home")
    opened.page.wait_for_timeout(300)
    assert frame.locator("#step").inner_text().startswith("step 0")
    assert opened.page.locator("iframe").bounding_box()["height"] == 640
    assert opened.complaints == []
    opened.context.close()

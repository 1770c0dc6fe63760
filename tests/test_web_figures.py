"""Single figures of a page in a browser: what they compute, refuse and save."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grokscope.page.contents import contents
from grokscope.page.page import write_page
from grokscope.page.stacks import LEVELS
from grokscope.reading.reading import Reading, read
from grokscope.spec import Spec
from grokscope.training.train import train

P = 11
SMALL = Spec(
    task_args={"p": P}, model="mlp", model_args={"d_embed": 8, "d_mlp": 16}, train_fraction=0.5,
    lr=1e-2, steps=20, eval_every=10, checkpoint_every=10,
)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Callable[..., Reading]:
    """A small network, with these fields of its spec changed."""
    out = tmp_path_factory.mktemp("runs")
    return lambda **changes: read(train(replace(SMALL, **changes), out))


def test_the_page_takes_weights_apart_into_waves(opened, small, tmp_path):
    r = small()
    page = opened.open(write_page(r, tmp_path / "report.html"))
    figure = opened.figure("weights")
    figure.get_by_text("as waves' coefficients").click()
    page.wait_for_timeout(100)
    assert figure.get_by_text("as waves' coefficients").get_attribute("aria-pressed") == "true"
    found = contents(r).facts
    index = found["neurons"]["index"]
    parts = r.snapshot.lens.views["c"].parts.parts
    out = r.snapshot.model.symbol_weights()["c"].detach().double()
    out = (out - out.mean(dim=0)).T
    rows = [x for x in opened.table(figure) if x["picture"] == "out"]
    assert len(rows) == len(index) * (r.run.task.n_symbols - 1)
    largest = max(abs(float(x["coefficient"])) for x in rows)
    for x in rows:
        wave = parts[x["part"]][:, ["cos", "sin"].index(x["wave"])]
        true = float(out[int(x["neuron"])] @ wave)
        assert float(x["coefficient"]) == pytest.approx(true, abs=0.02 * largest)


def chosen(figure) -> str:
    return figure.locator(".told").inner_text().replace("\xa0", " ")


def test_a_pair_that_is_not_in_the_task_is_not_taken_for_its_mirror(opened, small, tmp_path):
    """Of a/b with b = 0 there is none; 0/3 is another question than 3/0."""
    opened.open(write_page(small(task="a/b"), tmp_path / "report.html"), "#a=3&b=0")
    for name in ("logits", "forward"):
        figure = opened.figure(name)
        assert chosen(figure).startswith("The pair a = 3, b = 0 is not in the task.")
        assert figure.locator("svg.lines:visible").count() == 0
        assert len(opened.saved(figure)) == 1, "the names of its columns alone"
        opened.page.wait_for_timeout(300)


def test_where_pairs_have_no_order_the_mirror_is_the_same_pair_and_that_is_said(
    opened, small, tmp_path
):
    r = small(task_args={"p": P, "triangle": True})
    page = opened.open(write_page(r, tmp_path / "report.html"), "#a=2&b=5")
    plain = chosen(opened.figure("logits"))
    assert "Right answer: 7." in plain
    assert "same pair" not in plain
    rows = opened.saved(opened.figure("logits"))
    page.evaluate("location.hash = '#a=5&b=2'")
    page.wait_for_timeout(300)
    for name in ("logits", "forward"):
        assert "(b, a) is the same pair here." in chosen(opened.figure(name))
    assert opened.saved(opened.figure("logits")) == rows
    assert "a = 5, b = 2" in chosen(opened.figure("forward"))


def test_activations_are_saved_with_the_chosen_neuron_s(opened, small, tmp_path):
    r = small()
    found = contents(r).facts
    index, moving = found["neurons"]["index"], found["neurons"]["films"]
    other = next(x for i, x in enumerate(index) if i not in moving)
    opened.open(write_page(r, tmp_path / "report.html"), f"#step=0&neuron={other}")
    rows = opened.table(opened.figure("films"))
    mine = [x for x in rows if int(x["neuron"]) == other]
    assert {int(x["step"]) for x in mine} == {r.run.steps[-1]}
    assert {int(x["step"]) for x in rows if x not in mine} == ({0} if moving else set())
    true = r.snapshot.mlp_post[:, other].reshape(P, P)
    rounded = found["stacks"]["activations"]["scale"] / LEVELS
    assert len(mine) == P * P
    for x in mine:
        value = float(true[int(x["a"]), int(x["b"])])
        assert float(x["activation"]) == pytest.approx(value, abs=rounded)


COUNTED = """
window.held = new Set();
const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
URL.createObjectURL = (x) => { const found = make(x); held.add(found); return found; };
URL.revokeObjectURL = (x) => { held.delete(x); revoke(x); };
"""


def test_a_picture_that_is_saved_is_not_kept(opened, small, tmp_path):
    opened.page.add_init_script(COUNTED)
    page = opened.open(write_page(small(), tmp_path / "report.html"))
    with page.expect_download() as waiting:
        opened.figure("curves").get_by_role("button", name="PNG").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
    page.wait_for_timeout(1300)
    assert page.evaluate("held.size") == 0


def test_a_picture_that_cannot_be_made_is_said_to_be_none(opened, small, tmp_path):
    page = opened.open(write_page(small(), tmp_path / "report.html"))
    figure = opened.figure("curves")
    assert figure.get_by_role("alert").inner_text() == ""
    page.evaluate("() => { HTMLCanvasElement.prototype.toBlob = (f) => f(null); }")
    figure.get_by_role("button", name="PNG").click()
    figure.get_by_text("cannot make the PNG").wait_for()


def test_each_weight_of_a_digit_is_a_line_over_time(opened, tmp_path):
    spec = Spec(
        task="sparse_parity", task_args={"n": 5, "k": 2}, model="paritymlp",
        model_args={"d_mlp": 4}, train_fraction=0.5, steps=40, eval_every=10, checkpoint_every=10,
    )  # fmt: skip
    r = read(train(spec, tmp_path / "runs"))
    assert contents(r).facts["digits"] == 2
    page = opened.open(write_page(r, tmp_path / "report.html"))
    figure = opened.figure("digits")
    for told in ("3 digits that distract", "digit 0", "digit 1", "bias"):
        assert figure.get_by_text(told, exact=False).count() >= 1
    path = "figure[data-panel=digits] .chart path"
    lines = page.eval_on_selector_all(path, "x => x.map((y) => y.getAttribute('d'))")
    assert sorted(x.count("M") for x in lines) == [4, 4, 4, 12]

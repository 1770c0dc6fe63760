"""What the page is given: pictures that unpack to what was packed, for every kind of run; and a
page in which a name is a name."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from grokscope.foreign import export, import_networks
from grokscope.page.contents import FRAMES, contents
from grokscope.page.page import page, write_page
from grokscope.page.stacks import LEVELS, packed
from grokscope.reading.answers import ALL_SUBSETS
from grokscope.reading.film import frames
from grokscope.reading.reading import Reading, read
from grokscope.reading.story import headline, lead, numbers
from grokscope.score import accuracy, centred
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.training.files import as_json
from grokscope.training.run import Run
from grokscope.training.train import train
from grokscope.verify.evidence import OfAll
from grokscope.verify.verify import less
from tests.browser import Opened, seen_through, unfold, unpacked

SMALL = Spec(
    task_args={"p": 13}, model="mlp", model_args={"d_embed": 16, "d_mlp": 64}, lr=1e-2,
    train_fraction=0.8, steps=300, eval_every=20, checkpoint_every=50,
)  # fmt: skip
FEW = {"steps": 40, "eval_every": 10, "checkpoint_every": 10}
KINDS = {
    "a transformer": replace(
        SMALL, model="transformer", model_args={"d_model": 32, "n_heads": 2, "d_mlp": 64}
    ),
    "a factored mlp": replace(
        SMALL,
        model="pair",
        model_args={},
        task_args={"p": 11, "triangle": True},
        **FEW,
    ),
    "sparse parity": replace(
        SMALL,
        task="sparse_parity",
        task_args={"n": 6, "k": 2},
        model="paritymlp",
        model_args={"d_mlp": 16},
        **FEW,
    ),
    "a group": replace(SMALL, task="composition", task_args={"group": "S3"}, steps=200),
    "a product": replace(SMALL, task="a*b"),
    "a mixture": replace(
        SMALL,
        task="mixture",
        task_args={"formulas": "a+b,a*b", "p": 7},
        model="furuta",
        model_args={},
        **FEW,
    ),
    "not learned": replace(SMALL, steps=3, eval_every=1),
}


@pytest.fixture(scope="module")
def readings(tmp_path_factory) -> dict[str, Reading]:
    out = tmp_path_factory.mktemp("runs")
    found = {kind: read(train(spec, out)) for kind, spec in KINDS.items()}
    file, *_ = export(found["a transformer"].run, None, out / "elsewhere.safetensors")
    _, refused = import_networks([file], out / "imported")
    assert not refused
    (spec,) = (out / "imported").glob("*/spec.json")
    return found | {"one checkpoint": read(Run.open(spec.parent))}


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 5), (120, 2, 2)])
def test_a_stack_unpacks_to_within_half_a_level(shape):
    generator = np.random.default_rng(0)
    x = generator.normal(size=shape) * 10.0 ** generator.integers(-3, 3)
    x.flat[0] = np.nan
    small = json.loads(json.dumps(packed(x)))
    found = unpacked(small)
    assert np.array_equal(np.isnan(found), np.isnan(x))
    assert np.nanmax(np.abs(found - x), initial=0) <= small["scale"] / LEVELS / 2 * 1.001


def test_a_stack_of_nothing_is_nothing():
    assert np.isnan(unpacked(packed(np.full((2, 1, 3), np.nan)))).all()
    assert (unpacked(packed(np.zeros((2, 1, 3)))) == 0).all()


def test_frames_keep_the_ends_and_are_no_more_than_asked():
    assert frames([0], FRAMES) == [0]
    for steps in (list(range(0, 50_000, 100)), [2**i for i in range(60)]):
        chosen = frames(steps, 50)
        assert len(chosen) <= 50
        assert {steps[0], steps[-1]} <= set(chosen) <= set(steps)
        assert chosen == sorted(chosen)


EXPECTED = {
    "a transformer": {"asked", "right", "shown", "of_a", "out", "circles", "activations"},
    "a factored mlp": {"asked", "right", "shown", "of_a", "out", "activations"},
    "sparse parity": {"digits"},
    "a group": {"asked", "right", "shown", "of_a", "of_b", "out", "activations"},
    "a product": {"asked", "right", "shown", "of_a", "of_b", "out", "activations"},
    "a mixture": {"asked", "right", "shown"},
    "not learned": {"asked", "right", "shown", "of_a", "of_b", "out", "activations"},
    "one checkpoint": {"right", "of_a", "out", "activations"},
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_kind_of_run_has_the_pictures_it_can_have(kind, readings):
    found = json.loads(as_json(contents(readings[kind]).facts))
    assert EXPECTED[kind] <= set(found["stacks"])
    for small in found["stacks"].values():
        assert small["shape"][0] in (1, len(found["frames"])) or small["shape"][1] > 1
        assert len(unpacked(small)) == small["shape"][0]
    if kind in ("sparse parity", "a mixture"):
        assert "answers" not in found
    html = page(readings[kind], is_alone=True)
    shown = set(re.findall(r'data-panel="(\w+)"', html))
    assert ("curves" in shown) == bool(readings[kind].rows)
    assert ("digits" in shown) == (kind == "sparse parity")
    assert len(html) < 3e6


@pytest.mark.parametrize("kind", ["a transformer", "a factored mlp", "a product"])
def test_pictures_are_what_the_checkpoints_hold(kind, readings):
    r = readings[kind]
    found = contents(r).facts
    step = found["frames"][1]
    s = Snapshot.of(r.run, step)
    right = unpacked(found["stacks"]["right"])[1]
    true = s.logits.double().softmax(dim=1).gather(1, s.task.answers[:, None])[:, 0]
    a, b = s.task.inputs.unbind(dim=1)
    assert np.allclose(right[a, b], true.numpy(), atol=1 / LEVELS)
    neuron = found["neurons"]["index"][0]
    last = Snapshot.of(r.run)
    seen = unpacked(found["stacks"]["activations"])[0][a, b]
    scale = found["stacks"]["activations"]["scale"]
    assert np.allclose(seen, last.mlp_post[:, neuron].numpy(), atol=scale / LEVELS)


def test_removing_parts_leaves_what_the_certificate_counted(readings):
    r = readings["a transformer"]
    found = contents(r).facts["answers"]
    assert 2 < len(found["parts"]) <= ALL_SUBSETS
    (mine,) = [c for c in r.explanation.certificates if c.circuit.form == found["form"]][:1]
    without = {tuple(x["gone"]): x["accuracy"] for x in found["without"]}
    for i, name in enumerate(found["parts"]):
        assert without[(i,)] == mine.value(OfAll.WITHOUT_PART, name)
    assert without[tuple(range(len(found["parts"])))] == mine.value(OfAll.REMOVED)
    s = r.snapshot
    pair = mine.circuit.keeping(found["parts"][:2])
    rest = less(centred(s.logits), centred(pair.logits(s.task)))
    assert without[(0, 1)] == accuracy(rest, s.task.answers)


def test_the_parts_in_the_page_add_up_to_the_circuit(readings):
    r = readings["a product"]
    found = contents(r).facts["answers"]
    added = unpacked(found["added"])
    rows = added if found["product"] is None else added[:, found["product"]]
    (mine,) = [c for c in r.explanation.certificates if c.circuit.form == found["form"]][:1]
    alone = (mine.circuit.keeping([x]) for x in found["parts"])
    parts = torch.stack([centred(x.logits(r.run.task)) for x in alone])
    assert np.allclose(rows, parts.numpy(), atol=found["added"]["scale"] / LEVELS)


def test_a_small_network_runs_in_the_page_as_it_is(readings):
    found = contents(readings["a factored mlp"]).facts
    assert found["neurons"]["same"] >= 0.99
    assert "level" in found["stacks"]
    assert "same" not in contents(readings["a transformer"]).facts["neurons"]


def test_no_algorithm_is_told_of_a_network_that_does_not_generalise(readings):
    words = page(readings["not learned"]).split("<script")[0]
    assert "No algorithm is said to be learned" in words
    assert "angles" not in words


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "x" * 3_000, "\u202egnisrever\u2028", "<!--"]
)
def test_a_hostile_name_is_text(name, readings, monkeypatch):
    r = replace(readings["sparse parity"])  # nothing is remembered of it
    monkeypatch.setitem(r.run.__dict__, "task", replace(r.run.task, name=name))
    html = page(r, is_alone=True)
    assert html.count("<script") == html.count("</script>") == 2
    assert "alert(1)</script>" not in html
    inside = re.search(r'id="facts">(.*?)</script>', html, re.DOTALL)
    assert inside is not None
    assert json.loads(inside[1])[0]["task"] == name
    assert "<!--" not in inside[1]


def test_several_runs_share_a_page(readings):
    html = page(readings["a transformer"], readings["not learned"])
    assert html.count("<article") == 2
    assert "2 runs compared" in html
    assert 'class="compare"' in html


def test_what_would_be_too_large_is_left_out_and_said(readings):
    whole = contents(readings["a transformer"]).facts
    assert whole["left_out"] == []
    size = len(as_json(whole)) - 200  # less what says that nothing is left out
    small = contents(readings["a transformer"], most_bytes=size).facts
    assert "answers" not in small
    assert small["left_out"] == ["the logits of every pair"]
    assert "activations" in small["stacks"]
    least = contents(readings["a transformer"], most_bytes=1).facts
    assert not {"activations", "attention"} & set(least["stacks"])
    assert least["left_out"][1:] == ["neurons over every pair", "attention"]


@pytest.mark.parametrize("kind", ["a transformer", "a group", "a mixture"])
def test_a_page_without_what_would_be_too_large_can_be_seen(
    kind, readings, browser, tmp_path, monkeypatch
):
    monkeypatch.setattr("grokscope.page.page.MOST_BYTES", 1)
    opened = Opened(browser, viewport={"width": 400, "height": 800})
    seen_through(opened, write_page(readings[kind], tmp_path / "report.html"))
    assert opened.page.get_by_text("Left out, so that the page stays small").is_visible(), (
        "unfolded"
    )
    opened.context.close()


@pytest.mark.parametrize("kind", [*KINDS, "one checkpoint"])
def test_every_kind_of_run_can_be_seen_in_a_browser(kind, readings, browser, tmp_path):
    opened = Opened(browser, viewport={"width": 400, "height": 800})
    seen_through(opened, write_page(readings[kind], tmp_path / "report.html"))
    there = opened.page.eval_on_selector_all("figure", "x => x.map((y) => y.dataset.panel)")
    assert sorted(there) == sorted(x.name for x in contents(readings[kind]).figures)
    opened.context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_tells_what_became_of_a_run_where_all_see_it(kind, readings, browser, tmp_path):
    """Its task, when it memorised and generalised, its mechanism and standing, with what is for
    specialists folded."""
    f = readings[kind].facts
    opened = Opened(browser)
    page = opened.open(write_page(readings[kind], tmp_path / "report.html"))
    told = " ".join(page.locator("article").inner_text().replace("\xa0", " ").split())
    assert "Key parts:" not in told, "of specialists"
    for text in (f.task.name, headline(f), lead(f), *(x for row in numbers(f) for x in row)):
        assert text in told
    for event, step in (("memorised", f.events.t_memorize), ("generalised", f.events.t_grok)):
        row = dict(numbers(f))[event]
        assert (
            (f"step {step:,}" in row) if step is not None else ("step " not in row or "not" in row)
        )
    opened.context.close()


SCHEMES = [(scheme, kind) for scheme in ("light", "dark")
           for kind in ("a transformer", "a group", "sparse parity", "not learned")]  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [*SCHEMES[:5], *(pytest.param(*x, marks=pytest.mark.long) for x in SCHEMES[5:])],
)
def test_a_page_has_no_serious_fault_for_those_who_see_or_move_otherwise(
    kind, scheme, readings, browser, tmp_path
):
    """By the rules of axe-core, all of them, with everything unfolded."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core").Axe
    opened = Opened(browser, color_scheme=scheme)
    page = opened.open(write_page(readings[kind], tmp_path / "report.html"))
    unfold(page)
    found = axe().run(page).response["violations"]
    serious = [x for x in found if x["impact"] in ("serious", "critical")]
    assert [(x["id"], x["nodes"][0]["html"][:120]) for x in serious] == []
    opened.context.close()


def test_a_page_is_printed_whole(readings, browser, tmp_path):
    """On paper there are all figures and certificates, and no control."""
    opened = Opened(browser)
    page = opened.open(write_page(readings["a transformer"], tmp_path / "report.html"))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.wait_for_timeout(200)
    assert not page.locator(".control").is_visible()
    empty = "x => x.filter((y) => !y.children.length || !y.getBoundingClientRect().height).length"
    assert page.eval_on_selector_all("figure .drawing", empty) == 0
    assert page.locator("details.certificate table.tests").first.is_visible()
    opened.context.close()

"""The playground: its script computes what the package computes, its page trains in a browser, and
what it saves is imported, explained and certified."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from grokscope.border.tensors import RECORD
from grokscope.errors import BadInput
from grokscope.explain.explanation import explain
from grokscope.foreign.importing import import_network
from grokscope.foreign.sources import sources
from grokscope.measures.keys import key_parts
from grokscope.models import make_model
from grokscope.page.playground import groups, playground, write_playground
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.events import find_events
from grokscope.training.loss import cross_entropy
from grokscope.training.run import Run
from tests.browser import Opened

PROGRAM = Path(__file__).parent / "playground.mjs"
GROKS = "#p=23&share=70&neurons=32&seed=1"  # within some 150 steps
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")

# The task of the package, by the address of the page.
TASKS = {
    "task=a+b&p=7": ("a+b", {"p": 7}),
    "task=a-b&p=11&share=30": ("a-b", {"p": 11}),
    "task=a*b&p=7&pairs=unordered": ("a*b", {"p": 7}),
    "task=S3": ("composition", {"group": "S3"}),
    "task=D5": ("composition", {"group": "D5"}),
    "task=S4&share=20": ("composition", {"group": "S4"}),
    "task=parity&digits=6&relevant=2": ("sparse_parity", {"n": 6, "k": 2}),
}


@cache
def the_groups() -> dict[str, Any]:
    return groups()


def node(*calls: Any, sweep: str = "fast") -> list[Any]:
    """What the page's modules answer to each call, with this sweep: plain, or fast."""
    asked = json.dumps({"groups": the_groups(), "calls": calls, "sweep": sweep})
    done = subprocess.run(
        ["node", PROGRAM], input=asked, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def model_of(task: Task, weights: dict[str, list[list[float]]], act: str):
    """The package's network with these weights, in float64."""
    state = {name: torch.tensor(w, dtype=torch.float64) for name, w in weights.items()}
    kind, args = "paritymlp", {"d_mlp": state["W_in"].shape[1], "act": act}
    if "W_E" in state:
        kind = "pair"
        args |= {"embed": "untied", "d_embed": state["W_E"].shape[1]}
    model = make_model(kind, args, task, 0).double()
    model.load_state_dict(state)
    return model


def apart(theirs: list[list[float]], ours: torch.Tensor) -> float:
    """How far two matrices are apart, relative to the second."""
    return float((torch.tensor(theirs, dtype=torch.float64) - ours).norm() / ours.norm())


def loss_of(model, task: Task, pairs: list[int]):
    return cross_entropy(model(task.inputs[pairs]), task.answers[pairs])


SWEEPS = [("plain", 1e-12), ("fast", 1e-6)]  # in float64 by a script, in float32 by WebAssembly


@needs_node
@pytest.mark.parametrize(("sweep", "near"), SWEEPS)
def test_losses_and_gradients_are_those_of_the_package(sweep, near):
    rows = [(at, act) for at in TASKS for act in ("relu", "square")]
    calls = (["gradient", f"#neurons=20&act={act}&{at}"] for at, act in rows)
    for (at, act), told in zip(rows, node(*calls, sweep=sweep), strict=True):
        name, args = TASKS[at]
        task = make_task(name, args)
        assert told["answers"] == task.answers.tolist(), at
        model = model_of(task, told["weights"], act)
        loss = loss_of(model, task, told["train"])
        loss.backward()
        assert told["loss"] == pytest.approx(float(loss.detach()), rel=near)
        for weight, w in model.named_parameters():
            ours = w.grad
            assert ours is not None
            assert apart(told["gradients"][weight], ours) < near, (at, act, weight)


@needs_node
def test_the_fast_sweep_is_the_one_that_is_tested():
    (plain,), (fast,) = (node(["gradient", GROKS], sweep=sweep) for sweep, _ in SWEEPS)
    assert plain["weights"] == fast["weights"]
    assert 0 < abs(plain["loss"] - fast["loss"]) < 1e-5, "float32 is told from float64"


@needs_node
def test_steps_of_training_are_those_of_the_package():
    for at in ("task=a+b&p=7", "task=parity&digits=6&relevant=2"):
        (told,) = node(["steps", f"#neurons=16&decay=1.5&lr=0.02&{at}", 30], sweep="plain")
        name, args = TASKS[at]
        task = make_task(name, args)
        model = model_of(task, told["before"], "relu")
        spec = Spec(lr=0.02, weight_decay=1.5, eps=1e-6, warmup=10)
        step_by_torch(model, task, told["train"], spec, 30)
        for weight, w in model.named_parameters():
            assert apart(told["after"][weight], w.detach()) < 1e-9, weight
        assert [row["step"] for row in told["rows"]] == [0, 5, 10, 15, 20, 25]
        first = told["rows"][0]["test"]
        start = model_of(task, told["before"], "relu")
        logits, answers = start(task.inputs[told["test"]]), task.answers[told["test"]]
        assert first["loss"] == pytest.approx(
            float(cross_entropy(logits.detach(), answers)), rel=1e-10
        )
        assert first["accuracy"] == accuracy(logits, answers)


def step_by_torch(model, task: Task, pairs: list[int], spec: Spec, count: int) -> None:
    """AdamW with the package's warm-up."""
    step = torch.optim.AdamW(
        model.parameters(), lr=1, betas=spec.betas, eps=spec.eps, weight_decay=spec.weight_decay
    )
    for i in range(count):
        for group in step.param_groups:
            group["lr"] = spec.lr * min(1, i / spec.warmup)
        step.zero_grad()
        loss_of(model, task, pairs).backward()
        step.step()


@needs_node
def test_a_seed_trains_the_same_again_also_from_a_kept_step():
    assert node(["back", "#p=11&neurons=16&seed=5", 20, 47]) == [True]


@needs_node
def test_events_are_told_by_the_rules_of_the_package():
    tests = [0, 0.5, 0.99, 1, 0.98, 0.99, 1, 1, 0.9, 1, 1, 1, 0.5]
    rows = [[5 * i, min(1, 0.3 * i), x] for i, x in enumerate(tests)]
    (told,) = node(["events", rows])
    names = ("step", "train_accuracy", "test_accuracy")
    events = find_events(
        Spec(), [{**dict(zip(names, row, strict=True)), "train_loss": 1.0} for row in rows]
    )
    assert told["memorised"] == events.t_memorize == 20
    assert told["generalised"] == events.t_grok == 25
    assert told["fell"] == events.falls[-1] == 60


@needs_node
def test_an_address_holds_the_settings_and_cannot_break_the_page():
    told = node(
        ["address", "#task=a*b&p=31&share=40&decay=0"],
        ["address", "#p=12&neurons=<script>&share=1e9&seed=-4&lr=constructor&task=__proto__&x=1"],
        ["address", "#task=D5&seed=7"],
    )
    assert told == ["#task=a*b&p=31&share=40&decay=0", "#share=95&seed=0", told[2]]
    assert node(["address", told[2]]) == [told[2]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Run, list[float], dict[str, float]]:
    """A network of the page that generalised, imported; how much it answers without each part and
    each of two neurons; and the share of each part in its logits, as the page tells them."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    folder = tmp_path_factory.mktemp("saved")
    parts = [f"frequency {k}" for k in range(1, 12)]
    cuts = [{"parts": [part], "neurons": []} for part in parts]
    cuts += [{"parts": [], "neurons": [3]}, {"parts": parts[:2], "neurons": [0, 5]}]
    (told,) = node(["cut", GROKS, 300, cuts, str(folder / "run.safetensors")])
    (source,) = sources(folder / "run.safetensors")
    run = import_network(source, folder / "runs").run
    return run, told["accuracy"], {x["name"]: x["share"] for x in told["shares"]}


def test_a_saved_run_is_imported_with_its_split_and_explained_and_certified(saved):
    run, _, shares = saved
    assert (run.spec.task, run.spec.task_args, run.spec.split) == ("a+b", {"p": 23}, "recorded")
    assert int(run.is_train.sum()) == int(0.7 * 23 * 23)
    assert run.steps[-1] == 300
    events = find_events(run.spec, run.rows)
    assert events.t_memorize is not None
    assert events.t_grok is not None
    s = Snapshot.of(run)
    own = key_parts(s)
    assert shares == pytest.approx(own.shares, abs=1e-9)
    found = explain(s)
    assert found.verdict not in ("not generalised", "task unknown")
    assert any(x.holds for x in found.certificates)


def test_what_is_cut_costs_what_it_costs_in_the_package(saved):
    run, told, _ = saved
    model, task = run.model(run.steps[-1]), run.task
    split = task.lenses[0].split
    for i, theirs in enumerate(told):
        parts = [f"frequency {i + 1}"] if i < 11 else [] if i == 11 else split.names[1:3]
        neurons = [] if i < 11 else [3] if i == 11 else [0, 5]
        state = {name: w.clone() for name, w in model.state_dict().items()}
        for name in ("W_E", "W_E_b"):
            state[name] -= split.project(parts, state[name]) if parts else 0
        state["W_out"][neurons] = 0
        cut = make_model(run.spec.model, run.spec.model_args, task, 0).double()
        cut.load_state_dict(state)
        assert theirs == accuracy(cut(task.inputs), task.answers), (parts, neurons)
    assert min(told) < 0.7 < max(told), "some parts matter and some do not"


@needs_node
def test_a_saved_network_of_digits_is_imported_and_loses_what_it_loses_in_the_page(tmp_path):
    at, file = "#task=parity&digits=6&relevant=2&share=60&neurons=16", tmp_path / "run.safetensors"
    cuts = [{"parts": parts, "neurons": []} for parts in ([], ["digit 1"], ["digit 5"])]
    (told,) = node(["cut", at, 60, cuts, str(file)])
    run = import_network(sources(file)[0], tmp_path / "runs").run
    assert (run.spec.task, run.spec.model) == ("sparse_parity", "paritymlp")
    assert int(run.is_train.sum()) == int(0.6 * 64)
    for row, theirs in zip(([], [0], [4]), told["accuracy"], strict=True):
        model = run.model(run.steps[-1])
        model.get_parameter("W_in").data[row] = 0
        assert theirs == accuracy(model(run.task.inputs), run.task.answers)


def begin(opened: Opened, folder: Path, address: str):
    """The page on these settings, at the speed that is all it can."""
    page = opened.open(write_playground(folder / "playground.html"), address)
    page.select_option("#speed", "1e9")
    return page


def told(page, words: str) -> None:
    """Wait until the page says so."""
    page.wait_for_function(
        "x => document.getElementById('told').textContent.includes(x)", arg=words, timeout=60_000
    )


def step(page) -> int:
    return int(page.locator("#step-now").inner_text().split()[1].replace(",", ""))


def stand(page, at: int) -> None:
    page.wait_for_function("x => document.body.dataset.step === x", arg=str(at), timeout=20_000)


def test_a_network_that_trains_in_the_page_is_saved_imported_and_explained(opened, tmp_path):
    page = begin(opened, tmp_path, GROKS)
    page.click("#play")
    told(page, "Generalised at step")
    page.wait_for_timeout(1500)
    said = page.inner_text("#told")
    with page.expect_download() as waiting:
        page.click("#save")
    waiting.value.save_as(tmp_path / waiting.value.suggested_filename)
    assert opened.complaints == []
    assert {x.split(":")[0] for x in opened.requests} == {"file", "blob"}
    (source,) = sources(tmp_path / "a+b-mod-23-seed-1.safetensors")
    run = import_network(source, tmp_path / "runs").run
    events = find_events(run.spec, run.rows)
    assert f"at step {events.t_memorize}" in said or f"By step {events.t_memorize}" in said
    assert f"Generalised at step {events.t_grok}" in said
    assert explain(Snapshot.of(run)).verdict not in ("not generalised", "task unknown")


def test_one_goes_back_breaks_it_and_goes_on_another_way(opened, tmp_path):
    page = begin(opened, tmp_path, "#p=11&share=70&neurons=16&seed=2")
    for _ in range(3):
        page.click("#one")
    stand(page, 3)
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 60", timeout=30_000)
    page.click("#play")
    page.wait_for_timeout(300)
    newest = step(page)
    page.locator("#kept").fill("2")
    page.wait_for_timeout(300)
    at = step(page)
    assert 0 < at < newest
    page.locator("#parts button").first.click()
    page.wait_for_function("() => document.getElementById('wound').textContent.includes('Without')")
    page.click("#heal")
    page.wait_for_function("() => document.getElementById('wound').textContent === ''")
    page.select_option("#neuron", "3")
    page.click("#drop")
    page.wait_for_function(
        "() => document.getElementById('wound').textContent.includes('neuron 3')"
    )
    page.click("#decay-off")
    assert page.input_value("#decay") == "0"
    page.click("#operate")
    page.click("#one")
    stand(page, at + 1)
    page.click("#newest")
    page.wait_for_timeout(200)
    assert step(page) == at + 1, "what came after is gone"
    assert opened.complaints == []


def test_another_task_while_it_trains_is_another_network_at_once(opened, tmp_path):
    page = begin(opened, tmp_path, "#p=11&share=70&neurons=16")
    for name, title in (("Parity", "parity"), ("It groks", "mod 59"), ("Parity", "parity")):
        page.select_option("#speed", "1e9")
        page.click("#play")
        page.wait_for_function("() => Number(document.body.dataset.step) > 0", timeout=20_000)
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_function("() => document.body.dataset.step === '0'", timeout=5_000)
        page.wait_for_timeout(200)
        assert title in page.inner_text("#told"), name
        assert page.inner_text("#told").endswith("Press play.")
        assert step(page) == 0
    assert opened.complaints == []


def test_a_stopped_page_goes_on_and_rests_when_it_has_trained_enough(opened, tmp_path):
    page = begin(opened, tmp_path, "#task=S3")
    session = opened.context.new_cdp_session(page)
    page.select_option("#speed", "100")
    page.click("#play")
    page.wait_for_timeout(300)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    page.wait_for_timeout(300)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    before = step(page)
    page.select_option("#speed", "1e9")
    told(page, "It rests here")
    assert step(page) > before
    generalised = int(page.inner_text("#told").split("Generalised at step ")[1].split(",")[0])
    assert step(page) == generalised + 300
    assert page.get_attribute("#play", "aria-label") == "Play: train"
    assert opened.complaints == []


def test_a_link_restores_the_settings_and_what_is_set_is_in_the_link(opened, tmp_path):
    page = begin(opened, tmp_path, "#task=D5&seed=9")
    assert page.input_value("#task") == "D5"
    assert page.input_value("#seed") == "9"
    page.select_option("#task", "a*b")
    page.select_option("#p", "13")
    page.wait_for_timeout(200)
    link = page.input_value("#link")
    assert link.endswith("playground.html#task=a*b&p=13")
    assert page.evaluate("location.hash") == "#task=a*b&p=13"
    assert not page.locator("#digits").is_visible()
    page.select_option("#task", "parity")
    page.wait_for_timeout(200)
    assert page.locator("#digits").is_visible()
    assert opened.complaints == []


def test_a_picture_and_a_film_are_taken(opened, tmp_path):
    page = begin(opened, tmp_path, "#p=7&neurons=8")
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 30")
    page.click("#play")
    with page.expect_download() as waiting:
        page.click("#picture")
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
    with page.expect_download(timeout=60_000) as waiting:
        page.click("#film")
        page.wait_for_timeout(2500)
        page.click("#film")
    assert Path(waiting.value.path()).stat().st_size > 10_000
    assert waiting.value.suggested_filename.split(".")[-1] in ("webm", "mp4")
    assert opened.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_can_be_read_on_a_telephone_in_the_dark_and_by_those_who_see_otherwise(
    width, scheme, browser, tmp_path
):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core").Axe
    opened = Opened(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = begin(opened, tmp_path, "#p=11&neurons=16&share=70")
    page.click("#play")
    page.wait_for_function("() => Number(document.body.dataset.step) > 40")
    page.keyboard.press("Escape")
    page.click("#play")
    page.evaluate("for (const x of document.querySelectorAll('details')) x.open = true")
    found = axe().run(page).response["violations"]
    serious = [x for x in found if x["impact"] in ("serious", "critical")]
    assert [(x["id"], x["nodes"][0]["html"][:120]) for x in serious] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.complaints == []
    opened.context.close()


def test_the_page_is_small_and_fetches_nothing():
    page = playground()
    assert len(page.encode()) < 300_000
    assert page.count("</script") == 3
    assert "default-src 'none'" in page
    fetching = r"https?:|<[^>]* src=|@import|url\("
    assert not re.search(fetching, page.replace("http://www.w3.org/2000/svg", ""))


def test_the_verb_writes_the_page(call, tmp_path):
    file = tmp_path / "play.html"
    said = call("playground", "-o", file)
    assert (said.code, Path(said.out.strip())) == (0, file)
    assert file.read_text() == playground()
    assert call("playground", "-o", tmp_path).code == 2


BROKEN = {
    "no settings": lambda x: x.pop("settings"),
    "setting `lr`": lambda x: x["settings"].pop("lr"),
    "has no such": lambda x: x["settings"].update(task="a/b"),
    "were shown": lambda x: x.update(is_train="10"),
    "evaluations": lambda x: x["rows"].append([1, 2, 3]),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_saved_run_that_was_changed_is_refused(reason, tmp_path):
    settings = {"task": "a+b", "act": "relu", "lr": 0.03, "decay": 2, "seed": 1, "labels": "true"}
    record = {"settings": settings, "is_train": "1" * 40 + "0" * 9, "rows": [], "changes": []}
    BROKEN[reason](record)
    model = make_model(
        "pair", {"embed": "untied", "d_embed": 8, "d_mlp": 8}, make_task("a+b", {"p": 7}), 0
    )
    weights = {f"10/{name}": w for name, w in model.state_dict().items()}
    file = tmp_path / "run.safetensors"
    save_file(weights, file, {RECORD: json.dumps(record)})
    (source,) = sources(file)
    words = "settings" if reason == "no settings" else reason
    with pytest.raises(BadInput, match=words):
        import_network(source, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()

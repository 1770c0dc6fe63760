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


def node(*calls: Any) -> list[Any]:
    """What the page's modules answer to each call."""
    asked = json.dumps({"groups": the_groups(), "calls": calls})
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


@needs_node
def test_losses_and_gradients_are_those_of_the_package():
    rows = [(at, act) for at in TASKS for act in ("relu", "square")]
    for (at, act), told in zip(
        rows, node(*(["gradient", f"#neurons=16&act={act}&{at}"] for at, act in rows)), strict=True
    ):
        name, args = TASKS[at]
        task = make_task(name, args)
        assert told["answers"] == task.answers.tolist(), at
        model = model_of(task, told["weights"], act)
        loss = loss_of(model, task, told["train"])
        loss.backward()
        assert told["loss"] == pytest.approx(float(loss.detach()), rel=1e-12)
        for weight, w in model.named_parameters():
            ours = w.grad
            assert ours is not None
            assert apart(told["gradients"][weight], ours) < 1e-12, (at, act, weight)


@needs_node
def test_steps_of_training_are_those_of_the_package():
    for at in ("task=a+b&p=7", "task=parity&digits=6&relevant=2"):
        (told,) = node(["steps", f"#neurons=16&decay=1.5&lr=0.02&{at}", 30])
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
        assert first["loss"] == pytest.approx(float(cross_entropy(logits.detach(), answers)), rel=1e-10)
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
    assert told == ["#task=a*b&p=31&share=40&decay=0".replace("*", "*"), "#share=95&seed=0", told[2]]
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
    assert found.verdict.algorithm is not None
    assert found.verdict.certificates


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

"""The native step: equal to the exact one on every instruction set, deterministic, kept by a run
that goes on; and one line where there is none."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import EXTENSION_SUFFIXES
from itertools import product
from pathlib import Path

import pytest
import torch

from grokscope.activations import ACTIVATIONS
from grokscope.errors import BadInput, RewriteError
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.models.model import Fold, Model, pad_classes
from grokscope.score import is_right
from grokscope.spec import Spec
from grokscope.tap import no_tap
from grokscope.tasks import make_task
from grokscope.training import native, steps
from grokscope.training.evaluation import evaluated
from grokscope.training.files import read_notes
from grokscope.training.folded import Plan, folded_loss
from grokscope.training.loss import negative_log_likelihood
from grokscope.training.losses import CROSS_ENTROPY, Objective, cross_entropy_per_class
from grokscope.training.optimizers.adamw import AdamW
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, folded
from grokscope.training.tensors import read_tensors
from grokscope.training.train import train

ROOT = Path(__file__).parents[1]
NETWORKS = {
    "transformer": {"d_model": 12, "n_heads": 3, "d_mlp": 21},
    "chughtai": {"d_model": 8, "n_heads": 2, "d_mlp": 16},
    "mlp": {"d_embed": 10, "d_mlp": 17},
    "stander": {"d_embed": 7, "d_mlp": 33},
    "pair": {"d_embed": 9, "d_mlp": 5},
    "pair untied": {"d_embed": 9, "d_mlp": 6, "embed": "untied", "tied_hidden": False},
    "pair collapsed": {"d_embed": 9, "collapsed_hidden": True, "collapsed_out": True},
    "linear": {"kind": "B", "d_model": 11},
}
FACTORED = ("mlp", "stander", "pair", "pair untied", "pair collapsed")


def network(name: str, seed: int = 0, p: int = 11, **args: object) -> Model:
    """A float32 network at a random point, with biases that are not zero."""
    kind = name.partition(" ")[0]
    model = make_model(kind, NETWORKS[name] | args, make_task("a+b", {"p": p}), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in model.parameters():
            w += 0.1 * torch.randn(w.shape, generator=generator)
    return model


def examples(fraction: float = 0.6, seed: int = 0, p: int = 11) -> Examples:
    task = make_task("a+b", {"p": p})
    mask = task.is_train(fraction, seed)
    return Examples(task.inputs[mask], task.answers[mask])


def off(exact: torch.Tensor, other: torch.Tensor) -> float:
    return float((exact - other).norm() / exact.norm())


# --- equal to the exact step ---


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_those_of_float64_on_every_instruction_set(core, name):
    model, data = network(name), examples()
    assert (steps.factors_of(model) is not None) == (name in FACTORED)
    exact = Stack([model], "cpu", torch.float64)
    loss = folded(exact.template, [data], "float64")(exact)
    for one in core.instruction_sets():
        core.use(one)
        stack = Stack([model], "cpu", torch.float32)
        found = steps.native(stack.template, [data], "float64")(stack)
        assert off(loss, found) < 1e-6
        assert off(exact.grad, stack.grad) < 3e-6
        for key, gradient in exact.gradients.items():
            assert off(gradient, stack.gradients[key]) < 1e-5, (one, key)


def a_fold(
    n_terms, n_neurons, n_classes, act, *, has_weights, has_direct, n_pairs: int = 101
) -> Fold:
    """A random one, with fewer table rows than pairs."""
    generator = torch.Generator().manual_seed(n_neurons)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    W_L = pad_classes(draw(n_neurons, n_classes)) * 2 * n_neurons**-0.5
    table = draw(13, n_neurons)
    if has_direct:
        table = torch.cat([table, pad_classes(draw(13, n_classes))], dim=1)
    rows = torch.randint(13, (n_pairs, n_terms), generator=generator)
    weights = draw(n_pairs, n_terms) if has_weights else None
    return Fold(table, rows, weights, W_L, n_classes, ACTIVATIONS[act])


def with_gradients(fold: Fold) -> tuple[Fold, list[torch.Tensor]]:
    """The same with leaves for its table, weights and W_L."""
    parts = (fold.table, fold.weights, fold.W_L)
    leaves = [None if x is None else x.clone().requires_grad_() for x in parts]
    table, weights, W_L = leaves
    assert table is not None
    assert W_L is not None
    new = replace(fold, table=table, weights=weights, W_L=W_L)
    return new, [x for x in leaves if x is not None]


def double(fold: Fold) -> Fold:
    weights = None if fold.weights is None else fold.weights.double()
    return replace(fold, table=fold.table.double(), weights=weights, W_L=fold.W_L.double())


SHAPES = [  # terms, neurons, classes, whether it has weights, and a direct path
    (1, 1, 2, False, False),
    (2, 17, 59, False, False),
    (2, 16, 16, False, True),
    (3, 40, 31, True, False),
    (9, 33, 114, True, True),
    (5, 7, 5, True, True),
]


@pytest.mark.parametrize("act", ["relu", "square", "identity", "gelu", "silu", "tanh"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_fold_with_any_activation_has_the_gradients_of_float64(core, act, shape):
    terms, neurons, classes, has_weights, has_direct = shape
    fold = a_fold(terms, neurons, classes, act, has_weights=has_weights, has_direct=has_direct)
    answers = torch.arange(len(fold.rows)) % fold.n_classes
    exact, exact_leaves = with_gradients(double(fold))
    loss = folded_loss(exact, Plan(fold.rows, len(fold.table)), answers, "float64")
    wanted = torch.autograd.grad(loss, exact_leaves)
    plan = native.Plan(fold, answers)
    for one in core.instruction_sets():
        core.use(one)
        own, leaves = with_gradients(fold)
        found = native.native_loss(own, plan)
        assert float(found.detach()) == pytest.approx(float(loss.detach()), rel=1e-6)
        for x, y in zip(wanted, torch.autograd.grad(found, leaves), strict=True):
            assert off(x, y) < 3e-6


@pytest.mark.parametrize("act", ["gelu", "silu", "tanh"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 12.0, 60.0])
def test_activations_are_right_near_zero_and_far_from_it(core, act, size):
    x = size * torch.randn(13, 32, generator=torch.Generator().manual_seed(0))
    rows, eye = torch.arange(13)[:, None], pad_classes(torch.eye(32))
    fold, answers = Fold(x, rows, None, eye, 32, ACTIVATIONS[act]), torch.arange(13)
    exact, exact_leaves = with_gradients(double(fold))
    loss = folded_loss(exact, Plan(rows, 13), answers, "float64")
    wanted = torch.autograd.grad(loss, exact_leaves)
    own, leaves = with_gradients(fold)
    found = torch.autograd.grad(native.native_loss(own, native.Plan(fold, answers)), leaves)
    for a, b in zip(wanted, found, strict=True):
        assert off(a, b) < 3e-6


def saturated(scale: float) -> tuple[Fold, torch.Tensor]:
    """Whose logits are a table, the answer ahead by about `scale`."""
    generator = torch.Generator().manual_seed(0)
    answers = torch.randint(113, (500,), generator=generator)
    logits = torch.randn(500, 113, generator=generator)
    logits[torch.arange(500), answers] += scale
    rows, eye = torch.arange(500)[:, None], pad_classes(torch.eye(113))
    return Fold(logits, rows, None, eye, 113, ACTIVATIONS["identity"]), answers


@pytest.mark.parametrize("scale", [1.0, 12.0, 20.0])
def test_a_saturated_softmax_keeps_its_gradient(core, scale):
    fold, answers = saturated(scale)
    exact = fold.table.double().requires_grad_()
    loss = negative_log_likelihood(exact, answers).mean()
    (wanted,) = torch.autograd.grad(loss, exact)
    own, leaves = with_gradients(fold)
    found = native.native_loss(own, native.Plan(fold, answers))
    assert off(wanted, torch.autograd.grad(found, leaves)[0]) < 1e-5
    assert float(found.detach()) == pytest.approx(float(loss.detach()), rel=1e-5)


def test_a_wrong_native_step_is_refused(core, monkeypatch):
    exact = native.native_loss
    monkeypatch.setattr(native, "native_loss", lambda fold, plan, _: exact(fold, plan, 1.0001))
    steps._checked.clear()
    with pytest.raises(RewriteError, match="`native` of Transformer does not equal the folded"):
        steps.make_step("native", network("transformer"), [examples()], "float64")


def test_a_fold_that_was_written_anew_is_not_taken_by_its_parents_factors(core):
    class Twice(MLP):
        def forward(self, inputs, tap=no_tap):
            return 2 * super().forward(inputs, tap)

        def fold(self, inputs):
            fold = super().fold(inputs)
            return replace(fold, W_L=2 * fold.W_L)

    model = Twice(11, 11, 10, 17)
    assert steps.factors_of(model) is None
    steps.make_step("native", model, [examples()], "float64")


# --- evaluation and update ---


@pytest.mark.parametrize("name", ["transformer", *FACTORED])
def test_an_evaluation_is_that_of_torch(core, name):
    model, data = network(name, act="gelu"), examples(0.9)
    for one, scale in product(core.instruction_sets(), (1.0, 0.5)):  # what is held has no weights
        core.use(one)
        weights = {name: scale * w for name, w in model.named_parameters()}
        with torch.no_grad():
            losses, right = evaluated(model, weights, data, 11, CROSS_ENTROPY, "native")
            logits = steps.logits_of(model, weights, data.inputs, "folded")
        exact = CROSS_ENTROPY.each(logits, data.answers, "float64")
        exactly = is_right(logits[..., :11], data.answers)
        assert torch.equal(right, exactly)
        assert (losses - exact).abs().max() < 1e-6 * exact.max()


def test_ties_and_what_is_no_number_are_wrong_answers(core):
    logits = torch.zeros(6, 5)
    logits[0, 1] = logits[1, 2] = logits[1, 1] = 1.0
    logits[2, 1], logits[3, 4], logits[4, 1] = torch.nan, torch.nan, torch.inf
    logits[5, 4] = 3.0  # above the answer, but beyond the answers proper
    logits[5, 1] = 1.0
    fold = Fold(
        logits, torch.arange(6)[:, None], None, pad_classes(torch.eye(5)), 5,
        ACTIVATIONS["identity"],
    )  # fmt: skip
    answers = torch.ones(6, dtype=torch.long)
    mixed = fold.logits()  # 0 times infinity is no number either
    losses, right = native.evaluated(fold, native.Plan(fold, answers), 4)
    assert torch.equal(right, is_right(mixed[:, :4], answers))
    assert right.tolist() == [True, False, False, False, False, True]
    assert losses[2:5].isnan().all()
    assert losses[:2].isfinite().all()


def test_the_native_adamw_is_the_one_of_torch(core):
    specs = [Spec(lr=3e-3, warmup=4), Spec(lr=1e-2, weight_decay=0.3, betas=(0.8, 0.95), eps=1e-6)]
    models = [network("mlp", seed) for seed in range(2)]
    stacks = [Stack(models, "cpu", torch.float32) for _ in range(2)]
    stacks[1].is_native = True
    rules = [AdamW(specs, stack) for stack in stacks]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for step in range(20):
            gradient = torch.randn(stacks[0].grad.shape, generator=generator) * 1e-3
            for stack, rule in zip(stacks, rules, strict=True):
                stack.grad.copy_(gradient)
                rule.update(stack, step)
    assert off(stacks[0].flat, stacks[1].flat) < 1e-6
    for name, rows in rules[0].state.items():
        assert off(rows, rules[1].state[name]) < 1e-6


# --- the same numbers, whatever the stack ---


@pytest.mark.parametrize("name", ["transformer", "mlp", "pair"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_member_is_the_same_bit_for_bit_alone_and_in_a_stack(core, name, threads):
    models = [network(name, seed) for seed in range(5)]
    sets = [examples(0.3 + 0.1 * k, k) for k in range(5)]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = Stack(models, "cpu", torch.float32)
        losses = steps.native(together.template, sets, "float64")(together)
        again = steps.native(together.template, sets, "float64")(together)
        assert torch.equal(losses, again)
        for k in range(5):
            alone = Stack([models[k]], "cpu", torch.float32)
            assert steps.native(alone.template, [sets[k]], "float64")(alone)[0] == losses[k]
            assert torch.equal(alone.grad[0], together.grad[k])
    finally:
        torch.set_num_threads(before)


def test_the_number_of_threads_changes_no_bit(core):
    models, sets = [network("mlp", seed) for seed in range(3)], [examples()] * 3
    stacks, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            stacks.append(Stack(models, "cpu", torch.float32))
            steps.native(stacks[-1].template, sets, "float64")(stacks[-1])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(stacks[0].grad, stacks[1].grad)


def test_a_large_fold_is_summed_in_two_halves_by_one_thread_or_two(core):
    fold = a_fold(3, 70, 61, "gelu", has_weights=True, has_direct=True, n_pairs=1001)
    answers = torch.arange(1001) % 61
    exact, exact_leaves = with_gradients(double(fold))
    loss = folded_loss(exact, Plan(fold.rows, len(fold.table)), answers, "float64")
    wanted = torch.autograd.grad(loss, exact_leaves)
    found, evaluations, before = [], [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            own, leaves = with_gradients(fold)
            mean = native.native_loss(own, native.Plan(fold, answers), 0.5)
            assert 2 * float(mean.detach()) == pytest.approx(float(loss.detach()), rel=1e-6)
            found.append(torch.autograd.grad(mean, leaves))
            evaluations.append(native.evaluated(fold, native.Plan(fold, answers), 61)[0])
    finally:
        torch.set_num_threads(before)
    for x, y, z in zip(wanted, *found, strict=True):
        assert torch.equal(y, z)
        assert off(x, 2 * y) < 3e-6
    assert torch.equal(*evaluations)
    assert float(evaluations[0].mean()) == pytest.approx(float(loss.detach()), rel=1e-6)


def test_what_is_frozen_has_no_gradient(core):
    stack = Stack([network("mlp")], "cpu", torch.float32)
    stack.hold(["W_x"])
    steps.native(stack.template, [examples()], "float64")(stack)
    assert (stack.gradients["W_x"] == 0).all()
    assert (stack.gradients["W_y"] != 0).any()


def test_per_class_is_the_loss_divided_by_their_number(core):
    objective, data = Objective(cross_entropy_per_class), examples()
    for name in ("mlp", "transformer"):
        model = network(name)
        exact = Stack([model], "cpu", torch.float64)
        loss = folded(exact.template, [data], "float64", objective)(exact)
        stack = Stack([model], "cpu", torch.float32)
        found = steps.native(stack.template, [data], "float64", objective)(stack)
        assert off(loss, found) < 1e-6
        assert off(exact.grad, stack.grad) < 3e-6


# --- a run ---

SMALL = Spec(
    task_args={"p": 11}, model="mlp", model_args={"d_embed": 16, "d_mlp": 24}, train_fraction=0.6,
    lr=5e-3, steps=40, eval_every=5, checkpoint_every=20,
)  # fmt: skip


def last_weights(run: Run) -> torch.Tensor:
    tensors = read_tensors(run.checkpoint(run.steps[-1]))[0]
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.parametrize("model", ["mlp", "transformer"])
def test_training_is_that_of_the_folded_step(core, tmp_path, model):
    args = {"d_model": 16, "n_heads": 2, "d_mlp": 32} if model == "transformer" else {}
    spec = replace(SMALL, model=model, model_args=args)
    fast, plain = train([spec, replace(spec, formulation="folded")], tmp_path)
    assert read_notes(fast.checkpoint(40))["formulation"] == "native"
    assert read_notes(plain.checkpoint(40))["formulation"] == "folded"
    assert off(last_weights(plain), last_weights(fast)) < 1e-3
    for x, y in zip(plain.rows, fast.rows, strict=True):
        for key in ("train_loss", "test_loss", "sum_of_squares"):
            assert y[key] == pytest.approx(x[key], rel=1e-3)


def interrupted(spec: Spec, out: Path) -> Run:
    """The run of this spec, ended at step 20."""

    def stop(run, row, events):
        if row["step"] == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(spec, out, track=stop)
    return Run.of(spec, out)


def test_a_run_goes_on_natively_to_the_same_bits(core, tmp_path):
    whole = train(SMALL, tmp_path / "whole")
    run = interrupted(SMALL, tmp_path / "parts")
    assert read_notes(run.resume)["formulation"] == "native"
    assert torch.equal(last_weights(train(SMALL, tmp_path / "parts")), last_weights(whole))


def test_a_native_run_is_not_gone_on_with_by_torch(core, tmp_path, monkeypatch):
    run = interrupted(SMALL, tmp_path)
    monkeypatch.setenv("GROKSCOPE_NATIVE", "off")
    native._found.cache_clear()
    with pytest.raises(BadInput, match=r"begun with the native step, .*: GROKSCOPE_NATIVE=off"):
        train(SMALL, tmp_path)
    assert run.resumes_at == 20
    monkeypatch.undo()
    native._found.cache_clear()
    assert train(SMALL, tmp_path).is_finished


def test_a_run_that_torch_began_stays_torchs(core, tmp_path, monkeypatch):
    monkeypatch.setenv("GROKSCOPE_NATIVE", "off")
    native._found.cache_clear()
    whole = train(SMALL, tmp_path / "whole")
    run = interrupted(SMALL, tmp_path / "parts")
    monkeypatch.undo()
    native._found.cache_clear()
    assert native.why_not() is None
    assert torch.equal(last_weights(train(SMALL, tmp_path / "parts")), last_weights(whole))
    assert read_notes(run.checkpoint(40))["formulation"] == "folded"


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"precision": "float64"}, "precision=float32"),
        ({"loss": "mse"}, "cross-entropy"),
        ({"loss_precision": "float32"}, "loss_precision=float64"),
        ({"temperature": 2.0}, "temperature=1"),
        ({"model": "power", "model_args": {"d_model": 8, "n_heads": 2}}, "`Power` has no fold"),
    ],
)
def test_what_is_not_for_the_native_step_takes_that_of_torch(core, tmp_path, setting, why):
    spec = replace(SMALL, steps=2, **setting)
    run = train(spec, tmp_path)
    assert read_notes(run.checkpoint(2))["formulation"] in ("folded", "last")
    with pytest.raises(BadInput, match=f"formulation=native cannot be taken: .*{why}"):
        train(replace(spec, formulation="native"), tmp_path)


# --- where there is none ---


def test_without_the_library_all_is_as_it_was(no_library, tmp_path):
    run = train(replace(SMALL, steps=5), tmp_path)
    assert read_notes(run.checkpoint(5))["formulation"] == "folded"
    with pytest.raises(BadInput, match=r"cannot be taken: GROKSCOPE_NATIVE=off\. Or use formul"):
        train(replace(SMALL, steps=5, formulation="native"), tmp_path)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str | None]]:
    """Why the library is not used where its package is this text."""

    def reason(text: str) -> str | None:
        (tmp_path / "grokscope_core/__init__.py").write_text(text)
        return native.why_not()

    (tmp_path / "grokscope_core").mkdir()
    monkeypatch.delenv("GROKSCOPE_NATIVE", raising=False)
    for module in ("grokscope_core", "grokscope_core._core"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    native._found.cache_clear()
    yield reason
    sys.modules.pop("grokscope_core", None)
    monkeypatch.undo()
    native._found.cache_clear()


def test_a_library_of_another_processor_is_told_in_one_line(found, tmp_path):
    suffix = EXTENSION_SUFFIXES[0]
    (tmp_path / f"grokscope_core/_core{suffix}").write_bytes(b"\x7fELF of another kind" * 99)
    told = found("from grokscope_core._core import VERSION")
    assert told.startswith("grokscope-core cannot be loaded (")
    assert told.endswith("`scripts/build_native` builds it again")
    assert "\n" not in told
    with pytest.raises(BadInput, match=r"formulation=native cannot be taken: .*cannot be loaded"):
        steps.make_step("native", network("mlp"), [examples()], "float64")
    assert steps.fastest(network("mlp"), examples().inputs, "float64") == "folded"


def test_another_version_is_told_in_one_line(found):
    assert found("VERSION = 99") == (
        "grokscope-core has version 99, and 1 is needed: `scripts/build_native` builds it again"
    )
    assert steps.fastest(network("mlp"), examples().inputs, "float64") == "folded"


def test_a_processor_that_runs_none_of_it_is_told_in_one_line(found):
    told = found(f"VERSION = {native.VERSION}\ninstruction_sets = list")
    assert told == "grokscope-core has nothing that this processor runs"


def test_an_instruction_set_is_chosen_by_name_and_another_is_told_in_one_line(core, monkeypatch):
    for name in (*core.instruction_sets(), "v9"):
        monkeypatch.setenv("GROKSCOPE_NATIVE", name)
        native._found.cache_clear()
        told = native.why_not()
        if name == "v9":
            assert str(told).startswith("GROKSCOPE_NATIVE=v9: this processor runs ")
        else:
            assert told is None
            assert core.in_use() == name
    native._found.cache_clear()


# --- the build ---


def build(venv: Path, pip: str, *args: str, compiler: str = "true") -> list[str]:
    """What `scripts/build_native` says, where pip is this script."""
    (venv / "bin").mkdir(exist_ok=True, parents=True)
    for name, text in (("pip", pip), ("python", "exit 1")):
        (venv / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (venv / "bin" / name).chmod(0o755)
    settings = {"GROKSCOPE_VENV": str(venv), "CXX": compiler, "GROKSCOPE_NATIVE": ""}
    done = subprocess.run(
        [ROOT / "scripts/build_native", *args], capture_output=True, text=True, check=True,
        env=os.environ | settings,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_compiler_that_fails_is_told_once_and_stops_nothing(tmp_path):
    _, told = build(tmp_path, "echo no such header >&2; exit 1")
    assert told.startswith("Not built: the native step (the build failed, see ")
    assert "no such header" in (tmp_path / "native.log").read_text()
    assert build(tmp_path, "exit 1") == []
    assert len(build(tmp_path, "exit 1", "--again")) == 2


def test_without_a_compiler_one_line_says_so(tmp_path):
    (told,) = build(tmp_path, "exit 1", compiler="/no/compiler")
    assert told.startswith("Not built: the native step (no C++ compiler")
    assert build(tmp_path, "exit 1", compiler="/no/compiler") == []


def test_a_build_that_does_not_run_here_is_taken_away(tmp_path):
    _, told = build(tmp_path, f'echo "$@" >> {tmp_path}/asked')
    assert told.startswith("Not built: the native step (what was built does not run here")
    assert "uninstall" in (tmp_path / "asked").read_text().splitlines()[-1]

"""Activations: each row's numbers, its sources, and the networks that are made with it."""

import json
import math
import re
import shutil
import subprocess
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from grokscope.activations import ACTIVATIONS, RELU, Activation, activation
from grokscope.errors import BadInput, UnknownName
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.planted import waves
from grokscope.score import centred
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tap import record
from grokscope.tasks import make_task
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, can_fold, folded, last, reference
from grokscope.training.train import train
from grokscope.verify.low_rank import low_rank
from grokscope.verify.network import Network, brute_force

EACH = pytest.mark.parametrize("act", ACTIVATIONS.values(), ids=ACTIVATIONS)
BENT = pytest.mark.parametrize("act", ["square", "gelu", "silu", "tanh"])
JAVASCRIPT = Path(__file__).parents[1] / "web/src/activations.js"

# The rows


def numbers(*, largest: float = 12.0, count: int = 200_000) -> Tensor:
    """Numbers evenly from -largest to largest, without 0."""
    return torch.linspace(-largest, largest, count, dtype=torch.float64)


@EACH
def test_the_slope_is_the_derivative(act):
    x = numbers(count=1_000).requires_grad_()
    (slope,) = torch.autograd.grad(act(x).sum(), x)
    torch.testing.assert_close(act.slope(x), slope, atol=1e-12, rtol=0)


@EACH
def test_a_gradient_is_taken_back_through_it(act):
    x = numbers(largest=3, count=1_000).requires_grad_()
    later = torch.randn(1_000, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(act(x), x, later)
    post, pull_back = act.vjp(x.detach().clone())
    assert torch.equal(post, act(x.detach()))
    torch.testing.assert_close(pull_back(later), gradient, atol=1e-12, rtol=0)


@EACH
def test_the_degree_is_that_of_its_homogeneity(act):
    x, c = numbers(count=1_000), 2.5
    if act.degree is None:
        assert all((act(c * x) - c**d * act(x)).abs().max() > 0.1 for d in range(4))
    else:
        torch.testing.assert_close(act(c * x), c**act.degree * act(x))


@EACH
def test_nothing_is_below_the_least_or_steeper_than_the_steepest_and_both_are_nearly_reached(act):
    x = numbers()
    for bound, reached in ((-act.least, -act(x)), (act.steepest, act.slope(x).abs())):
        most, before = (float(part.amax()) for part in (reached, reached[50_000:150_000]))
        assert most <= bound
        if math.isinf(bound):
            assert most > 1.5 * before  # it grows
        else:
            assert most > bound - 1e-3


@EACH
def test_the_python_says_the_same(act):
    code = compile(act.python, act.name, "eval")
    x = [*numbers(count=500).tolist(), 0.0, -512.0, 512.0]
    known = {"erf": math.erf, "tanh": math.tanh, "max": max, "__builtins__": {}}
    values = [eval(code, known, {"x": each}) for each in x]
    assert values == pytest.approx(
        act(torch.tensor(x, dtype=torch.float64)).tolist(), rel=1e-12, abs=1e-12
    )


def test_the_page_has_the_same_source():
    said = re.findall(r"^  (\w+): \(x\) => (.+),$", JAVASCRIPT.read_text(), re.MULTILINE)
    assert dict(said) == {name: act.javascript for name, act in ACTIVATIONS.items()}


@pytest.mark.skipif(shutil.which("node") is None, reason="apt install nodejs")
def test_the_page_computes_the_same():
    x = [*numbers(count=500).tolist(), 0.0, -4.0, 4.0, -512.0, 512.0]
    program = (
        f"import {{ ACTIVATIONS }} from {json.dumps(JAVASCRIPT.as_uri())};\n"
        "const all = Object.entries(ACTIVATIONS);\n"
        f"const said = all.map(([name, act]) => [name, {json.dumps(x)}.map(act)]);\n"
        "console.log(JSON.stringify(Object.fromEntries(said)));"
    )
    done = subprocess.run(
        ["node", "--input-type=module"], input=program, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for name, values in json.loads(done.stdout).items():
        expected = activation(name)(torch.tensor(x, dtype=torch.float64)).tolist()
        assert values == pytest.approx(expected, rel=1e-12, abs=1e-7)


def test_a_copied_model_has_the_same_row():
    assert deepcopy(RELU) is RELU


# Networks

PAIRS, DIGITS = make_task("a+b", {"p": 7}), make_task("sparse_parity", {"n": 6, "k": 2})
SUMS = make_task("digit_addition", {"digits": 1})
NARROW = {"d_model": 8, "n_heads": 2}
MODELS = {
    "transformer": {**NARROW, "d_mlp": 10},
    "transformer two layers": {**NARROW, "d_mlp": 10, "n_layers": 2},
    "chughtai": {**NARROW, "d_mlp": 10},
    "furuta": {**NARROW, "d_mlp": 10},
    "pizza": NARROW,
    "power": NARROW,
    "sequence": {**NARROW, "d_mlp": 10},
    "mlp": {"d_embed": 6, "d_mlp": 9},
    "stander": {"d_embed": 6, "d_mlp": 9},
    "wu": {"d_embed": 6, "d_mlp": 9},
    "pair": {"d_embed": 6, "d_mlp": 9},
    "fiveneurons": {},
    "prieto": {"d_mlp": 9},
    "linear": {"d_model": 8},
    "linear one layer": {"d_model": 8, "kind": "D"},
    "paritymlp": {"d_mlp": 9},
}
TASKS = {"paritymlp": DIGITS, "sequence": SUMS}


def made(name: str, act: str | None = None, seed: int = 0) -> Model:
    """A small float64 network with no zero among its weights."""
    settings = MODELS[name] | ({} if act is None else {"act": act})
    model = make_model(name.split()[0], settings, TASKS.get(name, PAIRS), seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for w in model.parameters():
            w += 0.3 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_has_the_activation_that_is_asked_for(name):
    for act in ("relu", "tanh"):
        seen = record(made(name, act), TASKS.get(name, PAIRS).inputs[:9])
        hidden = [key for key in seen if key.endswith("mlp_pre")]
        assert hidden
        for key in hidden:
            expected = ACTIVATIONS[act](seen[key])
            assert torch.equal(seen[key.replace("pre", "post")], expected)


@pytest.mark.parametrize("name", MODELS)
def test_it_is_relu_unless_another_is_asked_for_and_weights_do_not_depend_on_it(name):
    plain, said, other = made(name), made(name, "relu"), made(name, "gelu")
    inputs = TASKS.get(name, PAIRS).inputs[:9]
    assert torch.equal(plain(inputs), said(inputs))
    assert not torch.equal(plain(inputs), other(inputs))
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


@BENT
@pytest.mark.parametrize("name", MODELS)
def test_the_fast_steps_have_the_plain_gradients_alone_and_together(name, act):
    task, members = TASKS.get(name, PAIRS), [made(name, act, seed) for seed in (1, 2)]
    few = [Examples(task.inputs[:n], task.answers[:n]) for n in (12, 20)]
    for some in ([0], [1, 0]):
        gradients = []
        for formulation in (reference, last, *([folded] if can_fold(members[0]) else [])):
            stack = Stack([members[k] for k in some], "cpu", torch.float64)
            formulation(stack.template, [few[k] for k in some], "float64")(stack)
            gradients.append(stack.grad.clone())
        for gradient in gradients[1:]:
            assert (gradient - gradients[0]).abs().max() < 1e-10 * gradients[0].abs().max()


@BENT
def test_a_network_trains_by_the_fast_step_as_by_the_reference_alone_and_in_a_batch(act, tmp_path):
    spec = Spec(
        task_args={"p": 7}, model="mlp", model_args={**MODELS["mlp"], "act": act}, steps=20,
        train_fraction=0.5, lr=3e-3, eval_every=20, checkpoint_every=20, precision="float64",
    )  # fmt: skip

    def weights(run: Run) -> Tensor:
        return torch.cat([w.flatten() for w in run.model(20).parameters()])

    plain = train(replace(spec, formulation="reference"), tmp_path / "plain")
    alone = train(replace(spec, formulation="folded"), tmp_path / "alone")
    batch = train([replace(spec, seed=seed) for seed in (0, 1)], tmp_path / "batch")
    for run in (alone, batch[0]):
        torch.testing.assert_close(weights(run), weights(plain), atol=1e-10, rtol=0)
        assert run.rows[-1]["train_loss"] == pytest.approx(plain.rows[-1]["train_loss"], abs=1e-10)
    assert (weights(batch[1]) - weights(plain)).abs().max() > 1e-3


def test_pairsquare_is_pair_with_squares():
    inputs = PAIRS.inputs
    alias = make_model("pairsquare", MODELS["pair"], PAIRS, 0)
    square = make_model("pair", {**MODELS["pair"], "act": "square"}, PAIRS, 0)
    assert torch.equal(alias(inputs), square(inputs))
    assert Spec(model="pairsquare").id == "a+b-pairsquare-c14725d5e349"


def test_an_activation_that_does_not_exist_is_refused():
    with pytest.raises(UnknownName, match=r"no activation is called `gelo`\. Did you mean `gelu`"):
        make_model("mlp", {"act": "gelo"}, PAIRS, 0)
    with pytest.raises(BadInput, match=r"`model\.act` must be a name, not 3"):
        make_model("mlp", {"act": 3}, PAIRS, 0)
    with pytest.raises(BadInput, match="act=gelu is not homogeneous"):
        waves.multiplication(0, act="gelu")


def test_a_new_activation_is_a_row(monkeypatch):
    cube = Activation(
        "cube", lambda x: x**3, lambda x: 3 * x**2, 3, "x**3", "x ** 3", -math.inf, math.inf
    )
    monkeypatch.setitem(ACTIVATIONS, "cube", cube)
    model = make_model("transformer", {**MODELS["transformer"], "act": "cube"}, PAIRS, 0)
    s = Snapshot(PAIRS, torch.ones(49, dtype=torch.bool), model)
    torch.testing.assert_close(s.mlp_post, s.mlp_pre**3)
    torch.testing.assert_close(s.logits, model(PAIRS.inputs)[:, :7].detach(), atol=1e-4, rtol=1e-4)


@EACH
def test_a_bound_of_few_directions_holds_whatever_the_activation(act):
    task = make_task("a+b", {"p": 13})
    model = make_model("mlp", {"d_embed": 8, "d_mlp": 6, "act": act.name}, task, 1)
    s = Snapshot(task, torch.ones(169, dtype=torch.bool), model)
    network = Network.of(s)
    assert network is not None
    answers = s.logits.argmax(dim=1)  # so that it is right on every pair
    network = replace(network, answers=answers, doubt=None, unknown="")  # but for rounding
    directions = torch.linalg.svd(centred(network.W_L))[2].T
    exact = brute_force(network).accuracy
    few, all_there_are = (low_rank(network, directions[:, :r]).accuracy for r in (4, 6))
    assert exact > 0.99
    assert few <= all_there_are <= exact
    assert few < 1
    assert all_there_are > 0.9

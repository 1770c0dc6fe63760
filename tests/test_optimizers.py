"""Each optimiser against torch's own, each filter against a plain loop, and all of them stopped,
resumed, batched and misspelt."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grokscope.errors import BadInput, DamagedFile
from grokscope.models import make_model
from grokscope.papers import EXPERIMENTS
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.check import check, memory_needed
from grokscope.training.optimizers.muon import orthogonalized
from grokscope.training.rule import FILTERS, OPTIMIZERS, Count, Rule, gradient_filter, optimizer
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.tensors import read_tensors, write_tensors
from grokscope.training.train import train
from grokscope.training.update import Update, sketch
from tests.faults.selection import quick

SETTINGS = [
    {"lr": 1e-3, "weight_decay": 1.0, "warmup": 0},
    {"lr": 5e-3, "weight_decay": 2.0, "betas": (0.9, 0.95), "warmup": 10},
    {"lr": 1e-2, "weight_decay": 0.0, "betas": (0.8, 0.999), "eps": 1e-3, "warmup": 3},
]
CHANGES: dict[str, dict[str, Any]] = {
    "adamw": {},
    "adam": {"optimizer": "adam", "weight_decay": 1e-3},
    "adam_l1": {"optimizer": "adam_l1", "weight_decay": 1e-3},
    "sgd": {"optimizer": "sgd", "optimizer_args": {"momentum": 0.9}, "weight_decay": 1e-3},
    "muon": {"optimizer": "muon", "optimizer_args": {"adamw_for": "W_E,W_U"}},
    "grokfast_ema": {"gradient": "grokfast_ema"},
    "grokfast_ma": {"gradient": "grokfast_ma", "gradient_args": {"window": 7}},
    "orthogonal": {"gradient": "orthogonal"},
    "norm_clamp": {"norm_clamp": 0.9},
}
MLP = ("mlp", {"d_embed": 4, "d_mlp": 3})
TRANSFORMER = ("transformer", {"d_model": 6, "n_heads": 2, "d_mlp": 8})


@pytest.fixture
def registries() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = [(known, dict(known)) for known in (OPTIMIZERS, FILTERS)]
    yield
    for known, kept in before:
        known.clear()
        known.update(kept)


def stack_of(n: int, model: tuple[str, dict[str, Any]] = MLP) -> Stack:
    task = make_task("a+b", {"p": 5})
    return Stack([make_model(*model, task, k) for k in range(n)], "cpu", torch.float64)


def specs_of(**changes: Any) -> list[Spec]:
    return [Spec(**{**settings, **changes}) for settings in SETTINGS]


def gradients(stack: Stack, n_steps: int) -> Iterator[Tensor]:
    """Gradients for so many steps, written into the stack as they are given."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(n_steps):
        stack.grad.copy_(torch.randn(stack.flat.shape, generator=generator, dtype=torch.float64))
        yield stack.grad.clone()


def ramped(spec: Spec, step: int) -> float:
    return spec.lr * (min(step / spec.warmup, 1.0) if spec.warmup else 1.0)


def take_step(theirs: torch.optim.Optimizer, lr: float) -> None:
    for group in theirs.param_groups:
        group["lr"] = lr
    theirs.step()


def torchs(name: str, weights: Tensor, spec: Spec) -> torch.optim.Optimizer:
    adam = {"betas": spec.betas, "eps": spec.eps}
    if name == "sgd":
        return torch.optim.SGD([weights], spec.lr, momentum=0.9, weight_decay=spec.weight_decay)
    if name == "adamw":
        return torch.optim.AdamW([weights], spec.lr, weight_decay=spec.weight_decay, **adam)
    decay = 0.0 if name == "adam_l1" else spec.weight_decay
    return torch.optim.Adam([weights], spec.lr, weight_decay=decay, **adam)


@pytest.mark.parametrize("name", ["adamw", "adam", "adam_l1", "sgd"])
def test_it_is_torchs_for_every_member_at_once(name):
    args = {"momentum": 0.9} if name == "sgd" else {}
    specs, stack = specs_of(optimizer=name, optimizer_args=args), stack_of(3)
    mine = Update(specs, stack)
    rows = [row.clone().requires_grad_() for row in stack.flat]
    theirs = [torchs(name, row, spec) for row, spec in zip(rows, specs, strict=True)]
    for step, gradient in enumerate(gradients(stack, 40)):
        mine(stack, step)
        for spec, row, their, g in zip(specs, rows, theirs, gradient, strict=True):
            sign = spec.weight_decay * row.detach().sign()  # coupled L1, which torch has not
            row.grad = g + sign if name == "adam_l1" else g.clone()
            take_step(their, ramped(spec, step))
    for found, expected in zip(stack.flat, rows, strict=True):
        assert (found - expected).abs().max() < 1e-12


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
@pytest.mark.parametrize("scale", ["original", "match_rms_adamw"])
def test_muon_is_torchs_for_each_matrix_and_adamw_for_the_rest(scale, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.double)  # theirs, made exact
    specs = specs_of(optimizer="muon", optimizer_args={"scale": scale, "adamw_for": "W_U"})
    stack = stack_of(3, TRANSFORMER)
    mine = Update(specs, stack)
    by_muon, by_adamw = [], []
    for k, spec in enumerate(specs):
        for name, weight in stack.weights.items():
            heads = weight[k].detach() if name in ("W_Q", "W_K", "W_V", "W_O") else weight[[k]]
            is_matrix = heads[0].ndim == 2 and name != "W_U"
            for head, matrix in enumerate(heads.detach()):
                theirs = (matrix.mT if is_matrix else matrix).clone().requires_grad_()
                place = (k, head) if len(heads) > 1 else (k,)
                if is_matrix:
                    their = torch.optim.Muon(
                        [theirs], weight_decay=spec.weight_decay, adjust_lr_fn=scale
                    )
                else:
                    their = torchs("adamw", theirs, spec)
                found = by_muon if is_matrix else by_adamw
                found.append((spec, name, place, theirs, their))
    assert len(by_muon) == 3 * (2 + 4 * 2 + 2)
    assert len(by_adamw) == 3 * 3
    for step, _ in enumerate(gradients(stack, 20)):
        wanted = {name: g.clone() for name, g in stack.gradients.items()}
        mine(stack, step)
        for is_matrix, found in ((True, by_muon), (False, by_adamw)):
            for spec, name, place, theirs, their in found:
                theirs.grad = wanted[name][place].mT if is_matrix else wanted[name][place]
                take_step(their, ramped(spec, step))
    for is_matrix, found in ((True, by_muon), (False, by_adamw)):
        for _, name, place, theirs, _ in found:
            weight = stack.weights[name][place]
            assert ((weight.mT if is_matrix else weight) - theirs).abs().max() < 1e-12, name


def test_muon_takes_no_vector_of_several_layers_for_a_matrix():
    stack = stack_of(1, ("pizza", {"d_model": 6, "n_heads": 2, "n_layers": 2}))
    assert stack.shapes["b_out"] == (2, 6)
    state = Update([Spec(optimizer="muon")], stack).state
    momenta = {name.removeprefix("momentum.") for name in state if name.startswith("momentum.")}
    assert momenta == {name for name in stack.shapes if name.startswith("W_")}


@pytest.mark.parametrize("shape", [(7, 7), (40, 9), (2, 9, 40)])
def test_newton_schulz_brings_singular_values_near_one_and_keeps_the_singular_vectors(shape):
    generator = torch.Generator().manual_seed(1)
    G = torch.randn(shape, generator=generator, dtype=torch.float64)
    U, _, Vh = torch.linalg.svd(G, full_matrices=False)
    turned = U.mT @ orthogonalized(G) @ Vh.mT
    values = turned.diagonal(dim1=-2, dim2=-1)
    assert (turned - torch.diag_embed(values)).abs().max() < 1e-10
    assert 0.6 < values.min() < values.max() < 1.3
    assert not orthogonalized(torch.zeros(shape)).any()


def filtered(name: str, args: dict[str, Any], n_steps: int) -> Iterator[tuple[Tensor, Stack]]:
    """The gradient as it came, and the stack whose gradient is filtered."""
    stack = stack_of(3)
    update = Update(specs_of(gradient=name, gradient_args=args), stack)
    for step, gradient in enumerate(gradients(stack, n_steps)):
        update.rules["gradient"].update(stack, step)
        yield gradient, stack


def test_plain_leaves_the_gradient_as_it_is():
    for gradient, stack in filtered("plain", {}, 3):
        assert torch.equal(stack.grad, gradient)


def test_grokfast_adds_the_moving_average():
    average = None
    for gradient, stack in filtered("grokfast_ema", {}, 30):
        average = gradient if average is None else 0.98 * average + 0.02 * gradient
        assert (stack.grad - (gradient + 2.0 * average)).abs().max() < 1e-12


def test_grokfast_adds_the_mean_of_a_full_window():
    seen: list[Tensor] = []
    for gradient, stack in filtered("grokfast_ma", {"window": 7, "lamb": 3}, 40):
        seen = [*seen, gradient][-7:]
        added = 3.0 * torch.stack(seen).mean(dim=0) if len(seen) == 7 else 0.0
        assert (stack.grad - (gradient + added)).abs().max() < 1e-12
        if len(seen) < 7:
            assert torch.equal(stack.grad, gradient)


def test_the_orthogonal_gradient_has_no_part_along_its_weight_and_its_whole_length():
    for gradient, stack in filtered("orthogonal", {}, 3):
        start = 0
        for name, weights in stack.weights.items():
            size = weights[0].numel()
            for k, w in enumerate(weights.detach()):
                g = gradient[k, start : start + size].view_as(w)
                found = stack.gradients[name][k]
                assert abs(float((w * found).sum())) < 1e-12
                assert float(found.norm()) == pytest.approx(float(g.norm()), rel=1e-12)
                part = g - w * float(torch.dot(w.flatten(), g.flatten())) / float(w.norm()) ** 2
                assert (found - part * float(g.norm()) / float(part.norm())).abs().max() < 1e-12
            start += size


def test_a_weight_that_is_zero_keeps_its_gradient():
    stack = stack_of(1, TRANSFORMER)
    assert not stack.weights["b_in"].any()
    (before,) = gradients(stack, 1)
    Update([Spec(gradient="orthogonal")], stack).rules["gradient"].update(stack, 0)
    after = stack.gradients["b_in"].clone()
    stack.grad.copy_(before)
    assert (after - stack.gradients["b_in"]).abs().max() < 1e-12


def test_clamped_weights_stay_below_their_norm_and_others_are_not_touched(tiny, tmp_path):
    free = train(tiny(weight_decay=0.0), tmp_path)
    clamped = train(tiny(weight_decay=0.0, norm_clamp=1.1), tmp_path)
    loose = train(tiny(weight_decay=0.0, norm_clamp=100.0), tmp_path)
    start = free.rows[0]["sum_of_squares"]
    assert free.rows[-1]["sum_of_squares"] > 1.3 * start
    assert clamped.rows[-1]["sum_of_squares"] == pytest.approx(1.1**2 * start, rel=1e-5)
    assert_same_weights(loose, free)


def test_frozen_weights_stay_and_are_no_part_of_the_clamped_norm(tiny, tmp_path):
    changes = {"weight_decay": 0.0, "norm_clamp": 1.1, "freeze": "W_E"}
    run = train(tiny(**changes), tmp_path)
    first, last = run.model(0).state_dict(), run.model().state_dict()
    assert torch.equal(first["W_E"], last["W_E"])
    norms = [
        torch.cat([w.flatten() for name, w in weights.items() if name != "W_E"]).norm()
        for weights in (first, last)
    ]
    assert float(norms[1] / norms[0]) == pytest.approx(1.1, rel=1e-5)


def assert_same_weights(one: Run, other: Run) -> None:
    """Bit for bit, at every checkpoint."""
    assert one.steps == other.steps
    for step in one.steps:
        (weights, _), (others, _) = (read_tensors(r.checkpoint(step)) for r in (one, other))
        assert all(torch.equal(weights[name], others[name]) for name in others)


def final(run: Run) -> Tensor:
    return torch.cat([w.flatten() for w in run.model().state_dict().values()])


@pytest.mark.parametrize("name", quick(CHANGES, every=5))
def test_a_member_of_a_batch_equals_itself_alone(name, tiny, tmp_path):
    change = CHANGES[name]
    base = tiny(precision="float64", steps=50, eval_every=25, checkpoint_every=50, **change)
    rows = [{}, {"lr": 1e-3, "betas": (0.8, 0.9), "steps": 30}, {"weight_decay": 0.1, "eps": 1e-4}]
    specs = [replace(base, seed=k, **row) for k, row in enumerate(rows)]
    for spec, run in zip(specs, train(specs, tmp_path / "batch"), strict=True):
        assert (final(run) - final(train(spec, tmp_path / "alone"))).abs().max() < 1e-9


class Killed(BaseException):
    """The end of a process, as far as the process can tell."""


def die_at(last: int) -> Any:
    def track(run: Run, row: dict[str, float], events: object) -> None:
        if row["step"] == last:
            raise Killed

    return track


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_killed_run_resumes_bit_for_bit(change, tiny, tmp_path):
    base = tiny(steps=30, checkpoint_every=15, **change)
    specs = [replace(base, seed=k, lr=lr) for k, lr in enumerate((5e-3, 1e-3))]
    undisturbed = train(specs, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        train(specs, tmp_path / "killed", track=die_at(20), save_every=0.0)
    runs = [Run.of(spec, tmp_path / "killed") for spec in specs]
    assert all(read_tensors(run.resume)[1]["step"] == "15" for run in runs)
    for run, other in zip(train(specs, tmp_path / "killed"), undisturbed, strict=True):
        assert_same_weights(run, other)


def test_members_of_different_optimisers_train_in_stacks_of_their_own(tiny, tmp_path):
    names = ("adamw", "sgd", "grokfast_ema", "norm_clamp")
    specs = [tiny(steps=20, **CHANGES[name]) for name in names]
    together = train(specs, tmp_path / "together")
    for spec, run in zip(specs, together, strict=True):
        assert_same_weights(run, train(spec, tmp_path / "alone"))
    assert len({final(run).sum().item() for run in together}) == len(specs)


def test_adamw_is_saved_under_the_names_it_always_had(tiny, tmp_path):
    run = train(tiny(steps=5), tmp_path)
    tensors, _ = read_tensors(run.resume)
    assert tensors.keys() - run.model().state_dict().keys() == {"moment1", "moment2"}


def test_a_state_that_is_not_this_updates_is_damaged(tiny, tmp_path):
    spec = tiny(gradient="grokfast_ma", gradient_args={"window": 3})
    with pytest.raises(Killed):
        train(spec, tmp_path, track=die_at(20), save_every=0.0)
    run = Run.of(spec, tmp_path)
    tensors, notes = read_tensors(run.resume)
    assert tensors["gradient.window"].shape[0] == 3
    short = {**tensors, "gradient.window": tensors["gradient.window"][:2].clone()}
    for broken in (short, {k: t for k, t in tensors.items() if k != "gradient.sum"}):
        write_tensors(run.resume, broken, notes)
        with pytest.raises(DamagedFile, match="is not what training wrote"):
            train(spec, tmp_path)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["optimizer=addamw"], "no optimizer is called `addamw`. Did you mean `adamw`?"),
        (["gradient=orthogonl"], "is called `orthogonl`. Did you mean `orthogonal`?"),
        (
            ["optimizer=sgd", "optimizer.momentun=.9"],
            "argument of optimizer `sgd` is called `optimizer.momentun`. Did you mean "
            "`optimizer.momentum`?",
        ),
        (["optimizer.momentum=.9"], "has no arguments. Leave out `optimizer.momentum`."),
        (["optimizer=sgd", "optimizer.momentum=x"], "momentum` must be a number, not 'x'"),
        (["optimizer=sgd", "optimizer.momentum=1"], "must be from 0 to less than 1, not 1.0"),
        (["gradient=grokfast_ma", "gradient.window=0"], "must be a whole number from 1 to 100,000"),
        (["gradient=grokfast_ma", "gradient.window=2.5"], "must be a whole number"),
        (["gradient=grokfast_ema", "gradient.alpha=1"], "`gradient.alpha` must be from 0 to"),
        (["gradient=grokfast_ema", "gradient.lambda=1"], "Did you mean `gradient.lamb`?"),
        (["optimizer=muon", "optimizer.scale=orignal"], "Did you mean `original`?"),
        (["optimizer=muon", "optimizer.adamw_for=W_F"], "no weight for optimizer.adamw_for"),
        (["norm_clamp=-1"], "`norm_clamp` must be at least 1e-06, not -1.0"),
        (["optimiser=sgd"], "Did you mean `optimizer`?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_is_written(settings, told, tmp_path):
    with pytest.raises(BadInput) as error:
        train(Spec().override("task.p=7", *settings), tmp_path)
    assert told in str(error.value)
    assert not list(tmp_path.iterdir())


def test_settings_reach_the_spec_and_old_ids_stay():
    spec = Spec().override("optimizer=sgd", "optimizer.momentum=.9", "gradient=grokfast_ema",
                           "gradient.alpha=0.9", "norm_clamp=2")  # fmt: skip
    assert (spec.optimizer, spec.optimizer_args) == ("sgd", {"momentum": 0.9})
    assert (spec.gradient, spec.gradient_args) == ("grokfast_ema", {"alpha": 0.9})
    assert spec.norm_clamp == 2.0
    assert Spec.from_json(spec.to_json()) == spec
    assert len({spec.id, Spec().id, Spec(optimizer="sgd").id}) == 3
    old = json.loads(EXPERIMENTS["nanda2023"].spec.to_json())
    for name in ("optimizer", "optimizer_args", "gradient", "gradient_args", "norm_clamp"):
        del old[name]
    assert Spec.from_json(json.dumps(old)).id == EXPERIMENTS["nanda2023"].spec.id
    assert Spec().id == "a+b-transformer-44136fa355b3"


def test_memory_follows_what_is_remembered(tmp_path):
    def needed(**changes: Any) -> int:
        run = Run.of(Spec(task_args={"p": 31}, **changes), tmp_path)
        return memory_needed(run, run.new_model())

    row = 4 * (sum(w.numel() for w in make_model("transformer", {}, make_task("a+b", {"p": 31}), 0)
                   .parameters()))  # fmt: skip
    assert needed() - needed(optimizer="sgd") == pytest.approx(row, abs=100)
    assert needed(norm_clamp=1.0) - needed() == 8
    assert needed(optimizer="muon") < needed()
    window = needed(gradient="grokfast_ma") - needed()
    assert window == pytest.approx(102 * row, rel=1e-3)


def test_ones_own_optimiser_trains_by_name_and_resumes(registries, tiny, tmp_path):
    @optimizer
    class Lion(Rule):
        """The sign of a momentum."""

        def __init__(self, specs, stack, cautious: bool = False):
            super().__init__(specs, stack)
            self.state["momentum"] = torch.zeros_like(stack.flat)

        def update(self, stack: Stack, step: Count) -> None:
            momentum = self.state["momentum"]
            direction = torch.lerp(momentum, stack.grad, (1 - self.beta1).to(momentum)).sign()
            stack.flat.sub_((self.ramp(step) * self.lr).to(momentum) * direction)
            momentum.lerp_(stack.grad, (1 - self.beta2).to(momentum))

    spec = tiny(optimizer="lion", optimizer_args={"cautious": True})
    undisturbed = train(spec, tmp_path / "undisturbed")
    with pytest.raises(Killed):
        train(spec, tmp_path / "killed", track=die_at(20), save_every=0.0)
    assert_same_weights(train(spec, tmp_path / "killed"), undisturbed)
    with pytest.raises(BadInput, match=r"`optimizer.cautious` must be true or false, not 3"):
        check(Run.of(replace(spec, optimizer_args={"cautious": 3}), Path("none")), "cpu")


def test_ones_own_must_have_a_name_of_its_own(registries):
    with pytest.raises(BadInput, match="`sgd` is one of grokscope's own"):

        @optimizer
        class SGD(Rule):
            """Another."""

    with pytest.raises(BadInput, match="`plain` is one of grokscope's own"):

        @gradient_filter
        class Plain(Rule):
            """Another."""


def test_a_weight_with_the_name_of_a_state_is_refused():
    model = make_model(*MLP, make_task("a+b", {"p": 5}), 0)
    model.moment1 = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(BadInput, match="a weight called `moment1`"):
        sketch(Spec(model="mlp"), model)
    assert sketch(Spec(model="mlp", optimizer="sgd"), model).keys() == {"velocity"}


def test_adam_leaves_what_it_is_told_undecayed():
    def moved(**args) -> dict[str, torch.Tensor]:
        specs, stack = specs_of(optimizer="adam", optimizer_args=args), stack_of(3, TRANSFORMER)
        before = {name: w.detach().clone() for name, w in stack.weights.items()}
        stack.grad.zero_()
        Update(specs, stack)(stack, 50)
        return {name: (w - before[name]).abs().max() for name, w in stack.weights.items()}

    decayed = {name for name, change in moved().items() if change > 0}  # not what is 0 already
    assert {"W_E", "W_Q", "W_K", "W_U"} <= decayed
    for pattern, left in (("W_E", {"W_E"}), ("W_[QK]", {"W_Q", "W_K"})):
        still = {name for name, change in moved(undecayed=pattern).items() if change > 0}
        assert decayed - still == left

"""All members at once, as a GPU computes them: the numbers of one after the other, without a loop
over members and without waiting."""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from grokscope.spec import Spec
from grokscope.training.all_at_once import AllAtOnce
from grokscope.training.member import begin, evaluate
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import make_step
from grokscope.training.train import train
from grokscope.training.update import Update

BASE = Spec(
    task_args={"p": 7}, model="mlp", model_args={"d_embed": 8, "d_mlp": 8}, train_fraction=0.6,
    steps=50, eval_every=25, lr=1e-2, precision="float64", formulation="stacked",
)  # fmt: skip
SMALL = {
    "mlp": {"d_embed": 8, "d_mlp": 8},
    "pair": {"d_mlp": 8},
    "transformer": {"d_model": 8, "n_heads": 2, "d_mlp": 8},
}
WAITING = {"aten._local_scalar_dense", "aten.nonzero", "aten.is_nonzero", "aten.equal"}


def specs(name: str, count: int) -> list[Spec]:
    """Networks with splits of unequal length, each with its own rates."""
    base = replace(BASE, model=name, model_args=SMALL[name])
    return [
        replace(base, seed=k, train_fraction=0.5 + 0.05 * (k % 3), lr=1e-2 / (1 + k), warmup=3 * k)
        for k in range(count)
    ]


def stack_of(some: list[Spec], tmp_path):
    members = [begin(Run.of(spec, tmp_path), "cpu") for spec in some]
    return members, Stack([m.model for m in members], "cpu", torch.float64)


class Dispatched(TorchDispatchMode):
    """The names of the operations that are dispatched while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["mlp", "transformer"])
def test_a_step_has_as_many_operations_however_many_members_and_waits_for_none(name, tmp_path):
    counted = []
    for count in (2, 5):
        some = specs(name, count)
        members, stack = stack_of(some, tmp_path)
        step = make_step("stacked", stack.template, [m.examples for m in members], "float64")
        update, at = Update(some, stack), torch.zeros((), dtype=torch.float64)
        step(stack)  # which makes the plan
        with Dispatched() as seen:
            step(stack)
            update(stack, at)
            at += 1
        assert not WAITING & set(seen.names)
        counted.append(sorted(seen.names))
    assert counted[0] == counted[1]


def test_the_folded_step_has_more_operations_with_more_members(tmp_path):
    """The control: else the test above could not fail."""
    counted = []
    for count in (2, 5):
        members, stack = stack_of(specs("mlp", count), tmp_path)
        step = make_step("folded", stack.template, [m.examples for m in members], "float64")
        step(stack)
        with Dispatched() as seen:
            step(stack)
        counted.append(len(seen.names))
    assert counted[0] < counted[1]


def test_an_update_counted_on_the_device_is_the_same(tmp_path):
    some = specs("mlp", 3)
    stacks = [stack_of(some, tmp_path)[1] for _ in range(2)]
    updates = [Update(some, stack) for stack in stacks]
    at = torch.zeros((), dtype=torch.float64)
    for step in range(8):
        for stack in stacks:
            stack.grad.copy_(torch.sin(stack.flat + step))
        updates[0](stacks[0], step)
        updates[1](stacks[1], at)
        at += 1
    assert (stacks[0].flat - stacks[1].flat).abs().max() < 1e-14


@pytest.mark.parametrize("name", SMALL)
def test_all_members_evaluated_at_once_are_those_evaluated_alone(name, tmp_path, monkeypatch):
    monkeypatch.setattr("grokscope.training.all_at_once.AT_ONCE_ON_GPU", 30)  # in several parts
    members, stack = stack_of(specs(name, 3), tmp_path)
    assert AllAtOnce.can(members, stack)
    together = AllAtOnce(members, stack)(stack)
    for k, (member, row) in enumerate(zip(members, together, strict=True)):
        evaluate(member, stack, k)
        alone = member.rows[-1]
        assert all(abs(alone[name] - value) < 1e-12 for name, value in row.items())
        assert set(alone) - set(row) == {"step", "seconds"}


def test_member_k_of_a_stack_is_the_run_alone(tmp_path):
    some = specs("mlp", 3)
    stacked = train(some, tmp_path / "stack", stacked=True)
    for spec, one in zip(some, stacked, strict=True):
        alone = train(replace(spec, formulation="folded"), tmp_path / "alone")
        mine, its = one.weights(50), alone.weights(50)
        assert all((mine[k] - its[k]).abs().max() < 1e-9 for k in mine)


def test_a_loss_that_is_not_written_out_takes_the_folded_step(tmp_path):
    some = [replace(spec, temperature=2.0, steps=5) for spec in specs("mlp", 2)]
    one, other = (
        train(some, tmp_path / "a"),
        train([replace(spec, formulation="folded") for spec in some], tmp_path / "b"),
    )
    for mine, its in zip(one, other, strict=True):
        assert all(mine.weights(5)[k].equal(w) for k, w in its.weights(5).items())

"""Dropout: what a step leaves out, and that nothing else sees it."""

from dataclasses import replace

import pytest
import torch

from grokscope.errors import BadInput
from grokscope.spec import Spec
from grokscope.training.dropout import Dropout
from grokscope.training.losses import CROSS_ENTROPY
from grokscope.training.run import Run
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, make_step
from grokscope.training.train import train

SPEC = Spec(
    task_args={"p": 7}, model="mlp", model_args={"d_mlp": 16}, train_fraction=0.6, steps=20,
    eval_every=5, dropout=0.5,
)  # fmt: skip


def rows(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.rows]


def test_a_share_is_left_out_and_the_rest_made_larger():
    drop = Dropout(0.25, (3,)).tap(0, step=2)
    x = torch.ones(400, 50)
    seen = drop("mlp_post", x)
    assert seen.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((seen == 0).double().mean()) == pytest.approx(0.25, abs=0.02)
    assert drop("resid_mid", x) is x


def test_what_is_left_out_follows_from_seed_and_step_alone():
    x = torch.ones(9, 16)

    def seen(member, step):
        return Dropout(0.5, (3, 4)).tap(member, step)("mlp_post", x)

    assert torch.equal(seen(0, 5), seen(0, 5))
    assert not torch.equal(seen(0, 5), seen(0, 6))
    assert not torch.equal(seen(0, 5), seen(1, 5))


def test_the_gradient_is_that_of_the_network_without_them(tmp_path):
    """On one pair: dropping neurons is training with their rows of W_U as 0, the rest scaled."""
    run = Run.of(replace(SPEC, precision="float64"), tmp_path)
    model, cut = run.new_model().double(), run.new_model().double()
    inputs, answers = torch.tensor([[2, 3]]), torch.tensor([5])
    examples, dropout = [Examples(inputs, answers)], Dropout(0.5, (0,))
    stack = Stack([model], "cpu", torch.float64)
    stack.step = 4
    loss = make_step("last", model, examples, "float64", CROSS_ENTROPY, dropout)(stack)

    mask = dropout.tap(0, 4)("mlp_post", torch.ones(1, 16, dtype=torch.float64))[0]
    with torch.no_grad():
        dict(cut.named_parameters())["W_U"].mul_(mask[:, None])
    plain = Stack([cut], "cpu", torch.float64)
    expected = make_step("reference", cut, examples, "float64")(plain)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    of_W_U = plain.gradients["W_U"][0] * mask[:, None]
    torch.testing.assert_close(stack.gradients["W_U"][0], of_W_U)


def test_an_interrupted_run_and_a_member_of_a_stack_are_the_run_alone(tmp_path):
    alone = train([SPEC], tmp_path / "alone")[0]
    both = train([SPEC, replace(SPEC, seed=1)], tmp_path / "both", stacked=True)
    assert rows(both[0]) == rows(alone)
    assert rows(both[1]) != rows(alone)

    def stop(run, row, events):
        if row["step"] == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([SPEC], tmp_path / "broken", track=stop)
    resumed = train([SPEC], tmp_path / "broken")[0]
    assert rows(resumed) == rows(alone)


def test_without_it_nothing_changes(tmp_path):
    plain = replace(SPEC, dropout=0.0, formulation="last")
    assert "dropout" not in plain.id
    assert rows(train([plain], tmp_path)[0]) != rows(train([SPEC], tmp_path)[0])


@pytest.mark.parametrize("name", ["native", "folded", "reference"])
def test_a_step_that_has_none_is_refused_with_the_cure(tmp_path, name):
    with pytest.raises(BadInput, match=r"has no dropout.*formulation=fast"):
        train([replace(SPEC, formulation=name)], tmp_path)


def test_a_network_without_a_hidden_layer_is_refused(tmp_path):
    with pytest.raises(BadInput, match="mlp_post"):
        train(
            [
                replace(
                    SPEC,
                    model="decoder",
                    model_args={"d_model": 8, "n_heads": 2, "attention_only": True},
                )
            ],
            tmp_path,
        )
    with pytest.raises(BadInput, match=r"dropout.*0.99"):
        replace(SPEC, dropout=1.0)

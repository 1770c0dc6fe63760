"""Sparse parity: the task, its network by plain loops, and its measures on planted networks."""

import numpy as np
import pytest
import torch

from grokscope.errors import BadInput, NotApplicable
from grokscope.measures import losses, parity
from grokscope.models import make_model
from grokscope.models.parity import ParityMLP
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tasks import make_task
from grokscope.training.loss import cross_entropy
from grokscope.training.stack import Stack
from grokscope.training.steps import Examples, last, reference
from grokscope.training.train import train

TASK = make_task("sparse_parity", {"n": 6, "k": 3})


def test_a_small_parity_is_written_out_in_full():
    assert TASK.inputs.shape == (64, 6)
    assert len(TASK.inputs.unique(dim=0)) == 64
    assert TASK.inputs[5].tolist() == [0, 0, 0, 1, 0, 1]
    for digits, answer in zip(TASK.inputs.tolist(), TASK.answers.tolist(), strict=True):
        assert answer == (digits[0] + digits[1] + digits[2]) % 2
    assert (TASK.n_symbols, TASK.n_answers, TASK.digits, TASK.group) == (2, 2, 3, None)


def test_a_large_parity_is_a_sample_without_repetition_that_its_seed_decides():
    task, again, other = (make_task("sparse_parity", {"data_seed": s}) for s in (0, 0, 1))
    assert task.inputs.shape == (6200, 30)
    assert len(task.inputs.unique(dim=0)) == 6200
    assert torch.equal(task.inputs, again.inputs)
    assert not torch.equal(task.inputs, other.inputs)
    assert (task.inputs.double().mean(dim=0) - 0.5).abs().max() < 0.03
    assert torch.equal(task.answers, task.inputs[:, 0] ^ task.inputs[:, 1] ^ task.inputs[:, 2])
    assert int(task.is_train(0.1936, 0).sum()) == 1200
    nearly_all = make_task("sparse_parity", {"n": 10, "samples": 1000})
    assert len(nearly_all.inputs.unique(dim=0)) == 1000


@pytest.mark.parametrize("scheme", ["ordered", "nanda2023"])
def test_splits_take_a_share_of_the_inputs(scheme):
    assert int(TASK.is_train(0.5, 3, scheme).sum()) == 32


def test_the_split_by_unordered_pairs_is_refused():
    with pytest.raises(BadInput, match=r"split=unordered pairs .* has 6 symbols. Choose split=ord"):
        TASK.is_train(0.5, 0, "unordered")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"n": 4, "k": 5}, r"a whole number from 1 to 4 \(the number of digits\), not 5"),
        ({"n": 63}, "`task.n` must be a whole number from 2 to 62 "),
        ({"samples": 1}, "`task.samples` must be a whole number from 2 "),
        ({"samples": 10**9}, ", not 1000000000."),
        ({"data_seed": -1}, "`task.data_seed` must be a whole number from 0 "),
    ],
)
def test_an_impossible_parity_is_refused(args, why):
    with pytest.raises(BadInput, match=why):
        make_task("sparse_parity", args)


def network(task=TASK, seed: int = 0, **args) -> ParityMLP:
    model = make_model("paritymlp", args, task, seed).double().requires_grad_(False)
    assert isinstance(model, ParityMLP)
    return model


def test_the_network_equals_the_plain_one():
    model = network(d_mlp=5)
    W_in, W_out = model.W_in.numpy(), model.W_out.numpy()
    assert W_in.shape == (7, 5)
    for digits, logits in zip(TASK.inputs.tolist(), model(TASK.inputs), strict=True):
        z = 0.0
        for m in range(5):
            pre = W_in[6, m] + sum(W_in[j, m] for j in range(6) if digits[j])
            z += max(pre, 0) * W_out[m, 0]
        assert logits.tolist() == pytest.approx([0, z], abs=1e-10)


def test_its_loss_is_the_binary_cross_entropy_of_its_output():
    logits = network()(TASK.inputs)
    binary = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[:, 1], TASK.answers.double()
    )
    assert float(cross_entropy(logits, TASK.answers)) == pytest.approx(float(binary), abs=1e-12)


def test_its_steps_have_the_same_gradients_alone_and_together():
    models = [network(seed=seed, d_mlp=5).requires_grad_() for seed in (0, 1)]
    few = [Examples(TASK.inputs[:20], TASK.answers[:20]), Examples(TASK.inputs, TASK.answers)]
    found = []
    for formulation in (reference, last):
        stack = Stack(models, "cpu", torch.float64)
        formulation(stack.template, few, "float64")(stack)
        found.append(stack.grad.clone())
    assert torch.allclose(*found, atol=1e-14)
    for k, (model, data) in enumerate(zip(models, few, strict=True)):
        loss = cross_entropy(model(data.inputs), data.answers)
        own = torch.autograd.grad(loss, list(model.parameters()))
        assert torch.allclose(found[0][k, :40], torch.cat([g.flatten() for g in own]), atol=1e-12)


def test_a_model_of_digits_and_a_task_of_pairs_do_not_mix():
    with pytest.raises(BadInput, match=r"model `transformer` reads pairs .* has 6 symbols"):
        make_model("transformer", {}, TASK, 0)
    with pytest.raises(BadInput, match="this task has 7 symbols and 7 answers"):
        make_model("paritymlp", {}, make_task("a+b", {"p": 7}), 0)
    assert network(make_task("a+b", {"p": 2})).W_in.shape == (3, 64)  # exclusive or
    assert network().symbol_weights() == {}


def planted(extra: int = 0, noise: float = 0.0) -> Snapshot:
    """The parity of three of six digits by four neurons, and `extra` faint ones that do nothing.

    With s the sum of the three digits, z = relu(s) - 2 relu(s - 1) + 2 relu(s - 2) - ½ relu(1) is
    -½, ½, -½, ½.
    """
    W_in, W_out = torch.zeros(7, 4 + extra), torch.zeros(4 + extra, 1)
    W_in[:3, :3] = 1
    W_in[6, :4] = torch.tensor([0.0, -1, -2, 1])
    W_out[:4, 0] = torch.tensor([1.0, -2, 2, -0.5])
    W_in[3:6, 4:] = noise
    model = network(d_mlp=4 + extra)
    model.load_state_dict({"W_in": W_in, "W_out": W_out})
    return Snapshot(TASK, TASK.is_train(0.5, 0), model)


def test_a_planted_solution_is_found_right_clean_and_small():
    s = planted()
    assert losses.test_accuracy(s) == 1
    assert parity.relevant_weight(s) == pytest.approx((9 / 12) ** 0.5)
    assert parity.distracting_weight(s) == 0
    assert parity.active_neurons(s) == 3
    assert parity.weight_sparsity(s) == pytest.approx((28 - 12) / 32)


def test_faint_neurons_are_not_counted_as_active_and_their_weight_distracts():
    s = planted(extra=5, noise=0.01)
    assert parity.active_neurons(s) == 3
    assert parity.distracting_weight(s) == pytest.approx((15 * 1e-4 / 27) ** 0.5)


def test_active_neurons_equal_a_plain_search():
    task = make_task("sparse_parity", {"n": 8})
    for seed in range(4):
        model = network(task, seed, d_mlp=12)
        s = Snapshot(task, task.is_train(0.4, seed), model)
        W_in, W_out = model.W_in.numpy(), model.W_out.numpy()[:, 0]
        order = sorted(range(12), key=lambda m: -np.linalg.norm(W_in[:-1, m]))
        x = np.c_[task.inputs[s.is_train].numpy(), np.ones(int(s.is_train.sum()))]
        post = np.maximum(x @ W_in, 0)
        whole = post @ W_out > 0
        alone = next(
            k for k in range(1, 13)
            if ((post[:, order[:k]] @ W_out[order[:k]] > 0) == whole).all()
        )  # fmt: skip
        assert parity.active_neurons(s) == alone


def test_an_untrained_network_weighs_all_digits_alike():
    task = make_task("sparse_parity", {})
    s = Snapshot(task, task.is_train(0.1936, 0), network(task))
    for name in ("relevant_weight", "distracting_weight"):
        assert getattr(parity, name)(s) == pytest.approx(31**-0.5, rel=0.1)
    assert parity.active_neurons(s) > 55
    assert 0.01 < parity.weight_sparsity(s) < 0.06


def test_measures_of_parity_say_where_they_have_no_meaning():
    pairs = make_task("a+b", {"p": 7})
    model = make_model("mlp", {}, pairs, 0).requires_grad_(False)
    s = Snapshot(pairs, pairs.is_train(0.5, 0), model)
    for name in ("relevant_weight", "distracting_weight", "active_neurons", "weight_sparsity"):
        with pytest.raises(NotApplicable, match="does not depend on its leading digits alone"):
            getattr(parity, name)(s)
    whole = make_task("sparse_parity", {"n": 3, "k": 3})
    s = Snapshot(whole, whole.is_train(0.5, 0), network(whole))
    with pytest.raises(NotApplicable, match="no digit that distracts"):
        parity.distracting_weight(s)


@pytest.mark.parametrize("formulation", ["fast", "last", "reference"])
def test_parity_trains_and_generalises(tmp_path, formulation):
    spec = Spec(
        task="sparse_parity", task_args={"n": 10, "k": 2}, model="paritymlp", train_fraction=0.3,
        lr=1e-2, weight_decay=0.3, steps=300, eval_every=50, checkpoint_every=300,
        formulation=formulation,
    )  # fmt: skip
    s = Snapshot.of(train(spec, tmp_path))
    assert losses.test_accuracy(s) > 0.95
    assert parity.relevant_weight(s) > 2 * parity.distracting_weight(s)

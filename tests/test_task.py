import random

import pytest
import torch

from grokscope.algebra.families import group
from grokscope.errors import BadInput
from grokscope.task import binary
from grokscope.tasks import make_task

SCHEMES = ["ordered", "unordered", "nanda2023"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_split_depends_on_its_seed_alone(scheme):
    task = make_task("a+b", {"p": 23})
    one, again, other = (task.is_train(0.3, seed, scheme) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert float(one.double().mean()) == pytest.approx(0.3, abs=0.01)


def test_unordered_pairs_stay_together():
    task = make_task("a+b", {"p": 23})
    is_train = task.is_train(0.3, 0, "unordered").view(23, 23)
    assert torch.equal(is_train, is_train.T)
    ordered = task.is_train(0.3, 0, "ordered").view(23, 23)
    assert not torch.equal(ordered, ordered.T)


def test_the_split_of_nanda_2023_is_pythons_shuffle():
    # their code: random.seed(seed); pairs with i outer and j inner; random.shuffle; the first 30 %
    pairs = [(i, j) for i in range(113) for j in range(113)]
    random.seed(0)
    random.shuffle(pairs)
    task = make_task("a+b", {})
    is_train = task.is_train(0.3, 0, "nanda2023")
    assert int(is_train.sum()) == 3830
    assert {tuple(p) for p in task.inputs[is_train].tolist()} == set(pairs[:3830])


def test_the_split_of_chughtai_2023_is_torchs_permutation():
    task = make_task("composition", {"group": "S4"})
    with torch.random.fork_rng():
        torch.manual_seed(2)
        expected = torch.randperm(576)[:230]
    assert set(task.is_train(0.4, 2, "ordered").nonzero()[:, 0].tolist()) == set(expected.tolist())


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    task = make_task("a+b", {"p": 11})
    for scheme in SCHEMES:
        task.is_train(0.5, 0, scheme)
    task.noisy_answers(0.5, 0)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("fraction", "part"), [(0.9999, "test"), (1e-6, "train")])
@pytest.mark.parametrize("scheme", ["ordered", "unordered"])
def test_an_empty_part_is_refused(fraction, part, scheme):
    task = make_task("a+b", {"p": 5})
    if part == "test":
        task.is_train(1 - 1 / 25, 0, "ordered")  # one test pair is enough
        fraction = 1.0
    with pytest.raises(BadInput, match=f"leaves no {part} pair of the 25"):
        task.is_train(fraction, 0, scheme)


@pytest.mark.parametrize("size", [1, 7, 13, 24])
def test_a_size_is_met_exactly(size):
    for scheme in ("ordered", "first", "nanda2023"):
        assert make_task("a+b", {"p": 5}).is_train(0.3, 5, scheme, size).sum() == size


def test_a_size_that_cannot_be_met_is_refused():
    with pytest.raises(BadInput, match="train_size=25 leaves no test pair of the 25"):
        make_task("a+b", {"p": 5}).is_train(0.3, 0, "ordered", 25)
    with pytest.raises(BadInput, match="split=unordered takes pairs together"):
        [make_task("a+b", {"p": 5}).is_train(0.3, seed, "unordered", 12) for seed in range(9)]


def test_noise_changes_the_share_of_answers_that_was_asked_for():
    task = make_task("a+b", {"p": 31})
    for share in (0.0, 0.25, 1.0):
        changed = float((task.noisy_answers(share, 0) != task.answers).double().mean())
        assert changed == pytest.approx(share * 30 / 31, abs=0.03)


def test_composition_is_the_groups_product():
    task = make_task("composition", {"group": "S3"})
    assert task.group is not None
    a, b = task.inputs.unbind(dim=1)
    assert torch.equal(task.answers, task.group.table[a, b])
    assert len(task.inputs) == 36


@pytest.mark.parametrize(
    ("f", "n", "why"),
    [
        (lambda a, b: (a * a + 2 * b) % 6, 6, r"is not the product in S3: at \(0, 1\)"),
        (lambda a, b: (a + b) % 7, 7, "its group S3 has 6 elements"),
    ],
)
def test_a_group_that_is_not_the_tasks_is_refused(f, n, why):
    with pytest.raises(BadInput, match=why):
        binary("wrong", n, f, group=group("S3"))

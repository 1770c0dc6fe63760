"""The local learning coefficient, on models whose coefficient is known."""

import math
import sys

import pytest
import torch
from torch import nn

from grokscope import BadInput, Snapshot, train
from grokscope.measures.llc import Sampling, coefficient, coefficients, learning_coefficient

N = 500
X = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
HOW = Sampling(chains=8, draws=400, burn_in=100, epsilon=4e-3, gamma=1.0)


class Regular(nn.Module):
    """xᵀw: four weights, each of which the loss pins down."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        return x @ self.w


class Product(nn.Module):
    """x w₁ w₂ at 0: two weights, of whose zeros one line each is as good."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return x[:, 0] * self.w.prod()


def half_square(out, answers):
    return (out - answers).square().mean() / 2


@pytest.fixture(scope="module", autouse=True)
def package():
    try:
        coefficient(Regular(), X[:3], torch.zeros(3), half_square, Sampling(2, 2, 2))
    except BadInput as error:
        pytest.skip(str(error))


def test_a_regular_model_has_half_its_weights_and_what_the_step_adds():
    found = coefficient(Regular(), X, torch.zeros(N), half_square, HOW)
    pull = N / math.log(N) + HOW.gamma  # on a weight, whose curvature is 1
    expected = 4 / 2 / (1 - HOW.epsilon * pull / 4)
    assert found.value == pytest.approx(expected, abs=4 * max(0.06, found.error))
    assert 0 < found.error < 0.2
    assert len(found.by_chain) == 8


def test_a_singular_model_has_less():
    found = coefficient(Product(), X, torch.zeros(N), half_square, HOW)
    assert 0.1 < found.value < 0.8  # 1/2, and 1 if it were regular


def test_the_same_seed_draws_the_same_and_leaves_torchs_numbers_alone():
    few = Sampling(chains=2, draws=4, burn_in=4, epsilon=1e-3, gamma=1.0)
    torch.manual_seed(1)
    first = coefficient(Regular(), X, torch.zeros(N), half_square, few)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    assert coefficient(Regular(), X, torch.zeros(N), half_square, few) == first


def test_a_run_has_one_at_each_checkpoint(tmp_path, tiny):
    run = train(tiny(), tmp_path)
    few = Sampling(chains=2, draws=3, burn_in=2)
    table = coefficients(run, run.steps[-2:], few)
    assert table.columns == ["step", "llc", "error", "drift", "train_loss"]
    alone = learning_coefficient(Snapshot.of(run), few)
    assert table["llc"][1] == pytest.approx(alone.value)
    assert table["train_loss"][1] == pytest.approx(run.rows[-1]["train_loss"], rel=1e-4)


def test_steps_that_are_too_large_are_told():
    far = Sampling(chains=2, draws=20, burn_in=200, epsilon=10.0)
    with pytest.raises(BadInput, match="Try epsilon=1"):
        coefficient(Regular(), X, torch.zeros(N), half_square, far)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(BadInput, match="chains"):
        Sampling(chains=1)
    with pytest.raises(BadInput, match="epsilon"):
        Sampling(epsilon=0.0)


def test_without_the_package_it_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "canonical_interp", None)
    with pytest.raises(BadInput, match=r"pip install 'grokscope\[slt\]'"):
        coefficient(Regular(), X, torch.zeros(N), half_square, HOW)

"""Ablations beside their controls: on planted networks, where the cause is known."""

import json
from copy import deepcopy
from pathlib import Path
from statistics import median

import pytest
import torch

from grokscope.errors import NotApplicable
from grokscope.measures.neurons import neuron_parts
from grokscope.models.model import Model
from grokscope.models.transformer import Transformer
from grokscope.planted import waves
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.tasks import make_task
from grokscope.training.train import train
from grokscope.verify.ablations import ablate, of_degree_two
from grokscope.verify.interchange import interchange

planted = waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32).snapshot
FOUND = {x.what: x for x in ablate(planted)}


def carried_by_one() -> tuple[Snapshot, str]:
    """The planted network with the neurons of one frequency alone read out."""
    names, shares = neuron_parts(planted)
    carrying = int(shares.max(dim=0).indices[0])
    model = deepcopy(planted.model)
    with torch.no_grad():
        model.get_parameter("W_U")[shares.max(dim=0).indices != carrying] = 0
    return Snapshot(planted.task, planted.is_train, model), names[carrying]


def test_without_the_frequency_that_carries_it_a_network_guesses_and_without_as_many_others_not():
    s, carrying = carried_by_one()
    whole, *found = ablate(s)
    clusters = {x.what: x for x in found if x.what.startswith("neurons of frequency")}
    assert len(clusters) == 4
    assert all(x.size == "32 neurons" for x in clusters.values())
    x = clusters.pop(f"neurons of {carrying}")
    assert x.accuracy < 0.05
    assert min(x.control_accuracies) > 0.1  # a quarter of what carries it is gone
    assert {x.accuracy for x in clusters.values()} == {whole.accuracy}


def test_the_directions_that_are_read_are_enough_and_random_ones_are_not():
    kept, off = FOUND["directions of W_L kept alone"], FOUND["all off W_L kept alone"]
    assert kept.accuracy == 1
    assert median(kept.control_accuracies) < 0.5
    assert off.accuracy < 0.2
    assert median(off.control_accuracies) > 0.9


def test_a_neuron_is_nearly_its_polynomial_in_its_own_frequency_and_not_in_another():
    x = FOUND["neurons by their part"]
    assert x.accuracy == 1
    assert max(x.control_accuracies) < 0.5


def test_what_is_of_degree_two_is_its_own_polynomial():
    x = torch.randn(
        len(planted.task.inputs), 3, generator=torch.Generator().manual_seed(0)
    ).double()
    once = of_degree_two(planted, 4, x)
    assert torch.allclose(of_degree_two(planted, 4, once), once, atol=1e-10)
    assert once.norm() < x.norm() / 3  # 9 of 961 functions


def transformer(n_heads: int = 2) -> Snapshot:
    task = make_task("a+b", {"p": 7})
    torch.manual_seed(0)
    model = Transformer(7, 7, d_model=8, n_heads=n_heads, d_mlp=6).requires_grad_(False)
    return Snapshot(task, task.is_train(0.5, 0), model)


def test_without_the_key_parts_of_the_product_a_network_guesses_and_without_others_not():
    x = FOUND["key parts of the product"]
    assert x.accuracy < 0.2
    assert min(x.control_accuracies) == 1


def test_pairs_that_are_given_the_key_parts_of_others_answer_as_these():
    found = interchange(planted)
    assert found.share == 1
    assert found.control is not None
    assert found.control < 0.05


def linear_in_one_wave(slope: float) -> Snapshot:
    """A network whose only head prefers a to b by slope times the difference of their cosines."""
    s = transformer(n_heads=1)
    cosine = (2 * torch.pi * torch.arange(8) / 7).cos()
    cosine[7] = -100 / slope  # nothing attends to "="
    with torch.no_grad():
        for name in ("W_E", "W_pos", "W_Q", "W_K"):
            s.model.get_parameter(name).zero_()
        s.model.get_parameter("W_E")[:, 0] = cosine
        s.model.get_parameter("W_E")[:, 1] = (torch.arange(8) == 7).float()
        s.model.get_parameter("W_E")[:, 2:] = torch.randn(8, 6)
        s.model.get_parameter("W_Q")[0, 1, 0] = slope * 8**0.5
        s.model.get_parameter("W_K")[0, 0, 0] = 1
    return Snapshot(s.task, s.is_train, s.model)


def test_attention_to_a_faint_wave_is_linear_and_to_a_strong_one_not():
    losses = {}
    for slope in (0.05, 20.0):
        s = linear_in_one_wave(slope)
        whole, *found = ablate(s)
        x = next(x for x in found if x.what == "attention")
        losses[slope] = abs(x.loss - whole.loss)
        assert min(abs(y - whole.loss) for y in x.control_losses) >= losses[slope]
    assert losses[0.05] < 1e-3
    assert losses[20.0] > 100 * losses[0.05]


def test_a_path_that_is_removed_is_the_network_without_it():
    s = transformer()
    found = {(x.what, x.put): x for x in ablate(s, draws=1)}
    assert {"all heads", "head 0", "head 1", "attention skip", "MLP skip"} <= {k for k, _ in found}
    mid, post = s.activation("resid_mid"), s.activation("resid_post")
    by_hand = ((post - mid)[:, -1] @ s.model.get_parameter("W_U"))[:, :7]
    loss = torch.nn.functional.cross_entropy(by_hand.double(), s.task.answers)
    assert found["MLP skip", "zero"].loss == pytest.approx(float(loss), rel=1e-5)
    W, W_U = dict(s.model.named_parameters()), s.model.get_parameter("W_U")
    skip = mid - s.activation("attn_out")
    hidden = torch.relu(skip @ W["W_in"] + W["b_in"])
    by_hand = ((mid + hidden @ W["W_out"] + W["b_out"])[:, -1] @ W_U)[:, :7]
    loss = torch.nn.functional.cross_entropy(by_hand.double(), s.task.answers)
    assert found["heads to the MLP", "zero"].loss == pytest.approx(float(loss), rel=1e-5)
    # past attention there is "=" alone, which does not vary: its mean is itself
    assert ("attention skip", "mean") not in found


def test_a_control_removes_as_much_and_never_the_same():
    s = transformer()
    x = next(x for x in ablate(s, draws=4) if x.what == "all heads" and x.put == "zero")
    assert len(set(x.control_losses)) == 4
    assert x.loss not in x.control_losses
    again = next(x for x in ablate(s, draws=4) if x.what == "all heads" and x.put == "zero")
    assert again == x


def test_a_network_without_heads_or_neurons_says_so():
    class Bare(Model):
        n_answers = 7

        def forward(self, inputs, tap=no_tap):
            return tap("logits", torch.zeros(len(inputs), 7))

        def symbol_weights(self):
            return {}

    task = make_task("a+b", {"p": 7})
    with pytest.raises(NotApplicable, match="neither heads nor neurons"):
        ablate(Snapshot(task, task.is_train(0.5, 0), Bare()))


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory) -> Path:
    return train(tiny(), tmp_path_factory.mktemp("ablate")).folder


def test_the_command_prints_a_line_an_ablation_and_draws_them(run, call, tmp_path):
    picture = tmp_path / "ablations.svg"
    said = call("ablate", run, "--draws", "2", "--plot", picture)
    assert said.code == 0, said.err
    for what in ("nothing", "all heads", "linear", "attention skip", "MLP skip", "answer as it"):
        assert what in said.out
    assert picture.is_file()
    found = json.loads(call("ablate", run, "--draws", "2", "--json").out)
    assert all(len(x["control_losses"]) == 2 for x in found["ablations"][1:])
    assert 0 <= found["interchange"]["share"] <= 1


def test_the_command_refuses_what_makes_no_sense(run, call):
    assert "--draws" in call("ablate", run, "--draws", "0").err
    assert call("ablate", run, "--plot", "x.doc").code == 2

"""Ablations beside their controls: on planted networks, where the cause is known."""

from copy import deepcopy
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
from grokscope.verify.ablations import ablate, of_degree_two

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


def transformer() -> Snapshot:
    task = make_task("a+b", {"p": 7})
    torch.manual_seed(0)
    model = Transformer(7, 7, d_model=8, n_heads=2, d_mlp=6).requires_grad_(False)
    return Snapshot(task, task.is_train(0.5, 0), model)


def test_a_path_that_is_removed_is_the_network_without_it():
    s = transformer()
    found = {(x.what, x.put): x for x in ablate(s, draws=1)}
    assert {"all heads", "head 0", "head 1", "attention skip", "MLP skip"} <= {k for k, _ in found}
    mid, post = s.activation("resid_mid"), s.activation("resid_post")
    by_hand = ((post - mid)[:, -1] @ s.model.get_parameter("W_U"))[:, :7]
    loss = torch.nn.functional.cross_entropy(by_hand.double(), s.task.answers)
    assert found["MLP skip", "zero"].loss == pytest.approx(float(loss), rel=1e-5)
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

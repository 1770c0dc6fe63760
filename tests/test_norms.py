"""Norms folded into the maps that read them: the function stays, the weights hold all of it."""

import pytest
import torch

from grokscope.errors import NotApplicable
from grokscope.models import make_model
from grokscope.models.norms import with_folded_norms
from grokscope.tasks import make_task

TASK = make_task("a+b", {"p": 7})
SMALL = {"d_model": 16, "d_mlp": 24, "n_heads": 2}


def network(**changed):
    """A network whose norms, and biases, are not as they begin."""
    model = make_model("decoder", {**SMALL, **changed}, TASK, seed=0).double()
    numbers = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, w in model.named_parameters():
            if name.startswith(("ln", "b_")):
                w.add_(torch.randn(w.shape, generator=numbers, dtype=w.dtype) / 2)
    return model.requires_grad_(False)


@pytest.mark.parametrize(
    "changed",
    [
        {"norm": "layer"},
        {"norm": "rms"},
        {"norm": "layer", "n_layers": 2},
        {"norm": "layer", "final_norm": False},
        {"norm": "rms", "gated": True},
        {"norm": "layer", "attention_only": True, "n_layers": 2},
    ],
    ids=str,
)
def test_a_folded_network_has_the_same_function(changed):
    model = network(**changed)
    before = {name: w.clone() for name, w in model.named_parameters()}
    folded = with_folded_norms(model)
    logits = model(TASK.inputs)
    assert float((folded(TASK.inputs) - logits).abs().max()) < 1e-12 * float(logits.abs().max())
    scales = {name: w for name, w in folded.named_parameters() if name.startswith("ln")}
    assert scales
    assert all(bool((w == float(name.endswith("_w"))).all()) for name, w in scales.items())
    assert all(torch.equal(w, before[name]) for name, w in model.named_parameters())
    assert not torch.equal(folded.get_parameter("W_Q"), before["W_Q"])


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_what_measures_read_holds_the_last_scale(norm):
    model = network(norm=norm)
    ours, theirs = model.symbol_weights(), with_folded_norms(model).symbol_weights()
    assert ours.keys() == theirs.keys()
    for role in ours:
        torch.testing.assert_close(ours[role], theirs[role])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"norm": "none"}, "no norm"),
        ({"norm": "layer", "norm_after": True}, "after the sums"),
        ({"norm": "layer", "gated": True}, "gates"),
    ],
)
def test_what_cannot_be_folded_says_why(changed, why):
    with pytest.raises(NotApplicable, match=why):
        with_folded_norms(network(**changed))

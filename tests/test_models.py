"""Each model against an independent plain implementation, written in numpy with loops."""

import math

import numpy as np
import pytest
import torch

from grokscope.errors import BadInput, UnknownName
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.tap import edit, record
from grokscope.tasks import make_task

TASK = make_task("a+b", {"p": 7})
SMALL = {
    "transformer": {"d_model": 12, "n_heads": 3, "d_mlp": 20},
    "mlp": {"d_embed": 10, "d_mlp": 17},
}


def small(name: str) -> Model:
    """A small float64 model with no zero among its weights, biases included."""
    model = make_model(name, SMALL[name], TASK, seed=3).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for w in model.parameters():
            w += 0.3 * torch.randn(w.shape, generator=generator, dtype=w.dtype)
    return model


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def transformer_by_hand(w, a, b):
    """Nanda et al. 2023, appendix A, for one input, position by position."""
    tokens = [a, b, len(w["W_E"]) - 1]
    x = [w["W_E"][t] + w["W_pos"][i] for i, t in enumerate(tokens)]
    mid = []
    for i in range(3):
        out = x[i].copy()
        for h in range(len(w["W_Q"])):
            q = x[i] @ w["W_Q"][h]
            keys = [x[j] @ w["W_K"][h] for j in range(i + 1)]
            pattern = softmax(np.array([q @ k for k in keys]) / math.sqrt(len(q)))
            z = sum(pattern[j] * (x[j] @ w["W_V"][h]) for j in range(i + 1))
            out += z @ w["W_O"][h]
        mid.append(out)
    hidden = np.maximum(mid[2] @ w["W_in"] + w["b_in"], 0)
    return (mid[2] + hidden @ w["W_out"] + w["b_out"]) @ w["W_U"]


def mlp_by_hand(w, a, b):
    """Chughtai et al. 2023: concatenate, multiply, rectify, read out."""
    return np.maximum(np.concatenate([w["W_x"][a], w["W_y"][b]]) @ w["W"], 0) @ w["W_U"]


BY_HAND = {"transformer": transformer_by_hand, "mlp": mlp_by_hand}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("way", ["forward", "last", "fold"])
def test_every_way_of_computing_a_model_equals_the_plain_one(name, way):
    model = small(name)
    weights = {k: v.detach().numpy() for k, v in model.named_parameters()}
    expected = np.stack([BY_HAND[name](weights, a, b) for a, b in TASK.inputs.tolist()])
    with torch.no_grad():
        found = getattr(model, way)(TASK.inputs)
        logits = found.logits() if way == "fold" else found
    assert np.abs(logits.numpy() - expected).max() < 1e-10


def test_the_transformer_of_nanda_2023_has_its_size():
    task = make_task("a+b", {})
    models = [make_model("transformer", {}, task, seed) for seed in range(8)]
    norms = [sum(float(w.detach().double().square().sum()) for w in m.parameters()) for m in models]
    assert sum(w.numel() for w in models[0].parameters()) == 226_816
    assert np.mean(norms) == pytest.approx(1781, rel=0.002)
    logits = models[0](task.inputs[:4])
    assert logits.shape == (4, 114)  # "=" is a class too; readings drop it
    assert models[0].n_answers == 113


def test_the_mlp_of_chughtai_2023_has_its_size_and_draws_in_their_order():
    task = make_task("composition", {"group": "S5"})
    model = make_model("mlp", {}, task, seed=2)
    assert {k: tuple(w.shape) for k, w in model.named_parameters()} == {
        "W_x": (120, 256), "W_y": (120, 256), "W": (512, 128), "W_U": (128, 120)
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(2)
        first = torch.randn(120, 256) / 16
    assert torch.allclose(dict(model.named_parameters())["W_x"], first)


@pytest.mark.parametrize("name", SMALL)
def test_initial_weights_depend_on_the_seed_alone(name):
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    one, again, other = (make_model(name, SMALL[name], TASK, s) for s in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    for x, y, z in zip(one.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(x, y)
        assert not torch.equal(x, z) or not x.any()


def test_activations_can_be_seen_and_changed():
    model = small("transformer")
    seen = record(model, TASK.inputs)
    assert list(seen) == [
        "pos_embed", "embed", "resid_pre", "q", "k", "attn_scores", "pattern", "v", "z", "attn_out",
        "resid_mid", "mlp_pre", "mlp_post", "mlp_out", "resid_post", "logits",
    ]  # fmt: skip
    assert seen["pattern"].shape == (49, 3, 3, 3)
    assert seen["pattern"].triu(1).abs().max() == 0  # no attention to the future
    assert torch.allclose(seen["pattern"].sum(-1), torch.ones(49, 3, 3, dtype=torch.float64))
    without = edit(model, TASK.inputs, {"mlp_post": torch.zeros_like})
    by_hand = seen["resid_mid"][:, -1] + dict(model.named_parameters())["b_out"]
    assert torch.allclose(without, by_hand @ dict(model.named_parameters())["W_U"])
    assert torch.equal(model(TASK.inputs), seen["logits"])  # nothing was left switched on


def test_editing_what_is_not_there_names_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean `mlp_out`"):
        edit(small("transformer"), TASK.inputs, {"mlp_outt": torch.zeros_like})


@pytest.mark.parametrize("name", SMALL)
def test_symbol_weights_have_a_row_for_each_symbol(name):
    weights = small(name).symbol_weights()
    assert set(weights) in ({"a", "b", "c"}, {"ab", "c"})
    assert {len(w) for w in weights.values()} == {7}


def test_a_width_that_no_head_divides_is_refused():
    with pytest.raises(BadInput, match=r"n_heads=5 does not divide model\.d_model=128"):
        make_model("transformer", {"n_heads": 5}, TASK, 0)

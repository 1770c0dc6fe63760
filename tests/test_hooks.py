"""Names and hooks: activations under TransformerLens's names, and a module that hooks see into."""

import pytest
import torch

from grokscope.errors import NotApplicable, UnknownName
from grokscope.foreign import import_network, sources
from grokscope.models.hook_points import HookPoints
from grokscope.models.hooked import as_hooked, tokens_of
from grokscope.tap import edit, record
from tests.layouts import SMALL, P, small
from tests.published import CHECKPOINTS

INPUTS = torch.cartesian_prod(torch.arange(P), torch.arange(P))
SHAPES = {  # of two layers, two heads of width 8, at every position of [a, b, =]
    "hook_embed": (49, 3, 16),
    "hook_pos_embed": (49, 3, 16),
    "blocks.0.hook_resid_pre": (49, 3, 16),
    "blocks.0.attn.hook_q": (49, 3, 2, 8),
    "blocks.1.attn.hook_k": (49, 3, 2, 8),
    "blocks.1.attn.hook_v": (49, 3, 2, 8),
    "blocks.0.attn.hook_attn_scores": (49, 2, 3, 3),
    "blocks.1.attn.hook_pattern": (49, 2, 3, 3),
    "blocks.1.attn.hook_z": (49, 3, 2, 8),
    "blocks.0.hook_attn_out": (49, 3, 16),
    "blocks.1.hook_resid_mid": (49, 3, 16),
    "blocks.1.mlp.hook_pre": (49, 3, 24),
    "blocks.0.mlp.hook_post": (49, 3, 24),
    "blocks.1.hook_mlp_out": (49, 3, 16),
    "blocks.1.hook_resid_post": (49, 3, 16),
}


@pytest.fixture(scope="module")
def network():
    return small("decoder", **SMALL, n_layers=2, norm="layer")


def test_an_activation_has_two_names(network):
    seen = record(network, INPUTS)
    assert {name: tuple(seen[name].shape) for name in SHAPES} == SHAPES
    assert seen["blocks.1.mlp.hook_post"] is seen["mlp_post"]
    assert seen["blocks.0.mlp.hook_post"] is seen["layer0.mlp_post"]
    scores = seen["blocks.0.attn.hook_attn_scores"]
    assert torch.equal(scores.softmax(dim=-1), seen["layer0.pattern"])
    assert "blocks.2.hook_resid_pre" not in seen
    assert list(record(network, INPUTS, until="blocks.0.attn.hook_z"))[-1] == "layer0.z"


def test_an_edit_by_either_name_is_the_same(network):
    ours, theirs = (
        edit(network, INPUTS, {name: torch.zeros_like})
        for name in ("layer0.z", "blocks.0.attn.hook_z")
    )
    assert torch.equal(ours, theirs)
    assert not torch.allclose(ours, network(INPUTS))
    with pytest.raises(UnknownName, match=r"Did you mean `blocks\.0\.attn\.hook_z`"):
        edit(network, INPUTS, {"blocks.0.attn.hook_zz": torch.zeros_like})


@pytest.mark.parametrize(("model", "args"), [
    ("mlp", {"d_embed": 8, "d_mlp": 10}), ("furuta", SMALL),
    ("decoder", SMALL | {"positions": False}), ("power", {"d_model": 16, "n_heads": 2}),
])  # fmt: skip
def test_what_transformer_lens_has_not_has_none_of_its_names(model, args):
    network = small(model, **args)
    assert not record(network, INPUTS).hooked
    with pytest.raises(NotApplicable, match="is not a network of TransformerLens: "):
        as_hooked(network)


def test_attention_alone_has_no_names_of_what_comes_before_an_mlp():
    network = small("decoder", d_model=16, n_heads=2, attention_only=True)
    assert not [name for name in record(network, INPUTS).hooked if "mid" in name or "mlp" in name]


@pytest.mark.parametrize(("model", "args", "name"), [
    ("decoder", SMALL, "blocks.0.mlp.hook_post"), ("mlp", {"d_embed": 8, "d_mlp": 10}, "mlp_post"),
])  # fmt: skip
def test_a_hook_on_a_submodule_sees_an_activation_and_can_replace_it(model, args, name):
    network = small(model, **args)
    module, seen = HookPoints(network, INPUTS[:1]), []
    assert torch.equal(module(INPUTS), network(INPUTS))
    point = module.get_submodule(name)
    with torch.no_grad():
        handle = point.register_forward_hook(lambda _, __, x: seen.append(x) or torch.zeros_like(x))
        changed = module(INPUTS)
        handle.remove()
    assert torch.equal(seen[0], record(network, INPUTS)[name])
    assert torch.equal(changed, edit(network, INPUTS, {name: torch.zeros_like}))
    assert torch.equal(module(INPUTS), network(INPUTS))


def test_the_tokens_of_a_network_are_those_that_it_reads(network):
    assert tokens_of(network, INPUTS[:1]).tolist() == [[0, 0, P]]


TRAINED = CHECKPOINTS / "transformer_lens"
READ = {  # trained in TransformerLens 2.18: what our model says of each
    "back_hooked_p23.pth": {"classes": 24},
    "var_bU.pth": {"classes": 24},
    "var_gelu.pth": {},
    "var_LN.pth": {"norm": "layer", "classes": 24},
    "var_two_tokens.pth": {"sequence": "a b"},
}


@pytest.mark.skipif(not TRAINED.exists(), reason="needs the networks trained in TransformerLens")
@pytest.mark.parametrize("name", READ)
def test_networks_trained_in_transformer_lens_are_read(name, tmp_path):
    (source,) = sources(TRAINED / name)
    act = "gelu" if "gelu" in name else "relu"
    spec = import_network(source, tmp_path, task="a+b p=23", activation=act).run.spec
    assert READ[name].items() <= spec.model_args.items()

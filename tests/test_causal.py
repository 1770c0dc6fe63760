"""Ablations and interchanges: exact over the table, and right where the cause is known."""

import pytest
import torch

from grokscope.errors import BadInput, NotApplicable
from grokscope.models.transformer import Transformer
from grokscope.planted import waves
from grokscope.snapshot import Snapshot
from grokscope.tasks import make_task
from grokscope.verify.causal import interchange, without_heads, without_neurons, without_parts
from grokscope.verify.verify import is_right

planted = waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32)


def transformer():
    task = make_task("a+b", {"p": 7})
    model = Transformer(7, 7, d_model=8, n_heads=2, d_mlp=6).requires_grad_(False)
    return Snapshot(task, task.is_train(0.5, 0), model)


def test_removing_a_neuron_equals_zeroing_its_rows_around_its_mean():
    s = planted.snapshot
    post, W = s.mlp_post, planted.model.state_dict()["W_U"]
    by_hand = s.logits - (post[:, 3] - post[:, 3].mean())[:, None] * W[3]
    assert torch.allclose(without_neurons(s, [3]), by_hand, atol=1e-4)


def test_removing_every_head_leaves_one_answer_at_the_last_position():
    logits = without_heads(transformer(), [0, 1])
    assert torch.allclose(logits, logits[:1].expand_as(logits), atol=1e-5)


def test_without_its_frequencies_a_network_of_waves_is_wrong_and_without_others_right():
    s = planted.snapshot
    keys = [k for k in s.fibres.split.names if k in s.lens.split.names and k != "constant"]
    assert is_right(without_parts(s, keys), s.task.answers).double().mean() < 0.2
    mine = interchange(s)
    assert mine["interchanged"] == 1
    assert mine["control"] < 0.05


def test_what_is_not_there_cannot_be_removed():
    with pytest.raises(BadInput, match="no neuron 999"):
        without_neurons(planted.snapshot, [999])
    with pytest.raises(NotApplicable, match="z"):
        without_heads(planted.snapshot, [0])
    with pytest.raises(NotApplicable, match="no head was named"):
        without_heads(transformer(), [])

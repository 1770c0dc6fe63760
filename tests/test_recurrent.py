"""Recurrent networks: run, folded, imported, explained."""

import json
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from grokscope.models import make_model
from grokscope.models.recurrent import Recurrent
from grokscope.papers import EXPERIMENTS
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.train import train
from tests.layouts import imported, write


def sized(task: Task, **args: object) -> Recurrent:
    network = make_model("recurrent", {"d_hidden": 10, "d_embed": 6, **args}, task, 1)
    assert isinstance(network, Recurrent)
    return network.double().requires_grad_(False)


SUM = make_task("a+b", {"p": 5})
SIZES = [
    {"n_layers": n, "equals": e, "one_hot": o}
    for n, e, o in product((1, 2), (False, True), (False, True))
]


@pytest.mark.parametrize("args", [*SIZES, {"classes": 8}, {"output_bias": False}], ids=str)
def test_a_folded_network_has_the_logits_of_the_written_one(args):
    network = sized(SUM, **args)
    folded = network.fold(SUM.inputs).logits()
    torch.testing.assert_close(folded, network(SUM.inputs), atol=1e-12, rtol=0)


def test_a_pair_is_a_sum_of_a_row_for_each_only_in_one_layer_that_reads_no_equals():
    said = [sized(SUM, **args).sides() is not None for args in SIZES]
    assert said == [args["n_layers"] == 1 and not args["equals"] for args in SIZES]


def test_an_input_of_any_length_is_read_token_by_token():
    digits = make_task("sparse_parity", {"n": 6, "k": 2})
    network, seen = sized(digits, one_hot=True), []
    logits = network(digits.inputs, lambda name, x: seen.append(name) or x)
    assert logits.shape == (len(digits.inputs), 2)
    assert seen[:5] == [f"layer0.state{t}" for t in range(5)]


def test_it_is_trained_explained_and_not_believed_by_name(call, tmp_path):
    settings = ("task.p=7", "model=recurrent", "model.d_hidden=16", "model.act=tanh", "steps=20")
    assert call("run", "hello", *settings, "--out", tmp_path).code == 0
    (folder,) = (x for x in tmp_path.iterdir() if (x / "spec.json").exists())
    found = json.loads(call("explain", folder, "--json").out)
    assert found["verdict"] == "not generalised"


def test_it_knows_its_pairs_by_heart_long_before_it_generalises(tmp_path):
    """The recipe of docs/guide.md; which step it is, rounding moves."""
    sizes = {"d_hidden": 128, "d_embed": 64}
    spec = replace(EXPERIMENTS["hello"].spec, model="recurrent", model_args=sizes, lr=0.01)
    spec = replace(spec, weight_decay=1.0, train_fraction=0.7, steps=4000, seed=2)
    run = train(replace(spec, eval_every=20, checkpoint_every=4000, stop_after_grok=20), tmp_path)
    by_heart, grokked = run.events.t_memorize, run.events.t_grok
    assert by_heart is not None
    assert grokked is not None
    assert grokked > 5 * by_heart


def test_a_planted_sum_modulo_two_is_imported_and_its_table_is_no_explanation(call, tmp_path):
    """Its state is [a and b, a or b, 0], its answer or less and: XOR, written by hand."""
    state = {
        "rnn.weight_ih_l0": torch.tensor([[0.0, 1.0], [0.0, 1.0]]),
        "rnn.weight_hh_l0": torch.tensor([[0.0, 1.0], [0.0, 1.0]]),
        "rnn.bias_ih_l0": torch.tensor([-1.0, 0.0]),
        "rnn.bias_hh_l0": torch.zeros(2),
        "linear.weight": torch.tensor([[2.0, -1.0], [-2.0, 1.0]]),
        "linear.bias": torch.tensor([0.5, -0.5]),
    }
    module = nn.RNN(2, 2, nonlinearity="relu", batch_first=True)
    module.load_state_dict({k[4:]: w for k, w in state.items() if k.startswith("rnn")})
    pairs = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    last = module(one_hot(pairs, 2).float())[0][:, -1]
    theirs = last @ state["linear.weight"].T + state["linear.bias"]
    path = write(tmp_path, {"xor.pt": state})
    run = imported(path, tmp_path / "out", task="a+b", activation="relu")
    torch.testing.assert_close(run.model()(pairs), theirs)
    assert theirs.argmax(dim=1).equal(pairs.sum(dim=1) % 2)
    assert call("show", run.folder).code == 0
    shown = json.loads(call("explain", run.folder, "--json").out)
    assert shown["verdict"] == "accurate"
    circuits = {x["name"]: x for x in shown["circuits"]}
    kept = {x["name"]: x["value"] for x in circuits["lookup"]["certificate"]}
    assert kept["accuracy kept alone, all"] == 1
    assert not any(x["verdict"] == "holds" for x in circuits.values())
    assert shown["algorithm"] is None

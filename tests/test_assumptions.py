"""What an imported network does not say: its axes, its task and convention, its activation. It is
said by its user, told by its answers, or assumed and said to be."""

import json
import math

import pytest
import torch
from torch import Tensor

from grokscope.errors import BadInput
from grokscope.explain.explanation import explain
from grokscope.foreign import Imported, import_network, sources
from grokscope.foreign.tasks import KNOWN, MARGIN
from grokscope.measures.measure import evaluate
from grokscope.page.certificate import certificates
from grokscope.page.page import page
from grokscope.reading import story
from grokscope.reading.explained import explanation_facts
from grokscope.reading.reading import read
from grokscope.reading.record import of_explanation, of_reading
from grokscope.reading.sentences import account
from grokscope.snapshot import Snapshot
from grokscope.training.run import Run
from tests.layouts import State, lookup, table_of, write
from tests.published import CHECKPOINTS

P = 23


def network(tmp_path, state, name: str = "net.pt", **said) -> Imported:
    (source,) = sources(write(tmp_path, {name: state}))
    return import_network(source, tmp_path / "out", **said)


def told(run: Run) -> str:
    return " ".join(account(explanation_facts(explain(Snapshot.of(run)))))


# ---- axes ----------------------------------------------------------------------------------------


def waves(p: int, phases: int) -> tuple[Tensor, Tensor]:
    """W_input and W_output of one frequency, residues by neurons: right on all of a+b as squares,
    and on about two thirds as relus (of six phases)."""
    turn = 2 * math.pi / p * torch.arange(p)[:, None]
    phase = 2 * math.pi / phases * torch.arange(phases)
    return torch.cos(turn + phase), torch.cos(turn + 2 * phase)


def one_hot(p: int, copies: int = 1) -> tuple[Tensor, Tensor]:
    """W_input and W_output, residues by neurons, of relus that answer a+b by a tent for each sum:
    more neurons than residues."""
    at = torch.arange(2 * p - 1)
    L = (torch.arange(p)[:, None] - torch.cat([at / 2 + d for d in (-0.5, 0, 0.5)])).double()
    height = torch.nn.functional.one_hot(at % p, p).double()  # which answer a sum has
    W_U = torch.cat([height, -2 * height, height])
    return L.repeat(1, copies).float(), (W_U / copies).T.repeat(1, copies).float()


@pytest.mark.parametrize("turn_in", [False, True])
@pytest.mark.parametrize("turn_out", [False, True])
def test_residues_are_told_by_the_answers_where_shapes_leave_them_open(turn_in, turn_out, tmp_path):
    W_in, W_out = one_hot(11)
    arrays = {
        "W_input": (W_in.T if turn_in else W_in).numpy(),
        "W_output": (W_out.T if turn_out else W_out).numpy(),
    }
    found = network(tmp_path, arrays, "net.npz")
    assert (found.run.spec.task, found.run.spec.task_args) == ("a+b", {"p": 11})
    assert found.accuracy == 1


@pytest.mark.parametrize("turned", [False, True])
def test_square_maps_are_turned_as_their_answers_ask(turned, tmp_path):
    W_in, W_out = waves(11, 11)
    arrays = {"W_input": W_in.T if turned else W_in, "W_output": W_out.T}
    arrays = {name: x.numpy() for name, x in arrays.items()}
    assert network(tmp_path, arrays, "net.npz", activation="square").accuracy == 1


def test_where_answers_leave_the_residues_open_import_asks_for_them(tmp_path):
    x = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0)).numpy()
    arrays = {"W_input": x[0], "W_output": x[1]}
    with pytest.raises(BadInput, match=r"5 or 12 residues.*\"n_tokens\": 5.*--task 'a\+b p=5'"):
        network(tmp_path, arrays, "net.npz")
    assert network(tmp_path, arrays, "net.npz", task="a+b p=12").run.spec.task_args == {"p": 12}
    write(tmp_path / "other", {"hyper.json": {"n_tokens": 5}})
    assert network(tmp_path / "other", arrays, "net.npz").run.spec.task_args == {"p": 5}
    write(tmp_path / "third", {"hyper.json": {"n_tokens": 7}})
    with pytest.raises(BadInput, match="n_tokens=7"):
        network(tmp_path / "third", arrays, "net.npz")


def test_square_maps_of_no_known_task_are_read_by_rows_and_that_is_said(tmp_path):
    x = torch.randn(2, 9, 9, generator=torch.Generator().manual_seed(0)).numpy()
    found = network(tmp_path, {"W_input": x[0], "W_output": x[1]}, "net.npz")
    assert "axes" in found.run.spec.assumed
    assert "axis of its square maps" in told(found.run)


CASE = CHECKPOINTS.parent / "cases/fourier_too_large"


@pytest.mark.skipif(not CASE.exists(), reason="needs the case")
@pytest.mark.parametrize("says_n", [True, False])
def test_a_network_of_512_neurons_is_read_as_a_sum_mod_23(says_n, tmp_path):
    write(tmp_path, {"net/model.npz": (CASE / "model.npz").read_bytes()})
    if says_n:
        write(tmp_path, {"net/hyper.json": (CASE / "hyper.json").read_bytes()})
    (source,) = sources(tmp_path / "net")
    run = import_network(source, tmp_path / "out").run
    assert (run.spec.task, run.spec.task_args, run.spec.split) == ("a+b", {"p": 23}, "unknown")
    s = Snapshot(run.task, run.is_train, run.model().double())
    of_all = evaluate(s, ["all_accuracy", "all_loss"])
    assert of_all["all_accuracy"] == 1
    assert of_all["all_loss"] == pytest.approx(5.2132e-07, rel=1e-4)


# ---- convention and task -------------------------------------------------------------------------


def group(name: str, **more: str) -> Tensor:
    return table_of("composition", group=name, **more)


def with_wrong(answers: Tensor, right: float) -> Tensor:
    """The same answers, but on this share of the pairs drawn at random: a memoriser's."""
    generator = torch.Generator().manual_seed(0)
    n = len(answers)
    shown = torch.rand(n, n, generator=generator) < right
    return torch.where(shown, answers, torch.randint(n, (n, n), generator=generator))


def random() -> State:
    generator = torch.Generator().manual_seed(0)
    shapes = {"W_x": (24, 8), "W_y": (24, 8), "W": (16, 10), "W_U": (10, 24)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("name", "order"),
    [("S4", {"elements": "lexicographic"}), ("S4", {"elements": "chughtai2023"}), ("D5", {}),
     ("Dic3", {}), ("A4", {"elements": "lexicographic"})],
)  # fmt: skip
def test_the_opposite_product_of_every_group_is_tried(name, order, tmp_path):
    found = network(tmp_path, lookup(group(name, **order).T))
    assert found.accuracy == 1
    assert found.run.spec.task_args == {"group": f"{name}op"} | order
    assert found.run.task.group is not None
    assert found.run.task.group.name == f"{name}op"


@pytest.mark.parametrize("said", ["S4", "S4op"])
def test_a_stated_group_leaves_open_which_factor_acts_first(said, tmp_path):
    found = network(tmp_path, lookup(group("S4").T), task=said)
    assert (found.run.spec.task_args["group"], found.accuracy) == ("S4op", 1)
    assert "b acting first" in " ".join(story.told(read(found.run).facts))


ANOTHER = [
    (lookup(group("S4")), "D12", "it is another task, composition group=S4 .*--task 'S4'"),
    (lookup(group("S4").T), "composition group=S4", "--task 'S4op'"),
    (lookup(with_wrong(group("S4"), 0.7)), "D12", "--task 'S4'"),
]


@pytest.mark.parametrize(("state", "said", "reason"), ANOTHER, ids=["S4", "S4op", "part of S4"])
def test_a_stated_task_is_refused_where_another_fits_far_better(state, said, reason, tmp_path):
    with pytest.raises(BadInput, match=reason):
        network(tmp_path, state, task=said)


def test_a_memoriser_of_58_percent_has_a_known_task_and_did_not_generalise(tmp_path):
    found = network(tmp_path, lookup(with_wrong(table_of("a+b", p=P), 0.56)))
    assert MARGIN + 1 / P < found.accuracy < KNOWN
    assert found.run.spec.task == "a+b"
    assert "task" not in found.run.spec.assumed
    assert explain(Snapshot.of(found.run)).verdict == "not generalised"
    assert f"right on {found.accuracy:.1%} of the pairs" in found.notes


def test_of_a_network_whose_task_is_not_known_nothing_is_said_of_generalising(tmp_path, call):
    run = network(tmp_path, random()).run
    reading = read(run)
    e = explanation_facts(explain(Snapshot.of(run)))
    assert (e.gate.verdict, e.certificates, e.algorithm) == ("task unknown", (), None)
    for text in (" ".join(account(e)), " ".join(story.told(reading.facts))):
        assert "--task" in text
        assert "did not generalise" not in text
        assert "Key parts" not in text
    assert "its task is not known" in page(reading)
    said = call("explain", "net", "--out", tmp_path / "out", "--json")
    assert json.loads(said.out)["verdict"] == "task unknown"


def test_a_task_that_is_stated_is_known_however_badly_it_fits(tmp_path):
    run = network(tmp_path, random(), task="S4").run
    assert "task" not in run.spec.assumed
    assert explain(Snapshot.of(run)).verdict == "not generalised"


def test_a_stated_task_is_refused_where_it_fails_on_the_pairs_said_to_be_shown(tmp_path):
    state = lookup(with_wrong(group("S4"), 0.2))
    with pytest.raises(BadInput, match=r"it was not trained on these\. State another --task"):
        network(tmp_path, state, task="S4", split="ordered:0:0.4")
    assert network(tmp_path, state, task="S4").run.spec.task == "composition"


# ---- activation ----------------------------------------------------------------------------------


def errs(**config) -> dict:
    """Relus that are right on .652 of the pairs, and on all with the square put in."""
    W_in, W_out = waves(P, 6)
    arrays = {"W_input": W_in.numpy(), "W_output": W_out.numpy()}
    return {"errs/errs.npz": arrays} | ({"errs/errs.json": config} if config else {})


def of_errs(tmp_path, *, config: dict | None = None, **said) -> Imported:
    (source,) = sources(write(tmp_path, errs(**(config or {}))))
    return import_network(source, tmp_path / "out", **said)


def test_where_two_activations_fit_relu_is_assumed_and_the_other_told(tmp_path, call):
    found = of_errs(tmp_path)
    assert found.accuracy == pytest.approx(0.652, abs=1e-3)
    assert found.run.spec.assumed["activation"]["square"] == 1
    assert "relu is assumed, right on 65.2%" in found.notes[-1]
    assert "square 100.0%" in found.notes[-1]
    reading = read(found.run)
    e = explanation_facts(explain(Snapshot.of(found.run)))
    taken = "Nothing says its activation: relu is assumed"
    assert e.gate.verdict == "not generalised"
    for text in (
        " ".join(account(e)),
        " ".join(x for _, x in story.numbers(reading.facts)),
        " ".join(story.told(reading.facts)),
        certificates(e, None),
        json.dumps(of_explanation(e)),
        json.dumps(of_reading(reading.facts)),
        page(reading),
    ):
        assert taken in text
    args = ("import", tmp_path / "errs/errs.npz", "--out", tmp_path / "new")
    (row,) = json.loads(call(*args, "--json").out)
    assert [*row["assumed"]["activation"]] == ["relu", "square"]
    said = call(*args)
    assert "errs: right on 65.2% of the pairs; its activation is not said" in said.out
    assert said.code == 0


@pytest.mark.parametrize(
    ("said", "act"),
    [({"activation": "square"}, "square"), ({"model": "pairsquare"}, "square"),
     ({"model": "pair"}, "relu"), ({"config": {"activation": "Quadratic"}}, "square"),
     ({"config": {"act_fn": "ReLU"}}, "relu"), ({"model": "pair", "activation": "gelu"}, "gelu")],
)  # fmt: skip
def test_an_activation_that_is_said_is_taken_and_not_assumed(said, act, tmp_path):
    found = of_errs(tmp_path, **said)
    assert found.run.model().act.name == act
    assert found.run.spec.assumed == {}
    assert not any("activation" in note for note in found.notes)
    assert found.accuracy == (1 if act == "square" else pytest.approx(0.65, abs=0.35))


def test_an_activation_that_alone_fits_is_taken_and_said_to_be_assumed(tmp_path):
    W_in, W_out = waves(P, 6)
    lean = 30 * torch.randn(6, generator=torch.Generator().manual_seed(0))
    twice = torch.cat([W_out * (0.5 + lean), W_out * (0.5 - lean)], dim=1)  # of x and of -x
    one = torch.eye(6)
    state = {"W_x": W_in, "W_y": W_in, "W": torch.cat([one, one]), "W_U": twice.T.contiguous()}
    state["W"] = torch.cat([state["W"], -state["W"]], dim=1)
    found = network(tmp_path, state)
    assert found.accuracy == 1
    assert found.run.spec.assumed == {"activation": {"square": 1}}
    assert "square is assumed" in " ".join(found.notes)


WRONG = [
    ({"activation": "rellu"}, "Did you mean `relu`"),
    ({"model": "mlp"}, r"--model mlp: layout `pair_collapsed` is of model pair or pairsquare"),
    ({"config": {"act": "solu"}}, "its activation is solu"),
]


@pytest.mark.parametrize(("said", "reason"), WRONG, ids=["activation", "model", "its JSON"])
def test_an_activation_or_a_model_that_it_cannot_be_is_refused(said, reason, tmp_path):
    with pytest.raises(BadInput, match=reason):
        of_errs(tmp_path, **said)

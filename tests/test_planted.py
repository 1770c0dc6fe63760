"""Planted networks answer as they were built to, impostors as they pretend to, and the exam tells
a good explainer from bad ones."""

import json
from dataclasses import replace

import pytest
import torch

from grokscope.algebra.splits import fourier
from grokscope.errors import BadInput, NotApplicable, UnknownName
from grokscope.models.model import Model
from grokscope.planted import (
    EXPLAINERS,
    IMPOSTORS,
    TRUTHS,
    Planted,
    exam,
    explainer,
    groups,
    impostors,
    kind,
    relabelled,
    waves,
)
from grokscope.planted.exam import Answer, Exam, algorithms, gullible, questions
from grokscope.planted.planted import ACCURATE, TRAIN_FRACTION, task_of
from grokscope.task import Task

RIGHT = {
    "lookup_table", "random_features", "key_features", "smooth_features",
    "wrong_phases_mended",
    "wrong_group_mended", "wrong_cosets_mended", "other_operation_mended", "parity_table",
}  # fmt: skip


def is_right_everywhere(model: Model, task: Task) -> bool:
    """By brute force: every wrong answer has a smaller logit than the right one."""
    with torch.no_grad():
        logits = model(task.inputs)[:, : task.n_answers].double()
    right = logits[torch.arange(len(logits)), task.answers]
    logits[torch.arange(len(logits)), task.answers] = -torch.inf
    return bool((right > logits.amax(dim=1)).all())


@pytest.mark.parametrize("name", TRUTHS)
def test_a_truth_is_right_on_all_pairs(name):
    for seed in range(4):
        planted = TRUTHS[name].draw(seed)
        assert is_right_everywhere(planted.model, planted.task)
        assert planted.accuracy == 1
        assert planted.exact
        assert planted.exact <= planted.truth <= algorithms()
        assert not planted.is_impostor


@pytest.mark.parametrize("name", TRUTHS)
def test_a_truth_survives_one_percent_of_noise(name):
    accuracies = [TRUTHS[name].draw(seed, 0.01).accuracy for seed in range(6)]
    assert min(accuracies) > 0.95
    assert sum(x >= ACCURATE for x in accuracies) >= 5


@pytest.mark.parametrize("name", IMPOSTORS)
def test_an_impostor_is_right_on_all_pairs_or_on_few(name):
    for seed in (0, 1):
        planted = IMPOSTORS[name].draw(seed, 0.01)
        assert planted.is_impostor
        assert is_right_everywhere(planted.model, planted.task) == (name in RIGHT)
        assert name in RIGHT or planted.accuracy < 0.9


@pytest.mark.parametrize("name", ["C10", "C18", "D4", "D12", "S4", "A5", "Q8"])
def test_what_is_presented_under_a_wrong_group_is_right_for_its_own(name):
    task = task_of("composition", group=name)
    circuit = groups.all_sets(torch.Generator().manual_seed(1), task)
    assert is_right_everywhere(circuit, task)


def test_a_third_of_the_impostors_is_right_on_all_pairs():
    assert 3 * len(RIGHT) >= len(IMPOSTORS)


@pytest.mark.parametrize("name", [*TRUTHS, *IMPOSTORS])
def test_the_same_seed_gives_the_same_network(name):
    one, other = (kind(name).draw(3, 0.01) for _ in range(2))
    for x, y in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(x, y)
    assert torch.equal(one.is_train, other.is_train)


def test_noise_has_the_size_that_was_asked_for():
    exact, noisy = (waves.clock_relu(4, noise).model for noise in (0.0, 0.02))
    for x, y in zip(exact.parameters(), noisy.parameters(), strict=True):
        share = (y - x).square().mean().sqrt() / x.square().mean().sqrt()
        assert float(share) == pytest.approx(0.02, rel=0.05)


def test_every_second_seed_tells_the_split():
    assert bool(waves.clock_square(2).is_train.all())
    told = waves.clock_square(3).is_train.double().mean()
    assert float(told) == pytest.approx(TRAIN_FRACTION, abs=0.001)


def test_a_memoriser_knows_what_it_was_trained_on_alone():
    planted = impostors.memoriser(0, group="C23")
    logits = planted.snapshot.logits
    right = logits.argmax(dim=1) == planted.task.answers
    assert bool(right[planted.is_train].all())
    assert right[~planted.is_train].double().mean() < 0.3


def test_each_neuron_of_a_clock_and_a_pizza_reads_and_writes_one_frequency():
    for build in (waves.clock_square, waves.pizza_relu):
        planted = build(2, p=31, frequencies=4)
        for W in planted.model.symbol_weights().values():
            for column in W.T if len(W) == 31 else W:
                power = fourier(31).power(column[:, None])
                assert float(power.max() / power.sum()) > 1 - 1e-6


def amplitude_spread(planted: Planted) -> float:
    """How much the right logit's size depends on a - b, relative to its mean."""
    p, (a, b) = planted.task.n_symbols, planted.task.inputs.unbind(dim=1)
    logits = planted.snapshot.logits.double()
    right = logits.gather(1, planted.task.answers[:, None])[:, 0] - logits.mean(dim=1)
    means = torch.zeros(p, dtype=torch.float64).index_add_(0, (a - b) % p, right) / p
    return float(means.std() / means.mean())


def test_the_pizza_is_modulated_and_the_clock_is_not():
    for build in (waves.pizza_relu, waves.pizza_square):
        assert amplitude_spread(build(2, p=59, frequencies=4, phases="even")) > 0.15
    for build in (waves.clock_relu, waves.clock_square):
        assert amplitude_spread(build(2, p=59, frequencies=4, phases="even")) < 0.02


@pytest.mark.parametrize(
    "build", [groups.characters, groups.rho_sets, lambda s, group: groups.cosets(s, group=group,
    shared=True)], ids=["characters", "rho_sets", "cosets"],
)  # fmt: skip
def test_equivariant_circuits_depend_on_one_element_alone(build):
    """The logit of c for (a, b) is a function of a⁻¹ c b⁻¹ (Wu et al. 2024)."""
    planted = build(1, group="S4")
    group = planted.task.group
    assert group is not None
    a, b = planted.task.inputs.unbind(dim=1)
    logits = planted.snapshot.logits.double()
    g = group.table[group.table[group.inverse[a]][:, torch.arange(24)], group.inverse[b][:, None]]
    mean = torch.zeros(24).double().index_add_(0, g.flatten(), logits.flatten()) / 24**2
    assert float((logits - mean[g]).abs().max()) < 1e-4 * float(logits.abs().max())


def test_a_coset_circuit_of_many_vectors_is_not_equivariant_but_constant_on_cosets():
    planted = groups.cosets(1, group="S4", shared=False)
    L = planted.model.symbol_weights()["a"]
    assert planted.truth == {"coset"}
    assert len(L.unique(dim=0)) == 24  # together they see every element
    assert all(len(column.unique()) == 4 for column in L.T)


@pytest.mark.parametrize("name", ["rho_sets", "lookup_table", "cosets"])
def test_an_automorphism_leaves_the_task_and_the_answers_as_they_are(name):
    planted = kind(name).plant(1, 0.01, group="S4")
    group = planted.task.group
    assert group is not None
    x = 5
    conjugation = group.table[group.table[group.inverse[x]], x]
    moved = relabelled(planted, conjugation)
    assert moved.task is planted.task
    assert moved.accuracy == planted.accuracy
    assert not torch.equal(moved.snapshot.logits, planted.snapshot.logits)
    back = relabelled(moved, conjugation.argsort())
    assert torch.equal(back.snapshot.logits, planted.snapshot.logits)
    assert torch.equal(back.is_train, planted.is_train)


def test_any_other_relabelling_makes_a_task_that_the_network_still_solves():
    planted = waves.clock_relu(3, p=23)
    permutation = torch.randperm(23, generator=torch.Generator().manual_seed(0))
    moved = relabelled(planted, permutation)
    assert not torch.equal(moved.task.answers, planted.task.answers)
    assert moved.accuracy == 1
    assert moved.task.group is not None
    assert moved.task.modulus is None


def test_what_cannot_be_relabelled_says_so():
    with pytest.raises(NotApplicable, match="no layer of neurons"):
        relabelled(waves.five_neurons(0), torch.arange(17))
    with pytest.raises(NotApplicable, match="all pairs"):
        relabelled(waves.multiplication(0, p=23), torch.arange(23))
    with pytest.raises(BadInput, match="must hold each"):
        relabelled(waves.clock_relu(0, p=23), torch.zeros(23, dtype=torch.long))


def test_what_cannot_be_planted_says_so():
    with pytest.raises(BadInput, match="more neurons or frequencies"):
        waves.clock_relu(0, p=59, frequencies=1, neurons=4)
    with pytest.raises(BadInput, match="`noise` must be a share of each weight"):
        waves.clock_relu(0, -1.0)
    with pytest.raises(BadInput, match="planted formula"):
        waves.polynomial(0, formula="a/b")
    with pytest.raises(UnknownName, match="clock_relu"):
        kind("clock_rely")


def test_the_logarithm_turns_products_into_sums():
    log = waves.logarithm(23)
    a, b = torch.cartesian_prod(torch.arange(1, 23), torch.arange(1, 23)).unbind(dim=1)
    assert torch.equal(log[a * b % 23], (log[a] + log[b]) % 22)


def test_the_exam_asks_all_kinds_in_turn_and_as_many_impostors():
    asked = []
    found = exam(lambda snapshot: asked.append(snapshot) or [], number=3, noise=0.0)
    assert len(asked) == len(found.answers) == 6
    assert [x.kind for x in found.answers] == [*list(TRUTHS)[:3], *list(IMPOSTORS)[:3]]
    assert found.named == 0
    assert found.accepted == 0
    assert [x.outcome for x in found.answers] == ["missed"] * 3 + ["refused"] * 3


def test_the_gullible_control_accepts_every_accurate_impostor():
    for name in ("lookup_table", "parity_table", "random_features", "key_features"):
        assert gullible(IMPOSTORS[name].draw(0).snapshot)
    assert not gullible(IMPOSTORS["wrong_names"].draw(0).snapshot)


ANSWER = Answer("k", 0, 0.01, 1.0, frozenset({"clock", "convolution"}), frozenset({"clock"}),
                frozenset())  # fmt: skip


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        ({"clock"}, "named"),
        ({"clock", "convolution"}, "named"),
        ({"convolution"}, "vague"),
        ({"clock", "pizza"}, "misnamed"),
        (set(), "missed"),
    ],
)
def test_a_truth_must_be_named_exactly_and_with_nothing_false(claimed, outcome):
    assert replace(ANSWER, claimed=frozenset(claimed)).outcome == outcome


def test_what_noise_has_broken_is_not_counted():
    broken = replace(ANSWER, accuracy=0.9)
    named = replace(ANSWER, claimed=frozenset({"clock"}))
    found = Exam((broken, named, replace(ANSWER, truth=frozenset(), exact=frozenset())))
    assert broken.outcome == "broken"
    assert found.named == 1
    assert found.accepted == 0
    assert not found.failures
    total = next(row for row in found.table if row["kind"] == "all truths")
    assert (total["networks"], total["named"], total["broken"]) == (2, 1, 1)


def test_saying_lookup_is_a_refusal_and_an_unknown_name_an_error():
    assert exam(lambda _: {"lookup", "undetermined"}, number=1).accepted == 0
    with pytest.raises(BadInput, match="says `fourier`"):
        exam(lambda _: ["fourier"], number=1)
    with pytest.raises(BadInput, match="at least 1, not 0"):
        exam(lambda _: [], number=0)


def test_questions_have_seeds_of_their_own():
    kinds = [TRUTHS["five_neurons"], TRUTHS["parity"]]
    assert [(p.name, at) for p, at in questions(kinds, 7, 0.0, 3)] == [
        ("five_neurons", 7),
        ("parity", 7),
        ("five_neurons", 8),
    ]


def test_an_explainer_of_a_users_file_can_be_examined(call, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from grokscope.planted import explainer\n\n\n@explainer\ndef silent(snapshot):\n"
        "    return []\n"
    )
    try:
        done = call("exam", "--explainer", "silent", "--number", 2, "--json", "--use", file)
        assert done.code == 0
        assert json.loads(done.out)["named"] == 0
        assert json.loads(done.out)["table"][-1] == {
            "kind": "all impostors", "noise": 0.01, "networks": 2, "all_right": 2, "named": None,
            "vague": None, "misnamed": None, "missed": None, "broken": None, "refused": 2,
            "accepted": 0,
        }  # fmt: skip
    finally:
        EXPLAINERS.pop("silent", None)


def test_an_explainer_is_registered_by_its_name():
    def mine(snapshot):
        return []

    try:
        assert explainer(mine) is EXPLAINERS["mine"]
    finally:
        del EXPLAINERS["mine"]


def test_an_explainer_that_fails_is_named_with_the_network():
    def boom(snapshot):
        raise ValueError("no")

    with pytest.raises(BadInput, match=r"failed on planted `parity`: ValueError: no"):
        exam(boom, seed=1, number=1)


def test_an_explainer_that_says_nothing_refuses():
    found = exam(lambda snapshot: None, seed=1, number=1)  # pyright: ignore[reportArgumentType]
    assert {x.outcome for x in found.answers} == {"missed", "refused"}

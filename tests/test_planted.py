"""Planted networks answer as they were built to, impostors as they pretend to, and the exam tells
a good explainer from bad ones."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from grokscope.algebra.splits import fourier
from grokscope.errors import BadInput, NotApplicable, UnknownName
from grokscope.models.model import Model
from grokscope.planted import (
    EXPLAINERS,
    IMPOSTORS,
    MIXED,
    TRUTHS,
    Account,
    Planted,
    exam,
    explainer,
    groups,
    impostors,
    kind,
    relabelled,
    waves,
)
from grokscope.planted.disguises import ALL, DISGUISES
from grokscope.planted.exam import (
    Answer,
    Exam,
    Question,
    algorithms,
    asked,
    gullible,
    lowest_accuracy,
    questions,
)
from grokscope.planted.planted import ACCURATE, TRAIN_FRACTION, accuracy, task_of
from grokscope.planted.sitting import kept_in, sit
from grokscope.task import Task

RIGHT = {
    "lookup_table", "random_features", "key_features", "smooth_features",
    "wrong_phases_mended",
    "wrong_group_mended", "wrong_cosets_mended", "other_operation_mended", "parity_table",
    "rescaled_interpolator", "hidden_table", "decoys", "cancelling_decoys",
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
        assert torch.equal(x.nan_to_num(nan=7.0), y.nan_to_num(nan=7.0))
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


def test_the_exam_asks_all_kinds_in_turn_and_as_many_of_each_paper():
    seen = []
    found = exam(lambda snapshot: seen.append(snapshot) or [], number=3, noise=0.0)
    assert len(seen) == 15  # the disguised ones without their disguise too
    assert [x.question.kind for x in found.answers] == [
        *list(TRUTHS)[:3], *list(IMPOSTORS)[:3], *list(TRUTHS)[:3], *MIXED, next(iter(MIXED))
    ]  # fmt: skip
    outcomes = [x.outcome for x in found.answers]
    assert outcomes == ["missed"] * 3 + ["refused"] * 3 + ["same"] * 3 + ["refused"] * 3
    assert found.shares == {
        "named": 0, "accepted": 0, "same": 1, "accepted_whole": 0, "overproved": 0,
    }  # fmt: skip


def test_the_gullible_control_accepts_every_accurate_impostor():
    for name in ("lookup_table", "parity_table", "random_features", "key_features"):
        assert gullible(IMPOSTORS[name].draw(0).snapshot)
    assert not gullible(IMPOSTORS["wrong_names"].draw(0).snapshot)


QUESTION = Question("truths", "k", 0, 0.01)
ANSWER = Answer(QUESTION, 1.0, 1.0, frozenset({"clock", "convolution"}), frozenset({"clock"}), 1.0,
                frozenset())  # fmt: skip
IMPOSTOR = replace(
    ANSWER, question=replace(QUESTION, paper="impostors"), truth=frozenset(), exact=frozenset()
)


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


@pytest.mark.parametrize(
    ("verdict", "claimed", "outcome"),
    [
        (None, set(), "refused"),
        (None, {"convolution"}, "accepted"),
        ("accurate", {"convolution"}, "refused"),
        ("accurate", {"clock"}, "accepted"),
        ("not generalised", set(), "refused"),
        ("generalised", set(), "accepted"),
    ],
)
def test_an_impostor_has_no_mechanism_and_never_generalised(verdict, claimed, outcome):
    assert replace(IMPOSTOR, verdict=verdict, claimed=frozenset(claimed)).outcome == outcome


@pytest.mark.parametrize(
    ("verdict", "shares", "outcome"),
    [
        (None, {}, "accepted"),
        ("generalised", {"clock": 0.91}, "shared"),
        ("generalised", {"clock": 0.99}, "accepted"),
        ("generalised", {"pizza": 0.9}, "accepted"),
        ("accurate", None, "refused"),
        ("generalised", None, "accepted"),
    ],
)
def test_of_a_mixed_network_a_name_goes_with_its_share(verdict, shares, outcome):
    claimed = frozenset() if shares is None else frozenset(shares or {"clock"})
    said = replace(ANSWER, share=0.9, verdict=verdict, claimed=claimed, shares=shares or {})
    assert said.outcome == outcome


def test_a_disguised_truth_must_be_named_as_without_its_disguise():
    assert replace(ANSWER, undisguised=frozenset()).outcome == "same"
    assert replace(ANSWER, undisguised=frozenset({"clock"})).outcome == "changed"


def test_no_more_may_be_proved_than_the_network_gets_right():
    proved = replace(IMPOSTOR, bound=0.9, lowest=0.8)
    assert proved.outcome == "refused"
    assert proved.is_overproved
    assert Exam((proved,)).failures == [proved]
    assert Exam((proved,)).overproved == 1
    assert not replace(proved, bound=0.8).is_overproved
    assert not replace(proved, bound=None).is_overproved


def test_another_order_of_summation_can_cost_accuracy():
    planted = kind("huge_constant").plant(0, size=1e7)
    assert lowest_accuracy(planted) < planted.accuracy - 0.1
    assert lowest_accuracy(TRUTHS["clock_relu"].draw(0)) == 1


def test_what_noise_has_broken_is_not_counted():
    broken = replace(ANSWER, accuracy=0.9)
    named = replace(ANSWER, claimed=frozenset({"clock"}))
    found = Exam((broken, named, IMPOSTOR))
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
    n = len(MIXED)
    found = list(questions(["mixed"], 7, 0.0, n + 1))
    assert [(x.kind, x.seed) for x in found] == [*((k, 7) for k in MIXED), (next(iter(MIXED)), 8)]
    with pytest.raises(UnknownName, match="impostors"):
        list(questions(["impostor"], 7, 0.0, 1))


def test_every_truth_is_asked_about_in_every_disguise():
    count = len(TRUTHS) * (len(DISGUISES) + 1)
    found = {(x.kind, x.disguise) for x in questions(["disguised"], 0, 0.0, count)}
    assert found == {(k, d) for k in TRUTHS for d in [*DISGUISES, ALL]}


@pytest.mark.parametrize("name", MIXED)
def test_a_mixed_network_has_an_algorithm_for_a_share_of_its_pairs(name):
    for seed in range(2):
        planted = MIXED[name].draw(seed, 0.01)
        assert 0.8 < planted.share < 0.96
        assert planted.exact
        assert bool(planted.is_train.all())
        whole = 1.0 if name == "taught_exceptions" else planted.share
        assert planted.accuracy == pytest.approx(whole, abs=0.03)


@pytest.mark.parametrize("name", ["cancelling_embeddings", "huge_constant"])
def test_what_cancels_is_right_in_exact_arithmetic_and_wrong_as_it_runs(name):
    for seed in range(3):
        planted = IMPOSTORS[name].draw(seed, 0.01)
        assert planted.accuracy < 0.3
        assert accuracy(deepcopy(planted.model).double(), planted.task) == 1


def test_a_table_was_shown_every_pair_so_no_split_is_told():
    for name in RIGHT:
        assert bool(IMPOSTORS[name].draw(1).is_train.all())


def test_an_account_says_more_than_names():
    def certain(snapshot):
        return Account({"clock"}, "generalised", {"clock": 0.9}, 1.0)

    answer = asked(certain, Question("impostors", "no_output", 0, 0.0))
    assert (answer.verdict, answer.shares, answer.bound) == ("generalised", {"clock": 0.9}, 1.0)
    assert answer.is_overproved


def test_a_stopped_exam_goes_on_from_its_file_and_asks_nothing_again(tmp_path):
    calls = []

    def counting(snapshot):
        calls.append(snapshot)
        return Account({"clock"}, "generalised", {"clock": 0.9}, 0.5)

    keep, asked_all = tmp_path / "answers.jsonl", list(questions(["truths", "mixed"], 3, 0.0, 2))
    EXPLAINERS["counting"] = counting
    try:
        some = [*sit("counting", asked_all[:2], keep=keep)]
        with keep.open("a") as file:
            file.write('{"explainer": "coun')  # cut short
        every = [*sit("counting", asked_all, keep=keep)]
    finally:
        del EXPLAINERS["counting"]
    assert len(calls) == 4
    assert every[:2] == some
    assert list(kept_in(keep).values()) == every


def test_several_processes_give_the_same_answers_in_the_same_order(tmp_path):
    questioned = list(questions(["impostors"], 5, 0.0, 3))
    assert [*sit("gullible", questioned, workers=2)] == [*sit("gullible", questioned)]


def test_an_explainer_of_a_users_file_can_be_examined(call, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from grokscope.planted import explainer\n\n\n@explainer\ndef silent(snapshot):\n"
        "    return []\n"
    )
    try:
        done = call("exam", "--explainer", "silent", "--number", 2, "--json", "--use", file,
                    "--papers", "truths,impostors")  # fmt: skip
        assert done.code == 0
        assert json.loads(done.out)["named"] == 0
        last = {k: v for k, v in json.loads(done.out)["table"][-1].items() if v is not None}
        assert last == {
            "kind": "all impostors", "noise": 0.01, "networks": 2, "all_right": 2, "refused": 2,
            "accepted": 0, "overproved": 0,
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
    def silent(snapshot):
        return None

    found = exam(silent, seed=1, number=1)  # pyright: ignore[reportArgumentType]
    assert {x.outcome for x in found.answers} == {"missed", "refused", "same"}

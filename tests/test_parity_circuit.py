"""Circuits of sparse parity: planted ones, other digits, and tables that drop no digit."""

from enum import Enum

import pytest
import torch

from grokscope.canonical import canonical
from grokscope.circuits.parity.circuit import Parity, find
from grokscope.circuits.parity.evidence import OfDigits
from grokscope.circuits.parity.flips import explained, influences, sign
from grokscope.errors import NotApplicable, UnknownName
from grokscope.planted import digits, impostors, waves
from grokscope.snapshot import Snapshot
from grokscope.verify.evidence import Standing


def planted(kind=digits.parity, seed=0, noise=0.01, **sizes) -> Snapshot:
    return kind(seed, noise, **sizes).snapshot


def failures(snapshot: Snapshot) -> list[Enum]:
    bad = (Standing.AGAINST, Standing.OPEN)
    return [e.tested for e in find(snapshot).checks(canonical(snapshot)) if e.standing in bad]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_the_digits_of_a_planted_parity_are_found(k, seed):
    s = planted(seed=seed, n=9, k=k)
    circuit = find(s)
    assert circuit.digits == tuple(range(k))
    assert circuit.size == k + 2
    assert failures(s) == []
    answers = circuit.logits(s.task).argmax(dim=1)
    assert torch.equal(answers, s.task.answers)


def test_what_it_prints_runs_and_answers_as_it_does():
    s = planted()
    circuit = find(s)
    printed: dict = {}
    exec(circuit.program(), printed)
    logits = circuit.logits(s.task)
    for row, there in zip(s.task.inputs[:50].tolist(), logits[:50], strict=True):
        assert printed["logits"](row) == pytest.approx(there.tolist(), rel=1e-5)
        assert printed["answer"](row) == int(there.argmax())


def test_a_digit_of_a_parity_has_influence_one_and_the_others_none():
    moved = influences(planted(noise=0.0, n=8, k=3))
    assert moved[:3].tolist() == pytest.approx([1, 1, 1], abs=0.01)
    assert float(moved[3:].max()) < 0.01


def test_the_shares_of_all_parities_sum_to_one():
    s = planted(kind=impostors.parity_memoriser, n=9, k=4)
    task = s.task
    everything = [[d for d in range(9) if mask >> d & 1] for mask in range(1, 2**9)]
    assert len(task.inputs) == 2**9
    assert sum(explained(s, x) for x in everything) == pytest.approx(1)
    assert sign(task.inputs, [0]).unique().tolist() == [-1, 1]


def test_a_network_of_other_digits_is_described_by_its_own():
    s = planted(kind=impostors.other_digits, n=10, k=3)
    circuit = find(s)
    assert circuit.digits == (7, 8, 9)
    wrong = (circuit.logits(s.task).argmax(dim=1) != s.task.answers).double().mean()
    assert float(wrong) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_random_features_that_are_right_on_all_inputs_are_refused(seed):
    s = planted(kind=impostors.parity_table, seed=seed, n=8, k=3)
    assert torch.equal(s.logits.argmax(dim=1), s.task.answers)
    assert OfDigits.OTHER_WEIGHTS in failures(s)


def test_a_memoriser_is_refused():
    assert len(failures(planted(kind=impostors.parity_memoriser, n=10, k=4))) > 3


def test_its_neurons_alone_answer_as_the_network():
    s = planted(patterns=4)
    circuit = find(s)
    (evidence,) = [e for e in circuit.checks(canonical(s)) if e.tested is OfDigits.NEURONS_ALONE]
    assert evidence.value == 1
    assert set(circuit.neurons()) == set(circuit.parts)


def test_controls_of_a_parity_are_near_nothing():
    s = planted(n=10, k=3)
    evidence = {e.tested: e for e in find(s).checks(canonical(s))}
    assert evidence[OfDigits.EXPLAINED].name == "logits explained by the parity of {0,1,2}"
    shares = evidence[OfDigits.EXPLAINED].controls
    assert set(shares) == {"random digits, as many", "one digit fewer", "one more"}
    assert max(shares.values()) < 0.01
    settings = evidence[OfDigits.SETTINGS]
    assert settings.value == 1
    assert settings.controls["relabelled digits"] < 0.8


def test_keeping_nothing_leaves_nothing():
    s = planted()
    circuit = find(s)
    assert circuit.keeping(circuit.parts) == circuit
    nothing = circuit.keeping([]).logits(s.task)
    assert float((nothing - nothing[0]).abs().max()) == 0
    other = circuit.others(0)
    assert isinstance(other, Parity)
    assert len(other.digits) == len(circuit.digits)
    assert other.digits != circuit.digits
    with pytest.raises(UnknownName):
        circuit.keeping(["{99}"])


def test_a_parity_of_all_digits_has_no_other():
    s = planted(n=4, k=4)
    circuit = find(s)
    assert circuit.others(0) is None
    assert failures(s) == []


def test_only_digits_have_a_parity():
    with pytest.raises(NotApplicable, match="not a row of digits"):
        find(waves.five_neurons(0, 0.0).snapshot)

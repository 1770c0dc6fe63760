"""What an account costs to write down: by arithmetic on planted networks, where it is known."""

from math import log2

import pytest
import torch

from grokscope.circuits.circuit import FORMS
from grokscope.circuits.printed import to_bits
from grokscope.explain.explanation import explain
from grokscope.planted import TRUTHS, disguised, groups
from grokscope.reading.explained import explanation_facts
from grokscope.reading.sentences import account
from grokscope.verify.certificate import Certificate
from grokscope.verify.evidence import ANSWERS, VALUES, OfAll
from grokscope.verify.price import MOST, curve


def certificate(truth: str, form: str) -> Certificate:
    e = explain(TRUTHS[truth].draw(0, 0.01).snapshot, [form])
    return e.certificates[0]


def test_numbers_of_b_bits_are_few_and_the_largest_is_kept():
    x = torch.tensor([-3.0, 0.2, 1.4, 3.0])
    assert to_bits(x, 2).tolist() == [-3, 0, 0, 3]
    assert len(to_bits(torch.randn(10_000), 4).unique()) <= 2**4
    assert (to_bits(x, MOST) - x).abs().max() < 1e-6
    assert not to_bits(torch.zeros(3), 5).any()


@pytest.mark.parametrize(
    ("truth", "form"),
    [("five_neurons", "fourier"), ("rho_sets", "rho-set"), ("cosets", "coset"),
     ("parity", "parity"), ("five_neurons", "convolution")],
)  # fmt: skip
def test_the_price_is_its_numbers_times_their_bits_beside_both_tables(truth, form):
    s = TRUTHS[truth].draw(0, 0.01).snapshot
    c = certificate(truth, form)
    price, bits = c.get(OfAll.PRICE), c.value(OfAll.PRICE_OF_ONE)
    n, answers, output = len(s.task.inputs), s.task.n_answers, c.circuit.output()
    each = answers if output is None else answers + len(output)
    assert price is not None
    assert price.value == c.circuit.size * bits
    assert price.controls == {ANSWERS: n * log2(answers), VALUES: n * each * bits}
    finer, coarser = (next(x for x in curve(s, c.circuit) if x.bits_a_number == b) for b in (12, 2))
    assert finer.agrees >= c.value(OfAll.SAME_ANSWERS) - 0.001
    assert coarser.left_over > finer.left_over


def test_one_bit_fewer_changes_answers():
    s = TRUTHS["five_neurons"].draw(0, 0.01).snapshot
    c = certificate("five_neurons", "fourier")
    points = {x.bits_a_number: x for x in curve(s, c.circuit)}
    bits = int(c.value(OfAll.PRICE_OF_ONE))
    assert bits > 2
    assert points[bits].agrees >= points[12].agrees - 0.001 > points[bits - 1].agrees


def test_a_table_has_no_price_of_its_own():
    s = TRUTHS["five_neurons"].draw(0, 0.01).snapshot
    table = FORMS["lookup"].find(s)
    assert curve(s, table) == ()
    assert explain(s, ["lookup"]).certificates[0].get(OfAll.PRICE) is None


PLANTED = {
    "fourier": lambda: TRUTHS["five_neurons"].draw(0, 0.01),
    "coset": lambda: TRUTHS["cosets"].draw(0, 0.01),
    "rho-set": lambda: groups.rho_sets(seed=1, noise=0.01, group="S4"),
}


@pytest.mark.parametrize("names", [("rescaled",), ("permuted",), ("with dead", "split")], ids=str)
@pytest.mark.parametrize("form", PLANTED)
def test_a_network_in_disguise_has_the_same_price(form, names):
    planted = PLANTED[form]()
    both = (planted, disguised(planted, names))
    own, worn = (explain(x.snapshot, [form]).certificates[0] for x in both)
    for tested in (OfAll.PRICE, OfAll.PRICE_OF_ONE):
        assert worn.value(tested) == own.value(tested)
    assert worn.value(OfAll.LEFT_OVER) == pytest.approx(own.value(OfAll.LEFT_OVER), abs=1e-6)


def test_a_half_goes_towards_0_whatever_its_last_digit():
    for half in (0.5, 0.5 - 1e-9, 0.5 + 1e-9):
        x = torch.tensor([1.0, half, -half], dtype=torch.float64)
        assert to_bits(x, 2).tolist() == [1, 0, 0]
    assert to_bits(torch.tensor([1.0, 0.51, -0.51]), 2).tolist() == [1, 1, -1]


@pytest.mark.parametrize(("truth", "is_longer"), [("five_neurons", False), ("rho_sets", True)])
def test_it_is_said_whether_a_table_of_the_answers_is_shorter(truth, is_longer):
    e = explanation_facts(explain(TRUTHS[truth].draw(0, 0.01).snapshot))
    assert e.best is not None
    price = e.best.get(OfAll.PRICE)
    assert price is not None
    told = " ".join(account(e))
    assert f"{price.value:,.0f} bits in all; a table of the answers takes " in told
    assert ("and is shorter" in told) is is_longer is (price.value >= price.controls[ANSWERS])

"""What an account costs to write down: by arithmetic on planted networks, where it is known."""

from math import log2

import pytest
import torch

from grokscope.circuits.circuit import FORMS
from grokscope.circuits.printed import to_bits
from grokscope.explain.explanation import explain
from grokscope.planted import TRUTHS
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

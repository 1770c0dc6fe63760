"""A form of circuit with its bound, and networks planted with it, from a file of one's own: the
host names the algorithm, proves by it and examines it without knowing either by name."""

from pathlib import Path

import pytest

from grokscope.circuits.circuit import FORMS
from grokscope.cli.options import load
from grokscope.explain.explanation import explain
from grokscope.planted import TRUTHS, exam
from grokscope.reading.explained import explanation_facts
from grokscope.reading.sentences import algorithm

FILE = '''
from dataclasses import dataclass

import torch

from grokscope.circuits.circuit import Circuit, chosen_parts, finder
from grokscope.planted import Draft, Neurons, truth
from grokscope.planted.planted import task_of
from grokscope.verify.network import brute_force


@dataclass(frozen=True, eq=False)
class OneOperand(Circuit):
    """answer = table[a]."""

    table: torch.Tensor
    height: float
    form = "one-operand"
    title = "a table of one operand"
    how = "It looks at a alone, and gives what stands in a table of it"
    algorithms = ("one-operand",)
    parts = ("table",)
    equation = "answer = table[a]"

    @property
    def size(self):
        return len(self.table) + 1

    def logits(self, task):
        answers = self.table[task.inputs[:, 0]]
        return self.height * torch.nn.functional.one_hot(answers, task.n_answers).double()

    def keeping(self, parts):
        chosen_parts(self, parts)
        return self

    def program(self):
        return f"TABLE = {self.table.tolist()}\\n\\n\\ndef answer(a, b):\\n    return TABLE[a]\\n"

    def bound(self, network, task):
        return brute_force(network)


@finder(OneOperand)
def find(snapshot):
    task, logits = snapshot.task, snapshot.logits.double()
    of_a = torch.zeros(task.n_symbols, task.n_answers).double()
    of_a.index_add_(0, task.inputs[:, 0], logits)
    lead = float((logits.amax(dim=1) - logits.mean(dim=1)).mean())
    return OneOperand(of_a.argmax(dim=1), lead * task.n_answers / (task.n_answers - 1))


@truth(p=(11, 13))
def one_operand(random, p=11):
    """a² mod p, by a neuron for each a."""
    out = torch.zeros(p, p)
    out[torch.arange(p), torch.arange(p) ** 2 % p] = 8.0
    layer = Neurons(torch.eye(p), torch.zeros(p, p), out)
    return Draft(task_of("a**2+0*b", p=p), layer, frozenset({"one-operand"}))
'''


@pytest.fixture
def stranger(tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    load([file])
    yield TRUTHS["one_operand"]
    FORMS.pop("one-operand")
    TRUTHS.pop("one_operand")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_strangers_form_is_found_named_and_proves(stranger, seed):
    e = explain(stranger.draw(seed, 0.01).snapshot)
    assert e.algorithm == "one-operand"
    assert e.named["one-operand"].bound is not None
    assert e.bound == 1.0
    assert algorithm(explanation_facts(e)).startswith("It looks at a alone")


def test_a_strangers_form_is_not_seen_where_both_operands_matter(stranger):
    e = explain(TRUTHS["clock_relu"].draw(0, 0.01).snapshot, ["one-operand"])
    assert e.algorithms == ()
    assert e.certificates[0].verdict == "fails"


def test_the_exam_asks_about_a_strangers_network(stranger, monkeypatch):
    for name in set(TRUTHS) - {"one_operand"}:
        monkeypatch.delitem(TRUTHS, name)
    asked = exam(lambda s: explain(s).algorithms, number=1, papers=["truths"])
    (mine,) = [x for x in asked.answers if x.question.kind == "one_operand"]
    assert mine.outcome == "named"

"""A form of explanation is known by its class alone: the one of the documentation competes, counts
in the exam, and is refused where its neurons are not there."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from grokscope.activations import GELU, RELU
from grokscope.canonical import activation_of
from grokscope.circuits.circuit import FORMS, Circuit, finder
from grokscope.errors import BadInput, NotApplicable, UnknownName
from grokscope.explain.explanation import explain
from grokscope.planted import TRUTHS, exam, waves
from grokscope.planted.exam import algorithms, refusals

PAGE = Path(__file__).parents[1] / "docs/explain.md"


@pytest.fixture
def commonest() -> Iterator[type[Circuit]]:
    """The circuit of the documentation, as `--use` loads it."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    mine = sys.modules["mine"] = ModuleType("mine")
    try:
        exec(block, mine.__dict__)
        yield mine.Commonest
    finally:
        FORMS.pop("commonest", None)
        del sys.modules["mine"]


def test_a_form_of_ones_own_competes(commonest):
    s = TRUTHS["five_neurons"].draw(0).snapshot
    (certificate,) = explain(s, ["commonest"]).certificates
    assert isinstance(certificate.circuit, commonest)
    assert certificate.verdict == "fails"
    assert not certificate.circuit.is_null


def test_its_algorithms_may_be_named_in_an_exam_while_it_is_there(commonest):
    def outcomes() -> list[str]:
        asked = exam(lambda s: ["commonest"], number=1, papers=["truths", "impostors"])
        return [x.outcome for x in asked.answers]

    assert outcomes() == ["misnamed", "accepted"]
    commonest.algorithms = ()
    assert outcomes() == ["missed", "refused"]
    del FORMS["commonest"]
    with pytest.raises(BadInput, match="says `commonest`, which is not the name of an algorithm"):
        exam(lambda s: ["commonest"], number=1)


def test_the_names_of_an_exam_are_those_of_the_forms():
    assert algorithms() == {"clock", "pizza", "convolution", "coset", "rho-set", "parity"}
    assert refusals() == {"lookup", "undetermined"}


def test_the_form_of_an_algorithm_is_told():
    s = waves.clock_relu(0, p=13).snapshot
    with pytest.raises(UnknownName, match="The form `fourier` finds it"):
        explain(s, ["pizza"])


@pytest.mark.parametrize(("needs", "of"), [(RELU, "square"), (GELU, "relu")])
def test_a_form_is_refused_where_the_network_has_other_neurons(commonest, needs, of):
    build = {"relu": waves.clock_relu, "square": waves.clock_square}[of]
    s, commonest.needs = build(0, p=13).snapshot, needs
    assert activation_of(s) is not None
    with pytest.raises(NotApplicable) as refusal:
        FORMS["commonest"].find(s)
    assert str(refusal.value) == (
        f"the form `commonest` needs {needs.name} neurons; this network has {of}."
    )
    assert explain(s, ["commonest"]).not_found == {"commonest": str(refusal.value)}


def test_a_form_is_looked_for_where_its_neurons_are(commonest):
    commonest.needs = RELU
    s = waves.clock_relu(0, p=13).snapshot
    assert isinstance(FORMS["commonest"].find(s), commonest)


@pytest.mark.parametrize("missing", ["form", "title", "how", "algorithms"])
def test_a_circuit_that_does_not_say_what_it_is_is_refused(missing):
    names = {"form": "mine", "title": "mine", "how": "Somehow", "algorithms": ()}
    del names[missing]
    with pytest.raises(BadInput, match=f"has no `{missing}`"):
        finder(type("Mine", (Circuit,), names))(find_nothing)


def test_a_name_is_given_once(commonest):
    with pytest.raises(BadInput, match="`commonest` is a form of explanation already"):
        finder(commonest)(find_nothing)


def find_nothing(snapshot):
    raise NotApplicable("nothing.")

"""The program of each form is a file that runs by itself, and whose constants are a true example of
what its docstring says."""

import json
import re
import subprocess
import sys
from inspect import getsource
from itertools import product
from pathlib import Path
from runpy import run_path

import pytest
import torch

import grokscope.circuits
from grokscope.activations import TANH
from grokscope.canonical import canonical
from grokscope.circuits.circuit import FORMS
from grokscope.circuits.coset import program as of_cosets
from grokscope.circuits.fourier import program as of_fourier
from grokscope.circuits.printed import program
from grokscope.explain.program import circuit_file
from grokscope.planted import groups, waves
from grokscope.planted.digits import parity

ROOT = Path(*grokscope.circuits.__path__)
PAIRS = {n: list(product(range(n), repeat=2)) for n in (2, 5, 6, 7)}
S3 = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def in_s3(a, b):
    return S3.index(tuple(S3[b][i] for i in S3[a]))


EXAMPLES = [  # the file; its inputs; what it should answer
    ("fourier/program.py", PAIRS[5], lambda a, b: (a + b) % 5),
    ("coset/program.py", PAIRS[6], in_s3),
    ("rho_set/program.py", PAIRS[6], in_s3),
    ("convolution/program_circle.py", PAIRS[7], lambda a, b: (a + b) % 7),
    ("convolution/program_group.py", PAIRS[6], in_s3),
    ("convolution/program_table.py", PAIRS[5], lambda a, b: (a + b) ** 2 % 5),
    ("lookup/program.py", PAIRS[2], lambda a, b: (a + b) % 2),
    (
        "parity/program.py",
        [(x,) for x in product((0, 1), repeat=3)],
        lambda digits: (digits[0] + digits[2]) % 2,
    ),
]


@pytest.mark.parametrize(("file", "inputs", "answer"), EXAMPLES, ids=[x[0] for x in EXAMPLES])
def test_an_example_is_true(file, inputs, answer):
    ran = run_path(str(ROOT / file))
    assert [ran["answer"](*x) for x in inputs] == [answer(*x) for x in inputs]


ASKED = 100  # inputs of each network
PLANTED = {  # its form; the network; what a reader of the file must be told
    "clock": ("fourier", lambda: waves.clock_relu(1, 0.01, p=17), ["clock", "frequency {}"]),
    "pizza": ("fourier", lambda: waves.pizza_relu(1, 0.01, p=17), ["pizza", "frequency {}"]),
    "five neurons": ("fourier", lambda: waves.five_neurons(1, 0.01), ["pizza", "frequency 1: 5"]),
    "cosets": (
        "coset",
        lambda: groups.cosets(1, 0.01, group="S4", points=0),
        ["coset", "S3: e, (3 4), (2 3)", "S3: does ab send 1 to 2?"],
    ),
    "rho-sets": (
        "rho-set",
        lambda: groups.rho_sets(1, 0.01, group="S4"),
        ["rho-set", "standard sign (6)", "kept by C4: e, (1 2 3 4)"],
    ),
    "kernel": (
        "convolution",
        lambda: groups.characters(1, 0.01, group="S4"),
        ["convolution", "kernel(a⁻¹ c b⁻¹) on S4; its irreps: standard sign"],
    ),
    "parity": ("parity", lambda: parity(1, 0.01, n=8, k=3), ["parity", "x0 + x1 + x2"]),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_file_alone_says_what_a_planted_network_does_and_does_it(name, tmp_path):
    form, plant, told = PLANTED[name]
    planted = plant()
    s = canonical(planted.snapshot)
    circuit = FORMS[form].find(s)
    algorithm = circuit.algorithm(s)
    assert algorithm is not None
    text = circuit_file(
        s.task.name, 0, algorithm.name, algorithm.how, circuit.parts, circuit.program()
    )
    for what in told:
        numbers = re.findall(r"\d+", planted.notes) if "{}" in what else [""]
        assert all(what.format(k) in text for k in numbers), text[:400]
    some = torch.randperm(len(s.task.inputs))[:ASKED]
    asked = s.task.inputs[some].tolist()
    call = "answer(x)" if form == "parity" else "answer(*x)"
    file = tmp_path / "circuit.py"
    file.write_text(f"{text}\nprint([{call} for x in {asked}])\n")
    ran = subprocess.run(
        [sys.executable, "-I", "-S", file], check=True, capture_output=True, text=True
    )
    agree = torch.tensor(json.loads(ran.stdout)) == s.logits[some].argmax(dim=1)
    assert agree.double().mean() > 0.99


@pytest.mark.parametrize("file", [x[0] for x in EXAMPLES])
def test_a_program_needs_nothing_but_python_itself(file):
    subprocess.run([sys.executable, "-I", "-S", ROOT / file], check=True)


def test_the_example_with_its_own_values_is_the_file_less_its_docstring():
    text = getsource(of_fourier).split('"""\n', maxsplit=1)[1]
    printed = program(of_fourier, "equation", N="5", act="x * x")
    assert printed == f"# equation\n\n{text.strip()}\n"


def test_what_an_activation_needs_of_mathematics_is_imported():
    printed = program(of_fourier, "equation", act=TANH.python)
    assert "from math import cos, pi, sin, tanh\n" in printed
    assert "\ndef act(x):\n    return tanh(x)\n" in printed


def test_it_is_imported_where_the_example_needs_none_too():
    printed = program(of_cosets, "equation", act=TANH.python)
    assert printed.startswith("# equation\n\nfrom math import tanh\n\nfrom functools import")


def test_a_value_that_the_program_has_no_place_for_is_an_error():
    with pytest.raises(AssertionError, match="has no"):
        program(of_fourier, "equation", M="5")

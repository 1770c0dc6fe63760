"""What is said of an explanation, and what is left in the run's folder."""

import subprocess
import sys
from dataclasses import replace

import pytest

from grokscope.circuits.fourier.circuit import Fourier, Reading
from grokscope.errors import BadInput
from grokscope.explain.explanation import UNDETERMINED, explain, path, spread
from grokscope.planted import IMPOSTORS, groups, waves
from grokscope.reading.explained import simplest, told, write_circuit
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.train import train


def words(planted) -> str:
    return " ".join(told(explain(planted.snapshot)))


def test_a_clock_is_told_with_its_parts_its_certificate_and_what_is_proved():
    said = words(waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32))
    for part in (
        "It generalised",
        "a clock",
        "frequency",
        "holds",
        "by heart",
        "(convolution), in 8 numbers",
    ):
        assert part in said
    assert "Proved from its weights, without trusting any explanation: right on all pairs" in said


@pytest.mark.parametrize("kind", ["lookup_table", "random_features", "wrong_group_mended"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_algorithm_is_named_of_an_impostor(kind, seed):
    e = explain(IMPOSTORS[kind].draw(seed, 0.01).snapshot)
    said = " ".join(told(e))
    assert e.named == {}
    assert e.verdict == ("generalised" if e.snapshot.knows_split else "accurate")
    assert not any(name in said for name in ("a clock)", "a pizza)", "Certificate ("))
    assert ("undetermined" in said) == e.snapshot.knows_split
    assert "does not generalise" not in said, "its answers are right, as far as is known"


def test_waves_that_are_neither_clock_nor_pizza_are_told_with_what_is_open(monkeypatch):
    monkeypatch.setattr(Fourier, "reading", lambda self, snapshot: Reading("undetermined", ()))
    e = explain(waves.clock_relu(seed=1, noise=0.0, p=31, frequencies=4, neurons=32).snapshot)
    assert e.algorithm == "convolution"
    said = " ".join(told(e))
    assert "whether as a clock or as a pizza is undetermined" in said
    assert "(a clock)" not in said
    only = replace(e, certificates=tuple(c for c in e.certificates if c.circuit.form == "fourier"))
    assert only.algorithm == UNDETERMINED
    assert "no explanation holds" not in " ".join(told(only))


def test_a_network_that_does_not_generalise_has_no_algorithm():
    said = words(IMPOSTORS["memoriser"].draw(2, 0.0))
    assert said.startswith("It did not generalise")
    assert "Certificate (" not in said


def test_the_simplest_circuit_is_left_as_a_program_that_gives_the_answers(tmp_path):
    planted = groups.rho_sets(seed=0, noise=0.0, group="S4")
    e = explain(planted.snapshot)
    assert e.algorithm == "rho-set"
    run = Run(Spec(task="composition", task_args={"group": "S4"}), tmp_path)
    written = write_circuit(run, e)
    assert written is not None
    best = simplest(e)
    assert best is not None
    assert best.circuit.size == min(c.circuit.size for c in e.named.values())
    ask = "from circuit import answer; print([answer(a, b) for a in range(24) for b in range(24)])"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(planted.task.answers.tolist())


def test_a_run_is_explained_over_its_checkpoints(tmp_path):
    (run,) = train([Spec(task_args={"p": 13}, steps=6, checkpoint_every=2)], tmp_path)
    seen = []
    found = path(run, spread(run.steps, 3), ["convolution"], lambda i, n: seen.append((i, n)))
    assert [e.snapshot.step for e in found] == [0, 2, 6]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert all(e.algorithm is None for e in found)


def test_checkpoints_are_spread_evenly():
    assert spread(list(range(0, 101, 10)), 3) == [0, 50, 100]
    assert spread([5], 4) == [5]
    assert spread([1, 2], 1) == [2]
    with pytest.raises(BadInput, match="Ask for 1 or more"):
        spread([1, 2], 0)

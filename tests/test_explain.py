"""The gate before an algorithm is named: a network that has its answers by heart does not pass it,
however smooth its logits are, and one that cannot be read in full is still judged. The circuit
that is named is left in the run's folder, and all checkpoints can be explained."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from grokscope.circuits.circuit import FORMS
from grokscope.circuits.fourier.evidence import OfWaves
from grokscope.errors import BadInput
from grokscope.explain.explanation import explain, path
from grokscope.explain.program import file_name, write_circuits
from grokscope.models import make_model
from grokscope.models.model import Model
from grokscope.planted import TRUTHS, groups, waves
from grokscope.planted.impostors import solved
from grokscope.planted.neurons import Neurons
from grokscope.reading.explained import Explained, _programs, explanation_facts
from grokscope.reading.plain import from_plain, to_plain
from grokscope.reading.record import of_explanation
from grokscope.reading.sentences import account, how_sure, reason, rule
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.tap import no_tap
from grokscope.tasks import make_task
from grokscope.training.files import as_json
from grokscope.training.run import Run, spread
from grokscope.training.train import train
from grokscope.verify.evidence import OfAll, Standing
from grokscope.verify.verify import verify


def everyone(task):
    return torch.ones(len(task.inputs), dtype=torch.bool)


def interpolator(group):
    """Random relus of embeddings that are smooth along the elements, fitted to all pairs."""
    task, generator = make_task("composition", {"group": group}), torch.Generator().manual_seed(1)
    n = task.n_symbols
    place, m = torch.arange(n).double(), round(1.3 * n * n)
    kernel = torch.exp(-(place[:, None] - place).square() / 32) + 1e-8 * torch.eye(n)
    L, R = torch.linalg.cholesky(kernel) @ torch.randn(2, n, m, generator=generator).double()
    L = L + torch.randn(m, generator=generator).double() / 2
    a, b = task.inputs.unbind(dim=1)
    W = solved((L[a] + R[b]).relu(), torch.eye(n).double()[task.answers])
    return task, Neurons(L, R, W).requires_grad_(False)


class Table(Model):
    """No hidden layer: the logits of every pair are parameters."""

    def __init__(self, logits):
        super().__init__()
        self.n_answers = logits.shape[1]
        self.logits = nn.Parameter(logits)

    def forward(self, inputs, tap=lambda name, x: x):
        return tap("logits", self.logits[inputs[:, 0] * self.n_answers + inputs[:, 1]])

    def symbol_weights(self):
        return {}


def of_waves(p):
    task = make_task("a+b", {"p": p})
    apart = task.answers[:, None] - torch.arange(p)
    return task, Table(sum((2 * math.pi * k * apart / p).cos() for k in (1, 3, 5)))


def test_a_smooth_interpolator_of_all_pairs_is_not_said_to_have_generalised():
    for group in ("C23", "D15"):
        task, model = interpolator(group)
        found = explain(Snapshot(task, everyone(task), model))
        of_form = {c.circuit.form: c.verdict for c in found.certificates}
        assert of_form["convolution"] == "holds"  # a kernel explains its logits, and yet
        assert (found.gate.verdict, found.algorithm) == ("accurate", None)


def test_a_circuit_of_the_logits_alone_settles_it_where_the_hidden_layer_is_small():
    planted = TRUTHS["characters"].draw(0, 0.01)
    assert bool(planted.is_train.all())
    found = explain(planted.snapshot, ["convolution"])
    assert (found.gate.verdict, found.algorithms) == ("generalised", ("convolution",))


def test_a_table_without_a_hidden_layer_is_described_but_settles_nothing():
    task, model = of_waves(23)
    held_out = torch.rand(len(task.inputs), generator=torch.Generator().manual_seed(0)) < 0.5
    assert explain(Snapshot(task, held_out, model)).algorithms == ("convolution",)
    assert explain(Snapshot(task, everyone(task), model)).gate.verdict == "accurate"


def test_a_table_of_unordered_pairs_did_not_generalise_though_nearly_all_test_pairs_are_right():
    task = make_task("a+b", {"p": 97})
    a, b = task.inputs.unbind(dim=1)
    held_out = (a < b).nonzero()[:300, 0].tolist()  # of one pair the mirror is held out too
    is_train, is_lost = everyone(task), (a + b == 1) & (a != b)
    is_train[held_out] = False
    is_train[is_lost] = False
    logits = torch.eye(97)[torch.where(is_lost, (task.answers + 1) % 97, task.answers)]
    found = explain(Snapshot(task, is_train, Table(10 * logits)), ["lookup"])
    assert found.accuracy["test"] > 0.99
    assert found.accuracy["unseen"] == 0
    assert found.verdict == "not generalised"
    assert found.gate.is_mirrored
    assert "(b, a)" in reason(explanation_facts(found))


def test_of_a_mixture_the_mirror_with_the_same_operator_gives_an_answer_away():
    task = make_task("mixture", {"formulas": "a+b,a*b", "p": 7})
    is_train = task.is_train(0.5, 0, "nanda2023")
    pairs = list(map(tuple, task.inputs.tolist()))
    shown = {x for x, there in zip(pairs, is_train.tolist(), strict=True) if there}
    known = torch.tensor([(a, b, o) in shown or (b, a, o) in shown for a, b, o in pairs])
    place = {x: i for i, x in enumerate(pairs)}
    logits = torch.eye(task.n_answers)[torch.where(known, task.answers, (task.answers + 1) % 7)]

    class OfInputs(Table):
        def forward(self, inputs, tap=lambda name, x: x):
            return tap("logits", self.logits[[place[tuple(x)] for x in inputs.tolist()]])

    found = explain(Snapshot(task, is_train, OfInputs(logits)), ["lookup"])
    assert found.accuracy["test"] > 0.3
    assert (found.accuracy["unseen"], found.gate.verdict) == (0, "not generalised")


class AddsOrSubtracts(Model):
    """A planted clock that is asked a+b, or a-b as a+(-b)."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.n_answers, self.act = clock, clock.n_answers, clock.act

    def _asked(self, inputs):
        a, b, operator = inputs.T
        return torch.stack([a, torch.where(operator == 1, -b % 13, b)], dim=1)

    def forward(self, inputs, tap=no_tap):
        return self.clock(self._asked(inputs), tap)

    def last(self, inputs, tap=no_tap):
        return self.clock.last(self._asked(inputs), tap)

    def fold(self, inputs):
        return self.clock.fold(self._asked(inputs))

    def symbol_weights(self):
        return self.clock.symbol_weights()


def test_a_network_of_a_mixture_is_explained_on_each_of_its_formulas(tmp_path):
    task = make_task("mixture", {"formulas": "a+b,a-b", "p": 13})
    clock = waves.clock_relu(1, 0.0, p=13).model
    is_train = torch.arange(len(task.inputs)) % 3 > 0
    found = explain(Snapshot(task, is_train, AddsOrSubtracts(clock)))
    assert found.verdict == "generalised"
    assert {k: x.algorithm for k, x in found.operators.items()} == {"a+b": "clock", "a-b": "clock"}
    facts = explanation_facts(found)
    assert repr(from_plain(json.loads(json.dumps(to_plain(facts))))) == repr(facts)
    assert "a+b, clock; a-b, clock" in " ".join(account(facts))
    sure = how_sure(facts)
    assert sure.startswith("For a+b: This explanation, ")
    assert "For a-b: This explanation, " in sure
    assert of_explanation(facts)["operators"]["a-b"]["algorithm"] == "clock"

    run = Run(Spec(task="mixture", task_args={"formulas": "a+b,a-b", "p": 13}), tmp_path)
    told = Explained(run, facts, _programs(found), False, None)
    assert {"circuit_a_plus_b.py", "circuit_a_minus_b.py"} <= set(told.circuit_files)
    for name, right in (("circuit_a_plus_b.py", 2), ("circuit_a_minus_b.py", 12)):
        known: dict[str, Any] = {}
        exec(told.circuit_files[name], known)
        assert [known["answer"](7, b) for b in (0, 8)] == [7, right], name


def test_a_mixtures_programs_have_files_of_their_own():
    formulas = ("", "a+b", "a-b", "a**2+b", "(a+b)**2", "a+b**2", "2*a+b", "a*b", "a/b")
    names = [file_name(form, x) for x in formulas for form in (None, "rho-set")]
    assert names[:4] == ["circuit.py", "circuit_rho_set.py", "circuit_a_plus_b.py",
                         "circuit_a_plus_b_rho_set.py"]  # fmt: skip
    assert len(set(names)) == len(names)


def test_a_task_with_one_answer_is_no_task_to_generalise_on():
    task = make_task("a-a", {"p": 11})
    is_train = torch.arange(len(task.inputs)) % 2 == 0
    assert explain(Snapshot(task, is_train, make_model("mlp", {}, task, 0))).algorithm is None


def test_an_answer_of_several_places_has_no_law_of_phases():
    planted = TRUTHS["polynomial"].draw(11, 0.01)
    assert planted.task.name == "(a+b)**2 mod 59"
    (certificate,) = explain(planted.snapshot, ["fourier"]).certificates
    (law,) = [e for e in certificate.evidence if e.tested is OfWaves.PHASE_LAW]
    assert math.isnan(law.value)
    assert law.standing is Standing.INCONCLUSIVE


def test_a_network_whose_logits_are_not_numbers_is_not_said_to_generalise():
    task, model = of_waves(11)
    model.logits.data[:] = math.nan
    found = explain(Snapshot(task, everyone(task), model))
    assert (found.verdict, found.certificates) == ("not generalised", ())
    assert set(found.not_found.values()) == {"the network's logits are not all numbers."}


def test_numbers_that_are_void_are_null_in_json():
    planted = TRUTHS["polynomial"].draw(11, 0.01)
    assert planted.task.name == "(a+b)**2 mod 59"
    found = of_explanation(explanation_facts(explain(planted.snapshot, ["fourier"])))
    values = [x["value"] for x in json.loads(as_json(found))["circuits"][0]["certificate"]]
    assert None in values


def test_removing_neurons_is_inconclusive_where_removing_as_many_others_does_the_same():
    s = TRUTHS["pizza_relu"].draw(2, 0.01).snapshot
    whole = FORMS["fourier"].find(s)
    half = whole.keeping(whole.parts[: len(whole.parts) // 2])
    removed = verify(s, half).get(OfAll.WITHOUT_NEURONS)
    assert removed is not None
    assert removed.value < 0.5
    assert removed.controls["as many others"] < 0.5
    assert removed.standing is Standing.INCONCLUSIVE
    assert "not counted" in rule(removed)


def test_the_circuit_that_is_named_is_left_as_a_program_and_others_beside_it(tmp_path):
    planted = groups.rho_sets(seed=0, noise=0.0, group="S4")
    e = explain(planted.snapshot)
    assert e.algorithms == ("rho-set", "coset", "convolution")
    run = Run(Spec(task="composition", task_args={"group": "S4"}), tmp_path)
    told = Explained(run, explanation_facts(e), _programs(e), False, None)
    written = [path.name for path in write_circuits(run, told.circuit_files)]
    assert written == ["circuit.py", "circuit_coset.py", "circuit_convolution.py"]
    for name in written:
        ask = "print([answer(a, b) for a in range(24) for b in range(24)])"
        source = (tmp_path / name).read_text() + ask
        done = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, check=True)
        assert done.stdout.decode().strip() == str(planted.task.answers.tolist())


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

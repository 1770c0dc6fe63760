"""Neuron-level Fourier circuits: planted clocks and pizzas, and networks that are neither."""

import math
from dataclasses import replace
from enum import Enum

import pytest
import torch

from grokscope.activations import ACTIVATIONS, GELU, IDENTITY, RELU, SILU, SQUARE, Activation
from grokscope.canonical import canonical
from grokscope.circuits.circle import circle_of
from grokscope.circuits.fourier.circuit import Fourier, find
from grokscope.circuits.fourier.clock_or_pizza import OfAngles
from grokscope.circuits.fourier.evidence import OfWaves
from grokscope.circuits.fourier.fit import fit_rows
from grokscope.circuits.fourier.lean import Seen, lean
from grokscope.circuits.fourier.pieces import count
from grokscope.circuits.fourier.squares import Design, design_of_pairs, least_squares
from grokscope.circuits.fourier.waves import Waves, functions_of_pairs
from grokscope.errors import NotApplicable, UnknownName
from grokscope.measures.pizza import distance_irrelevance
from grokscope.measures.weights import output_map
from grokscope.models.model import Model
from grokscope.models.pair import Pair
from grokscope.planted import impostors, waves
from grokscope.score import accuracy
from grokscope.snapshot import Snapshot
from grokscope.tap import no_tap
from grokscope.tasks import make_task
from grokscope.verify.evidence import Evidence, Standing
from tests.published import CHECKPOINTS, chughtai, pizza

NOISE = 0.01


def snapshot_of(kind, seed=0, noise=NOISE, **sizes):
    return kind(seed, noise, **sizes).snapshot


def evidence(snapshot: Snapshot, tested: Enum) -> Evidence:
    return next(e for e in find(snapshot).checks(canonical(snapshot)) if e.tested is tested)


def failures(snapshot: Snapshot) -> list[Enum]:
    bad = (Standing.AGAINST, Standing.OPEN)
    return [e.tested for e in find(snapshot).checks(canonical(snapshot)) if e.standing in bad]


def algorithm(snapshot: Snapshot) -> str | None:
    algorithm = find(snapshot).algorithm(snapshot)
    return None if algorithm is None else algorithm.name


def doubled_rotation(p: int = 23, neurons: int = 9, k: int = 3, triangle: bool = True) -> Snapshot:
    """The PAIR explorable's constructed solution: φ = φ' = -θ, ψ = -2θ."""
    model = Pair(p, p, embed="input_tied", d_embed=neurons, d_mlp=neurons, collapsed_out=True)
    theta = 2 * math.pi * torch.arange(neurons) / neurons
    angle = 2 * math.pi * k * torch.arange(p)[:, None] / p
    assert model.W_in is not None
    assert model.W_U is not None
    with torch.no_grad():
        model.W_E.copy_((angle - theta).cos())
        model.W_in.copy_(torch.eye(neurons))
        model.W_U.copy_((angle - 2 * theta).cos().T)
    task = make_task("a+b", {"p": p, "triangle": triangle})
    return Snapshot(task, torch.ones(len(task.inputs), dtype=torch.bool), model)


TRUTHS = {
    "clock_square": lambda: snapshot_of(waves.clock_square, p=31),
    "clock_relu": lambda: snapshot_of(waves.clock_relu, p=31),
    "multiplication": lambda: snapshot_of(waves.multiplication, p=31),
    "a-b": lambda: snapshot_of(waves.polynomial, formula="a-b", p=23),
    "a**2+b**2": lambda: snapshot_of(waves.polynomial, formula="a**2+b**2", p=31),
    "even modulus": lambda: snapshot_of(waves.subgroup_circuits, p=20),
    "pizza_relu": lambda: snapshot_of(waves.pizza_relu, p=31),
    "pizza_square": lambda: snapshot_of(waves.pizza_square, p=31),
    "five_neurons": lambda: snapshot_of(waves.five_neurons, p=17),
    "pizza_transformer": lambda: snapshot_of(waves.pizza_transformer, p=23),
    "doubled rotation": doubled_rotation,
}
PIZZAS = {"pizza_relu", "pizza_square", "five_neurons", "pizza_transformer", "doubled rotation"}


@pytest.mark.parametrize("name", TRUTHS)
def test_a_planted_network_is_rebuilt_and_read_as_what_it_is(name):
    s = TRUTHS[name]()
    circuit = find(s)
    assert failures(s) == []
    assert accuracy(circuit.logits(s.task), s.task.answers) > 0.99
    assert algorithm(s) == ("pizza" if name in PIZZAS else "clock")


@pytest.mark.parametrize("name", ["clock_relu", "pizza_square", "multiplication", "a**2+b**2"])
def test_what_it_prints_runs_and_answers_as_it_does(name):
    s = TRUTHS[name]()
    assert_prints_itself(find(s), s)


def assert_prints_itself(circuit: Fourier, s: Snapshot) -> None:
    printed: dict = {}
    exec(circuit.program(), printed)
    logits = circuit.logits(s.task)
    for i in torch.randperm(len(s.task.inputs))[:12].tolist():
        pair = s.task.inputs[i].tolist()
        assert printed["answer"](*pair) == int(logits[i].argmax())
        there = torch.tensor(printed["logits"](*pair), dtype=torch.float64)
        assert torch.allclose(there, logits[i], rtol=1e-4, atol=1e-4 * float(logits[i].abs().max()))


def numbers_in(printed: object) -> int:
    """How many numbers there are in lists, tuples and dictionaries."""
    if isinstance(printed, dict):
        return numbers_in([*printed, *printed.values()])
    if isinstance(printed, list | tuple):
        return sum(map(numbers_in, printed))
    return int(isinstance(printed, int | float))


@pytest.mark.parametrize(
    "name", ["clock_relu", "pizza_square", "multiplication", "doubled rotation"]
)
def test_its_size_is_how_many_numbers_it_prints(name):
    circuit, printed = find(TRUTHS[name]()), {}
    exec(circuit.program(), printed)
    assert circuit.size == numbers_in(printed["NEURONS"]) + numbers_in(printed["BIAS"])


def test_what_a_neuron_has_of_a_and_b_alike_counts_once():
    x = find(doubled_rotation(neurons=9)).waves
    assert count(x) == 9 * (1 + 2 + 1 + 2)  # two frequencies, a size and a phase each
    inner = x.inner.clone()
    inner[3] *= 2  # cos of b at frequency 3
    assert count(replace(x, inner=inner)) == 9 * (1 + 4 + 1 + 2)


def test_the_few_numbers_are_kept_that_the_logits_would_miss():
    s = canonical(snapshot_of(waves.clock_relu, noise=0.2, p=23, frequencies=4, neurons=32))
    assert s.lens.group is not None
    circle = circle_of(s.lens, 23)
    assert circle is not None
    every = tuple(range(1, 12))
    design = design_of_pairs(circle, every, s.task, has_products=False)
    inner, _ = least_squares(design, s.mlp_pre.double())
    rows = fit_rows(circle, every, output_map(s))
    whole = Waves(circle, RELU, False, every, inner, every, rows, torch.zeros(23).double())
    few, seen = lean(s, whole), Seen.of(s, whole)
    assert count(few) < 0.45 * sum(W.numel() for W in s.model.symbol_weights().values())
    assert seen.missed(few) < 0.08
    assert seen.same(few) == 1


def test_a_polynomial_of_degree_two_prints_its_neurons():
    s = snapshot_of(waves.clock_relu, p=23, frequencies=4)
    x = find(s).waves
    functions = functions_of_pairs(x.circle, x.frequencies, s.task, True)
    inner, _ = least_squares(Design.of(functions), s.mlp_post.double())
    polynomial = Fourier(replace(x, act=IDENTITY, has_products=True, inner=inner))
    sums = polynomial.hidden(s.task) @ polynomial.output() + x.bias
    assert torch.allclose(sums, polynomial.logits(s.task), atol=1e-8)
    assert_prints_itself(polynomial, s)


class Bent(Model):
    """The neurons of a planted network with another activation."""

    def __init__(self, planted: Model, act: Activation):
        super().__init__()
        L, R, U = (planted.symbol_weights()[role] for role in "abc")
        self.n_answers, self.L, self.R, self.U, self.bend = len(U), L, R, U, act

    def forward(self, inputs, tap=no_tap):
        a, b = inputs.unbind(dim=1)
        h = tap("mlp_post", self.bend(tap("mlp_pre", self.L[a] + self.R[b])))
        return tap("logits", h @ self.U.T)

    def symbol_weights(self):
        return {"a": self.L, "b": self.R, "c": self.U}


@pytest.mark.parametrize("act", [SQUARE, GELU, SILU], ids=lambda act: act.name)
def test_neurons_of_other_activations_are_rebuilt(act):
    planted = waves.clock_relu(0, 0.0, p=23)
    s = Snapshot(planted.task, planted.is_train, Bent(planted.model, act).requires_grad_(False))
    circuit = find(s)
    assert circuit.waves.act is act
    assert_prints_itself(circuit, s)


@pytest.mark.parametrize("act", ACTIVATIONS.values(), ids=lambda act: act.name)
def test_every_activation_is_printed(act):
    s = snapshot_of(waves.clock_relu, p=23)
    assert_prints_itself(Fourier(replace(find(s).waves, act=act)), s)


def test_its_logits_are_its_activations_through_its_output_map():
    s = TRUTHS["clock_relu"]()
    circuit = find(s)
    logits = circuit.hidden(s.task) @ circuit.output() + circuit.waves.bias
    assert torch.allclose(logits, circuit.logits(s.task))


def test_its_parts_add_up():
    s = TRUTHS["pizza_relu"]()
    circuit = find(s)
    parts = [circuit.keeping([name]) for name in circuit.parts]
    bias = circuit.waves.bias
    total = sum(x.logits(s.task) - bias for x in parts) + bias
    assert torch.allclose(torch.as_tensor(total), circuit.logits(s.task))
    assert all(x.size < circuit.size for x in parts)
    owned = torch.stack(list(circuit.neurons().values())).sum(dim=0)
    assert owned.tolist() == [1] * len(owned)
    with pytest.raises(UnknownName):
        circuit.keeping(["frequency 999"])


def test_of_the_doubled_rotation_the_output_turns_twice_as_far():
    s = doubled_rotation()
    circuit = find(s)
    assert circuit.parts == ("frequency 3",)
    phases = circuit.waves.phases(3)
    assert torch.allclose(phases.a.angle(), phases.b.angle(), atol=1e-5)
    turn = (phases.c / phases.a.square()).angle()
    assert float(turn.abs().max()) < 1e-5


def test_the_same_circuit_is_found_on_the_pairs_a_up_to_b_as_on_all():
    whole, half = (find(doubled_rotation(triangle=x)).waves for x in (False, True))
    assert whole.frequencies == half.frequencies
    # A neuron's scale is that of what it does on the pairs that there are.
    for x, y in ((whole.inner, half.inner), (whole.rows.T, half.rows.T)):
        assert torch.allclose(x / x.norm(dim=0), y / y.norm(dim=0), atol=1e-5)


def test_multiplication_has_its_places_on_the_circle_of_the_logarithm():
    s = TRUTHS["multiplication"]()
    circle = circle_of(s.lens, s.task.n_answers)
    assert circle is not None
    assert circle.n == 30
    assert int(circle.a[0]) == -1
    assert int(circle.a[1]) == 0
    a, b = circle.places(s.task)
    c = circle.a[s.task.answers]
    assert torch.equal((a + b) % 30, c)
    assert all(name.startswith("character") for name in find(s).parts if name != "{0}")


def test_its_distance_irrelevance_is_that_of_the_measure_on_all_pairs():
    s = TRUTHS["pizza_relu"]()
    ours = evidence(s, OfAngles.IRRELEVANCE).value
    assert ours == pytest.approx(distance_irrelevance(s), rel=1e-6)


def test_an_ideal_pizza_is_modulated_in_full_and_a_clock_not_at_all():
    pizza, clock = (evidence(TRUTHS[x](), OfAngles.DEPTH) for x in ("pizza_relu", "clock_relu"))
    assert pizza.value == pytest.approx(1, abs=0.05)
    assert clock.value == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("has_products", [False, True])
@pytest.mark.parametrize("formula", ["a+b", "a*b"])
def test_over_a_table_of_pairs_waves_are_fitted_operand_by_operand(formula, has_products):
    task = make_task(formula, {"p": 13})
    circle = next(c for x in task.lenses if x.product is not None if (c := circle_of(x, 13)))
    ks, x = (0, 1, 3, 6), torch.randn(169, 5, dtype=torch.float64)
    order = torch.randperm(169)
    one = design_of_pairs(circle, ks, task, has_products)
    other = design_of_pairs(circle, ks, task.at(order), has_products)  # in another order: no table
    for name in ("sums", "gram", "owner"):
        assert torch.allclose(getattr(one, name), getattr(other, name), atol=1e-10)
    fits = least_squares(one, x), least_squares(other, x[order])
    assert all(torch.allclose(u, v, atol=1e-10) for u, v in zip(*fits, strict=True))
    no_row = torch.zeros(5, 0, dtype=torch.float64)
    waves = Waves(circle, IDENTITY, has_products, ks, fits[0][0], (), no_row, torch.zeros(13))
    assert torch.allclose(waves.hidden(task)[order], waves.hidden(task.at(order)), atol=1e-10)


def test_waves_that_overlap_are_not_counted_twice():
    x = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mixed = x @ torch.tensor([[1.0, 0.1], [0.1, 1.0]], dtype=torch.float64)
    design, both = Design.of([x, mixed]), x @ torch.ones(2, 1, dtype=torch.float64)
    coefficients, missed = least_squares(design, both)
    assert float(missed.max()) < 1e-9
    assert int((coefficients[1:] != 0).sum()) == 2


@pytest.mark.parametrize("act", ["square", "relu"])
def test_wrong_phases_break_the_law(act):
    s = snapshot_of(impostors.wrong_phases, p=31, act=act)
    assert OfWaves.PHASE_LAW in failures(s)


@pytest.mark.parametrize("seed", range(3))
def test_random_features_that_are_right_on_all_pairs_are_refused(seed):
    s = snapshot_of(impostors.wrong_phases_mended, seed=seed, group="C13")
    assert failures(s)


def test_controls_stand_far_below_what_they_control():
    s = snapshot_of(waves.clock_relu, p=59)
    neurons = evidence(s, OfWaves.NEURONS).controls
    assert neurons["other frequencies"] < 0.2
    assert neurons["relabelled elements"] < 0.5
    assert abs(evidence(s, OfWaves.PHASE_LAW).controls["shuffled"]) < 0.4
    assert evidence(s, OfWaves.REBUILT).controls["its rows at other neurons"] < 0.2


def test_a_group_that_is_not_cyclic_has_no_circle():
    s = impostors.untrained(0, 0.0, group="S4").snapshot
    with pytest.raises(NotApplicable, match="no product in a cyclic group"):
        find(s)


def test_a_network_without_key_frequencies_has_no_circuit():
    s = impostors.untrained(0, 0.0, group="C31").snapshot
    with pytest.raises(NotApplicable, match="no frequency holds 1 %"):
        find(s)


PUBLISHED = {
    "p99zdpze5l": ("pizza", {"frequency 3", "frequency 15", "frequency 17"}),
    "l8k1hzciux": ("clock", {"frequency 13", "frequency 16", "frequency 21"}),
    "p71frej8t7": ("pizza", {f"frequency {k}" for k in (14, 17, 24, 29)}),
    "qlvxqhkvit": ("clock", {f"frequency {k}" for k in (1, 2, 3, 8, 13, 18, 27)}),
}


@pytest.mark.skipif(not CHECKPOINTS.exists(), reason="the published checkpoints are not here")
@pytest.mark.parametrize("run", PUBLISHED)
def test_the_networks_of_zhong_et_al_are_read_as_published(run):
    name, parts = PUBLISHED[run]
    s = _on_all_pairs(pizza(run), 59)
    circuit = find(s)
    assert isinstance(circuit, Fourier)
    assert set(circuit.parts) == parts
    assert algorithm(s) == name
    assert failures(s) == []
    assert accuracy(circuit.logits(s.task), s.task.answers) == 1
    view = canonical(s)
    replaced = view.read_out(circuit.hidden(s.task).to(view.mlp_post))
    assert accuracy(replaced, s.task.answers) == 1


@pytest.mark.skipif(not CHECKPOINTS.exists(), reason="the published checkpoints are not here")
def test_chughtais_cyclic_network_is_no_pizza():
    s = _on_all_pairs(chughtai("C113_MLP_seed2"), 113)
    circuit = find(s)
    assert {f"frequency {k}" for k in (7, 22, 24, 25, 36)} <= set(circuit.parts)
    assert algorithm(s) == "clock"
    assert failures(s) == []
    assert accuracy(circuit.logits(s.task), s.task.answers) == 1


def _on_all_pairs(model, p: int) -> Snapshot:
    task = make_task("a+b", {"p": p})
    return Snapshot(task, torch.ones(len(task.inputs), dtype=torch.bool), model)

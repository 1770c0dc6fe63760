"""What accounts prove by themselves, by waves and by cosets: never more than is true, whatever the
network and whatever is claimed of it, and all of a planted network at 1 % noise."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from grokscope.activations import RELU
from grokscope.canonical import canonical
from grokscope.circuits.circuit import FORMS
from grokscope.circuits.coset.bound import claims
from grokscope.circuits.fourier.bound import Claim, waves
from grokscope.circuits.parity.bound import by_setting
from grokscope.circuits.rho_set import rho_set
from grokscope.circuits.rho_set.written_out import written_out
from grokscope.circuits.summed import Summed
from grokscope.measures.cosets import proper_subgroups
from grokscope.planted import groups
from grokscope.planted import waves as planted_waves
from grokscope.planted.digits import parity
from grokscope.snapshot import Snapshot
from grokscope.verify.network import Network, brute_force
from tests.test_bounds import NETWORKS, Planted, cosine_network, rho_network

Wrong = Callable[[Claim, torch.Generator], Claim]


def claim_of(x: Planted, keys: tuple[int, ...]) -> Claim:
    a, b = x.task.inputs.unbind(dim=1)
    n = x.group.order
    return Claim(n, torch.tensor(keys), a, b, torch.arange(n))


def shuffled(name: str) -> Wrong:
    def wrong(claim: Claim, g: torch.Generator) -> Claim:
        places = getattr(claim, name)
        return replace(claim, **{name: places[torch.randperm(len(places), generator=g)]})

    return wrong


def changed(**to) -> Wrong:
    return lambda claim, g: replace(claim, **{k: f(claim) for k, f in to.items()})


CLAIMS: dict[str, Wrong] = {
    "true": lambda claim, g: claim,
    "other keys": changed(ks=lambda x: x.ks + 1),
    "no keys": changed(ks=lambda x: x.ks[:0]),
    "answers elsewhere": shuffled("z"),
    "operands elsewhere": shuffled("x"),
    "the other way round": changed(y=lambda x: -x.y % x.n),
    "answers at one place": changed(z=lambda x: x.z * 0),
    "a smaller circle": changed(n=lambda x: x.n - 1),
    "a larger circle": changed(n=lambda x: x.n + 2),
    "no place for an answer": changed(z=lambda x: torch.where(x.z == 3, -1, x.z)),
    "no place for an operand": changed(x=lambda x: torch.where(x.x == 0, -1, x.x)),
    "fewer answers": changed(z=lambda x: x.z[1:]),
}


@pytest.mark.parametrize("p", [7, 13])
def test_no_corruption_lifts_the_bound_by_waves_above_the_networks_own_accuracy(p):
    planted, some = cosine_network(p, (1, 2), 5), 0
    for seed in range(len(NETWORKS)):
        generator = torch.Generator().manual_seed(seed)
        x = NETWORKS[seed % len(NETWORKS)](planted, generator)
        accuracy = brute_force(x.network).accuracy
        for name, wrong in CLAIMS.items():
            bound = waves(x.network, wrong(claim_of(x, (1, 2)), generator))
            assert 0 <= bound.accuracy <= accuracy, (seed, name, bound)
            some += 0 < bound.accuracy < 1
    assert some > 10, "hardly a case where a bound too large would show"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("answers at one place", "at one place"), ("a smaller circle", "not on the circle"),
     ("fewer answers", "other pairs or answers")],
)  # fmt: skip
def test_what_is_no_circle_proves_nothing(name, reason):
    x = cosine_network(13, (1, 2, 5), 8)
    bound = waves(x.network, CLAIMS[name](claim_of(x, (1, 2, 5)), torch.Generator()))
    assert bound.accuracy == 0
    assert reason in bound.reason


def test_pairs_and_answers_without_a_place_are_tried_in_full():
    x = cosine_network(13, (1, 2, 5), 8)
    for name, share in (("no place for an operand", 1), ("no place for an answer", 0.8)):
        bound = waves(x.network, CLAIMS[name](claim_of(x, (1, 2, 5)), torch.Generator()))
        assert bound.accuracy >= share
        assert bound.operations > waves(x.network, claim_of(x, (1, 2, 5))).operations


def own_bound(snapshot: Snapshot, form: str):
    network = Network.of(snapshot)
    assert network is not None
    return FORMS[form].find(snapshot).mechanism(network, snapshot.task)


PLANTED = {
    "clock": lambda: ("fourier", planted_waves.clock_relu(1, 0.01, p=59)),
    "pizza": lambda: ("fourier", planted_waves.pizza_relu(1, 0.01, p=59)),
    "logarithms": lambda: ("fourier", planted_waves.multiplication(1, 0.01, p=59)),
    "squares": lambda: ("fourier", planted_waves.polynomial(1, 0.01, p=59, formula="a**2+b**2")),
    "attention": lambda: ("fourier", planted_waves.pizza_transformer(1, 0.01, p=59)),
    "cosets": lambda: ("coset", groups.cosets(1, 0.01, group="S5", shared=True)),
    "cosets, a v each": lambda: ("coset", groups.cosets(1, 0.01, group="S5", shared=False)),
    "two vectors a": lambda: ("rho-set", groups.rho_sets(1, 0.01, group="S4", vectors=2)),
    "rho-sets": lambda: ("rho-set", groups.rho_sets(1, 0.01, group="S4")),
    "parity": lambda: ("parity", parity(1, 0.01, n=10, k=3)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_network_is_proved_by_its_own_account(name):
    form, planted = PLANTED[name]()
    bound = own_bound(planted.snapshot, form)
    assert bound is not None
    assert bound.accuracy >= 0.95
    names = {"fourier": "waves", "coset": "cosets", "rho-set": "rho-sets", "parity": "digits"}
    assert bound.name == names[form]


def summed_of(x: Planted) -> Summed:
    """The network itself as a circuit."""
    n, m = x.group.order, len(x.U)
    every, none = torch.arange(n), torch.zeros(n, dtype=torch.float64)
    return Summed(x.group, x.L, x.R, x.U.T, none, torch.arange(m), m, every, every, every, RELU)


def moved(circuit: Summed, g: torch.Generator, *sides: str) -> Summed:
    return replace(circuit, **{
        side: getattr(circuit, side)[torch.randperm(circuit.group.order, generator=g)]
        for side in sides
    })  # fmt: skip


def softer(circuit: Summed, g: torch.Generator) -> Summed:
    """A little beside the truth, in all that it says."""
    level = 10 ** (-2 * float(torch.rand(1, generator=g)) - 0.5)
    noise = {
        side: (1 + level * torch.randn(circuit.left.shape, generator=g)) * getattr(circuit, side)
        for side in ("left", "right", "output")
    }
    return replace(circuit, **noise)


WRITTEN: dict[str, Callable[[Summed, torch.Generator], Summed]] = {
    "true": lambda circuit, g: circuit,
    "nearly true": softer,
    "fewer neurons": lambda circuit, g: circuit.pick(
        torch.rand(circuit.n_units, generator=g) < 0.9
    ),
    "no neurons": lambda circuit, g: circuit.pick(torch.zeros(circuit.n_units, dtype=torch.bool)),
    "other outputs": lambda circuit, g: moved(circuit, g, "output"),
    "other operands": lambda circuit, g: moved(circuit, g, "left", "right"),
    "other symbols": lambda circuit, g: moved(circuit, g, "a"),
    "other answers": lambda circuit, g: moved(circuit, g, "c"),
    "one neuron for all": lambda circuit, g: replace(circuit, index=circuit.index * 0),
    "a neuron that is not there": lambda circuit, g: replace(circuit, index=circuit.index + 1),
    "no numbers": lambda circuit, g: replace(circuit, left=circuit.left * torch.nan),
}


def test_no_corruption_lifts_a_circuit_written_out_above_the_networks_own_accuracy():
    planted, some = rho_network("S4", "standard", "sign"), 0
    for seed, corrupt in enumerate(NETWORKS):
        generator = torch.Generator().manual_seed(seed)
        x = corrupt(planted, generator)
        for name, wrong in WRITTEN.items():
            is_proved = torch.zeros(x.network.n_pairs, dtype=torch.bool)
            circuit = wrong(summed_of(x if seed % 2 else planted), generator)
            _, why = written_out(x.network, x.task.inputs, circuit, is_proved)
            bound = x.network.bound(name, is_proved, 0, why)
            assert 0 <= bound.accuracy <= brute_force(x.network).accuracy, (seed, name, bound)
            some += 0 < bound.accuracy < 1
    assert some > 15, "hardly a case where a bound too large would show"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("a neuron that is not there", "of other pairs"), ("no numbers", "out of range")],
)
def test_a_circuit_of_another_network_proves_nothing(name, reason):
    x = rho_network("S4", "standard", "sign")
    is_proved = torch.zeros(x.network.n_pairs, dtype=torch.bool)
    circuit = WRITTEN[name](summed_of(x), torch.Generator())
    operations, why = written_out(x.network, x.task.inputs, circuit, is_proved)
    assert not is_proved.any()
    assert operations == 0
    assert reason in why


def test_pairs_that_symmetry_leaves_open_are_proved_by_the_circuit_written_out():
    planted = groups.cosets(2, 0.01, group="S5", shared=True)
    bound = own_bound(planted.snapshot, "coset")
    assert bound is not None
    assert bound.accuracy == 1
    assert bound.of_brute_force < 0.5
    assert "symmetry proves 0.9" in bound.reason


def test_a_sum_that_differs_from_pair_to_pair_is_proved_by_the_circuit_written_out_alone():
    planted = groups.cosets(1, 0.01, group="S5", shared=False)
    bound = own_bound(planted.snapshot, "coset")
    assert bound is not None
    assert bound.accuracy > 0.95
    assert bound.of_brute_force < 1
    assert "symmetry proves 0 of the pairs" in bound.reason


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2, 1.0])
def test_no_digits_lift_the_bound_of_a_parity_above_the_networks_own_accuracy(noise):
    some = 0
    for seed in range(8):
        planted = parity(seed, noise, n=8, k=3)
        network, g = Network.of(planted.snapshot), torch.Generator().manual_seed(seed)
        assert network is not None
        accuracy = brute_force(network).accuracy
        assert accuracy == planted.accuracy
        every = torch.randperm(8, generator=g).tolist()
        for digits in ((0, 1, 2), (0, 1), (2, 1, 0), (), every[:3], every[:4], every):
            bound = by_setting(network, planted.task.inputs, digits)
            assert 0 <= bound.accuracy <= accuracy, (seed, digits, bound)
            some += bound.accuracy > 0
    assert some > 5, "hardly a case where a bound too large would show"


def test_a_parity_is_proved_in_a_few_operations_whatever_the_other_digits_are():
    planted = parity(1, 0.01, n=12, k=3)
    network = Network.of(planted.snapshot)
    assert network is not None
    bound = by_setting(network, planted.task.inputs, (0, 1, 2))
    assert bound.accuracy == 1
    assert bound.of_brute_force < 0.05
    assert "all 8 settings" in bound.reason
    assert by_setting(network, planted.task.inputs, (0, 1, 3)).accuracy == 0


def test_wrong_cosets_prove_nothing_of_a_network_that_follows_others():
    x = rho_network("S4", "standard", "sign")
    proper, n = proper_subgroups(x.group), len(x.U)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        H = torch.randint(len(proper.order), (n,), generator=generator)
        z = torch.randint(x.group.order, (n,), generator=generator)
        parts = tuple(claims(x.group, proper, torch.arange(n), H, z))
        bound = rho_set(x.network, x.group, x.task.inputs, parts)
        assert bound.accuracy <= brute_force(x.network).accuracy


def test_a_certificate_tells_its_own_proof_from_the_best():
    from grokscope.verify.verify import verify

    planted = groups.rho_sets(1, 0.05, group="S4")
    s = canonical(planted.snapshot)
    found = verify(s, FORMS["rho-set"].find(s))
    assert found.own is not None
    assert found.bound is not None
    assert found.own.name == "rho-sets"
    assert found.own.accuracy <= found.bound.accuracy

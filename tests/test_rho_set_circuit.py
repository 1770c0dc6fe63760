"""ρ-set circuits of real, complex and quaternionic type: planted truths, what is not one, and
published networks."""

from enum import Enum

import pytest
import torch
from torch import Tensor

from grokscope.algebra.families import group
from grokscope.algebra.irreps import Irrep, irreps
from grokscope.canonical import canonical, coordinates
from grokscope.circuits.rho_set import OfVectors, RhoSets, find, orbits, program
from grokscope.circuits.rho_set.factors import commutant
from grokscope.errors import NotApplicable, UnknownName
from grokscope.planted.groups import rho_sets
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import relabelled
from grokscope.score import centred, explained_variance
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.verify.evidence import Evidence, Standing
from tests.published import CHECKPOINTS, chughtai


def product_in(name: str, **args) -> Task:
    return make_task("composition", {"group": name, **args})


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(task: Task, L: Tensor, R: Tensor, U: Tensor, b_U: Tensor | None = None) -> Snapshot:
    model = Neurons(L, R, U.T, b_U).requires_grad_(False)
    return Snapshot(task, torch.ones(len(task.inputs), dtype=torch.bool), model)


def irrep_of(task: Task, kind: str, d: int) -> Irrep:
    assert task.group is not None
    return next(x for x in irreps(task.group) if x.kind == kind and x.d == d)


def unit(v: Tensor) -> Tensor:
    return v / v.norm(dim=-1, keepdim=True)


def waves(irrep: Irrep, v: Tensor, w: Tensor) -> Tensor:
    """vᵀρ(g)w, by the definition."""
    return torch.einsum("mi,gij,mj->gm", v, irrep.matrices, w)


def double_sum(irrep: Irrep, B: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """l, r and u of a neuron for each pair (b, b')."""
    b, c = (x.reshape(-1, irrep.d) for x in torch.broadcast_tensors(B[:, None], -B[None]))
    a = a.expand(len(b), -1)
    return waves(irrep, b, a), waves(irrep, a, c), waves(irrep, b, c)


def orbit(irrep: Irrep, v: Tensor) -> Tensor:
    points: list[Tensor] = []
    for image in irrep.matrices @ v:
        if all(float((image - x).norm()) > 1e-6 for x in points):
            points.append(image)
    return torch.stack(points)


def explained(s: Snapshot, circuit: RhoSets) -> float:
    return explained_variance(centred(s.logits), centred(circuit.logits(s.task)))


def evidence(s: Snapshot, circuit: RhoSets) -> dict[Enum, Evidence]:
    return {e.tested: e for e in circuit.checks(canonical(s))}


def fails(shown: dict[Enum, Evidence]) -> set[Enum]:
    return {tested for tested, e in shown.items() if e.standing is Standing.AGAINST}


def a_fixed_vector(irrep: Irrep, order: int) -> Tensor:
    """A vector that an element of this order fixes, no smaller subgroup's."""
    g = next(x for x in range(len(irrep.matrices)) if is_fixing(irrep, x, order))
    powers, power = [], torch.eye(irrep.d, dtype=torch.float64)
    for _ in range(order):
        powers.append(power)
        power = power @ irrep.matrices[g]
    return unit(torch.stack(powers).mean(dim=0) @ noise(irrep.d, seed=5))


def is_fixing(irrep: Irrep, g: int, order: int) -> bool:
    M, one = irrep.matrices[g], torch.eye(irrep.d, dtype=torch.float64)
    power, smallest = M, 1
    while float((power - one).norm()) > 1e-6:
        power, smallest = power @ M, smallest + 1
    fixes = torch.linalg.eigvals(M).sub(1).abs().amin() < 1e-6
    return smallest == order and bool(fixes)


PLANTED = [  # group, type, degree, order of what fixes b, size of the set
    ("S4", "real", 3, 3, 4),
    ("D5", "real", 2, 2, 5),
    ("C3xS3", "complex", 4, 2, 9),
    ("Q8xS3", "quaternionic", 8, 2, 24),
]


@pytest.mark.parametrize(("name", "kind", "d", "order", "size"), PLANTED)
def test_a_planted_circuit_of_every_type_is_found(name, kind, d, order, size):
    task = product_in(name)
    irrep = irrep_of(task, kind, d)
    B = orbit(irrep, a_fixed_vector(irrep, order))
    assert len(B) == size
    s = network(task, *double_sum(irrep, B, unit(noise(d))))
    circuit = find(s)
    f = circuit.each[0]
    assert circuit.parts == (irrep.name,)
    assert f.rank == 1
    assert set(f.sizes) == {size}
    assert explained(s, circuit) == pytest.approx(1, abs=1e-9)
    assert not fails(evidence(s, circuit))
    assert evidence(s, circuit)[OfVectors.FINITE].value == pytest.approx(1)


@pytest.mark.parametrize("name", ["S5", "D9", "C7", "Q8"])
@pytest.mark.parametrize("vectors", [1, 2])
def test_noise_of_one_percent_leaves_it_there(name, vectors):
    s = rho_sets(3, noise=0.01, group=name, vectors=vectors).snapshot
    circuit = find(s)
    assert explained(s, circuit) > 0.99
    assert not fails(evidence(s, circuit))


def test_the_rank_over_the_field_is_the_real_rank_over_its_dimension():
    task = product_in("Q8xS3")
    irrep = irrep_of(task, "quaternionic", 8)
    J = commutant(irrep)
    assert len(J) == 4
    assert torch.allclose(J @ J.mT, torch.eye(8, dtype=torch.float64).expand(4, -1, -1))
    for one in J:
        assert torch.allclose(one @ irrep.matrices, irrep.matrices @ one)
    s = network(task, *double_sum(irrep, orbit(irrep, unit(noise(8))), unit(noise(8, seed=1))))
    assert find(s).each[0].thin.min() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("name", "kind", "d", "order", "size"), PLANTED[:1] + PLANTED[2:])
def test_higher_rank_fails(name, kind, d, order, size):
    task, m = product_in(name), 60
    irrep = irrep_of(task, kind, d)
    A, B, C = noise(3, m, d, d)
    L, R, U = (torch.einsum("mij,gij->gm", x, irrep.matrices) for x in (A, B, C))
    s = network(task, L, R, U)
    assert {OfVectors.RANK_ONE, OfVectors.OUTPUTS} <= fails(evidence(s, find(s)))


def test_two_vectors_a_make_a_plane():
    task = product_in("S5")
    irrep = irrep_of(task, "real", 4)
    B = orbit(irrep, a_fixed_vector(irrep, 4))
    assert len(B) == 5
    sums = [double_sum(irrep, x, unit(noise(4, seed=i))) for i, x in enumerate((B, -B))]
    s = network(task, *(torch.cat(x, dim=1) for x in zip(*sums, strict=True)))
    circuit = find(s)
    assert circuit.each[0].rank == 2
    assert explained(s, circuit) == pytest.approx(1, abs=1e-9)
    assert evidence(s, circuit)[OfVectors.SHARED_A].standing is Standing.FOR
    assert sum(len(x.neurons) for x in circuit.claim()) == 50


def test_three_vectors_a_are_too_many():
    task = product_in("S5")
    irrep = irrep_of(task, "real", 4)
    B = orbit(irrep, a_fixed_vector(irrep, 4))
    sums = [double_sum(irrep, B, unit(noise(4, seed=i))) for i in range(3)]
    s = network(task, *(torch.cat(x, dim=1) for x in zip(*sums, strict=True)))
    assert fails(evidence(s, find(s))) == {OfVectors.SHARED_A}


def test_free_phases_are_an_irrep_circuit_without_a_finite_set():
    task, m = product_in("C23"), 60
    irrep = irrep_of(task, "complex", 2)
    b, a, c = unit(noise(3, m, 2))
    s = network(task, waves(irrep, b, a), waves(irrep, a, c), waves(irrep, b, c))
    circuit = find(s)
    assert circuit.each[0].points is None
    assert circuit.claim() == ()
    assert explained(s, circuit) == pytest.approx(1, abs=1e-9)
    shown = evidence(s, circuit)
    assert fails(shown) == {OfVectors.FINITE}
    assert "no nearer to a finite set than random vectors" in shown[OfVectors.FINITE].why
    assert shown[OfVectors.FINITE].controls["random vectors"] > 0.25


def test_free_vectors_are_in_no_finite_set_of_a_larger_irrep_either():
    task, m = product_in("S4"), 80
    irrep = irrep_of(task, "real", 3)
    b, c = unit(noise(2, m, 3))
    a = unit(noise(3, seed=1)).expand(m, -1)
    s = network(task, waves(irrep, b, a), waves(irrep, a, c), waves(irrep, b, c))
    assert fails(evidence(s, find(s))) == {OfVectors.FINITE}


def test_outputs_that_do_not_match_fail():
    task = product_in("S4")
    irrep = irrep_of(task, "real", 3)
    l, r, u = double_sum(irrep, orbit(irrep, a_fixed_vector(irrep, 3)), unit(noise(3)))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    s = network(task, l, r, u[:, order])
    assert OfVectors.OUTPUTS in fails(evidence(s, find(s)))


def test_noise_lies_in_no_irrep():
    with pytest.raises(NotApplicable, match="no neuron lies in one irrep"):
        find(network(product_in("S4"), *noise(3, 24, 30)))


def test_missing_pairs_are_reported():
    task = product_in("S4")
    irrep = irrep_of(task, "real", 3)
    l, r, u = double_sum(irrep, orbit(irrep, a_fixed_vector(irrep, 3)), unit(noise(3)))
    s = network(task, l[:, :12], r[:, :12], u[:, :12])
    shown = evidence(s, find(s))
    assert shown[OfVectors.PAIRS].value == pytest.approx(12 / 16)
    assert shown[OfVectors.PAIRS].standing is Standing.REPORTED


def test_the_lone_sign_is_found_in_the_bias_or_in_the_outputs():
    explicit = rho_sets(2, group="S5", sign=True)
    s = explicit.snapshot
    circuit = find(s)
    assert "sign" in circuit.parts
    assert explained(s, circuit) == pytest.approx(1, abs=1e-9)
    assert circuit.rebuilt.bias.norm() > 1
    model = s.model
    assert isinstance(model, Neurons)
    assert model.b_U is not None
    L, R, U, b_U = (x.double() for x in (model.L, model.R, model.W_U.T, model.b_U))
    sign = b_U.sign()
    is_other = (sign @ L).abs() < 1e-3  # all but the sign's own neurons
    length = L.norm(dim=0) * is_other
    constant = (L[s.task.inputs[:1, 0]] + R[s.task.inputs[:1, 1]]).relu()[0] @ length
    hidden = network(s.task, L, R, U + sign[:, None] * length / constant)
    circuit = find(hidden)
    assert circuit.rebuilt.bias.norm() == 0
    assert explained(hidden, circuit) == pytest.approx(1, abs=1e-9)
    to = coordinates(hidden)
    assert to is not None
    squares = to.inner[is_other[to.chosen]].square()  # l is longer by it, u shorter
    assert circuit.lone[0] == pytest.approx(float(1 / constant / squares[0]), rel=1e-4)
    assert torch.allclose(centred(hidden.logits), centred(s.logits), atol=1e-3)


def test_the_claim_says_what_the_neurons_are():
    s = rho_sets(2, group="S4").snapshot
    circuit = find(s)
    a_of = {unit: a for f in circuit.each for unit, a in zip(f.index.tolist(), f.a, strict=True)}
    for part in circuit.claim():
        L = s.model.symbol_weights()["a"].double()[:, part.neurons]
        a = torch.stack([a_of[unit] for unit in part.neurons.tolist()])
        l = torch.einsum("md,gde,me->gm", part.B[part.i], part.rho, a)
        R = s.model.symbol_weights()["b"].double()[:, part.neurons]
        r = torch.einsum("md,gde,me->gm", a, part.rho, part.C[part.j])
        for given, said in ((L, l), (R, r)):
            scale = (given * said).sum(dim=0) / said.square().sum(dim=0)
            assert (scale > 0).all()
            assert torch.allclose(given, scale * said, atol=1e-5)
        moved = torch.einsum("gij,pj->gpi", part.rho, part.B).flatten(end_dim=1)
        assert torch.cdist(moved, part.B).amin(dim=1).max() < 1e-6


def test_the_numbers_of_the_elements_change_nothing():
    planted = rho_sets(2, group="S4", noise=0.01)
    other = relabelled(planted, torch.randperm(24, generator=torch.Generator().manual_seed(3)))
    one, two = find(planted.snapshot), find(other.snapshot)
    assert one.size == two.size
    assert sorted(f.sizes for f in one.each) == sorted(f.sizes for f in two.each)
    assert explained(planted.snapshot, one) == pytest.approx(explained(other.snapshot, two))


def test_the_parts_add_up_to_the_whole():
    s = rho_sets(1, group="S5", sign=True).snapshot
    circuit = find(s)
    bias = circuit.keeping([]).logits(s.task)
    parts = [circuit.keeping([name]).logits(s.task) - bias for name in circuit.parts]
    assert torch.allclose(sum(parts) + bias, circuit.logits(s.task))
    hidden = circuit.hidden(s.task) @ circuit.output() + circuit.rebuilt.bias
    assert torch.allclose(hidden, circuit.logits(s.task), atol=1e-9)
    with pytest.raises(UnknownName, match="standard"):
        circuit.keeping(["standart"])


def test_the_program_file_is_a_circuit_of_its_own_numbers():
    there, task = vars(program), product_in("S3")
    wave, neurons, x = there["wave"], there["NEURONS"]["standard"], range(6)
    L = [[scale * wave("standard", b, g, a) for b, _, a, scale, *_ in neurons] for g in x]
    R = [[scale * wave("standard", a, g, c) for _, c, a, scale, *_ in neurons] for g in x]
    U = [[coef * wave("standard", b, g, c) for b, c, _, _, coef, _ in neurons] for g in x]
    circuit = find(network(task, *(torch.tensor(rows).double() for rows in (L, R, U))))
    logits = [there["logits"](a, b) for a, b in task.inputs.tolist()]
    assert torch.allclose(torch.tensor(logits).double(), circuit.logits(task), atol=1e-4)


@pytest.mark.parametrize("name", ["S4", "Q8", "C7"])
def test_the_program_gives_the_same_logits(name):
    planted = rho_sets(3, group=name, sign=True)
    check_program(find(planted.snapshot), planted.task, 40)


def check_program(circuit: RhoSets, task: Task, count: int) -> None:
    there: dict = {}
    exec(circuit.program(), there)
    logits = circuit.logits(task)
    for i in range(0, len(logits), max(1, len(logits) // count)):
        a, b = task.inputs[i].tolist()
        printed = torch.tensor(there["logits"](a, b), dtype=torch.float64)
        assert torch.allclose(printed, logits[i], atol=1e-4 * float(logits.abs().max()))
        assert there["answer"](a, b) == int(logits[i].argmax())


PUBLISHED = pytest.mark.skipif(not CHECKPOINTS.exists(), reason="no published checkpoints here")


@PUBLISHED
def test_the_main_network_of_chughtai_et_al_has_two_sets_and_a_plane():
    task = product_in("S5", elements="chughtai2023")
    s = Snapshot(task, task.is_train(0.4, 2), chughtai("S5_MLP_seed2"))
    circuit = find(s)
    assert circuit.parts == ("sign", "standard")
    assert circuit.each[1].sizes == (5, 5, 10, 10)
    assert circuit.each[1].rank == 2
    assert circuit.each[1].a_share[0] == pytest.approx(0.57, abs=0.01)
    assert explained(s, circuit) > 0.98
    assert torch.equal(circuit.logits(task).argmax(dim=1), task.answers)
    assert not fails(evidence(s, circuit))
    check_program(circuit, task, 5)


@PUBLISHED
def test_a_memoriser_has_none():
    task = product_in("S5", elements="chughtai2023")
    with pytest.raises(NotApplicable):
        find(Snapshot(task, task.is_train(0.4, 8), chughtai("S5_MLP_hidden_dim_32_seed8")))


@PUBLISHED
def test_frequencies_have_no_finite_set():
    s = Snapshot(task := product_in("C113"), task.is_train(0.3, 2), chughtai("C113_MLP_seed2"))
    circuit = find(s)
    assert circuit.parts == tuple(f"frequency {k}" for k in (7, 22, 24, 25, 36))
    assert explained(s, circuit) > 0.95
    assert fails(evidence(s, circuit)) == {OfVectors.FINITE}
    assert {f.irrep.kind for f in circuit.each} == {"complex"}


def test_groups_with_irreps_of_order_two_alone_prove_nothing():
    task = product_in("C2^3")
    x = irreps(group("C2^3"))
    L = torch.stack([rho.matrices[:, 0, 0] for rho in x[1:]], dim=1)
    s = network(task, L, -L, L)
    shown = evidence(s, find(s))
    assert shown[OfVectors.FINITE].standing is Standing.INCONCLUSIVE
    assert "irreps ±1" in shown[OfVectors.FINITE].why


def test_how_closed_a_set_is_does_not_depend_on_how_much_is_held(monkeypatch):
    irrep = next(x for x in irreps(group("S4")) if x.d == 3)
    points = torch.randn(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = orbits.closure_error(points, irrep)
    held = []
    cdist = torch.cdist
    monkeypatch.setattr(torch, "cdist", lambda x, y: held.append(len(x) * len(y)) or cdist(x, y))
    monkeypatch.setattr(orbits, "AT_ONCE", 2_000)
    assert orbits.closure_error(points, irrep) == pytest.approx(whole, abs=1e-7)
    assert max(held) <= 2_000
    assert whole > 0.1

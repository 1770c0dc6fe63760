"""Coset measures against their plain definitions, planted truths, and published networks."""

import itertools
import statistics
from dataclasses import replace

import pytest
import torch

from grokscope.algebra.families import group
from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import irreps
from grokscope.algebra.subgroups import subgroups
from grokscope.errors import NotApplicable
from grokscope.measures.cosets import (
    _redrawn,
    assigned,
    coset_concentration,
    coset_energy,
    coset_neurons,
    coset_neurons_control,
    coset_neurons_pure,
    neurons_in_one_irrep,
    proper_subgroups,
    sign_neurons,
    spread,
    stander_c,
)
from grokscope.measures.measure import chosen, evaluate
from grokscope.measures.sides import irrep_shares, is_sign, sides
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task
from tests.published import CHECKPOINTS, chughtai

MEASURES = ["coset_neurons", "coset_concentration", "coset_neurons_pure", "coset_energy",
            "sign_neurons", "neurons_in_one_irrep"]  # fmt: skip
CONTROLS = ["coset_neurons_control", "coset_neurons_pure_control", "coset_concentration_control"]


def product_in(name: str, **args) -> Task:
    return make_task("composition", {"group": name, **args})


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(task: Task, L: torch.Tensor, R: torch.Tensor, U: torch.Tensor) -> Snapshot:
    """relu(L[a] + R[b]) Uᵀ."""
    n, width = L.shape
    model = MLP(n, task.n_answers, width, width).double().requires_grad_(False)
    eye = torch.eye(width, dtype=torch.float64)
    weights = {"W_x": L, "W_y": R, "W": torch.cat([eye, eye]), "W_U": U.T}
    model.load_state_dict(weights)
    return Snapshot(task, task.is_train(0.5, 0), model)


def coset_circuit(task: Task) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """L, R, U of a network that multiplies permutations by cosets: for points i and j, two neurons
    make |v(x(i)) - v(y⁻¹(j))|, which is 0 where (xy)(i) = j, and take it from the logits of all c
    with c(i) = j."""
    assert task.group is not None
    assert task.group.points is not None
    points = task.group.points
    inverse = points[task.group.inverse]
    v = torch.arange(points.shape[1], dtype=torch.float64) - (points.shape[1] - 1) / 2
    columns = []
    for i, j in itertools.product(range(points.shape[1]), repeat=2):
        for sign in (1, -1):
            l, r = sign * v[points[:, i]], -sign * v[inverse[:, j]]
            columns.append((l, r, -(points[:, i] == j).double()))
    L, R, U = (torch.stack(x, dim=1) for x in zip(*columns, strict=True))
    return L, R, U


def plain_energy(s: Snapshot) -> torch.Tensor:
    """What each neuron adds to the variance of the logits, centred over the answers: for networks
    of which no two neurons are parallel."""
    W = s.model.symbol_weights()["c"].double()
    u = W - W.mean(dim=0)
    return s.mlp_post.double().var(dim=0, correction=0) * u.square().sum(dim=0)


def cosets_of(g: Group, H: list[int], kind: str) -> list[list[int]]:
    """By sets of products."""
    found = set()
    for x in range(g.order):
        pairs = [(h, x) if kind == "right" else (x, h) for h in H]
        found.add(frozenset(int(g.table[pair]) for pair in pairs))
    return [sorted(coset) for coset in found]


@pytest.mark.parametrize("name", ["S3", "S4", "D6", "Q8"])
@pytest.mark.parametrize("kind", ["right", "left"])
def test_spreads_and_c_equal_their_definitions(name, kind):
    g = group(name)
    f = noise(g.order, 3)
    f = f - f.mean(dim=0)
    found = spread(f, g, kind)
    C, row = stander_c(found, g), 0
    for one in subgroups(g):
        if one.order in (1, g.order):
            continue
        for H in one.members:
            cosets = cosets_of(g, H.nonzero()[:, 0].tolist(), kind)
            assert len(cosets) == one.index
            for i in range(3):
                values = [[float(f[x, i]) for x in coset] for coset in cosets]
                whole = f[:, i].tolist()
                inside = statistics.mean(statistics.pvariance(x) for x in values)
                assert float(found[row, i]) == pytest.approx(inside / statistics.pvariance(whole))
                total = sum(statistics.variance(x) for x in values)
                assert float(C[row, i]) == pytest.approx(total / statistics.variance(whole))
            row += 1
    assert row == len(found)


def test_the_spread_of_noise_is_that_of_its_docstring():
    g = group("S4")
    f = noise(g.order, 4000)
    mean = spread(f - f.mean(dim=0), g, "left").mean(dim=1)
    index = g.order / proper_subgroups(g).order
    assert torch.allclose(mean, 1 - (index - 1) / (g.order - 1), atol=0.01)


def test_a_function_constant_on_cosets_is_assigned_to_their_subgroup():
    g, known = group("S4"), proper_subgroups(group("S4"))
    for row, H in enumerate(known.members):
        labels = torch.zeros(g.order, dtype=torch.float64)
        for k, coset in enumerate(cosets_of(g, H.nonzero()[:, 0].tolist(), "right")):
            labels[coset] = float(noise(24, seed=5)[k])
        found = spread((labels - labels.mean())[:, None], g, "right")
        assert float(found[row]) < 1e-12
        assert assigned(found, known).item() == row


def test_a_network_of_cosets_is_seen_as_one_from_the_right_side_alone():
    task = product_in("S4")
    s = network(task, *coset_circuit(task))
    found = evaluate(s, [*MEASURES, "all_accuracy", "coset_neurons_control"])
    assert found["all_accuracy"] == 1
    assert found["coset_neurons"] == found["coset_neurons_pure"] == 1
    assert found["neurons_in_one_irrep"] == 1
    assert found["sign_neurons"] == 0
    assert found["coset_energy[S3]"] == pytest.approx(1)
    for side in ("left", "right"):
        assert found[f"coset_concentration[{side}: C]"] < 1e-10
        assert found[f"coset_concentration[{side}: w]"] == pytest.approx(1)
        assert found[f"coset_concentration[{side}, wrong side: C]"] > 1.5
        assert found[f"coset_concentration[{side}, wrong side: w]"] == pytest.approx(0.9)
    assert found["coset_neurons_control[relabelled]"] < 0.05
    assert found["coset_neurons_control[random]"] < 0.2


def test_random_functions_of_rank_one_pass_for_cosets_but_for_their_controls():
    task = product_in("S5")
    assert task.group is not None
    standard = next(rho for rho in irreps(task.group) if rho.name == "standard")
    b, a = noise(2, 4, 400)
    L, R = torch.einsum("im,gij,jm->gm", b, standard.matrices, a).split(200, dim=1)
    s = network(task, L, R, noise(120, 200))
    found = evaluate(s, [*MEASURES, *CONTROLS])
    assert found["neurons_in_one_irrep"] == 1
    assert found["coset_neurons"] == pytest.approx(0.65, abs=0.1)
    assert found["coset_neurons_pure"] == pytest.approx(0.4, abs=0.1)
    for name in ("coset_neurons", "coset_neurons_pure"):
        assert found[f"{name}_control[rank one]"] == pytest.approx(found[name], abs=0.1)
        assert found[f"{name}_control[relabelled]"] == 0
        assert found[f"{name}_control[random]"] < 0.02
    for side in ("left", "right"):
        for place in ("", ", wrong side"):
            assert 0.1 < found[f"coset_concentration[{side}{place}: C]"] < 0.5
        assert 0.1 < found[f"coset_concentration_control[{side}: C]"] < 0.5
    assert found["coset_energy[S4]"] < 0.03


def test_random_functions_have_the_irreps_of_what_they_stand_for():
    g = group("Q8")
    f = noise(8, 3)
    f = f - f.mean(dim=0)
    for rank_one in (False, True):
        drawn = _redrawn(f, g, torch.Generator().manual_seed(0), rank_one)
        assert torch.allclose(drawn.norm(dim=0), f.norm(dim=0))
        assert torch.allclose(irrep_shares(drawn, g), irrep_shares(f, g))
        assert not torch.allclose(drawn, f)


def test_with_its_sides_exchanged_it_is_none():
    task = product_in("S4")
    L, R, U = coset_circuit(task)
    found = evaluate(network(task, R, L, U), MEASURES)
    assert found["coset_neurons"] == found["coset_neurons_pure"] == 0
    assert found["coset_energy[none]"] == pytest.approx(1)
    assert found["neurons_in_one_irrep"] == 1


def test_sides_that_follow_subgroups_not_conjugate_are_not_pure():
    task = product_in("S4")
    L, _, _ = coset_circuit(task)
    g = task.group
    assert g is not None
    D4 = next(c.representative for c in subgroups(g) if c.order == 8)
    R = torch.zeros(g.order, dtype=torch.float64)
    for k, coset in enumerate(cosets_of(g, D4.nonzero()[:, 0].tolist(), "left")):
        R[coset] = float(k)
    s = network(task, L, R[:, None].expand(-1, L.shape[1]), noise(24, L.shape[1]))
    assert coset_neurons(s) == 1
    assert coset_neurons_pure(s) == 0
    energy = coset_energy(s)
    assert energy["D4"] > 0
    assert energy["S3"] > 0
    assert energy["none"] == 0


def test_sign_neurons_are_counted_apart():
    task = product_in("S4")
    L, R, U = coset_circuit(task)
    assert task.group is not None
    even = next(c.representative for c in subgroups(task.group) if c.order == 12)
    sign = torch.where(even, 3.0, -3.0).double()[:, None].expand(-1, 8)
    sign = sign * torch.linspace(1, 2, 8).double()
    L, R = torch.cat([L, sign], dim=1), torch.cat([R, -sign.flip(1)], dim=1)
    s = network(task, L, R, torch.cat([U, noise(24, 8)], dim=1))
    adds = plain_energy(s)
    signs = adds[32:].sum() / adds.sum()
    assert sign_neurons(s) == pytest.approx(float(signs))
    assert coset_neurons(s) == coset_neurons_pure(s) == 1
    assert coset_concentration(s)["left, wrong side: C"] > 1.5
    energy = coset_energy(s)
    assert energy["sign"] == pytest.approx(float(signs))
    assert sum(energy.values()) == pytest.approx(1)
    only = network(task, sign, -sign.flip(1), noise(24, 8))
    assert coset_neurons(only) == sign_neurons(only) == 1
    for measure in (coset_neurons_pure, coset_concentration, coset_neurons_control):
        with pytest.raises(NotApplicable, match="irreps ±1"):
            measure(only)


def test_dead_neurons_change_nothing():
    task = product_in("S4")
    L, R, U = coset_circuit(task)
    plain = evaluate(network(task, L, R, U), MEASURES)
    faint = 1e-6 * noise(24, 5)
    L, R = torch.cat([L, faint], dim=1), torch.cat([R, noise(24, 5)], dim=1)
    found = evaluate(network(task, L, R, torch.cat([U, noise(24, 5)], dim=1)), MEASURES)
    assert found == pytest.approx(plain, abs=1e-12)
    zero = torch.zeros(24, 4, dtype=torch.float64)
    with pytest.raises(NotApplicable, match="both operands"):
        coset_neurons(network(task, zero, zero, noise(24, 4)))


def test_a_constant_moved_from_one_side_to_the_other_changes_nothing():
    task = product_in("S4")
    L, R, U = coset_circuit(task)
    shift = noise(1, L.shape[1])
    one, other = (
        evaluate(network(task, *x, U), MEASURES) for x in ((L, R), (L + shift, R - shift))
    )
    assert one == pytest.approx(other, abs=1e-10)


@pytest.mark.parametrize("name", ["S4", "A5", "D6"])
def test_an_inner_automorphism_changes_nothing(name):
    task = product_in(name)
    g = task.group
    assert g is not None
    x = g.generators[-1]
    to = g.table[g.table[g.inverse[x]], x]  # x⁻¹gx
    if name == "S4":
        L, R, U = (M + 0.02 * noise(*M.shape, seed=i) for i, M in enumerate(coset_circuit(task)))
    else:
        L, R, U = (noise(g.order, 6, seed=i) for i in range(3))
    one, other = network(task, L, R, U), network(task, L[to], R[to], U[to])
    assert evaluate(one, MEASURES) == pytest.approx(evaluate(other, MEASURES), abs=1e-9)


@pytest.mark.parametrize("model", ["mlp", "transformer"])
def test_an_untrained_network_follows_no_cosets(model):
    task = product_in("S4")
    net = make_model(model, {}, task, 0).requires_grad_(False)
    found = evaluate(Snapshot(task, task.is_train(0.4, 0), net), MEASURES)
    assert found["coset_neurons"] < 0.03
    assert found["coset_neurons_pure"] == found["sign_neurons"] == 0
    assert found["neurons_in_one_irrep"] == 0
    assert found["coset_energy[none]"] == 1
    one, wrong = (found[f"coset_concentration[left{x}: C]"] for x in ("", ", wrong side"))
    assert one == pytest.approx(wrong, rel=0.15)
    assert one > 2


def test_sides_are_the_networks_own_up_to_a_constant():
    task = product_in("S4")
    L, R = noise(24, 5), noise(24, 5, seed=1)
    s = network(task, L, R, noise(24, 5))
    assert torch.allclose(sides(s).left, L - L.mean(dim=0))
    assert torch.allclose(sides(s).right, R - R.mean(dim=0))
    half = s.task.inputs[:, 0] + s.task.inputs[:, 1] > 3
    task = replace(task, inputs=task.inputs[half], answers=task.answers[half])
    with pytest.raises(NotApplicable, match="lacks some pairs"):
        sides(Snapshot(task, s.is_train[half], s.model))


@pytest.mark.parametrize("formula", ["a*b", "a/b", "a*b+a+b"])
def test_sides_stand_at_the_elements_of_the_group_of_units(formula):
    task = make_task(formula, {"p": 7})
    symbols = torch.arange(7, dtype=torch.float64)[:, None].expand(-1, 2)
    s = network(task, symbols, symbols, noise(7, 2))
    found, lens = sides(s), s.lens
    assert found.group.order == 6
    assert lens.product is not None
    assert lens.element is not None
    # which symbol stands at each element, from the order of the values
    a, b = (x[:, 0].argsort() for x in (found.left, found.right))
    values = torch.tensor([x for x in range(7) if x != (6 if formula == "a*b+a+b" else 0)])
    for (i, x), (j, y) in itertools.product(
        zip(a, values, strict=True), zip(b, values, strict=True)
    ):
        pair = int((task.inputs == torch.stack([x, y])).all(dim=1).nonzero()[0])
        assert lens.element[lens.product[pair]] == found.group.table[i, j]


def test_where_all_subgroups_are_normal_cosets_are_no_evidence():
    task = make_task("a*b", {"p": 7})
    logarithm = torch.tensor([0, 0, 2, 1, 4, 5, 3])  # to the base 3
    wave = torch.cos(2 * torch.pi * (2 * logarithm[:, None] / 6 + noise(1, 4))).double()
    wave[0] = 0
    s = network(task, wave, wave, noise(7, 4))
    energy = coset_energy(s)
    assert energy["C2"] == pytest.approx(1)
    assert neurons_in_one_irrep(s) == coset_neurons(s) == 1
    for measure in (coset_concentration, coset_neurons_pure):
        with pytest.raises(NotApplicable, match="every subgroup of U7 is normal"):
            measure(s)


def test_a_prime_cyclic_group_has_no_cosets():
    for task in (product_in("C7"), make_task("a+b", {"p": 7})):
        s = network(task, noise(7, 4), noise(7, 4, seed=1), noise(7, 4))
        for name in set(MEASURES) - {"sign_neurons", "neurons_in_one_irrep"}:
            with pytest.raises(NotApplicable, match="C7 has no subgroups but the trivial ones"):
                evaluate(s, [name])


def test_without_a_group_there_are_no_cosets():
    task = make_task("a*b", {"p": 9})
    s = network(task, noise(9, 4), noise(9, 4, seed=1), noise(9, 4))
    for name in chosen("cosets"):
        with pytest.raises(NotApplicable, match="not a product in a group"):
            evaluate(s, [name])


def test_irrep_shares_sum_to_one_and_translation_keeps_them():
    g = group("A5")
    f = noise(60, 4)
    f = f - f.mean(dim=0)
    shares = irrep_shares(f, g)
    assert torch.allclose(shares.sum(dim=0), torch.ones(4, dtype=torch.float64))
    assert torch.allclose(shares, irrep_shares(f[g.table[7]], g))


needs = pytest.mark.skipif(not (CHECKPOINTS / "groups").exists(), reason="no published networks")


def published(run: str, name: str, fraction: float, seed: int) -> Snapshot:
    task = product_in(name, elements="chughtai2023")
    return Snapshot(task, task.is_train(fraction, seed), chughtai(run))


@needs
def test_the_network_of_chughtai_is_one_of_cosets():
    s = published("S5_MLP_seed2", "S5", 0.4, 2)
    found = evaluate(s, [*MEASURES, "coset_neurons_control"])
    assert found["coset_neurons"] == found["coset_neurons_pure"] == 1
    assert found["neurons_in_one_irrep"] == 1
    assert int(is_sign(s).sum()) == 7
    assert found["sign_neurons"] == pytest.approx(0.187, abs=1e-3)  # some of them are parallel
    assert found["coset_energy[S4]"] == pytest.approx(0.811, abs=1e-3)
    assert found["coset_energy[none]"] == 0
    assert found["coset_neurons_control[relabelled]"] == 0
    assert found["coset_neurons_control[random]"] < 0.02
    assert found["coset_neurons_control[rank one]"] == pytest.approx(0.65, abs=0.1)
    assert found["coset_neurons_control[wrong side]"] == pytest.approx(52 / 119)
    for side in ("left", "right"):
        assert found[f"coset_concentration[{side}: C]"] < 1e-6
        assert found[f"coset_concentration[{side}, wrong side: C]"] > 1


@needs
def test_a_memoriser_of_chughtai_follows_no_cosets():
    found = evaluate(published("S5_MLP_hidden_dim_32_seed8", "S5", 0.4, 8), MEASURES)
    assert found["coset_neurons"] == found["coset_neurons_pure"] == 0
    assert found["neurons_in_one_irrep"] == found["sign_neurons"] == 0
    assert found["coset_energy[none]"] == 1
    assert found["coset_concentration[left: C]"] > 4


@needs
def test_of_addition_mod_113_no_cosets_are_claimed():
    with pytest.raises(NotApplicable, match="C113 has no subgroups"):
        coset_neurons_control(published("C113_MLP_seed2", "C113", 0.3, 2))

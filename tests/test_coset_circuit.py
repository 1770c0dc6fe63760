"""Coset circuits: planted truths, impostors, and published networks."""

import re
from enum import Enum

import pytest
import torch
from torch import Tensor

from grokscope.algebra.families import group
from grokscope.algebra.irreps import irreps
from grokscope.algebra.subgroups import left_cosets, right_cosets, subgroups
from grokscope.canonical import canonical
from grokscope.circuits.coset import Cosets, OfCosets, find, program
from grokscope.circuits.coset.question import question as asked
from grokscope.errors import NotApplicable, UnknownName
from grokscope.planted.groups import cosets, rho_sets
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


def network(task: Task, L: Tensor, R: Tensor, W_U: Tensor) -> Snapshot:
    model = Neurons(L, R, W_U).requires_grad_(False)
    return Snapshot(task, torch.ones(len(task.inputs), dtype=torch.bool), model)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def explained(s: Snapshot, circuit: Cosets) -> float:
    return explained_variance(centred(s.logits), centred(circuit.logits(s.task)))


def evidence(s: Snapshot, circuit: Cosets) -> dict[Enum, Evidence]:
    return {e.tested: e for e in circuit.checks(canonical(s))}


@pytest.mark.parametrize("name", ["S4", "D7", "A5"])
def test_a_planted_circuit_is_rebuilt_exactly(name):
    s = cosets(1, group=name).snapshot
    circuit = find(s)
    assert explained(s, circuit) == pytest.approx(1, abs=1e-9)
    assert torch.allclose(circuit.hidden(s.task), canonical(s).mlp_post.double(), atol=1e-5)
    shown = evidence(s, circuit)
    assert shown[OfCosets.CONSTANT].value == pytest.approx(1)
    assert shown[OfCosets.CONSTANT].standing is Standing.FOR
    assert shown[OfCosets.WRONG_SIDE].standing is Standing.FOR


def test_noise_is_averaged_away_on_cosets():
    s = cosets(1, noise=0.02, group="S4").snapshot
    assert explained(s, find(s)) > 0.99


def test_each_neuron_has_its_subgroups_and_the_coset_that_they_share():
    circuit = find(cosets(1, group="S4").snapshot)
    g, members = circuit.group, circuit.subgroups.members
    for h, k, z in zip(circuit.H.tolist(), circuit.K.tolist(), circuit.z.tolist(), strict=True):
        H, K = members[h], members[k]
        right, left = right_cosets(g, H), left_cosets(g, K)
        assert torch.equal(right == right[z], left == left[z])  # Hz = zK
        assert torch.equal(K[g.table[g.table[g.inverse[z]][H], z]], torch.ones(6).bool())


def test_the_output_stands_out_on_the_shared_coset():
    circuit = find(cosets(1, group="S4").snapshot)
    u = circuit.means.output
    assert (u.abs().amax(dim=0) == u[circuit.z, torch.arange(u.shape[1])].abs()).all()


def test_a_circuit_counts_its_values_on_cosets():
    circuit = find(cosets(1, group="S4").snapshot)
    assert circuit.size == len(circuit.H) * (4 + 4 + 2)  # two have mean 0, two subgroups are named


def test_a_prime_cyclic_group_has_no_coset_circuit():
    with pytest.raises(NotApplicable, match="no subgroups"):
        find(network(product_in("C7"), noise(7, 9), noise(7, 9, seed=1), noise(9, 7)))


def waves(n: int, frequencies: list[int]) -> Snapshot:
    """relu(cos(wa + α) + cos(wb + β)) with outputs cos(wc + α + β)."""
    task, x = product_in(f"C{n}"), torch.arange(n)[:, None]
    columns = []
    for k in frequencies:
        alpha, beta = 2 * torch.pi * torch.rand(2, 40, generator=torch.Generator().manual_seed(k))
        angle = 2 * torch.pi * k * x / n
        columns.append(((angle + alpha).cos(), (angle + beta).cos(), (angle + alpha + beta).cos()))
    L, R, U = (torch.cat(c, dim=1).double() for c in zip(*columns, strict=True))
    return network(task, L, R, U.T)


def test_a_composite_cyclic_group_has_none_where_its_waves_tell_all_elements_apart():
    with pytest.raises(NotApplicable, match="no neuron"):
        find(waves(12, [1, 5]))


def test_where_subgroups_are_normal_the_controls_are_void():
    s = waves(15, [3, 5])  # constant on the cosets of orders 3 and 5
    circuit = find(s)
    shown = evidence(s, circuit)
    assert explained(s, circuit) == pytest.approx(1, abs=1e-6)
    for tested in (OfCosets.CONSTANT, OfCosets.WRONG_SIDE):
        assert shown[tested].standing is Standing.INCONCLUSIVE
        assert "normal" in shown[tested].why


def test_waves_of_which_some_are_constant_on_cosets_are_no_coset_circuit():
    s = waves(15, [1, 3])
    assert evidence(s, find(s))[OfCosets.CONSTANT].standing is Standing.AGAINST


def test_noise_is_constant_on_no_cosets():
    task = product_in("S4")
    with pytest.raises(NotApplicable, match="no neuron is constant"):
        find(network(task, noise(24, 50), noise(24, 50, seed=1), noise(50, 24)))


def test_random_functions_of_rank_one_prove_nothing():
    """In an irrep of D59 each is near to one that a reflection fixes."""
    task = product_in("D59")
    assert task.group is not None
    rho = next(x for x in irreps(task.group) if x.d == 2).matrices
    L, R = (torch.einsum("mi,mj,gij->gm", *noise(2, 60, 2, seed=i), rho) for i in (0, 1))
    s = network(task, L, R, noise(60, 118))
    circuit = find(s)
    assert len(circuit.H) == 60
    shown = evidence(s, circuit)[OfCosets.CONSTANT]
    assert shown.value == 1
    assert shown.controls["rank one"] > 0.25
    assert shown.standing is Standing.AGAINST


def test_the_wrong_side_is_refused():
    planted = cosets(1, group="S4")
    model, inverse = planted.model, group("S4").inverse
    assert isinstance(model, Neurons)
    s = network(planted.task, model.L[inverse], model.R[inverse], model.W_U)
    shown = evidence(s, find(s))  # the cosets of subgroups of order 2 are left to a few neurons
    assert shown[OfCosets.CONSTANT].standing is Standing.AGAINST
    assert shown[OfCosets.WRONG_SIDE].standing is Standing.AGAINST


def test_numbers_of_the_elements_change_nothing():
    planted = cosets(1, group="S4")
    other = relabelled(planted, torch.randperm(24, generator=torch.Generator().manual_seed(3)))
    one, two = find(planted.snapshot), find(other.snapshot)
    assert one.size == two.size
    values = [evidence(x.snapshot, y) for x, y in ((planted, one), (other, two))]
    assert values[0][OfCosets.CONSTANT].value == pytest.approx(values[1][OfCosets.CONSTANT].value)
    assert values[0][OfCosets.CONSTANT].standing == values[1][OfCosets.CONSTANT].standing


def test_the_parts_add_up_to_the_whole():
    s = rho_sets(2, group="S5", sign=True).snapshot
    circuit = find(s)
    assert "A5" in circuit.parts
    bias = circuit.keeping([]).logits(s.task)
    parts = [circuit.keeping([name]).logits(s.task) - bias for name in circuit.parts]
    assert torch.allclose(sum(parts) + bias, circuit.logits(s.task))
    claimed = torch.stack(list(circuit.neurons().values()))
    assert (claimed.sum(dim=0) <= 1).all()
    with pytest.raises(UnknownName, match="A5"):
        circuit.keeping(["A6"])


def test_hidden_layer_and_output_give_the_logits():
    s = rho_sets(2, group="S5", sign=True).snapshot
    circuit = find(s)
    bias = circuit.means.bias
    assert torch.allclose(
        circuit.hidden(s.task) @ circuit.output() + bias, circuit.logits(s.task), atol=1e-9
    )


def test_the_program_file_is_a_circuit_of_its_own_numbers():
    there, task = vars(program), product_in("S3")
    neurons, x = there["NEURONS"], range(6)
    L = [[l[there["right"](H, g)] for H, _, l, *_ in neurons] for g in x]
    R = [[r[there["left"](g, K)] for _, K, _, r, *_ in neurons] for g in x]
    U = [[u[there["double"](H, g, K)] for g in x] for H, K, _, _, u, _ in neurons]
    L, R, U = (torch.tensor(rows, dtype=torch.float64) for rows in (L, R, U))
    circuit = find(network(task, L, R, U))
    logits = [there["logits"](a, b) for a, b in task.inputs.tolist()]
    assert torch.allclose(torch.tensor(logits).double(), circuit.logits(task), atol=1e-5)


@pytest.mark.parametrize("name", ["S4", "D7"])
def test_the_program_gives_the_same_logits(name):
    s = cosets(1, group=name).snapshot
    check_program(find(s), s.task, 40)


def check_program(circuit: Cosets, task: Task, count: int) -> None:
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
def test_the_main_network_of_chughtai_et_al_follows_cosets():
    task = product_in("S5", elements="chughtai2023")
    s = Snapshot(task, task.is_train(0.4, 2), chughtai("S5_MLP_seed2"))
    circuit = find(s)
    assert circuit.parts == ("S3xC2", "S4", "A5")
    assert explained(s, circuit) > 0.97
    assert torch.equal(circuit.logits(task).argmax(dim=1), task.answers)
    shown = evidence(s, circuit)
    assert shown[OfCosets.CONSTANT].standing is Standing.FOR
    assert max(shown[OfCosets.CONSTANT].controls.values()) < 0.05
    assert shown[OfCosets.STANDER].controls["rank one"] > 0.4
    check_program(circuit, task, 5)


@PUBLISHED
@pytest.mark.parametrize(
    ("run", "name"), [("S5_MLP_hidden_dim_32_seed8", "S5"), ("C113_MLP_seed2", "C113")]
)
def test_other_published_networks_do_not(run, name):
    task = product_in(name, elements="chughtai2023")
    with pytest.raises(NotApplicable):
        find(Snapshot(task, task.is_train(0.3, 1), chughtai(run)))


def test_its_program_asks_of_a_product_what_its_neurons_do():
    circuit = find(cosets(1, 0.01, group="S5", shared=True).snapshot)
    G, printed = circuit.group, circuit.program()
    assert G.points is not None
    places = zip(circuit.H.tolist(), circuit.z.tolist(), circuit.questions, strict=True)
    for h, z, question in places:
        start, end = map(int, re.findall(r"\d", question.removeprefix("S4: does ab send ")))
        sends = G.points[:, start - 1] == end - 1
        coset = G.table[circuit.subgroups.members[h], z]
        assert torch.equal(sends.nonzero()[:, 0], coset.sort().values)
        assert f"\n    # {question}\n" in printed


@pytest.mark.parametrize(
    ("of", "name", "question"),
    [("S4", "A4", r"A4: is ab odd\?"), ("D4", "C4", r"C4: is ab in it\?"),
     ("S5", "S3xC2", r"S3xC2: does ab send \{\d, \d\} to \{1, 2\}\?")],
)  # fmt: skip
def test_other_subgroups_are_asked_for_in_the_groups_words(of, name, question):
    G = group(of)
    (H,) = (x.representative for x in subgroups(G) if x.name == name)
    asks = {asked(G, name, H, int(G.table[H, z].min())) for z in range(G.order)}
    assert any(re.fullmatch(question, x) for x in asks)
    assert len(asks) == G.order // int(H.sum())

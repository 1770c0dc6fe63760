"""The cosets that planted neurons follow, as the page shows them, and controls that follow what
they follow by chance."""

# pyright: reportOptionalMemberAccess=false, reportOptionalOperand=false

import pytest
import torch
from torch import Tensor

from grokscope.algebra.irreps import irreps as irreps_of
from grokscope.algebra.names import element_names
from grokscope.algebra.splits import isotypic
from grokscope.measures.cosets import sides
from grokscope.page.contents import contents
from grokscope.page.page import articles
from grokscope.planted.groups import cosets as planted_cosets
from grokscope.planted.neurons import Neurons
from grokscope.reading.cosets import DRAWS, FollowedCosets, cosets
from grokscope.reading.neurons import output_map
from grokscope.reading.pictures import untrained
from grokscope.reading.reading import read
from grokscope.snapshot import Snapshot
from grokscope.task import Task
from grokscope.tasks import make_task
from grokscope.training.train import train


def product_in(name: str) -> Task:
    return make_task("composition", {"group": name})


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(task: Task, L: Tensor, R: Tensor, W_U: Tensor) -> Snapshot:
    model = Neurons(L, R, W_U).requires_grad_(False)
    return Snapshot(task, torch.ones(len(task.inputs), dtype=torch.bool), model)


def told(s: Snapshot, start: Snapshot | None = None) -> FollowedCosets:
    """The cosets of all its neurons."""
    found = cosets(s, start, torch.arange(s.mlp_pre.shape[1]), output_map(s))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def planted() -> Snapshot:
    return planted_cosets(0, 0.0, group="S5", shared=False).snapshot


def test_a_neuron_of_a_planted_coset_circuit_is_given_its_subgroup(planted):
    found, x = told(planted), sides(planted)
    for k, neuron in zip(x.index.tolist(), range(len(x.index)), strict=True):
        it = found.neurons[k]
        assert (it.follows, it.is_sign, it.is_normal) == (True, False, False)
        assert it.spread < 1e-6 < 0.1 < it.wrong
        for role, side, f in (("h", "right", x.left), ("k", "left", x.right)):
            subgroup = found.subgroups[getattr(it, role)]
            assert (subgroup.name, subgroup.order, subgroup.conjugates) == ("S4", 24, 5)
            coset = torch.tensor(getattr(subgroup, side))
            values = [f[coset == i, neuron] for i in range(5)]
            assert all(v.std() < 1e-6 for v in values)


def test_matched_cosets_multiply_into_the_shared_one(planted):
    found, g = told(planted), planted.task.group
    for it in found.neurons[::7]:
        H, K = (found.subgroups[getattr(it, role)] for role in "hk")
        right, left, double = (torch.tensor(x) for x in (H.right, K.left, it.double))
        assert sorted(it.match) == list(range(5))
        is_matched = torch.tensor(it.match)[right][:, None] == left
        assert torch.equal(double[g.table] == it.shared, is_matched)
        i, j = H.point - 1, K.point - 1
        assert it.double_names[it.shared] == f"{i + 1}→{j + 1}"
        assert torch.equal(double == it.shared, g.points[:, i] == j)
        sent = [f"{i + 1}→{x + 1}" for x in g.points[:, i].tolist()]
        assert [H.right_names[x] for x in H.right] == sent


def test_its_outputs_are_constant_on_double_cosets_and_shuffled_ones_are_not(planted):
    for it in told(planted).neurons:
        assert it.out < 1e-6
        assert it.out_shuffled > 0.5


def test_neurons_and_controls_are_counted_by_subgroup(planted):
    table = told(planted)
    counts = {row.name: dict(zip(table.columns, row.counts, strict=True))
              for row in table.rows}  # fmt: skip
    assert counts["S4"]["this network"] == planted.mlp_pre.shape[1]
    assert counts["S4"]["elements shuffled"] == 0
    assert counts["none"]["elements shuffled"] == planted.mlp_pre.shape[1]
    energies = {row.name: row.energy for row in table.rows}
    assert energies["S4"] == pytest.approx(1)
    assert sum(energies.values()) == pytest.approx(1)
    assert "untrained" not in table.columns


def test_noise_follows_no_subgroup_and_is_what_a_start_is_counted_as(planted):
    task = planted.task
    start = network(task, noise(120, 20), noise(120, 20, seed=1), noise(20, 120, seed=2))
    found = told(start)
    assert not any(x.follows for x in found.neurons)
    assert [row.name for row in found.rows] == ["none"]
    table = told(planted, start)
    at = table.columns.index("untrained")
    assert [row.name for row in table.rows if row.counts[at]] == ["none"]
    assert table.rows[-1].counts[at] == 20


def of_rank_one(name: str, n: int) -> Snapshot:
    """A network whose neurons are random functions of rank one in the standard irrep."""
    task = product_in(name)
    assert task.group is not None
    rho = next(x for x in irreps_of(task.group) if x.name == "standard").matrices
    d = rho.shape[1]
    L, R = (
        torch.einsum("nd,gde,ne->gn", noise(n, d, seed=i), rho, noise(n, d, seed=i + 1))
        for i in (0, 2)
    )
    return network(task, L, R, noise(n, task.n_symbols, seed=9))


def test_what_functions_of_rank_one_follow_by_chance_their_controls_follow_as_often():
    """The trap: most random functions of rank one in the standard irrep of S5 are constant on the
    cosets of some subgroup of order 2, to 1 %."""
    mine, chance = followers_of_order_two(told(of_rank_one("S5", 120)))
    assert mine > 20
    assert chance > 0.5 * mine


@pytest.mark.parametrize("name", ["S4", "S5"])
def test_of_what_follows_a_subgroup_by_chance_that_is_said(name):
    follow = [x for x in told(of_rank_one(name, 200)).neurons if x.follows]
    assert len(follow) > 40
    assert not any(x.is_normal for x in follow)
    assert sum(x.is_likely for x in follow) >= 0.95 * len(follow)


def test_of_what_follows_cosets_by_construction_it_is_not(planted):
    found = told(planted)
    for x in found.neurons:
        assert not x.is_likely
        assert len(x.controls) == 3
        assert all(n / DRAWS < 0.05 for n in x.controls.values())


def followers_of_order_two(table: FollowedCosets) -> list[int]:
    names = ("this network", "random, same irreps, rank one")
    small = [row.counts for row in table.rows if row.order == 2]
    return [sum(x[table.columns.index(name)] for x in small) for name in names]


def test_cosets_are_called_by_a_member_and_that_of_the_identity_by_the_subgroup():
    task = product_in("C2xS3")
    s = network(task, noise(12, 30), noise(12, 30, seed=1), noise(30, 12, seed=2))
    assert task.group is not None
    names = element_names(task.group)
    found = told(s)
    for it in found.neurons:
        H = found.subgroups[it.h]
        assert H.right_names[H.right[task.group.identity]] == "H"
        for i, name in enumerate(H.right_names):
            members = [f"H {names[g]}" for g, coset in enumerate(H.right) if coset == i]
            assert name == "H" or name in members
        K = found.subgroups[it.k]
        assert K.left_names[K.left[task.group.identity]] == "K"


def test_sign_neurons_are_said_to_be_no_evidence():
    task = product_in("S4")
    assert task.group is not None
    sign = isotypic(task.group).parts["sign"]
    s = network(task, sign.repeat(1, 4), -sign.repeat(1, 4), sign.repeat(1, 4).T)
    found = told(s)
    assert all(x.is_sign and x.controls == {} and not x.is_likely for x in found.neurons)
    (row,) = found.rows
    assert (row.name, row.counts) == ("irreps ±1", [4])


@pytest.mark.parametrize("name", ["C7", "C12", "Q8", "C2^3"])
def test_groups_whose_subgroups_are_all_normal_have_no_cosets_to_show(name):
    task = product_in(name)
    n = task.n_symbols
    s = network(task, noise(n, 8), noise(n, 8, seed=1), noise(8, n))
    assert cosets(s, None, torch.arange(8), output_map(s)) is None


def test_sums_have_none_either():
    task = make_task("a+b", {"p": 7})
    s = network(task, noise(7, 8), noise(7, 8, seed=1), noise(8, 7))
    assert cosets(s, None, torch.arange(8), None) is None


def test_where_no_shown_neuron_is_alive_there_is_nothing_to_show():
    task = product_in("S3")
    L, R = noise(6, 8), noise(6, 8, seed=1)
    L[:, :4] = 0
    s = network(task, L, R, noise(8, 6))
    assert cosets(s, None, torch.arange(4), output_map(s)) is None
    found = cosets(s, None, torch.arange(3, 6), output_map(s))
    assert found is not None
    assert [x is None for x in found.neurons] == [True, False, False]


def test_the_facts_of_a_trained_network_hold_its_cosets_beside_those_of_its_start(of_group):
    found = contents(of_group).facts
    assert len(found["cosets"]["neurons"]) == len(found["neurons"]["index"])
    columns = found["cosets"]["table"]["columns"]
    assert "untrained" in columns
    assert columns[1] == "of what its live neurons add"
    for row in found["cosets"]["table"]["rows"]:
        assert len(row["counts"]) == len(columns)
        assert row["counts"][1].endswith("%")
    assert untrained(of_group) is not None


def test_the_page_of_a_group_has_their_figures_and_that_of_a_sum_has_not(of_group, tiny, tmp_path):
    _, words = articles(of_group)
    other, without = articles(read(train(tiny(), tmp_path)))
    for name in ("irreps", "cosets"):
        assert f'data-panel="{name}"' in words
        assert f'data-panel="{name}"' not in without
    assert other[0]["names"] is None

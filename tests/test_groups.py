import pytest
import torch

from grokscope.algebra.groups import Group, cyclic, group, symmetric
from grokscope.errors import BadInput

EVERY = [cyclic(7), cyclic(8), symmetric(3), symmetric(4)]


@pytest.mark.parametrize("g", EVERY, ids=lambda g: g.name)
def test_the_group_laws(g):
    table, e, x = g.table, g.identity, torch.arange(g.order)
    assert (table[table[:, :, None], x] == table[x[:, None, None], table]).all()
    assert (table[e] == x).all()
    assert (table[:, e] == x).all()
    assert (table[x, g.inverse] == e).all()
    assert (table[g.quotient, x] == x[:, None]).all()


@pytest.mark.parametrize(
    ("n", "sizes"), [(3, [1, 2, 3]), (4, [1, 3, 6, 6, 8]), (5, [1, 10, 15, 20, 20, 24, 30])]
)
def test_conjugacy_classes_of_permutations_are_their_cycle_types(n, sizes):
    assert symmetric(n).conjugacy.unique(return_counts=True)[1].sort().values.tolist() == sizes


def test_in_a_product_of_permutations_the_left_factor_acts_first():
    g = symmetric(3)
    index = {label: i for i, label in enumerate(g.labels)}
    swap, turn = index["(1, 0, 2)"], index["(1, 2, 0)"]
    # 0 goes to 1 by the swap, then 1 to 2 by the turn
    assert g.labels[g.table[swap, turn]] == "(2, 1, 0)"


def test_generators_reach_every_element():
    g = symmetric(4)
    reached = {g.identity}
    while True:
        more = reached | {int(g.table[x, s]) for x in reached for s in g.generators}
        if more == reached:
            break
        reached = more
    assert len(reached) == 24


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (torch.zeros(3, 3, dtype=torch.long), "row 0 of its table does not hold"),
        (torch.tensor([[0, 1], [0, 1]]), "column 0 of its table"),
        (torch.tensor([[0, 2, 1], [1, 0, 2], [2, 1, 0]]), "no element e"),
        # a Latin square with an identity, the smallest that does not associate
        (torch.tensor([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1],
                       [4, 3, 1, 2, 0]]), r"\(xs\)y is not x\(sy\)"),
        (torch.zeros(2, 3, dtype=torch.long), "square"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_group_is_refused(table, why):
    with pytest.raises(BadInput, match=why):
        Group("broken", table, tuple(map(str, range(len(table)))))


def test_groups_have_names():
    assert group("C113").order == 113
    assert group("S5").order == 120

import hashlib
import json
import math
import re
import runpy

import pytest
import torch

from grokscope.algebra import families
from grokscope.algebra.families import (
    alternating,
    cube,
    cyclic,
    dicyclic,
    dihedral,
    direct_product,
    family,
    from_elements,
    from_table,
    group,
    opposite,
    permutation_group,
    symmetric,
    units,
    wreath_product,
)
from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import irreps
from grokscope.algebra.names import element_names
from grokscope.algebra.orders import ORDERS, is_odd
from grokscope.algebra.splits import isotypic
from grokscope.errors import BadInput, UnknownName
from grokscope.tasks import make_task

EVERY = [
    cyclic(7), cyclic(8), symmetric(3), symmetric(4), alternating(3), alternating(5), units(13),
    units(15), dihedral(5), dihedral(6), dicyclic(2), dicyclic(3), cube(3),
    direct_product(cyclic(2), cyclic(4), symmetric(3)), wreath_product(symmetric(3), cyclic(2)),
    wreath_product(cyclic(2), 3), wreath_product(cyclic(2), alternating(3)),
    symmetric(4, "chughtai2023"), symmetric(4, "stander2023"), alternating(5, "chughtai2023"),
    opposite(symmetric(4)), opposite(dihedral(5)),
    opposite(direct_product(cyclic(2), symmetric(3))),
]  # fmt: skip


@pytest.mark.parametrize("g", EVERY, ids=lambda g: g.name)
def test_the_group_laws(g):
    table, e, x = g.table, g.identity, torch.arange(g.order)
    assert (table[table[:, :, None], x] == table[x[:, None, None], table]).all()
    assert (table[e] == x).all()
    assert (table[:, e] == x).all()
    assert (table[x, g.inverse] == e).all()
    assert (table[g.quotient, x] == x[:, None]).all()


@pytest.mark.parametrize("g", EVERY, ids=lambda g: g.name)
def test_orders_classes_and_centre_are_what_they_are_called(g):
    for x in range(g.order):
        powers = [x]
        while powers[-1] != g.identity:
            powers.append(int(g.table[powers[-1], x]))
        assert len(powers) == g.orders[x]
        assert bool(g.centre[x]) == (int((g.conjugacy == g.conjugacy[x]).sum()) == 1)
    assert torch.cat(g.classes).sort().values.tolist() == list(range(g.order))
    assert len(set(g.labels)) == g.order


@pytest.mark.parametrize(
    ("n", "sizes"), [(3, [1, 2, 3]), (4, [1, 3, 6, 6, 8]), (5, [1, 10, 15, 20, 20, 24, 30])]
)
def test_conjugacy_classes_of_permutations_are_their_cycle_types(n, sizes):
    assert symmetric(n).conjugacy.unique(return_counts=True)[1].sort().values.tolist() == sizes


@pytest.mark.parametrize("elements", ["lexicographic", "stander2023"])
def test_in_a_product_of_permutations_the_left_factor_acts_first(elements):
    g = symmetric(3, elements)
    index = {label: i for i, label in enumerate(g.labels)}
    swap, turn = index["(1, 0, 2)"], index["(1, 2, 0)"]
    # 0 goes to 1 by the swap, then 1 to 2 by the turn
    assert g.labels[g.table[swap, turn]] == "(2, 1, 0)"


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("S4", "270148c66b7569f7"),
        ("S5", "37e04863d3f47e1e"),
        ("S6", "7e6a58e667630640"),
        ("A5", "e49bb2bddc3105d0"),
    ],
)
def test_the_published_element_orders_are_pinned(name, digest):
    g = group(name, "chughtai2023")
    assert g.points is not None
    written = json.dumps(g.points.tolist(), separators=(",", ":"))
    assert hashlib.sha256(written.encode()).hexdigest()[:16] == digest
    assert sorted(g.labels) == sorted(group(name).labels)


def test_element_orders_begin_as_published():
    points = symmetric(5, "chughtai2023").points
    assert points is not None
    assert points[:2].tolist() == [[0, 1, 4, 2, 3], [1, 2, 0, 3, 4]]
    ours = symmetric(4, "stander2023").points
    assert ours is not None
    assert [is_odd(tuple(x)) for x in ours.tolist()] == [False] * 12 + [True] * 12
    assert ours[:2].tolist() == [[0, 1, 2, 3], [0, 2, 3, 1]]
    assert set(ORDERS) == {"lexicographic", "chughtai2023", "stander2023"}


def test_dihedral_groups_turn_and_flip():
    g = dihedral(5)
    r, s = 1, 5
    assert g.table[r, r] == 2
    assert g.table[s, s] == g.identity == 0
    assert g.table[r, s] == 6
    assert g.table[s, r] == 9  # sr = r⁻¹s


def test_units_are_labelled_by_their_residues():
    g = units(15)
    assert g.labels == ("1", "2", "4", "7", "8", "11", "13", "14")
    assert g.labels[g.table[g.labels.index("7"), g.labels.index("8")]] == "11"


def test_products_of_different_construction_are_the_same():
    assert torch.equal(cube(3).table, direct_product(*[cyclic(2)] * 3).table)
    assert cube(3).labels[3] == "(0, 1, 1)"
    by_hand = from_elements(
        "C3xC4",
        [(a, b) for a in range(3) for b in range(4)],
        lambda x, y: ((x[0] + y[0]) % 3, (x[1] + y[1]) % 4),
    )
    assert torch.equal(group("C3xC4").table, by_hand.table)
    assert by_hand.labels == group("C3×C4").labels


def test_a_wreath_product_moves_the_places():
    g = group("S3wrC2")
    assert g.order == 72
    b, swap = (
        g.labels.index("((1, 0, 2), (0, 1, 2); 0)"),
        g.labels.index("((0, 1, 2), (0, 1, 2); 1)"),
    )
    moved = g.table[g.table[swap, b], swap]
    assert g.labels[moved] == "((0, 1, 2), (1, 0, 2); 0)"


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
        (torch.zeros(3, 3, dtype=torch.long), "row 0 of its table, that of 0, does not hold"),
        (torch.tensor([[0, 1], [0, 1]]), "column 0 of its table"),
        (torch.tensor([[0, 2, 1], [1, 0, 2], [2, 1, 0]]), "no element e"),
        (torch.zeros(2, 3, dtype=torch.long), "square"),
    ],
)
def test_a_table_that_is_no_group_is_refused(table, why):
    with pytest.raises(BadInput, match=why):
        Group("broken", table, tuple(map(str, range(len(table)))))


def test_a_wrong_table_names_the_triple_that_fails():
    # a Latin square with an identity, the smallest that does not associate
    rows = [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]
    said = r"\(x, s, y\) = \((.), (.), (.)\), \(xs\)y is (.) but x\(sy\) is (.)\."
    with pytest.raises(BadInput, match=said) as caught:
        from_table(rows, "loop", labels="eabcd")
    match = re.search(said, str(caught.value))
    assert match
    x, s, y, left, right = ("eabcd".index(label) for label in match.groups())
    assert rows[rows[x][s]][y] == left != right == rows[x][rows[s][y]]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([[0, 1], [1]], "not a table of whole numbers"),
        ([[0.0, 1.0], [1.0, 0.0]], "the numbers of elements"),
        ([["a"]], "not a table of whole numbers"),
        (3, "square"),
        ([[0, 5], [5, 0]], "row 0"),
    ],
)
def test_what_is_no_table_is_refused(rows, why):
    with pytest.raises(BadInput, match=why):
        from_table(rows)


def test_labels_are_as_many_as_elements():
    assert from_table([[0, 1], [1, 0]], "two", ["e", "x"]).labels == ("e", "x")
    with pytest.raises(BadInput, match="2 elements need as many labels"):
        from_table([[0, 1], [1, 0]], "two", ["e"])


def test_permutations_that_are_not_closed_are_refused():
    with pytest.raises(BadInput, match="is not among them"):
        permutation_group("some", torch.tensor([[0, 1, 2], [1, 2, 0]]))


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("C113", 113), ("U97", 96), ("D59", 118), ("Dic3", 12), ("Q8", 8), ("S5", 120), ("A5", 60),
        ("A6", 360), ("S6", 720), ("C2xC4", 8), ("C2×C2×C3", 12), ("C2^5", 32), ("C3^2", 9),
        ("S3wrC2", 72), ("C2wrS3", 48), ("A4xC2^2", 48), ("S3wrC2xC3", 216),
    ],
)  # fmt: skip
def test_groups_have_names(name, order):
    g = group(name)
    assert g.order == order
    assert g.name == name.replace("×", "x").replace("C3^2", "C3xC3").replace("C2^2", "C2xC2")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("s5", "Did you mean `S5`"), ("Z7", "Did you mean `C7`"), ("S5 ", "Did you mean `S5`"),
        ("dic3 x c2", "Did you mean `Dic3xC2`"), ("Sym4", "Did you mean `S4`"),
        *((name, "as in C2, U3") for name in ("S1", "C0", "S-5", "5S", "C2^0", "", "C2x")),
        ("Q9", "Choose Q8"), ("Q10xC2", "Choose Q8"),
        ("S7", "more than 1,000"), ("A7", "more than 1,000"), ("S999999", "more than 1,000"),
        ("C2^999999", "more than 1,000"), ("C999999", "more than 1,000"),
        ("S4xS4xC2", "more than 1,000"), ("S5wrS999999", "more than 1,000"),
        ("C2wrC12", "more than 1,000"),
    ],
)  # fmt: skip
def test_other_names_are_refused_with_the_next_step(name, why):
    with pytest.raises(BadInput, match=why):
        group(name)


@pytest.mark.parametrize(
    ("name", "elements", "why"),
    [
        ("S5", "chughtai", "Did you mean `chughtai2023`"),
        ("A6", "chughtai2023", "have no order of A6"),
        ("Q8", "chughtai2023", "Q8 has none"),
        ("C7", "stander2023", "C7 has none"),
        ("S4xC2", "chughtai2023", "S4xC2 has none"),
        ("S7", "stander2023", "more than 1,000"),
    ],
)
def test_an_element_order_that_is_not_there_is_refused(name, elements, why):
    with pytest.raises((BadInput, UnknownName), match=why):
        group(name, elements)


def test_the_composition_task_takes_any_group_and_order():
    task = make_task("composition", {"group": "A5", "elements": "chughtai2023"})
    assert task.group is not None
    assert torch.equal(task.group.table, alternating(5, "chughtai2023").table)
    assert make_task("composition", {"group": "S3wrC2"}).n_symbols == 72
    assert torch.equal(group("D5", "chughtai2023").table, dihedral(5).table)
    assert math.prod(task.inputs.shape) == 2 * 60**2


AFFINE = """
from grokscope.algebra.families import family, from_elements


@family("F", order=lambda p: p * (p - 1), smallest=3)
def affine(p):
    maps = [(a, b) for a in range(1, p) for b in range(p)]
    return from_elements(f"F{p}", maps, lambda f, g: (g[0] * f[0] % p, (g[0] * f[1] + g[1]) % p))
"""


@pytest.fixture
def with_affine_groups(tmp_path, monkeypatch):
    """The families, and one from a plug-in: the maps x -> ax + b mod p."""
    monkeypatch.setattr(families, "FAMILIES", dict(families.FAMILIES))
    (tmp_path / "mine.py").write_text(AFFINE)
    runpy.run_path(str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    ("name", "order"),
    [("F5", 20), ("C2xF5", 40), ("F3^2", 36), ("F3wrC2", 72), ("C2wrF3", 384), ("F31", 930)],
)
@pytest.mark.usefixtures("with_affine_groups")
def test_a_family_from_a_plug_in_is_a_family_like_others(name, order):
    task = make_task("composition", {"group": name})
    assert task.group is not None
    assert task.group.order == task.n_symbols == order
    assert task.name == f"ab in {name.replace('F3^2', 'F3xF3')}"
    assert task.lenses[0].group is task.group


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("F2", r"S2, A3, F3 \(the smallest of each\)"),
        ("f5", "Did you mean `F5`"),
        ("F37", "F37 has more than 1,000"),
        ("F31xC2", "F31xC2 has more than 1,000"),
    ],
)
@pytest.mark.usefixtures("with_affine_groups")
def test_errors_know_a_family_from_a_plug_in(name, why):
    with pytest.raises(BadInput, match=why):
        group(name)


@pytest.mark.parametrize("letter", ["", "Ax", "wr", "X7", "Ω"])
def test_a_family_cannot_have_a_letter_that_no_name_could_hold(letter):
    with pytest.raises(BadInput, match=f"cannot be called `{letter}`"):
        family(letter, order=lambda n: n)


OPPOSITE = ["S4", "A5", "D5", "C2xS3", "Q8"]


@pytest.mark.parametrize("name", OPPOSITE)
def test_in_an_opposite_group_b_acts_first_and_the_elements_keep_their_names(name):
    g, op = group(name), group(f"{name}op")
    assert torch.equal(op.table, g.table.T)
    assert not torch.equal(op.table, g.table)
    assert element_names(op) == element_names(g)
    assert opposite(op).name == name
    assert torch.equal(opposite(op).table, g.table)


@pytest.mark.parametrize("name", OPPOSITE)
def test_an_opposite_group_has_the_parts_of_its_group(name):
    g, op = group(name), group(f"{name}op")
    assert isotypic(op).names == isotypic(g).names
    for part, basis in isotypic(op).parts.items():
        same = isotypic(g).parts[part]
        torch.testing.assert_close(basis @ basis.T, same @ same.T, atol=1e-9, rtol=0)
    for rho in irreps(op):
        a, b = torch.arange(op.order).view(-1, 1), torch.arange(op.order)
        both = rho.matrices[a] @ rho.matrices[b]
        torch.testing.assert_close(both, rho.matrices[op.table], atol=1e-9, rtol=0)


def test_permutations_of_an_opposite_group_multiply_as_in_the_textbook():
    g = group("S4op")
    own = symmetric(4).points
    assert own is not None
    assert g.points is not None
    for a, b in ((3, 7), (11, 20)):
        assert torch.equal(own[g.table[a, b]], own[a][own[b]])  # a(b(i))
        assert torch.equal(g.points[g.table[a, b]], g.points[b][g.points[a]])

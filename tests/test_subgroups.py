import pytest
import torch

from grokscope.algebra.families import group
from grokscope.algebra.irreps import irreps
from grokscope.algebra.names import abstract_name
from grokscope.algebra.subgroups import (
    conjugate,
    core,
    double_cosets,
    is_normal,
    left_cosets,
    minimal_rho_set,
    rho_sets,
    right_cosets,
    stabiliser,
    subgroups,
)
from grokscope.errors import BadInput

GROUPS = [group(name) for name in ("C12", "S4", "A5", "S5", "D6", "Q8", "S3wrC2", "C2^3", "C2xA4")]


@pytest.mark.parametrize(
    ("name", "count", "classes"),
    [
        ("S4", 30, 11), ("A5", 59, 9), ("S5", 156, 19), ("A6", 501, 22), ("S6", 1455, 56),
        ("D59", 62, 4), ("C113", 2, 2), ("C12", 6, 6), ("C2^4", 67, 67), ("Q8", 6, 6),
    ],
)  # fmt: skip
def test_subgroups_are_as_many_as_gap_counts(name, count, classes):
    found = subgroups(group(name))
    assert (sum(len(c.members) for c in found), len(found)) == (count, classes)
    assert len({c.name for c in found}) == classes
    assert len({tuple(m.tolist()) for c in found for m in c.members}) == count


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_every_listed_subgroup_is_one(g):
    for one in subgroups(g):
        for H in one.members:
            products = g.table[H][:, H]
            assert H[g.identity]
            assert H[products].all()
            assert int(H.sum()) == one.order == g.order // one.index


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_conjugators_conjugate_and_normalisers_normalise(g):
    for one in subgroups(g):
        H = one.representative
        for x, member in zip(one.conjugators.tolist(), one.members, strict=True):
            assert torch.equal(conjugate(g, H, x), member)
        fixing = [torch.equal(conjugate(g, H, x), H) for x in range(g.order)]
        assert one.normaliser.tolist() == fixing
        assert one.is_normal == is_normal(g, H) == all(fixing)
        largest = core(g, H)
        assert is_normal(g, largest)
        assert not (largest & ~H).any()


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("S4", ["1", "C2 a", "C2 b", "C3", "C2^2 a", "C2^2 b", "C4", "S3", "D4", "A4", "S4"]),
        ("S5", ["1", "C2 a", "C2 b", "C3", "C2^2 a", "C2^2 b", "C4", "C5", "S3 a", "C6", "S3 b",
                "D4", "D5", "S3xC2", "A4", "F20", "S4", "A5", "S5"]),
        ("Q8", ["1", "C2", "C4 a", "C4 b", "C4 c", "Q8"]),
        ("C2xC4", ["1", "C2 a", "C2 b", "C2 c", "C2^2", "C4 a", "C4 b", "C2xC4"]),
        ("D59", ["1", "C2", "C59", "D59"]),
    ],
)  # fmt: skip
def test_classes_have_names(name, names):
    found = [c.name for c in subgroups(group(name))]
    assert found == names or sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("C12", "C12"), ("C3xC4", "C12"), ("U15", "C2xC4"), ("C6xC4", "C2xC12"), ("C2^3", "C2^3"),
        ("D3", "S3"), ("D5", "D5"), ("Q8", "Q8"), ("A4", "A4"), ("S4", "S4"), ("A5", "A5"),
        ("S5", "S5"), ("A6", "A6"), ("S6", "S6"), ("Dic3", "Dic3"), ("Dic6", "Dic6"),
        ("D8", "D8"), ("A5xC2", None), ("Q8xC3", None),
        ("A4xC2", None), ("A6xC2", None), ("A5xS3", None), ("D7xC3", None),
    ],
)  # fmt: skip
def test_isomorphism_types_are_told_from_the_table(name, known):
    assert abstract_name(group(name)) == known


@pytest.mark.parametrize("name", ["C4xQ8", "S4xC4", "C2xD8", "D4xC4", "Dic8", "C3xQ8"])
def test_no_class_is_known_by_its_order_alone(name):
    assert not [c.name for c in subgroups(group(name)) if "order" in c.name]


def test_an_extension_is_a_normal_subgroup_and_one_that_meets_it_in_the_identity():
    found = {c.name for c in subgroups(group("S4xC4"))}
    assert {"A4⋊C4", "S4xC4"} <= found  # pairs of equal sign, and the whole


def test_the_natural_classes_of_s6_come_first():
    g = group("S6")
    assert g.points is not None
    by_name = {c.name: c for c in subgroups(g)}
    fixed = (g.points == torch.arange(6)).sum(dim=1)
    assert fixed[by_name["S5 a"].representative].sum() == 240  # 2 orbits: fixes a point
    assert fixed[by_name["S5 b"].representative].sum() == 120  # transitive
    assert {"A6", "A5 a", "S4xC2 a", "S3xS3 a", "F20", "C3^2⋊D4"} <= set(by_name)


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_cosets_partition_the_group(g):
    everyone = torch.arange(g.order)
    for one in subgroups(g):
        H = one.members[-1]
        right, left = right_cosets(g, H), left_cosets(g, H)
        for labels in (right, left):
            sizes = labels.bincount()
            assert sizes.tolist() == [one.order] * one.index
        for h in H.nonzero()[:, 0].tolist():
            assert torch.equal(right[g.table[h]], right)
            assert torch.equal(left[g.table[:, h]], left)
        double = double_cosets(g, H, H)
        for x in everyone.tolist():
            coset = g.table[g.table[H, x]][:, H].flatten().unique()
            assert torch.equal((double == double[x]).nonzero()[:, 0], coset)


def test_a_point_stabiliser_has_two_double_cosets():
    g = group("S5")
    by_name = {c.name: c.representative for c in subgroups(g)}
    assert double_cosets(g, by_name["S4"], by_name["S4"]).unique().numel() == 2
    assert double_cosets(g, by_name["A5"], by_name["S4"]).unique().numel() == 1


def test_the_smallest_rho_sets_of_s5():
    found = {name: (x.size, x.subgroup.name) for name, x in rho_sets(group("S5")).items()}
    assert found == {
        "sign": (2, "A5"), "standard": (5, "S4"), "(2,2,1)": (6, "F20"),
        "standard sign": (10, "A4"), "(3,2)": (10, "S3xC2"), "(3,1,1)": (20, "S3 a"),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["S4", "A5", "D6", "Q8", "U13"])
def test_a_rho_set_is_the_orbit_of_a_vector_that_its_subgroup_fixes(name):
    g = group(name)
    for rho in irreps(g)[1:]:
        smallest = minimal_rho_set(g, rho)
        H = smallest.subgroup.representative
        fixed = rho.matrices[H].mean(dim=0)  # the projection on what H fixes
        start = torch.randn(rho.d, generator=torch.Generator().manual_seed(0)).double()
        v = fixed @ start
        assert v.norm() > 1e-6
        assert torch.equal(stabiliser(rho, v), H)
        orbit = rho.matrices @ v
        assert len(orbit.mul(1e6).round().unique(dim=0)) == smallest.size


def test_subgroups_are_read_back_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKSCOPE_CACHE", str(tmp_path))
    first, second = subgroups(group("S5")), subgroups(group("S5"))
    assert len(list(tmp_path.iterdir())) == 1
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        assert torch.equal(one.members, other.members)
        assert torch.equal(one.conjugators, other.conjugators)
        assert torch.equal(one.normaliser, other.normaliser)


def test_too_many_subgroups_are_refused(monkeypatch):
    monkeypatch.setattr("grokscope.algebra.subgroups.MOST", 50)
    with pytest.raises(BadInput, match="more than 50 subgroups"):
        subgroups(group("C2^4"))

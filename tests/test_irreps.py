import math

import numpy as np
import pytest
import torch

from grokscope.algebra.cache import cached
from grokscope.algebra.characters import NORMS
from grokscope.algebra.families import group
from grokscope.algebra.irreps import character_table, generic, irreps, young
from grokscope.algebra.splits import isotypic
from grokscope.algebra.young import character, cycle_type, partitions
from grokscope.errors import BadInput

NAMES = [
    "C7", "C8", "S3", "S4", "S5", "A4", "A5", "D5", "D6", "D59", "Q8", "Dic3", "U13", "U15", "C2^3",
    "C2xC4", "S3xS3", "C5xA4", "C3xQ8", "S3wrC2", "A6",
]  # fmt: skip
GROUPS = [group(name) for name in NAMES]


def check_representation(rho, g):
    n, d = g.order, rho.d
    for s in g.generators:
        assert torch.allclose(rho.matrices[s] @ rho.matrices, rho.matrices[g.table[s]], atol=1e-10)
    square = rho.matrices @ rho.matrices.mT
    assert torch.allclose(square, torch.eye(d, dtype=torch.float64).expand(n, d, d), atol=1e-10)


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_irreps_are_orthogonal_homomorphisms(g):
    for rho in irreps(g):
        check_representation(rho, g)


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_matrix_elements_are_orthogonal_as_schur_says(g):
    found = irreps(g)
    bases = torch.cat([rho.basis for rho in found], dim=1)
    assert torch.allclose(bases.T @ bases, torch.eye(g.order, dtype=torch.float64), atol=1e-9)
    assert sum(rho.d**2 // NORMS[rho.kind] for rho in found) == g.order
    for rho in found:
        norm = rho.character.square().mean()
        assert norm == pytest.approx(NORMS[rho.kind])
        part = isotypic(g).parts[rho.name]
        assert torch.allclose(rho.basis @ rho.basis.T, part @ part.T, atol=1e-9)


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_over_the_complex_numbers_squared_degrees_sum_to_the_order(g):
    squares = 0
    for rho in irreps(g):
        many, degree = {
            "real": (1, rho.d), "complex": (2, rho.d // 2), "quaternionic": (1, rho.d // 2)
        }[rho.kind]  # fmt: skip
        squares += many * degree**2
    assert squares == g.order


def test_types_are_those_of_frobenius_and_schur():
    kinds = {name: [rho.kind for rho in irreps(group(name))] for name in ("Q8", "C7", "U7", "S4")}
    assert kinds["Q8"] == ["real"] * 4 + ["quaternionic"]
    assert kinds["C7"] == ["real"] + ["complex"] * 3
    assert kinds["U7"] == ["real", "complex", "complex", "real"]
    assert kinds["S4"] == ["real"] * 5


def test_the_icosahedron_has_two_three_dimensional_irreps():
    g = group("A5", "chughtai2023")
    five = g.labels.index("(1, 2, 3, 4, 0)")
    by_name = {rho.name: rho for rho in irreps(g)}
    assert by_name["3a"].character[five] == pytest.approx((1 + math.sqrt(5)) / 2)
    assert by_name["3b"].character[five] == pytest.approx((1 - math.sqrt(5)) / 2)
    assert [rho.d for rho in irreps(g)] == [1, 3, 3, 4, 5]


@pytest.mark.parametrize("name", ["S4", "S5"])
@pytest.mark.parametrize("elements", ["lexicographic", "chughtai2023"])
def test_youngs_form_and_the_general_way_have_the_same_characters(name, elements):
    g = group(name, elements)
    for one, other in zip(irreps(g), generic(g), strict=True):
        assert one.name == other.name
        assert torch.allclose(one.character, other.character, atol=1e-9)


def test_youngs_form_has_the_characters_of_murnaghan_and_nakayama():
    g = group("S5")
    for partition in partitions(5):
        rho = young(partition, g)
        check_representation(rho, g)
        assert torch.allclose(rho.character, character(partition, g))
    assert len(list(partitions(5))) == 7
    assert cycle_type([1, 0, 3, 4, 2, 5]) == (3, 2, 1)


def test_young_is_refused_elsewhere():
    with pytest.raises(BadInput, match="not given as all permutations"):
        young((2, 1), group("D3"))
    with pytest.raises(BadInput, match="not a partition of 4"):
        young((2, 1), group("S4"))


def test_the_irreps_of_s6():
    g = group("S6")
    found = irreps(g)
    degrees = {rho.name: rho.d for rho in found}
    assert degrees["(3,2,1)"] == 16
    assert sorted(degrees.values()) == [1, 1, 5, 5, 5, 5, 9, 9, 10, 10, 16]
    for rho in found:
        check_representation(rho, g)
    for one, other in zip(found, generic(g), strict=True):
        assert torch.allclose(one.character, other.character, atol=1e-9)


@pytest.mark.parametrize("name", ["S5", "A5", "D59", "Q8"])
def test_rows_of_the_character_table_are_orthogonal(name):
    g = group(name)
    table = character_table(g)
    sizes = torch.tensor([len(members) for members in g.classes], dtype=torch.float64)
    products = table * sizes @ table.T / g.order
    norms = [float(NORMS[rho.kind]) for rho in irreps(g)]
    assert torch.allclose(products, torch.tensor(norms).double().diag(), atol=1e-9)


def test_what_was_computed_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKSCOPE_CACHE", str(tmp_path / "cache"))
    g, calls = group("A5"), []

    def compute():
        calls.append(1)
        return {"x": torch.arange(5), "y": torch.eye(2, dtype=torch.float64)}

    first, second = cached("some", g, compute), cached("some", group("A5"), compute)
    assert calls == [1]
    assert {k: v.tolist() for k, v in first.items()} == {k: v.tolist() for k, v in second.items()}
    cached("some", group("A5", "chughtai2023"), compute)
    cached("other", g, compute)
    assert calls == [1, 1, 1]
    assert len(list((tmp_path / "cache").iterdir())) == 3  # and no temporary file


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and nothing", b"no archive"])
def test_a_damaged_cache_is_computed_again(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("GROKSCOPE_CACHE", str(tmp_path))
    g = group("D59")
    known = {rho.name: rho.matrices for rho in irreps(g)}
    (file,) = tmp_path.glob("irreps-*")
    whole = file.read_bytes()
    for broken in (damage, whole[: len(whole) // 2], whole[:5000] + b"?" + whole[5001:]):
        file.write_bytes(broken)
        irreps.cache_clear()
        for rho in irreps(g):
            assert torch.equal(rho.matrices, known[rho.name])
        with np.load(file, allow_pickle=False) as archive:
            assert len(archive.files) == len(known)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GROKSCOPE_CACHE", str(tmp_path / "file"))
    assert cached("some", group("D59"), lambda: {"x": torch.ones(1)})["x"] == 1


def test_the_cache_is_where_the_users_others_are(tmp_path, monkeypatch):
    monkeypatch.delenv("GROKSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cached("some", group("D59"), lambda: {"x": torch.ones(1)})
    cached("some", group("D5"), lambda: {"x": torch.ones(1)})  # too small to keep
    assert len(list((tmp_path / "grokscope").glob("some-*.npz"))) == 1

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grokscope.algebra.groups import Group, cyclic, symmetric
from grokscope.algebra.splits import _character_key, fourier, isotypic
from grokscope.errors import UnknownName

GROUPS = [cyclic(7), cyclic(8), cyclic(113), symmetric(3), symmetric(4), symmetric(5)]


@pytest.mark.parametrize("g", GROUPS, ids=lambda g: g.name)
def test_the_parts_split_the_whole_space(g):
    Q = isotypic(g).basis
    assert torch.allclose(Q.T @ Q, torch.eye(g.order, dtype=torch.float64), atol=1e-10)


@pytest.mark.parametrize(
    ("g", "dimensions"),
    [
        (cyclic(7), [1, 2, 2, 2]),
        (cyclic(8), [1, 1, 2, 2, 2]),
        (symmetric(4), [1, 1, 4, 9, 9]),
        (symmetric(5), [1, 1, 16, 16, 25, 25, 36]),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_each_part_has_the_squared_dimension_of_its_irrep(g, dimensions):
    assert sorted(p.shape[1] for p in isotypic(g).parts.values()) == dimensions


def test_on_a_cyclic_group_the_isotypic_parts_are_the_fourier_pairs():
    # A relabelled Z/11 is not recognised as addition, and takes the general way.
    order = torch.tensor([3, 1, 4, 10, 5, 9, 2, 6, 8, 7, 0])
    place = order.argsort()
    relabelled = Group(
        "Z/11 in another order", place[cyclic(11).table[order][:, order]], ("",) * 11
    )
    general, known = isotypic(relabelled), fourier(11)
    projectors = [Q @ Q.T for Q in general.parts.values()]
    for name, waves in known.parts.items():
        P = (waves @ waves.T)[order][:, order]
        assert min(float((P - other).abs().max()) for other in projectors) < 1e-10, name


@pytest.mark.parametrize("g", [symmetric(3), symmetric(5)], ids=lambda g: g.name)
def test_parts_are_closed_under_translation(g):
    for Q in isotypic(g).parts.values():
        for h in g.generators:
            moved = Q[g.table[h]]
            assert torch.allclose(Q @ (Q.T @ moved), moved, atol=1e-9)


def test_characters_are_those_of_s4():
    # trivial, sign, 2-, 3- and 3-dimensional at the identity and on a transposition
    g = symmetric(4)
    swap = g.labels.index("(1, 0, 2, 3)")
    found = sorted(
        (round(-key[1][g.identity]), round(-key[1][swap]))
        for key in (_character_key(Q, g) for Q in isotypic(g).parts.values())
    )
    assert found == [(1, -1), (1, 1), (2, 0), (3, -1), (3, 1)]


@given(k=st.integers(1, 15), phase=st.floats(0, 6))
def test_a_wave_lives_in_its_frequency(k, phase):
    wave = torch.cos(2 * math.pi * k * torch.arange(31.0, dtype=torch.float64) / 31 + phase)
    split = fourier(31)
    power = split.power(wave[:, None])
    assert power[split.names.index(f"frequency {k}")] == pytest.approx(float(wave @ wave))


@given(st.integers(0, 2**31))
def test_power_sums_to_the_squared_norm_and_projections_are_idempotent(seed):
    x = torch.randn(24, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    split = isotypic(symmetric(4))
    assert float(split.power(x).sum()) == pytest.approx(float(x.square().sum()))
    once = split.project(["9a", "1a"], x)
    assert torch.allclose(split.project(["9a", "1a"], once), once)
    everything = sum((split.project([name], x) for name in split.names), torch.zeros_like(x))
    assert torch.allclose(everything, x)


def test_an_unknown_part_names_the_nearest():
    with pytest.raises(UnknownName, match="Did you mean `frequency 3`"):
        fourier(7).project(["frequency 33"], torch.eye(7))

"""The irreps that planted neurons lie in, as the page shows them."""

import pytest
import torch
from torch import Tensor

from grokscope.algebra.families import group
from grokscope.algebra.splits import isotypic
from grokscope.page.contents import contents
from grokscope.reading.irreps import has_irreps, irrep_pictures, irreps
from grokscope.tasks import make_task


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_planted_function_lies_in_its_irrep_alone_and_noise_in_each_by_its_size():
    g = group("S4")
    split = isotypic(g)
    names = [x for x in split.names if x != "constant"]
    facts = irreps(make_task("composition", {"group": "S4"}), None)
    assert facts is not None
    assert facts.parts == names
    for i, name in enumerate(names):
        f = split.parts[name] @ noise(split.parts[name].shape[1], 3, seed=i)
        pictures = irrep_pictures(g, f, 2 * f, f)
        for picture in pictures.values():
            assert picture[:, i] == pytest.approx(1)
            assert picture.sum(axis=1) == pytest.approx(1)
    f = noise(24, 400)
    drawn = irrep_pictures(g, f - f.mean(dim=0), torch.zeros_like(f), None)
    assert list(drawn) == ["irreps_in"]
    assert drawn["irreps_in"].mean(axis=0) == pytest.approx(facts.chance, abs=0.03)


def test_inputs_weigh_as_much_as_they_are_large():
    g = group("S3")
    parts = isotypic(g).parts
    a, b = 3 * parts["sign"], parts["standard"][:, :1]
    names = [x for x in parts if x != "constant"]
    picture = irrep_pictures(g, a, b, None)["irreps_in"][0]
    assert picture[names.index("sign")] == pytest.approx(0.9)
    assert picture[names.index("standard")] == pytest.approx(0.1)


def test_a_sum_has_none():
    assert not has_irreps(make_task("a+b", {"p": 7}))


def test_the_facts_of_a_trained_network_hold_its_irreps(of_group):
    found = contents(of_group).facts
    assert found["names"] == ["e", "(2 3)", "(1 2)", "(1 2 3)", "(1 3 2)", "(1 3)"]
    assert found["irreps"]["parts"] == ["sign", "standard"]
    assert found["irreps"]["chance"] == [0.2, 0.8]
    shown, frames = len(found["neurons"]["index"]), len(found["frames"])
    for role in ("irreps_in", "irreps_out"):
        assert found["stacks"][role]["shape"] == [frames, shown, 2]

"""The cycles that the waves of a page are drawn on."""

import numpy as np
import pytest
import torch

from grokscope.models.transformer import Transformer
from grokscope.reading.waves import cycle
from grokscope.snapshot import Snapshot
from grokscope.tasks import make_task

P = 11


@pytest.mark.parametrize(
    ("task", "role"),
    [("a+b", "a"), ("a-b", "b"), ("2*a+b", "a"), ("a*b", "a"), ("a*b", "c"), ("a*b+a+b", "b")],
)
def test_a_part_is_the_wave_of_its_place_on_the_cycle(task, role):
    t = make_task(task, {"p": P})
    s = Snapshot(t, torch.ones(len(t.inputs), dtype=torch.bool), Transformer(P, P))
    found = cycle(s, role)
    assert found is not None
    places, m = np.array(found.places), found.m
    assert sorted(places[places >= 0]) == list(range(m))
    split = s.lens.views[role].parts
    assert split is not None
    true = split.parts
    for name, k in found.parts:
        angle = 2 * np.pi * k * places / m
        waves = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (places >= 0)[:, None]
        waves = waves[:, :1] if 2 * k == m else waves
        assert np.allclose(waves / np.linalg.norm(waves, axis=0), true[name].numpy(), atol=1e-6)


def test_parts_that_are_no_waves_of_one_cycle_have_none():
    for task, args in [
        ("composition", {"group": "S3"}),
        ("composition", {"group": "C2xC3"}),
        ("a*b", {"p": 15}),
        ("a**2+b**2", {"p": P}),
    ]:
        t = make_task(task, args)
        s = Snapshot(t, torch.ones(len(t.inputs), dtype=torch.bool), Transformer(P, P))
        assert cycle(s, "a") is None

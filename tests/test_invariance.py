"""What leaves a network's function unchanged leaves what is said of it unchanged: over planted
networks of every form and trained ones, in disguises drawn at random."""

from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import grokscope.planted  # noqa: F401  (registers the kinds)
from grokscope.explain import Explanation, explain
from grokscope.measures.measure import evaluate
from grokscope.models.mlp import MLP
from grokscope.planted.disguises import DISGUISES, disguised
from grokscope.planted.planted import TRUTHS, Planted
from grokscope.tasks import make_task

EXACT = tuple(name for name in DISGUISES if name != "half precision")
SIZES = {
    "clock_relu": {"p": 23},
    "clock_square": {"p": 23},
    "pizza_relu": {"p": 23},
    "pizza_square": {"p": 23},
    "pizza_transformer": {"p": 23},
    "multiplication": {"p": 23},
    "cosets": {"group": "S4"},
    "rho_sets": {"group": "S4"},
    "characters": {"group": "D5"},
    "polynomial": {"formula": "a-b", "p": 23},
    "subgroup_circuits": {"p": 12},
    "parity": {"n": 8, "k": 3},
}


@lru_cache
def planted(name: str) -> Planted:
    return TRUTHS[name].plant(1, 0.01, **SIZES[name])


@lru_cache
def trained() -> Planted:
    """An MLP on a+b mod 11, trained on 80 % of the pairs until it is right on most of them."""
    torch.manual_seed(0)
    task = make_task("a+b", {"p": 11})
    model, is_train = MLP(11, 11, d_embed=16, d_mlp=48), task.is_train(0.8, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=1.0)
    for _ in range(600):
        logits = model(task.inputs[is_train])
        loss = torch.nn.functional.cross_entropy(logits, task.answers[is_train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    none = frozenset()
    return Planted("trained", task, model.requires_grad_(False), none, none, is_train)


@lru_cache
def said(name: str) -> Explanation:
    return explain((trained() if name == "trained" else planted(name)).snapshot)


def told(e: Explanation) -> dict:
    """All that is said of a network but numbers that rounding moves."""
    forms = {c.circuit.form: c for c in e.certificates}
    return {
        "verdict": e.verdict,
        "algorithms": e.algorithms,
        "forms": {name: (c.verdict, c.circuit.size) for name, c in forms.items()},
        "parts": {name: c.circuit.parts for name, c in forms.items()},
        "not found": set(e.not_found),
    }


@pytest.mark.parametrize("name", [*SIZES, "trained"])
@given(st.sets(st.sampled_from(EXACT), min_size=1), st.integers(0, 2**16))
@settings(max_examples=3)
def test_disguises_change_nothing_that_is_said(name, names, seed):
    it = trained() if name == "trained" else planted(name)
    dressed = disguised(it, [x for x in EXACT if x in names], seed)
    other, here = explain(dressed.snapshot), said(name)
    mine, theirs = told(here), told(other)
    if "opposite" in names and it.task.group is not None:  # parts are named by the group's elements
        mine["parts"] = theirs["parts"] = {}
    assert mine == theirs
    for a, b in zip(sorted(bounds(here)), sorted(bounds(other)), strict=True):
        assert a == pytest.approx(b, abs=2.5 / len(it.task.inputs))


def bounds(e: Explanation) -> list[float]:
    return [c.bound.accuracy for c in e.certificates if c.bound is not None]


def test_what_is_raw_moves():
    it = planted("clock_relu")
    here = it.snapshot
    there = disguised(it, ["rescaled"], 1).snapshot
    for name in ("sum_of_squares", "nuclear_norm"):
        mine, theirs = (evaluate(s, [name]) for s in (here, there))
        assert any(abs(mine[key] - theirs[key]) > 0.1 * abs(mine[key]) for key in mine)
    split = disguised(it, ["split"], 1).snapshot
    assert split.mlp_post.shape[1] > here.mlp_post.shape[1]

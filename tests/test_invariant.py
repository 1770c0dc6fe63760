"""Every measure's word on whether it is invariant, against what happens to it when neurons are
rescaled, exchanged, split and joined by dead ones, while the network's function stays; and what a
neuron weighs."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from grokscope.activations import SQUARE
from grokscope.errors import NotApplicable
from grokscope.measures import MEASURES, measure
from grokscope.measures.energy import energy, median_by
from grokscope.measures.measure import applicable, evaluate, family, kind
from grokscope.measures.neurons import localised_energy, neuron_parts, neurons_localised
from grokscope.models import make_model
from grokscope.models.furuta import Furuta
from grokscope.models.pair import Pair
from grokscope.models.parity import ParityMLP
from grokscope.models.transformer import Transformer
from grokscope.planted import digits, groups, waves
from grokscope.planted.neurons import Neurons
from grokscope.snapshot import Snapshot
from grokscope.tasks import make_task

INWARD = {
    Neurons: ("L", "R"),
    Pair: ("W_in",),
    ParityMLP: ("W_in",),
    Transformer: ("W_in", "b_in"),
    Furuta: ("W_in",),
}
OUTWARD = {Neurons: "W_U", Pair: "W_out", ParityMLP: "W_out", Transformer: "W_out", Furuta: "W_out"}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# ---- networks ------------------------------------------------------------------------------------


def with_noisy_neurons(s: Snapshot, count: int = 12) -> Snapshot:
    """A planted layer with some neurons that follow nothing, so that no count is all or none."""
    model = deepcopy(s.model)
    assert isinstance(model, Neurons)
    for name, axis in (("L", 1), ("R", 1), ("W_U", 0)):
        w = getattr(model, name)
        shape = [count if i == axis else n for i, n in enumerate(w.shape)]
        noise = 3 * (drawn(*shape, seed=len(name)) - 0.5) * w.std()
        setattr(model, name, nn.Parameter(torch.cat([w, noise], dim=axis), requires_grad=False))
    return replace(s, model=model)


def random_network(model: str, task: str, task_args: dict, **args) -> Snapshot:
    """A network as it is drawn, with noise in its biases too."""
    t = make_task(task, task_args)
    net = make_model(model, args, t, seed=0)
    with torch.no_grad():
        for i, w in enumerate(net.parameters()):
            w += 0.4 * (drawn(*w.shape, seed=i) - 0.5)
    return Snapshot(t, t.is_train(0.6, 0), net.requires_grad_(False))


def keyed(s: Snapshot) -> Snapshot:
    return replace(s, keys=("frequency 1", "frequency 3"))


P11, WIDTHS = {"p": 11}, {"d_model": 16, "n_heads": 2, "d_mlp": 24}
# A recurrent network is not among them: of its maps the disguises know the last alone.
NETWORKS: dict[str, Callable[[], Snapshot]] = {
    "clock, relu": lambda: with_noisy_neurons(waves.clock_relu(0, p=23, frequencies=3).snapshot),
    "clock, square": lambda: with_noisy_neurons(
        waves.clock_square(0, p=23, frequencies=3).snapshot
    ),
    "cosets of S4": lambda: with_noisy_neurons(groups.cosets(0, group="S4").snapshot),
    "characters of S4, sign": lambda: with_noisy_neurons(groups.characters(3, group="S4").snapshot),
    "parity": lambda: digits.parity(0, 0.01).snapshot,
    "Transformer": lambda: keyed(random_network("transformer", "a+b", P11, **WIDTHS)),
    "tied MLP": lambda: keyed(random_network("pair", "a+b", P11, d_embed=16, d_mlp=24)),
    "mixture": lambda: random_network(
        "furuta", "mixture", {"p": 7, "formulas": "a+b,a-b"}, **WIDTHS
    ),
}


@cache
def network(name: str) -> Snapshot:
    return NETWORKS[name]()


# ---- the same function from other neurons --------------------------------------------------------


@dataclass(frozen=True)
class Disguise:
    """Which neuron of the network each new one is, times what, with which share of its output;
    and how many `dead` ones are added: half that nobody reads, half that never act."""

    of: Tensor
    times: Tensor
    share: Tensor
    dead: int = 0


def plain(n: int) -> Disguise:
    return Disguise(torch.arange(n), torch.ones(n), torch.ones(n))


def rescaled(n: int, act_is_even: bool) -> Disguise:
    times = 10 ** (4 * drawn(n, seed=1) - 2)
    signs = torch.where(drawn(n, seed=2) < 0.5, -1.0, 1.0) if act_is_even else 1.0
    return replace(plain(n), times=times * signs)


def permuted(n: int, act_is_even: bool) -> Disguise:
    return replace(plain(n), of=torch.randperm(n, generator=torch.Generator().manual_seed(3)))


def split(n: int, act_is_even: bool) -> Disguise:
    """Every third neuron in three parts of unequal size."""
    some = torch.arange(0, n, 3)
    share = torch.ones(n)
    share[some] = 0.5
    return Disguise(
        torch.cat([torch.arange(n), some, some]),
        torch.cat([torch.ones(n), torch.full([len(some)], 0.3), torch.full([len(some)], 3.0)]),
        torch.cat([share, torch.full([2 * len(some)], 0.25)]),
    )


def with_dead(n: int, act_is_even: bool) -> Disguise:
    return replace(plain(n), dead=8)


def all_at_once(n: int, act_is_even: bool) -> Disguise:
    x = split(n, act_is_even)
    order = permuted(len(x.of), act_is_even).of
    times = x.times * rescaled(len(x.of), act_is_even).times
    return Disguise(x.of[order], times[order], x.share[order], dead=8)


DISGUISES = (rescaled, permuted, split, with_dead, all_at_once)


def disguised(s: Snapshot, disguise) -> Snapshot:
    """The same function by other neurons."""
    model = deepcopy(s.model)
    out = getattr(model, OUTWARD[type(model)])
    degree, is_even = (2, True) if model.act is SQUARE else (1, False)
    x = disguise(len(out), is_even)
    for name in INWARD[type(model)]:
        w = getattr(model, name)
        w = torch.cat([w[..., x.of] * x.times, dead_inward(w, x.dead)], dim=-1)
        setattr(model, name, nn.Parameter(w, requires_grad=False))
    scale = (x.share / x.times.abs() ** degree)[:, None]
    out = torch.cat([out[x.of] * scale, dead_outward(out, x.dead)])
    setattr(model, OUTWARD[type(model)], nn.Parameter(out, requires_grad=False))
    return replace(s, model=model)


def dead_inward(w: Tensor, dead: int) -> Tensor:
    """Large functions for those nobody reads, nothing for those that never act."""
    noise = 30 * drawn(*w.shape[:-1], dead // 2, seed=7) * w.abs().max()
    return torch.cat([noise, torch.zeros_like(noise)], dim=-1)


def dead_outward(out: Tensor, dead: int) -> Tensor:
    noise = 30 * drawn(dead // 2, out.shape[1], seed=8) * out.abs().max()
    return torch.cat([torch.zeros_like(noise), noise])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_leaves_the_function_as_it_is(name, disguise):
    s = network(name)
    logits = disguised(s, disguise).logits
    assert torch.allclose(logits, s.logits, rtol=1e-4, atol=1e-4 * float(s.logits.abs().max()))


# ---- what measures say ---------------------------------------------------------------------------


@cache
def measured(where: str, disguise=None) -> dict[str, dict[str, float]]:
    """Each measure that applies to a network, or to what is the same in this disguise."""
    s = network(where) if disguise is None else disguised(network(where), disguise)
    return {name: evaluate(s, [name]) for name in applicable(s)}


def moves(name: str, where: str, disguise) -> bool:
    """Whether a measure is another number, or has others, beyond rounding."""
    before, after = (measured(where, x).get(name, {}) for x in (None, disguise))
    return not (
        before.keys() == after.keys() and after == pytest.approx(before, rel=1e-4, abs=1e-5)
    )


OURS = [name for name, f in MEASURES.items() if f.__module__.startswith("grokscope.measures.")]


@pytest.mark.parametrize("name", OURS)
def test_every_measure_does_what_it_says_of_itself(name):
    there = [where for where in NETWORKS if name in measured(where)]
    assert there, "no network here has it"
    moved = {(where, d.__name__) for where in there for d in DISGUISES if moves(name, where, d)}
    if kind(name) == "invariant":
        assert moved == set()
    else:
        assert moved, "it is called raw, and nothing moves it"


# ---- what neurons weigh --------------------------------------------------------------------------


def plain_energy(s: Snapshot) -> Tensor:
    """What each neuron adds to the variance of the logits, of a layer with no parallel neurons."""
    W = s.model.get_parameter("W_U").double()
    u = W - W.mean(dim=1, keepdim=True)
    return s.mlp_post.double().var(dim=0, correction=0) * u.square().sum(dim=1)


def test_a_localised_neuron_weighs_what_it_adds():
    s = network("clock, relu")
    adds, is_localised = plain_energy(s), neuron_parts(s)[1].amax(dim=0) >= 0.85
    assert 0.5 < neurons_localised(s) < 1
    assert neurons_localised(s) == pytest.approx(float(is_localised.double().mean()))
    assert localised_energy(s) == pytest.approx(float(adds[is_localised].sum() / adds.sum()))
    assert localised_energy(s) != pytest.approx(neurons_localised(s), abs=0.01)


def test_decoys_with_tiny_outputs_halve_a_count_and_no_share():
    s = waves.clock_relu(0, p=23, frequencies=3).snapshot
    n = s.mlp_post.shape[1]
    decoyed = with_noisy_neurons(s, n)
    with torch.no_grad():
        decoyed.model.get_parameter("W_U")[n:] *= 1e-4
    assert neurons_localised(s) == localised_energy(s) == 1
    assert neurons_localised(decoyed) == pytest.approx(0.5, abs=0.05)
    assert localised_energy(decoyed) == pytest.approx(1, abs=1e-6)


def test_energies_are_shares():
    for name in NETWORKS:
        weights = energy(network(name))
        assert float(weights.sum()) == pytest.approx(1)
        assert (weights >= 0).all()


def test_without_outputs_no_neuron_weighs_anything():
    s = deepcopy(network("clock, relu"))
    s.model.get_parameter("W_U").zero_()
    with pytest.raises(NotApplicable, match="no neuron adds anything"):
        localised_energy(replace(s, model=s.model))


@pytest.mark.parametrize(
    ("values", "weights", "median"),
    [
        ([3, 1, 2], [1, 1, 1], 2),
        ([3, 1, 2], [8, 1, 1], 3),
        ([4, 1, 2, 3], [1, 1, 1, 1], 2),
        ([5], [0.1], 5),
        ([1, 2, 3], [0, 0, 1], 3),
    ],
)
def test_a_median_by_energy_has_half_of_it_at_or_below(values, weights, median):
    x, weight = (torch.tensor(y, dtype=torch.float64) for y in (values, weights))
    assert median_by(weight, x) == median


# ---- how a measure says it -----------------------------------------------------------------------


@pytest.fixture
def registry():
    """What a test registers is taken away again."""
    before = dict(MEASURES)
    yield
    MEASURES.clear()
    MEASURES.update(before)


def test_a_measure_is_raw_unless_it_says_otherwise(registry):
    def mine(s):
        return 0.0

    for add, said in (
        (measure, "raw"),
        (measure(invariant=True), "invariant"),
        (measure(invariant=False), "raw"),
        (measure(invariant=True), "invariant"),
        (measure, "raw"),
    ):
        assert add(mine) is mine
        assert MEASURES["mine"] is mine
        assert kind("mine") == said


def test_the_page_of_measures_says_of_each_what_it_says_of_itself():
    page = (Path(__file__).parents[1] / "docs" / "measures.md").read_text()
    said = {}
    for row in re.findall(r"^\| (\w+) \|(.*)\|(.*)\|$", page, flags=re.MULTILINE):
        for what, names in zip(("invariant", "raw"), row[1:], strict=True):
            said |= {name: (row[0], what) for name in re.findall(r"`(\w+)`", names)}
    assert said == {name: (family(name), kind(name)) for name in OURS}

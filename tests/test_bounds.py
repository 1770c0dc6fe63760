"""Bounds: never above a network's own accuracy, whatever is claimed of it, and not vacuous."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import tau

import pytest
import torch
from torch import Tensor

from grokscope.activations import ACTIVATIONS, RELU, Activation
from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import Irrep, irreps
from grokscope.algebra.splits import isotypic
from grokscope.algebra.subgroups import minimal_rho_set
from grokscope.circuits.circuit import Circuit
from grokscope.circuits.convolution import Convolution, find
from grokscope.circuits.rho_set import Claim, rho_set
from grokscope.circuits.rho_set import find as find_rho_sets
from grokscope.models import make_model
from grokscope.models.mlp import MLP, Stander
from grokscope.models.model import Fold, Model
from grokscope.snapshot import Snapshot
from grokscope.tasks import make_task
from grokscope.tasks.composition import composition
from grokscope.verify.low_rank import low_rank
from grokscope.verify.network import Bound, Network, brute_force
from tests.published import CHECKPOINTS, chughtai


class Watched(Network):
    """A network that sees that every pair is right which is proved to be."""

    def bound(self, name, is_proved, operations, reason):
        if name != "brute force" and is_proved is not None:
            assert not (is_proved & ~self.is_right).any(), "a wrong pair is proved right"
        return super().bound(name, is_proved, operations, reason)

    @property
    def is_right(self):
        pre, direct = self.fold.mixed()
        logits = self.fold.act(pre) @ self.W_L
        logits = logits if direct is None else logits + direct
        right = logits.gather(1, self.answers[:, None])
        return (logits > right).sum(dim=1) + (logits == right).sum(dim=1) == 1


@dataclass(frozen=True)
class Planted:
    """Weights, and the truth about them."""

    group: Group
    L: Tensor
    R: Tensor
    U: Tensor  # (neuron, answer)
    bias: Tensor
    claims: tuple[Claim, ...]
    act: Activation = RELU

    @property
    def task(self):
        return task_of(self.group)

    @property
    def network(self) -> Network:
        n = self.group.order
        left = torch.cat([self.L, self.bias.expand(n, -1)], dim=1)
        right = torch.cat([self.R, torch.zeros(n, n, dtype=torch.float64)], dim=1)
        rows = self.task.inputs + torch.tensor([0, n])
        fold = Fold(torch.cat([left, right]), rows, None, self.U, n, self.act)
        return Watched(fold, self.task.answers)

    def noisy(self, level: float, generator: torch.Generator) -> "Planted":
        """Each weight moved by `level` of its matrix's root mean square."""

        def moved(W: Tensor) -> Tensor:
            noise = torch.randn(W.shape, generator=generator, dtype=W.dtype)
            return W + level * W.square().mean().sqrt() * noise

        return replace(self, L=moved(self.L), R=moved(self.R), U=moved(self.U))

    def bound(self):
        return rho_set(self.network, self.group, self.task.inputs, self.claims)


@lru_cache
def task_of(group: Group):
    x = torch.arange(group.order)
    return replace(
        make_task("composition", {"group": "C3"}),
        inputs=torch.cartesian_prod(x, x), answers=group.table.flatten().long(),
        n_symbols=group.order, n_answers=group.order, group=group,
    )  # fmt: skip


def orbit(group: Group, irrep: Irrep) -> Tensor:
    H = minimal_rho_set(group, irrep).subgroup.representative
    fixed = irrep.matrices[H].mean(dim=0)
    b = fixed[:, fixed.norm(dim=0).argmax()]
    points: list[Tensor] = []
    for v in irrep.matrices @ (b / b.norm()):
        if all((v - w).norm() > 1e-6 for w in points):
            points.append(v)
    return torch.stack(points)


@lru_cache
def rho_network(name: str, *parts: str, false: str = "") -> Planted:
    """f = -Σ bᵀρ(z)b' relu(bᵀρ(x)a - aᵀρ(y)b'), once for a and once for -a; of a sign two neurons
    and the bias. The matrices of a `false` part belong to other elements, but for the identity."""
    group = composition(name).group
    assert group is not None
    every = {irrep.name: irrep for irrep in irreps(group)}
    L, R, U, claims, end = [], [], [], [], 0
    bias = torch.zeros(group.order, dtype=torch.float64)
    for part in parts:
        rho = every[part].matrices
        if part == false:
            rho = rho[[0, *range(group.order - 1, 0, -1)]]
        d = rho.shape[1]
        B = orbit(group, every[part]) if d > 1 else torch.tensor([[1.0], [-1.0]]).double()
        a = torch.randn(d, generator=torch.Generator().manual_seed(d), dtype=rho.dtype)
        a, bias = (a, bias) if d > 1 else (torch.ones(1).double(), bias + rho[:, 0, 0])
        every_b = torch.cartesian_prod(torch.arange(len(B)), torch.arange(len(B)))
        i, j = (every_b.repeat(2, 1) if d > 1 else torch.tensor([[0, 0], [1, 1]])).T
        sign = torch.ones(len(i)).double()
        sign[len(every_b) :] = -1
        L.append(sign * torch.einsum("nd,gde,e->gn", B[i], rho, a))
        R.append(-sign * torch.einsum("d,gde,ne->gn", a, rho, B[j]))
        U.append(-torch.einsum("nd,gde,ne->ng", B[i], rho, B[j]))
        claims.append(Claim(rho, B, B, torch.arange(end, end + len(i)), i, j))
        end += len(i)
    return Planted(group, torch.cat(L, 1), torch.cat(R, 1), torch.cat(U), bias, tuple(claims))


@lru_cache
def cosine_network(p: int, frequencies: tuple[int, ...], phases: int) -> Planted:
    """relu(cos(wa + φ) + cos(wb + ψ)) cos(wc + φ + ψ), φ and ψ each so many phases, evenly."""
    group = composition(f"C{p}").group
    assert group is not None
    x, phase = torch.arange(p, dtype=torch.float64), torch.arange(phases) * tau / phases
    phi, psi = torch.cartesian_prod(phase, phase).double().repeat(len(frequencies), 1).T
    w = tau / p * torch.tensor(frequencies).repeat_interleave(phases**2)
    L, R, U = (torch.cos(w * x[:, None] + v) for v in (phi, psi, phi + psi))
    return Planted(group, L, R, U.T, torch.zeros(p, dtype=torch.float64), ())


def waves(planted: Planted, *names: str) -> Tensor:
    return isotypic(planted.group).part(names)


def random(shape, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# Corruptions of the weights.
Corrupt = Callable[[Planted, torch.Generator], Planted]


def deleted(x: Planted, g: torch.Generator) -> Planted:
    keep = torch.rand(len(x.U), generator=g) < 0.2 + 0.8 * torch.rand(1, generator=g)
    return replace(x, U=x.U * keep[:, None])


def entries_deleted(x: Planted, g: torch.Generator) -> Planted:
    keep = [torch.rand(w.shape, generator=g) < 0.9 for w in (x.L, x.R, x.U)]
    return replace(x, L=x.L * keep[0], R=x.R * keep[1], U=x.U * keep[2])


def answers_permuted(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, U=x.U[:, torch.randperm(x.U.shape[1], generator=g)])


def neurons_permuted(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, U=x.U[torch.randperm(len(x.U), generator=g)])


def some_neurons_swapped(x: Planted, g: torch.Generator) -> Planted:
    order, some = torch.arange(len(x.U)), torch.randint(len(x.U), (2,), generator=g)
    order[some] = order[some.flip(0)]
    return replace(x, U=x.U[order])


def symbols_permuted(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, L=x.L[torch.randperm(len(x.L), generator=g)])


def two_symbols_alike(x: Planted, g: torch.Generator) -> Planted:
    a, b = torch.randperm(len(x.L), generator=g)[:2].tolist()
    L = x.L.clone()
    L[a] = L[b]
    return replace(x, L=L)


def tied(x: Planted, g: torch.Generator) -> Planted:
    a, b = torch.randperm(len(x.L), generator=g)[:2].tolist()
    U, bias = x.U.clone(), x.bias.clone()
    U[:, a], bias[a] = U[:, b], bias[b]
    return replace(x, U=U, bias=bias)


def perturbed(x: Planted, g: torch.Generator) -> Planted:
    return x.noisy(float(10 ** (-3 * torch.rand(1, generator=g))), g)


def bias_perturbed(x: Planted, g: torch.Generator) -> Planted:
    level = 10 ** (2 - 4 * torch.rand(1, generator=g))
    return replace(x, bias=x.bias + level * random(x.bias.shape, g))


def sign_flipped(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, U=x.U * torch.where(torch.rand(len(x.U), 1, generator=g) < 0.1, -1, 1))


def drowned(x: Planted, g: torch.Generator) -> Planted:
    """The same constant added to all answers, so large that float64 loses the rest."""
    return replace(x, U=x.U + 10 ** (8 + 9 * torch.rand(1, generator=g)).double())


def scaled(x: Planted, g: torch.Generator) -> Planted:
    power = 10 ** (400 * torch.rand(1, generator=g).double() - 200)
    return replace(x, L=x.L * power, R=x.R * power)


def not_finite(x: Planted, g: torch.Generator) -> Planted:
    U = x.U.clone()
    U[int(torch.randint(len(U), (1,), generator=g)), 0] = float("nan")
    return replace(x, U=U)


def always_active(x: Planted, g: torch.Generator) -> Planted:
    L = torch.rand(x.L.shape[1], generator=g, dtype=torch.float64).expand_as(x.L)
    return replace(x, L=L, R=0 * x.R)


def random_weights(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, L=random(x.L.shape, g), R=random(x.R.shape, g), U=random(x.U.shape, g))


def unharmed(x: Planted, g: torch.Generator) -> Planted:
    return x


NETWORKS: list[Corrupt] = [
    deleted, entries_deleted, answers_permuted, neurons_permuted, some_neurons_swapped,
    symbols_permuted, two_symbols_alike, tied, perturbed, bias_perturbed, sign_flipped, drowned,
    scaled, not_finite, always_active, random_weights, unharmed,
]  # fmt: skip


# False explanations by ρ-sets; each changes every part.
def on_parts(f: Callable[[Claim, Group, torch.Generator], Claim]) -> Corrupt:
    return lambda x, g: replace(x, claims=tuple(f(one, x.group, g) for one in x.claims))


def other_irrep(one: Claim, group: Group, g: torch.Generator) -> Claim:
    alike = [r for r in irreps(group) if r.d == one.rho.shape[1]]
    irrep = alike[int(torch.randint(len(alike), (1,), generator=g))]
    points = orbit(group, irrep) if irrep.d > 1 else one.B
    few = len(points)
    return replace(one, rho=irrep.matrices, B=points, C=points, i=one.i % few, j=one.j % few)


def not_of_the_group(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, rho=one.rho[torch.randperm(group.order, generator=g)])


def random_matrices(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, rho=torch.linalg.qr(random(one.rho.shape, g))[0])


def trivial_matrices(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, rho=torch.eye(one.B.shape[1]).double().expand_as(one.rho))


def random_points(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, B=random(one.B.shape, g), C=random(one.C.shape, g))


def moved_points(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, B=one.B + 1e-7 * random(one.B.shape, g))


def fewer_points(one: Claim, group: Group, g: torch.Generator) -> Claim:
    k = len(one.B) - 1
    return replace(one, B=one.B[:k], i=one.i.clamp(max=k - 1))


def repeated_points(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, B=one.B[:1].expand_as(one.B))


def other_points(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, i=one.i[torch.randperm(len(one.i), generator=g)])


def opposite_points(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, C=-one.C)


def other_neurons(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, neurons=one.neurons[torch.randperm(len(one.neurons), generator=g)])


def fewer_neurons(one: Claim, group: Group, g: torch.Generator) -> Claim:
    keep = torch.rand(len(one.i), generator=g) < 0.9
    return replace(one, neurons=one.neurons[keep], i=one.i[keep], j=one.j[keep])


def neurons_twice(one: Claim, group: Group, g: torch.Generator) -> Claim:
    return replace(one, neurons=one.neurons[:1].expand_as(one.neurons))


def no_parts(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, claims=())


def last_part_missing(x: Planted, g: torch.Generator) -> Planted:
    return replace(x, claims=x.claims[:-1])


CLAIMS: list[Corrupt] = [
    *map(on_parts, (other_irrep, not_of_the_group, random_matrices, trivial_matrices, random_points,
                    moved_points, fewer_points, repeated_points, other_points, opposite_points,
                    other_neurons, fewer_neurons, neurons_twice)),
    no_parts, last_part_missing, unharmed,
]  # fmt: skip

RHO_SETS = [
    ("S3", "standard", "sign"),
    ("S4", "standard", "sign"),
    ("D5", "frequency 1", "sign"),
    ("Q8", "4a", "1a"),
]


def corrupted(seed: int, planted: Planted, generator: torch.Generator) -> Planted:
    """The network, the explanation, or both, each in its turn."""
    network, claim = NETWORKS[seed % len(NETWORKS)], CLAIMS[seed // len(NETWORKS) % len(CLAIMS)]
    return claim(network(planted, generator), generator)


@pytest.mark.parametrize("parts", RHO_SETS, ids=lambda parts: parts[0])
def test_no_corruption_lifts_the_rho_set_bound_above_the_networks_own_accuracy(parts):
    planted, some = rho_network(*parts), 0
    for seed in range(len(NETWORKS) * len(CLAIMS)):
        x = corrupted(seed, planted, torch.Generator().manual_seed(seed))
        accuracy, bound = brute_force(x.network).accuracy, x.bound()
        assert 0 <= bound.accuracy <= accuracy, (seed, bound)
        some += 0 < bound.accuracy < 1
    assert some > 3, "hardly a case where a bound too large would show"


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_no_corruption_lifts_a_bound_above_the_accuracy_with_any_nonlinearity(name):
    planted = replace(rho_network("D5", "frequency 1", "sign"), act=ACTIVATIONS[name])
    Q = waves(planted, "frequency 1", "sign")
    for seed in range(0, len(NETWORKS) * len(CLAIMS), 3):
        x = corrupted(seed, planted, torch.Generator().manual_seed(seed))
        accuracy = brute_force(x.network).accuracy
        assert x.bound().accuracy <= accuracy, seed
        assert low_rank(x.network, Q, own=2).accuracy <= accuracy, seed
    if name in ("relu", "gelu", "silu"):  # the others are odd or even: signs cancel
        assert planted.bound().accuracy == 1


@pytest.mark.parametrize("name", ["S3", "S4", "S5"])
@pytest.mark.parametrize("false", ["standard", "sign"])
def test_matrices_that_do_not_multiply_as_the_group_prove_nothing(name, false):
    x = rho_network(name, "standard", "sign", false=false)  # the network is that of its claims
    assert brute_force(x.network).accuracy < 1
    assert x.bound().accuracy == 0
    assert "do not multiply" in x.bound().reason


def test_points_that_matrices_do_not_permute_prove_nothing():
    x = rho_network("S4", "standard", "sign")
    one = x.claims[0]
    zero = replace(one, rho=0 * one.rho, B=torch.cat([one.B, 0 * one.B[:1]]))
    for wrong, why in (
        (replace(one, B=one.B + 0.01), "not closed"),
        (zero, "two points of the set to one"),
        (replace(one, i=one.i + 1), "not there"),
        (replace(one, B=one.B[:, :2]), "dimension"),
        (replace(one, rho=one.rho[1:]), "each element"),
        (replace(one, neurons=one.neurons + 1), "twice"),
    ):
        bound = replace(x, claims=(wrong, *x.claims[1:])).bound()
        assert bound.accuracy == 0
        assert why in bound.reason


DIRECTIONS: dict[str, Callable[[Planted, torch.Generator], Tensor]] = {
    "its own": lambda x, g: waves(x, "frequency 1", "frequency 2"),
    "too few": lambda x, g: waves(x, "frequency 1"),
    "of others": lambda x, g: waves(x, "frequency 3"),
    "at random": lambda x, g: random((x.group.order, 5), g),
    "one many times": lambda x, g: random((x.group.order, 1), g).expand(-1, 4),
    "none": lambda x, g: torch.zeros(x.group.order, 2, dtype=torch.float64),
    "huge": lambda x, g: 1e200 * waves(x, "frequency 1", "frequency 2"),
    "all": lambda x, g: torch.eye(x.group.order, dtype=torch.float64),
    "not finite": lambda x, g: torch.full((x.group.order, 2), float("nan"), dtype=torch.float64),
}


@pytest.mark.parametrize("p", [7, 13])
def test_no_corruption_lifts_the_low_rank_bound_above_the_networks_own_accuracy(p):
    planted, some = cosine_network(p, (1, 2), 5), 0
    for seed in range(2 * len(NETWORKS)):
        generator = torch.Generator().manual_seed(seed)
        x = NETWORKS[seed % len(NETWORKS)](planted, generator)
        accuracy = brute_force(x.network).accuracy
        for claimed in DIRECTIONS.values():
            Q = claimed(x, generator)
            for own in (0, 2):
                bound = low_rank(x.network, Q, own)
                assert 0 <= bound.accuracy <= accuracy, (seed, bound)
                some += 0 < bound.accuracy < 1
    assert some > 20, "hardly a case where a bound too large would show"


@pytest.mark.parametrize("parts", RHO_SETS, ids=lambda parts: parts[0])
def test_low_rank_bounds_of_corrupted_rho_sets_hold_too(parts):
    planted = rho_network(*parts)
    Q = waves(planted, *parts[1:])
    for seed, corrupt in enumerate(NETWORKS):
        x = corrupt(planted, torch.Generator().manual_seed(seed))
        assert low_rank(x.network, Q).accuracy <= brute_force(x.network).accuracy


@pytest.mark.parametrize("name", ["S4", "S5"])
def test_a_planted_rho_set_network_is_proved_at_one_percent_of_noise(name):
    planted = rho_network(name, "standard", "sign")
    for seed in range(3):
        x = planted.noisy(0.01, torch.Generator().manual_seed(seed))
        assert x.bound().accuracy >= 0.95
        assert low_rank(x.network, waves(x, "standard", "sign")).accuracy >= 0.95


def test_a_rho_set_proof_is_cheaper_than_brute_force():
    bound = rho_network("S5", "standard", "sign").bound()
    assert bound.accuracy == 1
    assert bound.of_brute_force < 0.5
    assert bound.operations == round(
        bound.of_brute_force * rho_network("S5", "standard", "sign").network.brute_operations
    )


def test_every_neuron_may_have_its_own_vector_a():
    planted = rho_network("S5", "standard", "sign")
    rho, g = planted.claims[0].rho, torch.Generator().manual_seed(1)
    a = random((2, 4), g)
    turned = planted.L.clone(), planted.R.clone()
    for k, v in enumerate(a):  # the pairs (b, b') twice, in another order, with two more vectors a
        at = planted.claims[0].neurons[25 * k : 25 * k + 25]
        b, c = (planted.claims[0].B[i[:25]] for i in (planted.claims[0].i, planted.claims[0].j))
        turned[0][:, at] = torch.einsum("nd,gde,e->gn", b, rho, v)
        turned[1][:, at] = -torch.einsum("d,gde,ne->gn", v, rho, c)
    x = replace(planted, L=turned[0], R=turned[1])
    assert x.bound().accuracy == brute_force(x.network).accuracy


@pytest.mark.parametrize(("p", "frequencies"), [(13, (1, 2, 5)), (59, (7, 17, 24))])
def test_a_planted_cosine_network_is_proved_at_one_percent_of_noise(p, frequencies):
    x = cosine_network(p, frequencies, 8).noisy(0.01, torch.Generator().manual_seed(p))
    bound = low_rank(x.network, waves(x, *(f"frequency {k}" for k in frequencies)))
    assert bound.accuracy >= 0.95
    assert bound.of_brute_force < 1


def test_directions_of_the_network_itself_help_where_the_circuits_are_too_few():
    x = cosine_network(13, (1, 2, 5), 8)
    Q = waves(x, "frequency 1", "frequency 2")
    assert low_rank(x.network, Q).accuracy < low_rank(x.network, Q, own=2).accuracy == 1


def test_a_tie_is_wrong():
    x = cosine_network(7, (1, 2), 5)
    tie = replace(x, U=x.U.clone())
    tie.U[:, 3] = tie.U[:, 2]
    assert brute_force(tie.network).accuracy == pytest.approx(5 / 7)
    Q = torch.eye(7, dtype=torch.float64)
    assert low_rank(tie.network, Q).accuracy == brute_force(tie.network).accuracy


def snapshot_of(model: Model, task) -> Snapshot:
    is_train = torch.arange(len(task.inputs)) % 3 == 0
    return Snapshot(task, is_train, model.requires_grad_(False))


@pytest.mark.parametrize("kind", ["mlp", "stander", "transformer", "pizza", "linear", "pair"])
def test_brute_force_is_the_measured_accuracy(kind):
    task = make_task("a+b", {"p": 13})
    s = snapshot_of(make_model(kind, {}, task, 0).double(), task)
    network = Network.of(s)
    assert network is not None
    right = s.logits.gather(1, task.answers[:, None])
    measured = ((s.logits >= right).sum(dim=1) == 1).double().mean()
    assert brute_force(network).accuracy == float(measured)


def as_model(x: Planted) -> Stander:
    model = Stander(x.group.order, x.group.order, len(x.U), len(x.U)).double()
    assert model.b_U is not None
    eye = torch.eye(len(x.U), dtype=torch.float64)
    with torch.no_grad():
        for weight, value in zip(
            (model.W_x, model.W_y, model.W, model.W_U, model.b_U),
            (x.L, x.R, torch.cat([eye, eye]), x.U, x.bias),
            strict=True,
        ):
            weight.copy_(value)
    return model


def bound_of(s: Snapshot, circuit: Circuit) -> Bound | None:
    network = Network.of(s)
    return None if network is None else circuit.bound(network, s.task)


def test_a_circuit_found_in_a_snapshot_has_its_bound():
    x = rho_network("S4", "standard", "sign")
    s = snapshot_of(as_model(x), x.task)
    bound = bound_of(s, find(s))
    assert bound is not None
    assert bound.accuracy == 1


def test_a_rho_set_circuit_is_bound_by_its_double_sums_too():
    x = rho_network("S3", "standard", "sign")  # its logits span all there is: no low rank
    s = snapshot_of(as_model(x), x.task)
    bound = bound_of(s, find_rho_sets(s))
    assert bound is not None
    assert (bound.name, bound.accuracy) == ("rho-sets", 1)


def test_a_lookup_table_and_a_network_without_a_fold_have_no_bound():
    class Unfolded(MLP):
        fold = Model.fold  # pyright: ignore[reportAssignmentType]

    task = make_task("a+b", {"p": 7})
    s = snapshot_of(MLP(7, 7, 8, 16), task)
    circuit = find(s)
    assert isinstance(circuit, Convolution)
    assert bound_of(snapshot_of(Unfolded(7, 7, 8, 16), task), circuit) is None
    every = tuple(name for name in circuit.lens.fibres.split.names if name != "constant")
    assert bound_of(s, replace(circuit, keys=every)) is None


@pytest.mark.skipif(not CHECKPOINTS.is_dir(), reason="needs the published checkpoints")
def test_published_networks_are_proved_right():
    task = make_task("composition", {"group": "S5", "elements": "chughtai2023"})
    for run, least in (("S5_MLP_seed2", 1.0), ("S5_MLP_hidden_dim_32_seed8", 0.0)):
        s = snapshot_of(chughtai(run), task)
        network = Network.of(s)
        assert network is not None
        bound = bound_of(s, find(s))
        assert bound is not None
        assert least <= bound.accuracy <= brute_force(network).accuracy

"""Planted circuits of finite groups: characters, cosets, ρ-sets.

Axes: g, h = elements of the group; d = the dimension of an irrep; b = a vector of a ρ-set; point =
a coset that the group moves; symbol; neuron; c = an answer.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from grokscope.algebra.groups import Group
from grokscope.algebra.irreps import Irrep, irreps
from grokscope.algebra.subgroups import minimal_rho_set, right_cosets, subgroups
from grokscope.errors import BadInput
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import Draft, task_of, truth
from grokscope.task import Task

BIGGEST_IRREP = 5  # dimensions: 2 d³ neurons form ρ(ab)
BIGGEST_SET = 12  # vectors of a ρ-set: a circuit has a neuron for each pair of them
MOST_SETS = 3
SAME = 1e-8  # vectors nearer than this are one
Side = Float[Tensor, "g neuron"]


@truth(group=("S4", "A5", "S5", "D5", "D9", "D15", "C13", "C23"))
def characters(random: Generator, group: str = "S5") -> Draft:
    """Group composition via representations (Chughtai et al. 2023): neurons that form every element
    of ρ(ab), and logits Σ_ρ tr ρ(a) ρ(b) ρ(c⁻¹) = Σ_ρ χ_ρ(a b c⁻¹).

    Squares multiply: 4 ρ(a)_ij ρ(b)_jk = (ρ(a)_ij + ρ(b)_jk)² - (ρ(a)_ij - ρ(b)_jk)², so an irrep
    takes 2 d³ neurons. Each irrep's matrices stand in random bases, and has a random weight.
    """
    task = task_of("composition", group=group)
    chosen = _some(random, [x for x in _nontrivial(task) if x.d <= BIGGEST_IRREP])
    sides = [_products(random, irrep) for irrep in chosen]
    L, R, U = (torch.cat(x, dim=1) for x in zip(*sides, strict=True))
    exact = {"convolution"} | ({"clock"} if group.startswith("C") else set())
    model = Neurons(L, R, U.T, act="square")
    return Draft(task, model, frozenset(exact), notes=_names(chosen))


def _products(random: Generator, irrep: Irrep) -> tuple[Side, Side, Side]:
    """Neurons (A_ij ± B_jk)² with outputs ±C_ik/4, A = PᵀρQ, B = QᵀρS, C = PᵀρS."""
    d = irrep.d
    P, Q, S = torch.linalg.qr(torch.randn(3, d, d, generator=random, dtype=torch.float64))[0]
    rho = irrep.matrices
    i, j, k = torch.cartesian_prod(*[torch.arange(d)] * 3).reshape(-1, 3).unbind(dim=1)
    A, B, C = (P.T @ rho @ Q)[:, i, j], (Q.T @ rho @ S)[:, j, k], (P.T @ rho @ S)[:, i, k]
    weight = 0.5 + torch.rand((), generator=random)
    return torch.cat([A, A], 1), torch.cat([B, -B], 1), torch.cat([C, -C], 1) * weight * d / 4


@truth(group=("S4", "S5", "A5", "D7", "D9", "D15"), shared=(True, False), points=(0, 1))
def cosets(random: Generator, group: str = "S5", shared: bool = False, points: int = 0) -> Draft:
    """A coset circuit (Stander et al. 2023) on the cosets of a subgroup H that, with its
    conjugates, has nothing but 1 in common: the points 0..n-1 that the group moves, n = |G|/|H|.

    For each (i, j) there are two neurons, relu(±(v[a(i)] - v[b⁻¹(j)])). L is constant on the right
    cosets of the stabiliser of i, R on the left cosets of that of j, a conjugate; both are zero if
    and only if ab sends i to j, the shared coset, which W_U lowers. `shared`: one v for all, so
    that the logits are bi-equivariant; else each (i, j) has its own, where these are fewer numbers
    than a quarter of the table's. `points` counts the choices of
    H from that of the fewest points.
    """
    task = task_of("composition", group=group)
    model, action, is_shared = coset_layer(random, task, shared, points)
    exact, too = {"coset"}, {"convolution"} if is_shared else set[str]()
    if is_shared and _is_doubly_transitive(action):
        exact.add("rho-set")
    notes = f"on {action.shape[1]} cosets, {'one v' if is_shared else 'a v each'}"
    return Draft(task, model, frozenset(exact), frozenset(too), notes)


def coset_layer(
    random: Generator, task: Task, shared: bool, points: int
) -> tuple[Neurons, Int[Tensor, "g point"], bool]:
    """The network of `cosets`, where each element sends each point, and whether it has one v."""
    assert task.group is not None
    actions = _actions(task.group)
    action = actions[min(points, len(actions) - 1)]
    n = action.shape[1]
    is_shared = shared or n**3 > len(task.inputs) / 4
    i, j = torch.cartesian_prod(torch.arange(n), torch.arange(n)).unbind(dim=1)
    v = torch.randn(n, n * n, generator=random, dtype=torch.float64)
    v = v - v.mean(dim=0)
    if is_shared:
        v = v[:, :1].expand(n, n * n)
    neuron = torch.arange(n * n)
    L = v[action[:, i], neuron]
    R = -v[action[task.group.inverse][:, j], neuron]
    W_U = -(action[:, i] == j).double().T
    model = Neurons(torch.cat([L, -L], 1), torch.cat([R, -R], 1), torch.cat([W_U, W_U]))
    return model, action, is_shared


def _actions(group: Group) -> list[Int[Tensor, "g point"]]:
    """For each class of subgroups H with trivial core: where each element sends each coset Hx, in
    products whose left factor acts first; those of few points first."""
    found = []
    for one in subgroups(group):
        shared = one.members.all(dim=0)
        if shared.sum() == 1 and one.order > 1 and one.index <= BIGGEST_SET + 3:
            coset = right_cosets(group, one.representative)
            first = torch.stack([(coset == x).int().argmax() for x in range(one.index)])
            found.append(coset[group.table[first]].T)
    return sorted(found, key=lambda action: action.shape[1])


def _is_doubly_transitive(action: Int[Tensor, "g point"]) -> bool:
    """Whether every two points are sent to every two: then one irrep and the constants are all."""
    n = action.shape[1]
    return len({tuple(x) for x in action[:, :2].tolist()}) == n * (n - 1)


@truth(
    group=("S4", "S5", "A5", "D5", "D7", "D9", "D11", "C7", "C11", "Q8"),
    vectors=(1, 1, 2),
    sign=(False, True),
    opposite=(False, True),
)
def rho_sets(
    random: Generator,
    group: str = "S5",
    vectors: int = 1,
    sign: bool = False,
    opposite: bool = False,
) -> Draft:
    """A ρ-set circuit (Wu et al. 2024): of a set B that ρ permutes and a vector a,

        f(z|x,y) = -Σ_{b,b'∈B} bᵀρ(z)b' relu(bᵀρ(x)a - aᵀρ(y)b')

    summed over one or two irreps and, with `vectors` 2, over two vectors a of one plane. B is the
    orbit of a vector with the largest stabiliser; `opposite` adds the circuit of -B. `sign` adds
    ρ(z) - ρ(z) relu(ρ(x) - ρ(y)) - ρ(z) relu(ρ(y) - ρ(x)) of a sign irrep ρ, whose lone ρ(z) is a
    bias of the output. D_n and S_n have irreps of real type, C_n of complex, Q8 of quaternionic.
    """
    task = task_of("composition", group=group)
    assert task.group is not None
    orbits = {x: _orbit(random, x, task.group) for x in _nontrivial(task) if x.d > 1}
    chosen = _some(random, [x for x, B in orbits.items() if len(B) <= BIGGEST_SET], most=2)
    sides = []
    for irrep in chosen:
        for _ in range(vectors):
            a = torch.randn(irrep.d, generator=random, dtype=torch.float64)
            B = orbits[irrep]
            sides.append(_rho_set(irrep, B, a / a.norm()))
            if opposite and not _holds(B, -B[0]):
                sides.append(_rho_set(irrep, -B, a / a.norm()))
    signs = [x for x in _nontrivial(task) if x.d == 1]
    b_U = None
    if sign and signs:
        rho = signs[0].matrices[:, 0]
        sides.append((torch.cat([rho, -rho], 1), torch.cat([-rho, rho], 1), -rho.expand(-1, 2)))
        b_U = rho[:, 0]
    L, R, U = (torch.cat(x, dim=1) for x in zip(*sides, strict=True))
    exact = {"rho-set", "clock" if group.startswith("C") else "coset"} - (
        {"coset"} if group.startswith("Q") else set()
    )
    model = Neurons(L, R, U.T, b_U)
    return Draft(task, model, frozenset(exact), frozenset({"convolution"}), _names(chosen))


def all_sets(random: Generator, task: Task) -> Neurons:
    """A ρ-set circuit of up to three irreps, those first that tell the most elements apart: right
    on every pair of its own task, and for impostors on another."""
    assert task.group is not None
    orbits = {x: _orbit(random, x, task.group) for x in _nontrivial(task)}
    small = [x for x, B in orbits.items() if len(B) <= 2 * BIGGEST_SET]
    sides = []
    for irrep in sorted(small, key=_kernel_size)[:MOST_SETS]:
        a = torch.randn(irrep.d, generator=random, dtype=torch.float64)
        sides.append(_rho_set(irrep, orbits[irrep], a / a.norm()))
    L, R, U = (torch.cat(x, dim=1) for x in zip(*sides, strict=True))
    return Neurons(L, R, U.T)


def _kernel_size(irrep: Irrep) -> int:
    """How many elements have the identity's matrix."""
    return int((irrep.character > irrep.d - SAME).sum())


def _rho_set(
    irrep: Irrep, B: Float[Tensor, "b d"], a: Float[Tensor, " d"]
) -> tuple[Side, Side, Side]:
    """L, R and the transposed W_U of the neurons (b, b')."""
    rho, n = irrep.matrices, len(B)
    left, right = rho @ a @ B.T, a @ rho @ B.T  # bᵀρ(x)a and aᵀρ(y)b'
    both = torch.einsum("bd,gde,ce->gbc", B, rho, B)
    L = left[:, :, None].expand(-1, n, n).flatten(1)
    R = -right[:, None, :].expand(-1, n, n).flatten(1)
    return L, R, -both.flatten(1)


def _orbit(random: Generator, irrep: Irrep, group: Group) -> Float[Tensor, "b d"]:
    """A smallest set that the irrep permutes, of vectors of norm 1: the images of a vector that the
    subgroup of `minimal_rho_set` fixes; of a random one where no other subgroup than 1 does."""
    H: Bool[Tensor, " g"] = minimal_rho_set(group, irrep).subgroup.representative
    b = irrep.matrices[H].mean(dim=0) @ torch.randn(irrep.d, generator=random, dtype=torch.float64)
    images: list[Tensor] = []
    for image in irrep.matrices @ (b / b.norm()):
        if not images or not _holds(torch.stack(images), image):
            images.append(image)
    return torch.stack(images)


def _holds(B: Float[Tensor, "b d"], b: Float[Tensor, " d"]) -> bool:
    return bool(((B - b).norm(dim=1) < SAME).any())


def _nontrivial(task: Task) -> list[Irrep]:
    if task.group is None:
        raise BadInput(f"{task.name} is no group's product, and has no irreps.")
    return list(irreps(task.group)[1:])


def _some(random: Generator, those: list[Irrep], most: int = 3) -> list[Irrep]:
    """One to `most` of these, drawn; at most half of all functions on the group lie in them, since
    more would be no explanation."""
    count = 1 + int(torch.randint(min(most, len(those)), (), generator=random))
    order = torch.randperm(len(those), generator=random)[:count].tolist()
    chosen, size = [], 0
    for irrep in (those[i] for i in order):
        size += irrep.basis.shape[1]
        if not chosen or 2 * size <= len(irrep.matrices):
            chosen.append(irrep)
    return chosen


def _names(chosen: list[Irrep]) -> str:
    return f"irreps {', '.join(x.name for x in chosen)}"

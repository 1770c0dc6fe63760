"""Impostors that trick: networks with an algorithm's neurons that do not carry the answers, or with
weights whose function in exact arithmetic is not the function that float32 runs.

Four kinds are right on all pairs, by a table. Of the others each is a truth until one thing is
done to it.

Axes: symbol; neuron; c = an answer.
"""

import torch
from torch import Generator, Tensor

from grokscope.activations import RELU, SQUARE
from grokscope.errors import BadInput
from grokscope.models import make_model
from grokscope.models.mlp import MLP
from grokscope.planted import waves
from grokscope.planted.impostors import CLEAN, NOISY, fitted, gaussian, solved
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import TRUTHS, Draft, accuracy, impostor, task_of

PARALLEL, LINEAR = "parallel", "linear"
LAYERS = ("clock_relu", "clock_square", "pizza_relu", "pizza_square", "rho_sets", "cosets")
WRONG = 0.85  # of the pairs, at most, of a network that is to be seen to fail
TRIES = 60
RELUS, SQUARES = RELU.name, SQUARE.name


@impostor(is_right=True, p=(11, 13, 17, 23), neurons=(3, 8), scale=(30.0, 1000.0))
def rescaled_interpolator(
    random: Generator, p: int = 13, neurons: int = 3, scale: float = 1000.0
) -> Draft:
    """Random relus, solved for a sum of three waves of a + b - c on all pairs. Then the inputs of a
    few are scaled up and their outputs down, so that they are nearly all the variance of the hidden
    layer: relu(1000 x)/1000 = relu(x)."""
    task, m = task_of("a+b", p=p), round(1.05 * p * p)
    a, b = task.inputs.unbind(dim=1)
    L, R = torch.randn(2, p, m, generator=random, dtype=torch.float64)
    angle = 2 * torch.pi * ((a + b)[:, None] - torch.arange(p)).double() / p
    K = sum(torch.cos(k * angle) for k in waves.some_keys(random, p, 3).tolist())
    U = solved((L[a] + R[b]).relu(), torch.as_tensor(K))
    big = torch.ones(m, dtype=torch.float64)
    big[:neurons] = scale
    return Draft(task, Neurons(L * big, R * big, U / big[:, None]))


@impostor(is_right=True, p=(11, 13, 17, 19), height=(60.0, 100.0))
def hidden_table(random: Generator, p: int = 13, height: float = 60.0) -> Draft:
    """A neuron for each answer, which fires for one a alone and has a row of its own over b, solved
    for a sum of three waves of a + b - c. A constant added to each leaves the answers 1e-4 of the
    hidden layer's variance."""
    task, eye = task_of("a+b", p=p), torch.eye(p, dtype=torch.float64)
    a, b = task.inputs.unbind(dim=1)
    fires = torch.kron(eye, torch.ones(1, p, dtype=torch.float64))
    L = fires * (2 * height + 4) - (height + 4)
    own = torch.linalg.qr(torch.randn(p, p, generator=random, dtype=torch.float64))[0]
    R = own.repeat(1, p)
    angle = 2 * torch.pi * ((a + b)[:, None] - torch.arange(p)).double() / p
    K = sum(torch.cos(k * angle) for k in waves.some_keys(random, p, 3).tolist())
    return Draft(task, Neurons(L, R, solved((L[a] + R[b]).relu(), torch.as_tensor(K))))


@impostor(is_right=True, p=(11, 13, 17, 19), size=(1e-9, 1e-6, 1e-4), table=(CLEAN, NOISY))
def decoys(random: Generator, p: int = 13, size: float = 1e-6, table: str = NOISY) -> Draft:
    """Random features that answer every pair by a table, beside the neurons of a clock, which are
    larger and more, but whose outputs are tiny."""
    task = task_of("a+b", p=p)
    own = fitted(random, task, *gaussian(random, task, round(1.1 * p * p)), table)
    L, R, U = _clock(random, p)
    return Draft(task, _beside(own, 3 * L, 3 * R, size * U), notes="a clock's neurons as decoys")


@impostor(is_right=True, p=(11, 13, 17, 19), how=(PARALLEL, LINEAR), table=(CLEAN, NOISY))
def cancelling_decoys(
    random: Generator, p: int = 13, how: str = PARALLEL, table: str = NOISY
) -> Draft:
    """The same with decoys whose outputs are large and cancel. Parallel: relu(x) - relu(3x)/3 = 0.
    Linear: relu(x) - relu(-x) = x, of x = l(a) + r(b), less the same of l and of r, six neurons of
    which no two are parallel."""
    task = task_of("a+b", p=p)
    own = fitted(random, task, *gaussian(random, task, round(1.1 * p * p)), table)
    L, R, U = _clock(random, p)
    zero = torch.zeros_like(L)
    if how == PARALLEL:
        signed = [(L, R, U), (3 * L, 3 * R, -U / 3)]
    else:
        sides = [(L, R, U), (L, zero, -U), (zero, R, -U)]
        signed = [x for l, r, u in sides for x in ((l, r, u), (-l, -r, -u))]
    more = (torch.cat(x, dim) for x, dim in zip(zip(*signed, strict=True), (1, 1, 0), strict=True))
    return Draft(task, _beside(own, *more), notes="a clock's neurons as decoys")


@impostor(truth=LAYERS, size=(1e9, 1e10))
def cancelling_embeddings(
    random: Generator, truth: str = "clock_relu", size: float = 1e10
) -> Draft:
    """A truth's layer behind embeddings [I, c I, -c I] and a map [L; K; K]: L + c K - c K is L, but
    not in float32."""
    base = _truth(random, truth)
    own, n = _layer(base.model), base.task.n_symbols
    m = own.W_U.shape[0]
    E = torch.cat([torch.eye(n), size * torch.eye(n), -size * torch.eye(n)], dim=1)
    arguments = {"d_embed": 3 * n, "d_mlp": m, "act": own.act.name}
    model = make_model("mlp", arguments, base.task, 0).requires_grad_(False)
    assert isinstance(model, MLP)
    sides = []
    for side in (own.L, own.R):
        K = torch.randn(n, m, generator=random)
        sides += [side, K, K]
    for weight, value in ((model.W_x, E), (model.W_y, E), (model.W, torch.cat(sides))):
        weight.copy_(value)
    model.W_U.copy_(own.W_U)
    if own.b_U is not None and model.b_U is not None:
        model.b_U.copy_(own.b_U)
    return Draft(base.task, model, notes=f"a {truth} in exact arithmetic", is_exact=True)


@impostor(truth=LAYERS, size=(1e9, 1e10))
def huge_constant(random: Generator, truth: str = "clock_relu", size: float = 1e9) -> Draft:
    """A truth with one neuron more, constant and huge, that adds `size` to the logits of every
    answer: in float32 the others' are rounded away."""
    base = _truth(random, truth)
    own, n = _layer(base.model), base.task.n_symbols
    L, R = torch.full((n, 1), size ** (1 / (own.act.degree or 1))), torch.zeros(n, 1)
    model = _beside(own, L, R, torch.ones(1, own.W_U.shape[1]))
    return Draft(base.task, model, notes=f"a {truth} in exact arithmetic", is_exact=True)


@impostor(p=(13, 17, 23), act=(RELUS, SQUARES))
def wrong_activation(random: Generator, p: int = 23, act: str = RELUS) -> Draft:
    """A layer that answers every pair if its neurons are squares, with relus in their place, or the
    reverse: as what it is it fails."""
    task, x, right = task_of("a+b", p=p), torch.arange(p), SQUARES if act == RELUS else RELUS
    few, most = (6, 1) if act == RELUS else (7, 2)
    for _ in range(TRIES):
        keys, is_tied = waves.some_keys(random, p, most), act == RELUS
        own = waves.summed_waves(random, right, x, x, torch.eye(p), keys, few, waves.EVEN, is_tied)
        other = Neurons(own.L, own.R, own.W_U, act=act)
        if accuracy(own, task) == 1 and accuracy(other, task) < WRONG:
            return Draft(task, other, notes=f"of {right} neurons it would be right")
    raise BadInput(f"no layer mod {p} that is right with {right} and wrong with {act} was drawn.")


@impostor(truth=LAYERS, value=(float("nan"), float("inf")))
def no_number(random: Generator, truth: str = "clock_relu", value: float = torch.nan) -> Draft:
    """A truth with one NaN, or infinity, in its output map."""
    base = _truth(random, truth)
    own = _layer(base.model)
    neuron, c = (int(torch.randint(n, (), generator=random)) for n in own.W_U.shape)
    with torch.no_grad():
        own.W_U[neuron, c] = value
    return Draft(base.task, own, notes=f"a {truth} but for one weight")


@impostor(truth=LAYERS)
def no_output(random: Generator, truth: str = "clock_relu") -> Draft:
    """The embeddings of a truth, and an output map of zeros."""
    base = _truth(random, truth)
    own = _layer(base.model)
    return Draft(base.task, Neurons(own.L, own.R, 0 * own.W_U, act=own.act.name))


@impostor(truth=LAYERS, whole=(True, False))
def pruned(random: Generator, truth: str = "clock_relu", whole: bool = True) -> Draft:
    """A truth beside random neurons, with all neurons of the truth pruned: their weights set to 0;
    or else their outputs alone."""
    base = _truth(random, truth)
    own, n = _layer(base.model), base.task.n_symbols
    L, R = torch.randn(2, n, 32, generator=random)
    keep = 0.0 if whole else 1.0
    gone = Neurons(keep * own.L, keep * own.R, 0 * own.W_U, act=own.act.name)
    U = torch.randn(32, own.W_U.shape[1], generator=random)
    return Draft(base.task, _beside(gone, L, R, U), notes=f"the neurons of a {truth} are pruned")


def _truth(random: Generator, name: str) -> Draft:
    """A truth of this kind, of sizes and a seed that are drawn."""
    planted = TRUTHS[name].draw(int(torch.randint(2**31, (), generator=random)))
    return Draft(planted.task, planted.model)


def _layer(model: object) -> Neurons:
    assert isinstance(model, Neurons)
    return model


def _clock(random: Generator, p: int) -> tuple[Tensor, Tensor, Tensor]:
    """L, R and W_U of a clock of relus."""
    x, keys = torch.arange(p), waves.some_keys(random, p, 3)
    own = waves.summed_waves(random, RELUS, x, x, torch.eye(p), keys, 32, waves.EVEN, is_tied=False)
    return own.L.detach(), own.R.detach(), own.W_U.detach()


def _beside(own: Neurons, L: Tensor, R: Tensor, U: Tensor) -> Neurons:
    """A layer with more neurons."""
    left, right = (torch.cat([x.detach(), y.to(x)], 1) for x, y in ((own.L, L), (own.R, R)))
    W_U = torch.cat([own.W_U.detach(), U.to(own.W_U)])
    b_U = None if own.b_U is None else own.b_U.detach()
    return Neurons(left, right, W_U, b_U, own.act.name)

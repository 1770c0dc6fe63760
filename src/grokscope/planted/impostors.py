"""Impostors: networks that have no algorithm for their task, or that of another task.

Eight kinds answer every pair rightly. They are tables: readouts solved for by least squares
or written out pair by pair, behind embeddings that may look like an algorithm's. What they answer
rightly shows nothing of what they do, and the logits of their wrong answers are noise where
`table` is "noisy".

Axes: pair = one input; symbol; neuron; c = an answer.
"""

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from grokscope.algebra.irreps import irreps
from grokscope.models.parity import ParityMLP
from grokscope.planted import groups, waves
from grokscope.planted.digits import counting
from grokscope.planted.neurons import Neurons
from grokscope.planted.planted import TRAIN_FRACTION, Draft, impostor, task_of
from grokscope.task import Task

CLEAN, NOISY = "clean", "noisy"
RIDGE = 1e-4  # of the mean squared feature: enough for weights that float32 can hold
SMALL = (
    "C11", "C13", "C17", "C23", "C31", "S3", "S4", "D5", "D9", "D15", "A4", "Q8", "C12", "C15",
)  # fmt: skip


@impostor(is_right=True, group=SMALL, table=(CLEAN, NOISY))
def lookup_table(random: Generator, group: str = "C13", table: str = CLEAN) -> Draft:
    """A neuron for each pair, relu([a is its a] + [b is its b] - 1), and its row of the table."""
    task = task_of("composition", group=group)
    n = task.n_symbols
    a, b = task.inputs.unbind(dim=1)
    eye = torch.eye(n, dtype=torch.float64)
    model = Neurons(eye[:, a] - 1, eye[:, b], _table(random, task, table))
    return Draft(task, model, notes=f"{n * n} neurons")


@impostor(is_right=True, group=SMALL, table=(CLEAN, NOISY), width=(1.1, 2.0))
def random_features(
    random: Generator, group: str = "C13", table: str = CLEAN, width: float = 1.1
) -> Draft:
    """Random relus of random embeddings, `width` n² of them, and a readout by ridge regression to
    the table of all pairs."""
    task = task_of("composition", group=group)
    L, R = gaussian(random, task, round(width * len(task.inputs)))
    return Draft(task, fitted(random, task, L, R, table))


@impostor(
    is_right=True,
    group=("C13", "C17", "C23", "D9", "D15", "S4"),
    dimensions=(9, 12),
    keys=(True, False),
    width=(0.9, 1.2),
)
def smooth_features(
    random: Generator,
    group: str = "C23",
    dimensions: int = 9,
    keys: bool = False,
    width: float = 0.9,
) -> Draft:
    """Random relus of embeddings of few dimensions, or in two irreps, and a readout solved for a
    clean table: their logits are often a kernel of few parts, though nothing generalises."""
    task = task_of("composition", group=group)
    count = round(width * len(task.inputs))
    if keys:
        L, R = _in_keys(random, task, count, 2)
    else:
        E = torch.randn(2, task.n_symbols, dimensions, generator=random, dtype=torch.float64)
        mix = torch.randn(2, dimensions, count, generator=random, dtype=torch.float64)
        L, R = E @ mix / dimensions**0.5
        L = L + 0.5 * torch.randn(count, generator=random)
    return Draft(task, fitted(random, task, L, R, CLEAN))


@impostor(
    is_right=True,
    group=("C11", "C13", "C17", "C19", "C23", "S4", "D5", "D9", "A4"),
    width=(1.5, 2.0),
    irreducibles=(2, 3),
)
def key_features(
    random: Generator, group: str = "C13", width: float = 1.5, irreducibles: int = 2
) -> Draft:
    """Embeddings that lie in a few irreps, as sparse as an algorithm's, each neuron a random
    combination of their functions, and a readout by ridge regression to a noisy table."""
    task = task_of("composition", group=group)
    L, R = _in_keys(random, task, round(width * len(task.inputs)), irreducibles)
    return Draft(task, fitted(random, task, L, R, NOISY))


@impostor(is_right=True, group=("C11", "C13", "C17", "C23", "C31"), table=(CLEAN, NOISY))
def wrong_phases_mended(random: Generator, group: str = "C13", table: str = NOISY) -> Draft:
    """The right keys with output phases that have nothing to do with the inputs', and random
    features that mend the answers."""
    task = task_of("composition", group=group)
    return Draft(task, _mended(random, task, _scrambled(random, task.n_symbols), table))


@impostor(
    is_right=True,
    pair=(("D5", "C10"), ("D9", "C18"), ("S3", "C6"), ("Q8", "D4"), ("A4", "D6"), ("S4", "D12")),
    table=(CLEAN, NOISY),
)
def wrong_group_mended(
    random: Generator, pair: tuple[str, str] = ("D5", "C10"), table: str = NOISY
) -> Draft:
    """A ρ-set circuit of another group of the same order, and random features that mend the
    answers."""
    task = task_of("composition", group=pair[0])
    other = groups.all_sets(random, task_of("composition", group=pair[1]))
    return Draft(task, _mended(random, task, other, table), notes=f"a circuit of {pair[1]}")


@impostor(is_right=True, group=("S4", "D7", "D9"), table=(CLEAN, NOISY))
def wrong_cosets_mended(random: Generator, group: str = "S4", table: str = NOISY) -> Draft:
    """The embeddings of a coset circuit with outputs that lower other cosets than the shared one,
    and random features that mend the answers."""
    task = task_of("composition", group=group)
    return Draft(task, _mended(random, task, _with_wrong_cosets(random, task), table))


@impostor(is_right=True, p=(11, 13, 17, 23, 31), table=(CLEAN, NOISY))
def other_operation_mended(random: Generator, p: int = 13, table: str = NOISY) -> Draft:
    """A circuit that is right for a - b, and random features that mend it to a + b."""
    task, x = task_of("a+b", p=p), torch.arange(p)
    keys = waves.some_keys(random, p, 3)
    base = waves.summed_waves(
        random, "relu", x, -x % p, torch.eye(p), keys, 32, waves.EVEN, is_tied=False
    )
    return Draft(task, _mended(random, task, base, table), notes="a circuit of a-b")


@impostor(is_right=True, n=(7, 8), k=(2, 3))
def parity_table(random: Generator, n: int = 8, k: int = 3) -> Draft:
    """Random relus of all digits, fitted to the parity of every input, each with a margin of its
    own."""
    task = task_of("sparse_parity", n=n, k=k)
    margins = 0.5 + 2 * torch.rand(len(task.inputs), generator=random)
    return _fitted_parity(random, task, margins, torch.ones(len(task.inputs), dtype=torch.bool))


@impostor(group=("C13", "C31", "C59", "S4", "S5", "D15", "A5"), neurons=(64, 256))
def untrained(random: Generator, group: str = "C13", neurons: int = 128) -> Draft:
    """Random weights."""
    task = task_of("composition", group=group)
    L, R = gaussian(random, task, neurons)
    return Draft(task, Neurons(L, R, torch.randn(neurons, task.n_answers, generator=random)))


@impostor(group=("C13", "C23", "C31", "S4", "D15", "A5"), keys=(True, False))
def memoriser(random: Generator, group: str = "C13", keys: bool = False) -> Draft:
    """Random features, with `keys` of sparse embeddings, fitted to a train split that is told."""
    task = task_of("composition", group=group)
    is_train = _drawn_split(random, task)
    count = min(1200, int(1.2 * int(is_train.sum())))
    L, R = _in_keys(random, task, count, 3) if keys else gaussian(random, task, count)
    model = fitted(random, task, L, R, NOISY if keys else CLEAN, is_train)
    return Draft(task, model, is_train=is_train)


@impostor(group=SMALL, told=(True, False))
def shuffled_labels(random: Generator, group: str = "C13", told: bool = True) -> Draft:
    """Random features fitted to answers that are drawn at random; on a train split, if told."""
    task = task_of("composition", group=group)
    everyone = torch.ones(len(task.inputs), dtype=torch.bool)
    is_train = _drawn_split(random, task) if told else everyone
    shuffled = task.answers[torch.randperm(len(task.answers), generator=random)]
    L, R = gaussian(random, task, len(task.inputs))
    targets = torch.eye(task.n_answers, dtype=torch.float64)[shuffled]
    model = Neurons(L, R, _ridge(L, R, task, targets, is_train))
    return Draft(task, model, is_train=is_train)


@impostor(
    pair=(("D5", "C10"), ("C10", "D5"), ("S3", "C6"), ("Q8", "D4"), ("Q8", "C8"), ("D4", "C8"),
          ("A4", "D6"), ("S4", "D12"), ("S4", "C24"), ("D9", "C18")),
)  # fmt: skip
def wrong_group(random: Generator, pair: tuple[str, str] = ("D5", "C10")) -> Draft:
    """The form is right, a ρ-set circuit, but of another group of the same order."""
    task, other = (task_of("composition", group=x) for x in pair)
    return Draft(task, groups.all_sets(random, other), notes=f"a circuit of {pair[1]}")


@impostor(group=("S4", "S5", "A5", "D9", "C13", "C23"))
def wrong_names(random: Generator, group: str = "S4") -> Draft:
    """A circuit of the right group, its elements under other names."""
    task = task_of("composition", group=group)
    model = groups.all_sets(random, task)
    order = torch.randperm(task.n_symbols, generator=random)
    return Draft(task, Neurons(model.L[order], model.R[order], model.W_U[:, order]))


@impostor(p=(13, 23, 31, 59), act=("square", "relu"))
def wrong_phases(random: Generator, p: int = 59, act: str = "square") -> Draft:
    """The right keys with output phases that have nothing to do with the inputs'."""
    return Draft(task_of("a+b", p=p), _scrambled(random, p, act))


@impostor(p=(23, 31, 59), operation=("a-b", "2*a+3*b", "a+b+1", "a*b"), act=("square", "relu"))
def other_operation(
    random: Generator, p: int = 59, operation: str = "a-b", act: str = "square"
) -> Draft:
    """A circuit that is right for another operation, presented as one for a + b. (2a + 3b and
    a + b + 1 have the same keys.)"""
    x = torch.arange(p)
    log = waves.logarithm(p)
    u, v, out = {
        "a-b": (x, -x % p, torch.eye(p)),
        "2*a+3*b": (2 * x % p, 3 * x % p, torch.eye(p)),
        "a+b+1": (x, (x + 1) % p, torch.eye(p)),
        "a*b": (log, log, torch.eye(p)[log.argsort()[1:]]),
    }[operation]
    keys = waves.some_keys(random, len(out), 5)
    model = waves.summed_waves(random, act, u, v, out, keys, 32, waves.EVEN, is_tied=False)
    return Draft(task_of("a+b", p=p), model, notes=f"a circuit of {operation}")


@impostor(group=("S3", "S4", "A4", "A5", "D5", "D9"))
def other_order(random: Generator, group: str = "S4") -> Draft:
    """A circuit that is right for ba, presented as one for ab."""
    task = task_of("composition", group=group)
    model = groups.all_sets(random, task)
    return Draft(task, Neurons(model.R, model.L, model.W_U))


@impostor(p=(12, 15, 20, 21, 33), act=("square", "relu"))
def factor_only(random: Generator, p: int = 15, act: str = "square") -> Draft:
    """The circuit modulo one factor of a composite p: answers are right up to a subgroup."""
    q = next(q for q in range(2, p) if p % q == 0)
    keys = torch.arange(q, p // 2 + 1, q)[:3]
    x = torch.arange(p)
    model = waves.summed_waves(random, act, x, x, torch.eye(p), keys, 32, waves.EVEN, is_tied=False)
    return Draft(task_of("a+b", p=p), model, notes=f"a + b modulo {p // q}")


@impostor(group=("S4", "S5", "A5", "D9"))
def wrong_cosets(random: Generator, group: str = "S4") -> Draft:
    """The embeddings of a coset circuit, constant on right and left cosets, with outputs that lower
    other cosets than the shared one."""
    task = task_of("composition", group=group)
    return Draft(task, _with_wrong_cosets(random, task))


@impostor(n=(8, 10, 12), k=(2, 3))
def other_digits(random: Generator, n: int = 10, k: int = 3) -> Draft:
    """The parity of other digits, the last k."""
    task = task_of("sparse_parity", n=n, k=k)
    model = counting(random, n, k, patterns=2)
    with torch.no_grad():
        model.W_in[:n] = model.W_in[:n].flip(0)
    return Draft(task, model)


@impostor(n=(9, 10), k=(4, 5))
def parity_memoriser(random: Generator, n: int = 10, k: int = 4) -> Draft:
    """Random relus of all digits, fitted to a train split that is told."""
    task = task_of("sparse_parity", n=n, k=k)
    is_train = _drawn_split(random, task)
    return _fitted_parity(random, task, torch.ones(len(task.inputs)), is_train)


def gaussian(random: Generator, task: Task, count: int) -> tuple[Tensor, Tensor]:
    """Random embeddings of a and b; that of a holds a bias."""
    L, R = torch.randn(2, task.n_symbols, count, generator=random, dtype=torch.float64)
    return L + 0.5 * torch.randn(count, generator=random), R


def _in_keys(random: Generator, task: Task, count: int, most: int) -> tuple[Tensor, Tensor]:
    """Random embeddings of a and b in the same few irreps, each neuron with a bias of its own."""
    assert task.group is not None
    several = [x for x in irreps(task.group)[1:] if x.d > 1]
    chosen = torch.randperm(len(several), generator=random)[:most].tolist()
    Q = torch.cat([several[i].basis for i in chosen], dim=1) * task.n_symbols**0.5
    mix = torch.randn(2, Q.shape[1], count, generator=random, dtype=torch.float64)
    L, R = Q @ mix / Q.shape[1] ** 0.5
    return L + 0.5 * torch.randn(count, generator=random), R


def _table(random: Generator, task: Task, table: str) -> Float[Tensor, "pair c"]:
    """Logits that answer every pair rightly. Clean: 1 for the answer; noisy: normal logits, and the
    answer's above the largest of them by .2 to 1.2."""
    right = torch.eye(task.n_answers, dtype=torch.float64)[task.answers]
    if table == CLEAN:
        return right
    noise = torch.randn(right.shape, generator=random, dtype=torch.float64)
    margin = 0.2 + torch.rand(len(right), 1, generator=random)
    return torch.where(right > 0, noise.amax(dim=1, keepdim=True) + margin, noise)


def fitted(
    random: Generator,
    task: Task,
    L: Tensor,
    R: Tensor,
    table: str,
    is_train: Bool[Tensor, " pair"] | None = None,
) -> Neurons:
    everyone = torch.ones(len(task.inputs), dtype=torch.bool)
    those = everyone if is_train is None else is_train
    return Neurons(L, R, _ridge(L, R, task, _table(random, task, table), those))


def _ridge(
    L: Tensor,
    R: Tensor,
    task: Task,
    targets: Float[Tensor, "pair c"],
    is_train: Bool[Tensor, " pair"],
) -> Float[Tensor, "neuron c"]:
    """The readout that takes relu(L[a] + R[b]) to the targets of these pairs."""
    a, b = task.inputs[is_train].unbind(dim=1)
    return solved((L[a] + R[b]).relu(), targets[is_train])


def solved(
    features: Float[Tensor, "pair neuron"], targets: Float[Tensor, "pair c"]
) -> Float[Tensor, "neuron c"]:
    """Ridge regression, in the smaller of its two forms."""
    n, m = features.shape
    if m <= n:
        gram = features.T @ features
        gram.diagonal().add_(RIDGE * gram.diagonal().mean())
        return torch.linalg.solve(gram, features.T @ targets)
    gram = features @ features.T
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    return features.T @ torch.linalg.solve(gram, targets)


def _mended(random: Generator, task: Task, base: Neurons, table: str) -> Neurons:
    """A network of relus together with random features, fitted so that the sum is the table; the
    network is scaled to logits as large as the table's."""
    with torch.no_grad():
        logits = base(task.inputs).double()
    targets = _table(random, task, table)
    scale = targets.std() / logits.std()
    L, R = gaussian(random, task, round(1.1 * len(task.inputs)))
    everyone = torch.ones(len(task.inputs), dtype=torch.bool)
    W_U = _ridge(L, R, task, targets - scale * logits, everyone)
    return Neurons(
        torch.cat([base.L.detach(), L], dim=1),
        torch.cat([base.R.detach(), R], dim=1),
        torch.cat([scale * base.W_U.detach(), W_U]),
    )


def _scrambled(random: Generator, p: int, act: str = "relu") -> Neurons:
    x, keys = torch.arange(p), waves.some_keys(random, p, 4)
    return waves.summed_waves(
        random, act, x, x, torch.eye(p), keys, 32, waves.EVEN, is_tied=False, scrambled=True
    )


def _with_wrong_cosets(random: Generator, task: Task) -> Neurons:
    model = groups.coset_layer(random, task, shared=False, points=0)[0]
    order = torch.randperm(len(model.W_U), generator=random)
    return Neurons(model.L, model.R, model.W_U[order])


def _drawn_split(random: Generator, task: Task) -> Bool[Tensor, " pair"]:
    return task.is_train(TRAIN_FRACTION, int(torch.randint(2**31, (), generator=random)))


def _fitted_parity(
    random: Generator, task: Task, margins: Float[Tensor, " pair"], is_train: Bool[Tensor, " pair"]
) -> Draft:
    n, count = task.inputs.shape[1], round(1.2 * int(is_train.sum()))
    model = ParityMLP(2, 2, n, d_mlp=count)
    W_in = torch.randn(n + 1, count, generator=random, dtype=torch.float64)
    x = torch.nn.functional.pad(task.inputs[is_train].double(), (0, 1), value=1.0)
    signs = (2 * task.answers - 1) * margins
    with torch.no_grad():
        model.W_in.copy_(W_in)
        model.W_out.copy_(solved((x @ W_in).relu(), signs[is_train, None].double()))
    told = None if bool(is_train.all()) else is_train
    return Draft(task, model, is_train=told)
